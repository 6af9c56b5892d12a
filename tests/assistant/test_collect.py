"""Drafts that people fill while they use the app: whole, without doubles, usable as they are."""

import errno
import os
from pathlib import Path

import pytest

from assistant.collect import EXAMPLES, ITEMS, SUITE, Kept, drop, keep_example, keep_item, read
from assistant.dataset import read_examples
from assistant.errors import InputError, ResourceError
from assistant.paths import Home
from assistant.schema import Message
from eval.suite import load_suite


def test_an_item_makes_a_suite_that_runs_as_it_is(home: Home) -> None:
    keep_item(home, "주차는 얼마예요?", ["1,000원", " ", "천 원"], "ko", {"tuned": "mine"})
    keep_item(home, "How much is parking?", ["1,000 won"], "en")
    suite = load_suite(home.root / SUITE)
    assert [item.question for item in suite.items] == ["주차는 얼마예요?", "How much is parking?"]
    assert suite.items[0].reference == ("1,000원", "천 원")
    assert {each.name for each in suite.variants} == {"zero-shot", "rag", "tuned"}


def test_a_suite_that_a_person_changed_stays(home: Home) -> None:
    keep_item(home, "one?", ["1"], "en")
    (home.root / SUITE).write_text("mine", encoding="utf-8")
    drop(home, keep_item(home, "two?", ["2"], "en"))
    assert (home.root / SUITE).read_text(encoding="utf-8") == "mine"


def test_an_example_can_be_trained_on(home: Home) -> None:
    history = [Message("user", "주차 돼요?"), Message("assistant", "네.")]
    keep_example(home, "그럼 얼마예요?", "천 원이에요.", "ko", history)
    (example,) = read_examples(home.root / EXAMPLES, need_answer=True)
    assert example.answer == "천 원이에요." and [m.content for m in example.history] == ["주차 돼요?", "네."]


def test_the_same_row_is_kept_once_and_decomposed_hangul_is_the_same(home: Home) -> None:
    first = keep_item(home, "\u1112\u1161\u11ab\u1100\u1173\u11af?", ["네"], "ko")
    assert keep_item(home, "한글?", ["네"], "ko") == first and read(home, ITEMS).count("\n") == 1


def test_undo_takes_only_its_own_row(home: Home) -> None:
    first, second = (keep_example(home, question, "yes", "en") for question in ("a?", "b?"))
    drop(home, first)
    assert first.id not in read(home, EXAMPLES) and second.id in read(home, EXAMPLES)


def test_a_line_that_a_person_left_open_is_not_glued_on(home: Home) -> None:
    keep_example(home, "a?", "yes", "en")
    file = home.root / EXAMPLES
    file.write_text(file.read_text(encoding="utf-8").rstrip() + "\nnot json", encoding="utf-8")
    keep_example(home, "b?", "yes", "en")
    assert len(read(home, EXAMPLES).splitlines()) == 3


@pytest.mark.parametrize("answers", [[], ["  "]])
def test_nothing_is_kept_without_an_answer(home: Home, answers: list[str]) -> None:
    with pytest.raises(InputError):
        keep_item(home, "a?", answers, "en")
    with pytest.raises(InputError):
        keep_example(home, "a?", "".join(answers), "en")
    assert not (home.root / SUITE).exists()


def test_only_our_drafts_are_read(home: Home) -> None:
    with pytest.raises(InputError):
        read(home, "../joyul.sqlite")
    with pytest.raises(InputError):
        drop(home, Kept("owner.json", "x"))


def test_a_full_disk_leaves_the_draft_as_it_was(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_example(home, "a?", "yes", "en")
    before = read(home, EXAMPLES)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResourceError, match="No space left"):
        keep_example(home, "b?", "yes", "en")
    assert read(home, EXAMPLES) == before
    assert [path.name for path in Path(home.root / "datasets").iterdir()] == ["collected.jsonl"]
