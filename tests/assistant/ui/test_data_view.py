"""The data page: datasets as a list, a version's rows and figures, import with preview, review, a recipe to tune."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from assistant.datasets.importing import ImportOptions, import_file
from assistant.datasets.review import DATASET
from assistant.datasets.store import DatasetStore
from assistant.errors import InputError
from assistant.operations import perform
from assistant.store import Store
from assistant.ui.collect_next_view import next_html
from assistant.ui.context import Page
from assistant.ui.data_import_view import Choices, ImportPage, Look
from assistant.ui.data_plots import language_bar, percent
from assistant.ui.data_view import DataPage, Filters, Opened, turned
from assistant.ui.review_view import Chosen, Desk, ReviewPage

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def data(page: Page) -> DataPage:
    return DataPage(page)


@pytest.fixture
def importing(page: Page) -> ImportPage:
    return ImportPage(page)


@pytest.fixture
def reviewing(page: Page) -> ReviewPage:
    return ReviewPage(page)


def _bring(data: DataPage, folder: Path, rows: list[dict[str, Any]], name: str = "set") -> str:
    file = folder / f"{name}-{len(rows)}.jsonl"
    file.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return str(import_file(data.store, file, ImportOptions(name))["version"])


def _rows(count: int) -> list[dict[str, Any]]:
    asked = ("{n}번 좌석은 얼마예요?", "How much is seat {n}?")
    return [{"question": asked[n % 2].format(n=n), "answer": f"{n} won"} for n in range(count)]


def _csv(folder: Path, text: str, name: str = "문의.csv", encoding: str = "cp949") -> str:
    file = folder / name
    file.write_bytes(text.encode(encoding))
    return str(file)


def _judge(page: Page, text: str = "두 시간까지 돼요.") -> None:
    store = page.services.store
    chat = store.create_conversation()
    ask = store.add_message(chat, "user", f"주차는요? {EVIL}")
    store.add_feedback(store.add_message(chat, "assistant", "안 돼요.", parent=ask), "edit", text=text)


def test_an_empty_page_offers_the_first_step(data: DataPage, korean: Page) -> None:
    assert "Import" in data.list_html() and "가져오기" in DataPage(korean).list_html()


def test_versions_are_listed_with_counts_languages_source_and_parent(data: DataPage, tmp_path: Path) -> None:
    first = _bring(data, tmp_path, _rows(3))
    second = _bring(data, tmp_path, _rows(4))
    listed = data.list_html(second)
    assert listed.index(second.split("@")[1][:8]) < listed.index(first.split("@")[1][:8]), "the newest is on top"
    assert "4 rows" in listed and "set-3.jsonl" in listed and f"parent {first.split('@')[1][:8]}" in listed
    assert "Korean 50 %, English 50 %" in listed and listed.count('aria-current="true"') == 1


def test_rows_come_in_pages_and_by_filter(data: DataPage, tmp_path: Path) -> None:
    opened = Opened(_bring(data, tmp_path, [*_rows(120), {"question": f"q {EVIL}", "answer": "a"}]))
    shown = data.version_html(turned(opened, page=1))
    assert shown.count("<details>") == 50 and "51 to 100 of 121 rows" in shown
    korean = data.version_html(turned(opened, filters=Filters(language="ko"), page=1))
    assert korean.count("<details>") == 10 and "How much" not in korean
    assert data.version_html(turned(opened, filters=Filters("SEAT 7?"))).count("<details>") == 1
    assert "No row matches" in data.version_html(turned(opened, filters=Filters(kind="unpaired")))
    assert EVIL not in data.version_html(turned(opened, filters=Filters("onerror")))
    with pytest.raises(InputError):
        data.version_html(Opened("set@ffffffff"))


def test_figures_changes_and_card(data: DataPage, tmp_path: Path, korean: Page) -> None:
    first = Opened(_bring(data, tmp_path, [*_rows(6), {"question": "6번 좌석은?", "answer": "6 won"}]))
    second = Opened(_bring(data, tmp_path, [{"question": "6번 좌석은?", "answer": "seven"}]), "diff")
    assert data.counting_html(turned(first, part="stats")) and not data.counting_html(first)
    figures = data.version_html(turned(second, part="stats"))
    assert figures.count("<svg") >= 5 and "1 question with different answers" in figures and "median 5" in figures
    assert not data.counting_html(turned(second, part="stats")), "counted once"
    assert "1 added, 0 removed" in data.version_html(second) and "first version" in data.version_html(
        turned(first, part="diff")
    )
    assert "<h1>set</h1>" in data.version_html(turned(first, part="card"))
    assert "출처" in DataPage(korean).version_html(turned(first, part="card"))


def test_shares_are_never_rounded_away(page: Page) -> None:
    assert (percent(1, 1000), percent(999, 1000), percent(0, 5), percent(0, 0)) == ("<1 %", ">99 %", "0 %", "0 %")
    assert "Korean &lt;1 %" in language_bar({"en": 999, "ko": 1}, page.words)


def test_a_cp949_table_is_looked_at_mapped_and_imported(importing: ImportPage, tmp_path: Path) -> None:
    lines = "".join(f"{n}번 열람실은 언제 열어요?,아침 {n}시에 열어요.,{EVIL}\n" for n in range(1, 8))
    path = _csv(tmp_path, f"문의내용,답변,비고\n{lines}")
    found = importing.look(path, Choices())
    assert "CP949" in found.html and "열람실" in found.html and EVIL not in found.html
    assert found.html.count('class="q"') == 5 and found.ready
    assert (found.keys, found.mapping) == (("question", "answer"), {"question": "문의내용", "answer": "답변"})
    wrong = importing.look(path, Choices(columns=("비고", "")), chosen=True)
    assert (
        wrong.mapping == {"question": "비고"}
        and "열람실" not in wrong.html.split("They will become")[1].split("</summary>")[0]
    )
    open_ = importing.look(path, Choices(columns=("", "")), chosen=True)
    assert not open_.ready and "Choose the columns" in open_.html and "--map" not in open_.html
    *_, last = importing.commit(path, Choices("문의", columns=("문의내용", "답변")))
    assert "Imported 7 of 7 rows" in last.html and last.done
    row = next(DatasetStore(importing.store.folder).get(last.ref).rows())
    assert (row["question"], row["answer"]) == ("1번 열람실은 언제 열어요?", "아침 1시에 열어요.")


def test_a_template_asks_for_its_columns(importing: ImportPage, tmp_path: Path) -> None:
    path = _csv(tmp_path, "글,요점\n긴 글이에요. 아주 길어요.,길어요.\n", encoding="utf-8")
    assert ("요약", "summary") in ImportPage(Page(importing.page.services, _ko())).templates() or importing.templates()
    found = importing.look(path, Choices(template="classification"))
    assert len(found.keys) >= 2 and not found.ready
    columns = {"text": "글", "label": "요점"}
    chosen = Choices(template="classification", columns=[columns.get(key, "") for key in found.keys])
    ready = importing.look(path, chosen, chosen=True)
    assert ready.ready, ready.html
    *_, last = importing.commit(path, chosen)
    assert (
        DatasetStore(importing.store.folder).get(last.ref).manifest.operation["template"].startswith("classification@")
    )


def _ko() -> Any:
    from assistant.ui.words import Words

    return Words("ko")


def test_every_problem_is_listed_and_nothing_is_imported(importing: ImportPage, tmp_path: Path) -> None:
    path = _csv(tmp_path, "question,answer\nq1,a1\n,a2\n,a3\n", "bad.csv", "utf-8")
    *_, last = importing.commit(path, Choices("bad"))
    assert "bad.csv:3" in last.html and "bad.csv:4" in last.html and last.ref == "" and importing.store.names() == []
    assert "2 places need mending" in last.html and "--" not in last.html
    korean = ImportPage(Page(importing.page.services, _ko()))
    *_, said = korean.commit(path, Choices("bad"))
    assert "빠졌어요" in said.html and "missing" not in said.html
    *_, kept = importing.commit(path, Choices("bad", skip_bad=True))
    assert "Imported 1 of 1" in kept.html and "bad.csv:3" in kept.html
    with pytest.raises(InputError, match="Choose a file"):
        list(importing.commit(None, Choices()))
    assert importing.look(None, Choices()) == Look()
    assert 'role="alert"' in importing.look(_csv(tmp_path, "", "empty.csv"), Choices()).html


def test_a_candidate_is_decided_and_becomes_a_version(reviewing: ReviewPage, page: Page) -> None:
    assert "Nothing to review" in reviewing.html(Desk(), Chosen())
    _judge(page)
    _judge(page, "세 시간까지 돼요.")
    desk, chosen = Desk(), Chosen("ann")
    shown = reviewing.html(desk, chosen)
    first, second = [each.id for each in reviewing.found()]
    assert f'data-candidate="{first}"' in shown and "2 left" in shown and EVIL not in shown
    assert shown.count("안 돼요.") == 1 and all(f'data-review-key="{key}"' in shown for key in "aerts")
    assert second in reviewing.skip(desk, chosen, first)
    tagged = reviewing.decide(desk, chosen, second, "tag", "주차, 요금")
    assert second in tagged and "요금" in tagged
    after = reviewing.decide(desk, chosen, second, "accept")
    assert "Accepted for reviewed" in after and first in after and "1 decision waits for reviewed" in after
    assert second in reviewing.back(desk, chosen)
    done = reviewing.decide(desk, chosen, first, "fix", "네 시간까지 돼요.")
    assert "No candidates left" in done
    built, ref = reviewing.build(desk, chosen, DATASET)
    rows = list(reviewing.datasets.get(ref).rows())
    assert "4 added" in built and {row.get("answer") for row in rows} == {
        None,
        "세 시간까지 돼요.",
        "네 시간까지 돼요.",
    }
    with pytest.raises(InputError):
        reviewing.decide(desk, chosen, "edit-gone", "accept")
    with pytest.raises(InputError):
        reviewing.decide(desk, chosen, first, "fix", "  ")


def test_what_another_process_wrote_is_there(reviewing: ReviewPage, page: Page) -> None:
    assert "Nothing to review" in reviewing.html(Desk(), Chosen())
    other = Store(page.services.home.database)
    chat = other.create_conversation("주차")
    asked = other.add_message(chat, "user", "주차 돼요?")
    other.add_feedback(other.add_message(chat, "assistant", "안 돼요.", parent=asked), "edit", text="돼요.")
    other.close()
    assert "1 left" in reviewing.html(Desk(), Chosen())


def test_no_consent_empties_the_queue_and_comes_back(reviewing: ReviewPage, page: Page) -> None:
    _judge(page)
    assert "Nothing to review" in reviewing.consent(Desk(), Chosen(), "local", False)
    assert "Nothing is collected of local" in reviewing.html(Desk(), Chosen())
    with pytest.raises(InputError):
        perform(page.services, "data.build", {})
    assert "1 left" in reviewing.consent(Desk(), Chosen(), "local", True)


def test_a_version_becomes_a_recipe_that_never_learns_from_its_test_part(
    data: DataPage, page: Page, tmp_path: Path
) -> None:
    from tuning.schema import load_recipe

    said, key = data.tune_html(_bring(data, tmp_path, _rows(4)))
    file = page.services.home.root / "tune" / f"{key.partition(':')[2]}.yaml"
    assert "lora" in said and load_recipe(file).path(load_recipe(file).data).name == "rows.jsonl"
    parts = ("train", "validation", "test", "train")
    split = [row | {"split": part} for row, part in zip(_rows(4), parts, strict=True)]
    pair = {"question": "q", "chosen": "a", "rejected": "b"}
    _, key = data.tune_html(_bring(data, tmp_path, [*split, pair], "mixed"))
    recipe = yaml.safe_load((page.services.home.root / "tune" / f"{key.partition(':')[2]}.yaml").read_text("utf-8"))
    taught = [json.loads(line)["answer"] for line in Path(recipe["data"]).read_text("utf-8").splitlines()]
    assert taught == ["0 won", "3 won"] and "1 won" in Path(recipe["validation"]).read_text("utf-8")
    _, key = data.tune_html(_bring(data, tmp_path, [pair], "pairs"))
    made = load_recipe(page.services.home.root / "tune" / f"{key.partition(':')[2]}.yaml")
    assert (made.method, made.replay) == ("dpo", None)


def test_what_to_collect_next(page: Page) -> None:
    assert "Nothing to tell" in next_html(page)
    for author, choice in (("ann", "a"), ("bob", "b")):
        page.services.store.add_vote("갈리는 물음", ["a", "b"], ["하나", "둘"], [{}, {}], choice, blind=True,
                                     language="ko", author=author)  # fmt: skip
    assert "갈리는 물음" in next_html(page) and "people differ (2 votes" in next_html(page)


def test_what_is_wrong_and_what_is_left_out_is_said_in_the_pages_language(korean: Page, tmp_path: Path) -> None:
    importing, bad = ImportPage(korean), tmp_path / "a.jsonl"
    bad.write_text('{"question": "q", "answer": 7}\n{"question": "a", "answer": "b"}\n', encoding="utf-8")
    *_, last = importing.commit(str(bad), Choices(name="a"))
    assert "글이 있어야 하는데 7" in last.html and "expected" not in last.html
    page = tmp_path / "faq.md"
    page.write_text("# 안내\n\n그냥 하는 말이에요.\n\n## 언제 열어요?\n\n아홉 시요.\n", encoding="utf-8")
    *_, done = importing.commit(str(page), Choices(name="b"))
    assert "어느 질문의 답도 아닌 글" in done.html and done.ref
