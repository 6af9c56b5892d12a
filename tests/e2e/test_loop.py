"""The whole loop as a new user walks it on the page: chat, correct, vote, import, review, tune, measure."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.conftest import Server, Visit, close_viewer, open_fields

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
SHOTS = os.environ.get("SHOTS")  # a folder for screenshots that a person looks at
LONG = 480_000  # milliseconds: a process starts, loads the embedded model and takes a few steps
ASKED = {
    "토요일에는 몇 시에 문을 닫아요?": "여섯 시에 닫아요.",
    "책은 몇 권까지 빌릴 수 있어요?": "열 권까지 빌릴 수 있어요.",
    "스터디룸은 얼마예요?": "두 시간까지는 무료예요.",
    "와이파이 돼요?": "네, 모든 방에서 돼요.",
    "밤에는 책을 어디에 반납해요?": "문 옆 반납함에 넣어 주세요.",
}
VOTES = 3
PLACES = ["등대", "방앗간", "나루터", "종탑", "헛간", "부두", "우물", "성문", "가마터", "들판"]
PLACES += ["선착장", "골짜기", "주막", "저수지", "요새", "돌다리", "과수원", "온실", "대장간", "염전"]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, demo_template: Path) -> Iterator[Server]:
    """Return the app with the embedded model and the demo."""
    home = tmp_path_factory.mktemp("loop") / "home"
    shutil.copytree(demo_template, home)
    running = Server(home, "embedded")
    yield running
    running.kill()


def shoot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/loop-{name}.png", full_page=True)


def correct(page: Any) -> None:
    """Ask five questions and write what the answers should have been."""
    for number, (question, answer) in enumerate(ASKED.items()):
        page.locator("#composer textarea").fill(question)
        page.keyboard.press("Enter")
        page.locator("#thread .assistant .foot").nth(number).wait_for()
        turn = page.locator("#thread .assistant").nth(number)
        turn.locator("[data-local=form]").click()
        turn.locator("textarea").fill(answer)
        turn.locator("[data-act=save]").click()
        expect(page.locator("#thread .correction")).to_have_count(number + 1)
    page.locator("#thread [data-act=kept]").last.click()
    expect(page.locator("#viewer mark")).to_contain_text(answer)
    close_viewer(page)


def vote(page: Any) -> None:
    """Vote blind on a few questions, by number keys."""
    page.locator("#page-compare-button").click()
    for number, question in enumerate(list(ASKED)[:VOTES]):
        page.locator("#question textarea").fill(question)
        page.keyboard.press("Enter")
        expect(page.locator("#columns .asked")).to_have_text(question)
        page.locator("#columns .vote-bar").wait_for()
        expect(page.locator("#columns .asked")).to_be_focused()
        page.keyboard.press(str(number % 2 + 1))
        page.locator("#columns .score").wait_for()


def bring(page: Any, folder: Path) -> None:
    """Import a table of an office program by a template."""
    rows = [f"오린 마을 {place}은 누가 돌봐요?,{place} 지기가 돌봐요." for place in PLACES]
    file = folder / "돌봄.csv"
    file.write_bytes("\r\n".join(["문의,답변", *rows]).encode("cp949"))
    page.locator("#page-data-button").click()
    page.locator("[data-to-part=import]").click()
    page.locator("#data-drop input[type=file]").set_input_files(str(file))
    expect(page.locator("#import-facts")).to_contain_text("CP949")
    page.locator("#import-template input").click()
    page.get_by_role("option", name="분류", exact=True).click()
    expect(page.locator("#import-look .notes")).to_contain_text("‘라벨’에 쓸 열을 골라 주세요")
    expect(page.locator("#import-look .problems")).to_have_count(0)
    page.locator("#import-template input").click()
    page.get_by_role("option", name="질문과 답", exact=True).click()
    expect(page.locator("#import-column-2 input")).to_have_value("답변")
    expect(page.locator("#import-look .data-rows > li")).to_have_count(5)
    shoot(page, "import")
    page.locator("#import-commit").click()
    expect(page.locator("#import-report .said-line")).to_contain_text("20행을 가져왔어요")


def review(page: Any) -> None:
    """Accept every candidate by its key, make a version of them, and hold out test questions of it."""
    page.locator("#data-review-button").click()
    name = page.locator("#review-dataset input, #review-dataset textarea")
    name.fill("돌봄")
    name.press("Tab")
    shown = page.locator("#review .candidate")
    shoot(page, "review")
    shown.locator(".asked").click()
    while candidate := shown.get_attribute("data-candidate"):
        left = int(shown.locator("header .figures").inner_text().removesuffix("개 남음"))
        page.keyboard.press("a")
        expect(page.locator(f'#review [data-candidate="{candidate}"].candidate')).to_have_count(0)
        if left == 1:
            break
    page.locator("#review [data-act=build]").click()
    expect(page.locator("#review .said-line")).to_contain_text("돌봄@")
    page.locator("#review .buttons [data-act=split]").click()
    expect(page.locator("#data-said")).to_contain_text("시험 행은 배우지 않고 남겨 뒀다가")
    expect(page.locator("#datasets [data-name=돌봄] .versions > li")).to_have_count(3)
    shoot(page, "split")


def tune(page: Any) -> None:
    """Train on the version with one click, and a few settings that keep it short."""
    page.locator("#datasets [data-name=돌봄] [data-act=tune]").first.click()
    expect(page.locator("#page-tune-button")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#tune-name input, #tune-name textarea")).to_have_value("tuned")
    open_fields(page, "rates", "end")
    expect(page.locator("#tune-more textarea")).to_have_value(re.compile("돌봄"))
    page.locator("#tune-epochs input").fill("4")
    expect(page.locator("#tune-yaml code")).to_contain_text("epochs: 4")
    page.locator("#tune-forgetting input").uncheck()
    expect(page.locator("#tune-yaml code")).to_contain_text("forgetting: false")
    page.locator("#tune-start").click()
    expect(page.locator("#tune-job .job[data-state=succeeded]")).to_be_visible(timeout=LONG)
    shoot(page, "tuned")


def measure(page: Any) -> None:
    """Ask the held-out questions of the base, of retrieval and of the new adapter."""
    page.locator("#tune-job [data-act=evaluate]").click()
    expect(page.locator("#suite input")).to_have_value("tuned")
    page.locator("#evaluate-start").click()
    expect(page.locator("#report .report")).to_be_visible(timeout=LONG)
    shoot(page, "report")


def test_the_loop_closes_on_the_page(browser: "Browser", app: Server, tmp_path: Path) -> None:
    visit = Visit(browser, app, "ko", viewport={"width": 1280, "height": 900})
    page = visit.open("/ko/")
    correct(page)
    vote(page)
    bring(page, tmp_path)
    review(page)
    tune(page)
    measure(page)
    visit.context.close()
    assert visit.problems == []
    (result,) = (json.loads(file.read_text("utf-8")) for file in (app.home / "runs").glob("tuned-*/result.json"))
    scores = {name: made["metrics"] for name, made in result["variants"].items()}
    assert set(scores) == {"zero-shot", "few-shot", "rag", "tuned"}
    # A few steps make no expert, but they are heard: the answers look more like what was taught.
    assert scores["tuned"]["chrf"]["mean"] > scores["zero-shot"]["chrf"]["mean"]
