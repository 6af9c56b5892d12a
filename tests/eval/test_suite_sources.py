"""What a suite takes its items from, what a model may have seen of them, and several adapters of one recipe."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.errors import InputError
from eval.suite import load_suite

GOOD = """\
suite: mine
kind: qa
items: items.jsonl
examples: train.jsonl
variants:
  zero-shot:
  few-shot: {shots: 2}
  rag:
  tuned: {adapter: my-adapter}
  rag-tuned: {adapter: my-adapter}
"""
ITEMS = [
    {"question": "휴관일은 언제예요?", "reference": ["월요일"], "group": "hours", "language": "ko"},
    {"question": "How late are you open?", "reference": "until nine", "document": "en/hours.md"},
    {"question": "Who is the mayor?", "reference": [], "slice": "unanswerable"},
    {
        "question": "그럼 주말은요?",
        "reference": ["일요일"],
        "history": [{"role": "user", "content": "휴관일은요?"}, {"role": "assistant", "content": "월요일이에요."}],
    },
]
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(suite: str = GOOD, items: list[object] = ITEMS) -> Path:  # type: ignore[assignment]
        (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, items)), encoding="utf-8")
        (tmp_path / "train.jsonl").write_text('{"question": "question one", "answer": "one"}', encoding="utf-8")
        path = tmp_path / "suite.yaml"
        path.write_text(suite.replace("shots: 2", "shots: 1"), encoding="utf-8")
        return path

    return make


CSV = """question,reference,group,language,passages
휴관일은 언제예요?,월요일,hours,ko,
"Fees, and when?","[""1 euro"", ""one euro""]",fees,en,"a passage, ignored"

Who is the mayor?,[],,,
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_items_may_be_a_table(write: Write, tmp_path: Path, encoding: str, delimiter: str) -> None:
    import csv
    import io

    rows = list(csv.reader(io.StringIO(CSV)))
    with (tmp_path / "items.csv").open("w", encoding=encoding, newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows(rows)
    items = load_suite(write(GOOD.replace("items.jsonl", "items.csv"))).items
    assert [item.reference for item in items] == [("월요일",), ("1 euro", "one euro"), ()]
    assert [item.group for item in items] == ["hours", "fees", "line 5"]
    assert [item.language for item in items] == ["ko", "en", "en"]


WRONG_TABLES = {
    "no heading": ("휴관일은?,월요일\n", "expected a heading with 'question'"),
    "heading twice": ("question,question\na,b\n", "each name once"),
    "missing reference": ("question,reference\na,\n", "items.csv:2: reference: expected a text"),
    "too many cells": ("question,reference\na,b,c\n", "items.csv:2: 3 cells under 2 headings"),
    "broken list": ('question,reference\na,"[b"\n', "items.csv:2: reference: starts with '[' but is no JSON list"),
    "open quote": ('question,reference\na,"b\n', "items.csv:2: not CSV"),
    "misspelt": ("question,referense\na,b\n", "referense: unknown key"),
    "only a heading": ("question,reference\n", "items.csv:1: no items"),
}


@pytest.mark.parametrize("name", WRONG_TABLES)
def test_wrong_tables(write: Write, tmp_path: Path, name: str) -> None:
    text, message = WRONG_TABLES[name]
    (tmp_path / "items.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_suite(write(GOOD.replace("items.jsonl", "items.csv")))
    assert message in caught.value.message


def test_near_copies_in_training_data_are_marked_in_both_languages(write: Write, tmp_path: Path) -> None:
    rows = [
        {"question": "도서관 휴관일은 언제예요??", "answer": "월요일"},
        {"messages": [{"role": "user", "content": "How late, are you open"}, {"role": "assistant", "content": "9"}]},
        {"question": "그럼 주말은요?", "answer": "다른 대화"},
    ]
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (tmp_path / "tuned-on.jsonl").write_text(lines, encoding="utf-8")
    items = [{**ITEMS[0], "question": "도서관 휴관일은 언제예요?"}, *ITEMS[1:]]
    suite = load_suite(write(GOOD + "training: tuned-on.jsonl\n", items))
    # The follow-up has other words before it, so it is another question.
    assert set(suite.leaks) == {suite.items[0].id, suite.items[1].id}
    assert all("tuned-on.jsonl: row" in where for where in suite.leaks.values())
    assert len(suite.warnings) == 2
    with pytest.raises(InputError, match=r"suite.yaml:11: training: no file at"):
        load_suite(write(GOOD + "training: [gone.jsonl]\n"))


def test_nearly_the_same_item_in_two_groups_is_said(write: Write) -> None:
    twice = [*ITEMS, {**ITEMS[0], "question": "휴관일은 언제예요!!", "group": "other"}]
    assert load_suite(write(items=twice)).warnings == ("items lines 1 and 5 are nearly the same, in different groups",)


def test_adapters_are_training_seeds_of_one_variant(write: Write) -> None:
    suite = load_suite(write(GOOD.replace("tuned: {adapter: my-adapter}", "tuned: {adapters: [a, b]}", 1)))
    assert suite.replicates == {"tuned": ("a", "b")}
    assert next(spec.adapter for spec in suite.variants if spec.name == "tuned") == "a"
    assert suite.training_seeds == 3
    assert (
        suite.fingerprint
        != load_suite(write(GOOD.replace("tuned: {adapter: my-adapter}", "tuned: {adapter: a}", 1))).fingerprint
    )
    alone = load_suite(write(GOOD.replace("tuned: {adapter: my-adapter}", "tuned: {adapters: [a]}", 1)))
    assert alone.replicates == {}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{adapters: [a, a]}", "names an adapter twice"),
        ("{adapters: []}", "expected a list of adapter names"),
        ("{adapters: a}", "expected a list of adapter names"),
        ("{adapters: [a, b], adapter: c}", "stands instead of 'adapter'"),
    ],
)
def test_wrong_adapters(write: Write, entry: str, message: str) -> None:
    with pytest.raises(InputError, match=r"suite.yaml:9: variants.tuned.adapters") as caught:
        load_suite(write(GOOD.replace("tuned: {adapter: my-adapter}", f"tuned: {entry}", 1)))
    assert message in caught.value.message


