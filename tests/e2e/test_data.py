"""The data page in a real browser: a CP949 table comes in, candidates are reviewed by keyboard, one is tuned on."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from assistant.datasets.review import candidates, queue
from assistant.paths import Home
from assistant.store import Store

pytestmark = pytest.mark.browser
sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")
SHOTS = os.environ.get("SHOTS")  # a folder for screenshots that a person looks at


def shoot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def part(page: Any, name: str) -> None:
    page.locator(f"#data-{name}-button").click()


def look(page: Any, name: str) -> None:
    """The page can be read in this theme and scrolls one way."""
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shoot(page, name)


@pytest.fixture
def judged(server: Any) -> None:
    """Three answers that somebody corrected; what other tests left in the queue is decided already."""
    store = Store(server.home / "joyul.sqlite")
    for left in queue(candidates(store, store.votes(), Home(server.home)), "local"):
        store.add_decision(left.id, "reject")
    for number in range(3):
        chat = store.create_conversation(f"대화 {number}")
        ask = store.add_message(chat, "user", f"{number}번 주차장은 몇 시까지 열어요?")
        answer = store.add_message(chat, "assistant", "잘 모르겠어요.", parent=ask)
        store.add_feedback(answer, "edit", text=f"저녁 {number + 6}시까지 열어요.")
    store.close()


def test_a_table_comes_in_and_a_candidate_is_reviewed_by_keyboard(
    visit: Any, server: Any, judged: None, tmp_path: Path
) -> None:
    lines = [f"{n}번 열람실은 언제 열어요?,아침 {n % 12}시에 열어요.,시설" for n in range(1, 121)]
    file = tmp_path / "문의.csv"
    file.write_bytes("\n".join(["문의내용,답변,분류", *lines]).encode("cp949"))
    page = visit("ko", viewport={"width": 1280, "height": 900}).open("/ko/#data")
    part(page, "import")
    page.locator("#data-drop input[type=file]").set_input_files(str(file))
    expect(page.locator("#import-facts")).to_contain_text("CP949")
    expect(page.locator("#import-look .preview tbody tr")).to_have_count(5)
    expect(page.locator("#import-look")).to_contain_text("1번 열람실은 언제 열어요?")
    expect(page.locator("#import-column-1 input")).to_have_value("문의내용")
    expect(page.locator("#import-name input, #import-name textarea")).to_have_value("문의")
    look(page, "data-import-ko")
    page.locator("#import-commit").click()
    expect(page.locator("#import-report")).to_contain_text("120행 가운데 120행을 가져왔어요")

    part(page, "datasets")
    page.locator("#datasets [data-act=show]").first.click()
    expect(page.locator("#version .data-rows > li")).to_have_count(50)
    page.locator("#version [data-act=turn]").last.click()
    expect(page.locator("#version .pager")).to_contain_text("51–100")
    page.locator("#version [data-part=stats]").click()
    expect(page.locator("#version .plots")).to_contain_text("답 길이")
    look(page, "data-stats-ko")

    part(page, "review")
    card = page.locator("#review .candidate")
    expect(card).to_contain_text("주차장은 몇 시까지")
    look(page, "data-review-ko")
    first = card.get_attribute("data-candidate")
    page.locator("#review .asked").click()
    page.keyboard.press("e")
    field = page.locator("#review [data-form=fix] textarea")
    expect(field).to_be_focused()
    field.fill("밤 열 시까지 열어요.")
    field.press("Control+Enter")
    expect(page.locator("#review .said-line")).to_contain_text("고친 답을 받아들였어요")
    expect(card).not_to_have_attribute("data-candidate", first or "")
    second = card.get_attribute("data-candidate")
    page.keyboard.press("a")
    page.keyboard.press("r")  # too early: the candidate in view is decided already
    expect(card).not_to_have_attribute("data-candidate", second or "")
    expect(page.locator("#review .said-line")).to_have_text("받아들였어요. reviewed에 들어가요.")
    page.keyboard.press("r")
    expect(page.locator("#review")).to_contain_text("남은 후보가 없어요")
    page.locator("#review [data-act=build]").click()
    expect(page.locator("#review")).to_contain_text("추가 4")
    (folder,) = [each for each in (server.home / "datasets" / "reviewed").iterdir() if each.name[0] != "."]
    rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    assert next(row["answer"] for row in rows if "answer" in row) == "밤 열 시까지 열어요."

    part(page, "datasets")
    page.locator("#datasets [data-name=reviewed] [data-act=tune]").click()
    expect(page.locator("#page-tune-button")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#tune-source input")).to_have_value(re.compile("^reviewed-" + folder.name[:8]))


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("en", "dark"), ("ko", "dark")])
def test_the_page_can_be_read_in_both_looks_and_on_a_phone(
    visit: Any, judged: None, language: str, scheme: str
) -> None:
    page = visit(language, color_scheme=scheme, viewport={"width": 390, "height": 844}, has_touch=True).open(
        f"/{language}/#data"
    )
    places = {"datasets": "#datasets p", "review": "#review .asked, #review .nothing", "next": "#collect-next p"}
    for name, inside in {**places, "import": "#import-look p"}.items():
        part(page, name)
        expect(page.locator(inside).first).to_be_visible()
        look(page, f"data-{name}-{language}-{scheme}-phone")


GOOD = '{"question": "언제 열어요?", "answer": "아홉 시요."}\n'
LONG = "가나다라마바사" * 60
# name -> (content, the place of the first thing to mend)
MALFORMED: dict[str, tuple[str | bytes, str]] = {
    "깨진.jsonl": (GOOD + '{"question": "x" "answer": "y"}\n' + GOOD, "깨진.jsonl:2"),
    "키.jsonl": (GOOD + json.dumps({"question": "x", "answr": LONG}) + "\n" + '{"answer": "z"}\n', "키.jsonl:3"),
    "대화.jsonl": (GOOD.replace("answer", "history", 1), "대화.jsonl:1"),
    "들쭉날쭉.csv": (f"question,answer\na,b\nc,{LONG},{LONG}\n", "들쭉날쭉.csv:3"),
    "따옴표.csv": (f'question,answer\na,b\nc,"{LONG}\nd,e\n', "따옴표.csv:3"),
    "깊은.jsonl": (GOOD + '{"question": ' + "[" * 100_000 + "\n", "깊은.jsonl:2"),
    "널.jsonl": (GOOD + '{"question": "x\\u0000", "answer": "y"}\n', "널.jsonl:2"),
    "빈.csv": ("", "빈.csv"),
    "그림.jsonl": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, "그림.jsonl"),
}


def test_malformed_files_say_where_and_import_nothing(visit: Any, server: Any, tmp_path: Path) -> None:
    page = visit("ko", viewport={"width": 1280, "height": 900}).open("/ko/#data")
    part(page, "import")
    datasets = server.home / "datasets"
    before = sorted(str(path) for path in datasets.rglob("[!.]*")) if datasets.is_dir() else []
    commit = page.locator("#import-commit")
    for name, (content, place) in MALFORMED.items():
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        page.locator("#data-drop input[type=file]").set_input_files(str(file))
        said = page.locator("#import-look .problems li, #import-look .notes")
        expect(said.first).to_contain_text(place)
        if commit.is_enabled():
            commit.click()
            said = page.locator("#import-report .problems li, #import-report .notes")
            expect(page.locator("#import-report .notes")).to_contain_text("아무것도 가져오지 않았어요")
        text = " ".join(said.all_inner_texts())
        assert "Traceback" not in text and LONG[:81] not in text, name
        look(page, f"data-malformed-{file.stem}")
        page.locator("#data-drop button[aria-label]").first.click()
        expect(page.locator("#import-look .problems, #import-look .notes")).to_have_count(0)
    assert (sorted(str(path) for path in datasets.rglob("[!.]*")) if datasets.is_dir() else []) == before