MADE = {
    "question": "가게는 몇 시에 열어요?",
    "answer": "아침 9시",
    "passages": ["가게는 아침 9시에 열어요."],
    "group": "hours.md",
    "origin": "synthetic",
    "synthetic": {"kind": "questions", "model": "m@1", "document": "hours.md"},
}


def test_rows_that_a_model_made_count_once_a_person_has_confirmed_them(write: Write) -> None:
    with pytest.raises(InputError, match=r"items.jsonl:5: synthetic: .* nobody has confirmed it"):
        load_suite(write(items=[*ITEMS, MADE]))
    suite = load_suite(write(items=[*ITEMS, {**MADE, "confirmed": ["ann"]}]))
    assert suite.warnings == ("items.jsonl: 1 of 5 items were made by a model and confirmed by a person",)
    assert [(item.slice, item.reference, item.group) for item in suite.items[4:]] == [
        ("generated", ("아침 9시",), "hours.md")
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"question": "a?", "question": "b?", "reference": "c"}', "the key 'question' stands twice"),
        ('{"question": "a?", "reference": "b", "group": NaN}', "NaN is no number"),
        ('{"question": "a?", "reference": "\\ud800"}', "reference: broken Unicode"),
        ('{"question": "a?", "reference": "b", "document": ["\\ud800"]}', "document: broken Unicode"),
        (
            '{"question": "a?", "reference": "b", "history": [{"role": "user", "content": "\\ud800"}]}',
            "history: broken Unicode",
        ),
    ],
)
def test_hostile_rows(write: Write, tmp_path: Path, line: str, message: str) -> None:
    path = write()
    (tmp_path / "items.jsonl").write_text(line, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_suite(path)
    assert message in caught.value.message and "items.jsonl:1" in caught.value.message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("kind: qa", "kind: qa\nkind: label"), "suite.yaml:3: kind: stands twice"),
        (("rag:", "rag: {k: 1, k: 2}"), "k: stands twice"),
        (("rag:", "rag: {k: 0}"), "expected at least 1 passage"),
        (("rag:", "rag: {sampling: {max_tokens: 1.5}}"), "max_tokens: expected a whole number"),
        (("rag:", "rag: {sampling: {temperature: .nan}}"), "temperature: expected a number"),
        (("rag:", "rag: {sampling: {stop: [3]}}"), "stop: expected a text or a list of texts"),
        (("tuned: {adapter: my-adapter}", "tuned: {adapter: [a]}"), "adapter: expected str"),
        (("rag:", "'tuned#2':"), "'tuned#2' is no name"),
        (("kind: qa", "kind: qa\nseed: 99999999999"), "seed: 99999999999 is outside"),
    ],
)
def test_hostile_suites(write: Write, change: tuple[str, str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_suite(write(GOOD.replace(*change, 1)))
    assert message in caught.value.message


def test_one_stop_text_is_one(write: Write) -> None:
    suite = load_suite(write(GOOD.replace("rag:", 'rag: {sampling: {stop: "끝."}}', 1)))
    assert suite.variants[2].sampling.stop == ("끝.",)
