"""Suite files: what a small one gives, and that every mistake names file, line, key and mend."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.errors import InputError
from eval.items import pick_shots, read_examples
from eval.metrics import EFFICIENCY
from eval.suite import approach_of, load_suite

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
TRAIN = [
    {"question": "질문 하나", "answer": "답 하나", "language": "ko"},
    {"question": "질문 둘", "answer": "답 둘", "language": "ko"},
    {"question": "질문 셋", "answer": "답 셋", "language": "ko"},
    {"question": "question one", "answer": "answer one", "language": "en"},
    {"question": "question two", "reference": ["answer two"], "language": "en"},
    {"question": "follow-up", "answer": "no", "history": [{"role": "user", "content": "x"}]},
]
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(suite: str = GOOD, items: list[object] | str = ITEMS, train: list[object] = TRAIN) -> Path:  # type: ignore[assignment]
        lines = items if isinstance(items, str) else "\n".join(json.dumps(row, ensure_ascii=False) for row in items)
        (tmp_path / "items.jsonl").write_text(lines, encoding="utf-8")
        (tmp_path / "train.jsonl").write_text("\n".join(json.dumps(row) for row in train), encoding="utf-8")
        path = tmp_path / "suite.yaml"
        path.write_text(suite, encoding="utf-8")
        return path

    return make


def test_a_small_suite_brings_what_it_needs(write: Write) -> None:
    suite = load_suite(write())
    assert [item.language for item in suite.items] == ["ko", "en", "en", "ko"]
    assert [item.group for item in suite.items] == ["hours", "en/hours.md", "line 3", "line 4"]
    assert suite.items[2].unanswerable and not suite.items[0].unanswerable
    assert suite.items[3].history[1].content == "월요일이에요."
    assert (suite.primary, suite.margin, suite.alpha) == ("token_f1", 0.02, 0.05)
    assert set(EFFICIENCY) <= set(suite.metrics)
    recipes = {spec.name: spec.recipe for spec in suite.variants}
    assert recipes == {
        "zero-shot": "zero_shot",
        "few-shot": "few_shot",
        "rag": "grounded",
        "tuned": "zero_shot",
        "rag-tuned": "grounded",
    }
    approaches = [approach_of(spec, suite.approaches) for spec in suite.variants]
    assert approaches == ["prompt", "prompt", "rag", "tune", "rag+tune"]


def test_shots_are_balanced_and_reproducible(write: Write, tmp_path: Path) -> None:
    shots = next(spec.shots for spec in load_suite(write()).variants if spec.name == "few-shot")
    assert [shot.language for shot in shots] == ["ko", "ko", "en", "en"]
    assert shots == next(spec.shots for spec in load_suite(write()).variants if spec.name == "few-shot")
    examples = read_examples(tmp_path / "train.jsonl")
    assert len(examples) == 5
    assert {pick_shots(examples, 1, seed)[0].question for seed in range(20)} == {"질문 하나", "질문 둘", "질문 셋"}


def test_shots_spread_over_labels() -> None:
    from assistant.schema import Shot

    pool = tuple(Shot(f"q{at}", json.dumps({"label": "abc"[at % 3]}), "en") for at in range(30))
    assert sorted(json.loads(shot.answer)["label"] for shot in pick_shots(pool, 6)) == list("aabbcc")


def test_fingerprint_follows_what_matters(write: Write) -> None:
    first = load_suite(write()).fingerprint
    assert load_suite(write()).fingerprint == first
    assert load_suite(write(GOOD + "margin: 0.03\n")).fingerprint != first
    assert load_suite(write(items=[*ITEMS[:3], ITEMS[3] | {"reference": ["토요일"]}])).fingerprint != first
    assert load_suite(write(GOOD.replace("shots: 2", "shots: 1"))).fingerprint != first


LABEL_SUITE = """\
suite: tickets
kind: label
items: items.jsonl
primary: macro_f1
labels: [loan, room]
system: {ko: 라벨을 고르세요, en: Choose a label}
variants:
  zero-shot:
  tuned: {adapter: t}
"""


def test_label_items(write: Write) -> None:
    rows = [
        {"question": "책이 없어요", "reference": ['{"label": "loan", "urgency": "high"}'], "group": "a"},
        {"question": "The room is locked", "label": "room"},
    ]
    suite = load_suite(write(LABEL_SUITE, rows))
    assert [item.label for item in suite.items] == ["loan", "room"]
    assert suite.items[0].fields == {"urgency": "high"}
    assert suite.labels == ("loan", "room")
    assert suite.variants[0].instruction("ko") == "라벨을 고르세요"


def test_same_question_twice_is_left_out_and_said(write: Write) -> None:
    suite = load_suite(write(items=[*ITEMS, ITEMS[0]]))
    assert len(suite.items) == 4
    assert suite.warnings == ("items.jsonl:5: same question as line 1; left out",)


def test_items_that_are_also_examples_are_said(write: Write) -> None:
    suite = load_suite(write(train=[*TRAIN, {"question": "Who is the mayor?", "answer": "Kim"}]))
    assert suite.warnings == (
        "items line 3: its wording is also in train.jsonl: row 6, 100% alike; its scores are marked",
    )
    assert set(suite.leaks) == {suite.items[2].id}


WRONG_SUITES = {
    "unknown key": (GOOD + "margn: 0.1\n", "suite.yaml:11: margn: unknown key", "did you mean 'margin'?"),
    "no name": (GOOD.replace("suite: mine\n", ""), "the key 'suite' is missing", "README"),
    "bad name": (GOOD.replace("mine", "../mine"), "suite.yaml:1: suite: '../mine' is no name", "lower-case"),
    "kind": (GOOD.replace("kind: qa", "kind: qaa"), "suite.yaml:2: kind: 'qaa' is unknown", "did you mean 'qa'?"),
    "no items file": (GOOD.replace("items.jsonl", "gone.jsonl"), "suite.yaml:3: items: no file at", "relative"),
    "metric": (GOOD + "primary: token_f2\n", "primary: unknown metric 'token_f2'", "did you mean 'token_f1'?"),
    "kind of metric": (GOOD + "primary: accuracy\n", "'accuracy' is no metric for kind 'qa'", "known"),
    "cost as primary": (GOOD + "primary: seconds\n", "'seconds' cannot decide", "token_f1"),
    "search as primary": (GOOD + "primary: mrr\n", "'mrr' cannot decide", "token_f1"),
    "margin in points": (GOOD + "margin: 2\n", "suite.yaml:11: margin: 2 is outside", "0.02"),
    "margin as text": (GOOD + "margin: big\n", "margin: expected a number, got 'big'", ""),
    "alpha as truth": (GOOD + "alpha: yes\n", "alpha: expected a number", ""),
    "variant key": (GOOD.replace("shots: 2", "shot: 2"), "suite.yaml:7: variants.few-shot", "did you mean 'shots'?"),
    "recipe": (GOOD.replace("{shots: 2}", "{recipe: few_shots}"), "unknown prompt recipe", "did you mean 'few_shot'?"),
    "no adapter": (GOOD.replace("tuned: {adapter: my-adapter}", "tuned:", 1), "needs 'adapter'", "adapters list"),
    "own name": (GOOD + "  mine: {k: 3}\n", "suite.yaml:11: variants.mine: needs 'recipe' or 'use'", "zero-shot"),
    "use not alone": (GOOD + "  mine: {use: rag, k: 3}\n", "variants.mine.use: stands alone", ""),
    "approach": (GOOD + "  m: {recipe: zero_shot, approach: tuned}\n", "'tuned' is unknown", "did you mean 'tune'?"),
    "shots from nowhere": (GOOD.replace("examples: train.jsonl\n", ""), "needs 'examples: FILE.jsonl'", ""),
    "trials of no one": (GOOD + "trials: {ragg: 2}\n", "trials.ragg: no such variant", "did you mean 'rag'?"),
    "same split twice": (GOOD + "validation: items.jsonl\n", "4 of its questions are also items", "keep the splits"),
    "not YAML": ("suite: [mine\n", "suite.yaml:2:1: not readable as YAML", "indentation"),
    "a list": ("- suite\n", "expected 'key: value' lines", "README"),
    "aliases": ("suite: &a mine\nkind: *a\n", "YAML aliases", "write the value out"),
    "no variants": (GOOD.split("variants:")[0] + "variants: []\n", "variants: there are none", "zero-shot"),
    "variant as text": (GOOD.replace("{shots: 2}", "two"), "variants.few-shot: expected keys and values", ""),
    "deep": ("a: " + "[" * 1200, "suite.yaml", ""),
}


@pytest.mark.parametrize("name", WRONG_SUITES)
def test_wrong_suites(write: Write, name: str) -> None:
    text, message, hint = WRONG_SUITES[name]
    with pytest.raises(InputError) as caught:
        load_suite(write(text))
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert "suite.yaml" in caught.value.message


OK = '{"question": "a", "reference": ["b"]}'
WRONG_ITEMS = {
    "empty": ("\n\n", "items.jsonl:1: no items"),
    "not JSON": (OK + "\n{question: 1}", "items.jsonl:2: not JSON at column 2"),
    "a list": ("[1]", "items.jsonl:1: expected a JSON object"),
    "NaN": ('{"question": NaN}', "items.jsonl:1: not JSON"),
    "no question": ('{"reference": ["b"]}', "question: expected a text, got None"),
    "blank question": ('{"question": " ", "reference": ["b"]}', "question: expected a text"),
    "no reference": ('{"question": "a"}', "reference: expected a text, a list of texts, or []"),
    "number": ('{"question": "a", "reference": [7]}', "reference: expected"),
    "misspelt": ('{"question": "a", "referense": ["b"]}', "referense: unknown key; did you mean 'reference'?"),
    "language": ('{"question": "a", "reference": "b", "language": "jp"}', "language: expected 'ko' or 'en', got 'jp'"),
    "history": ('{"question": "a", "reference": "b", "history": [{"role": "tool"}]}', "history: each turn needs"),
    "surrogate": ('{"question": "\\ud800", "reference": "b"}', "question: broken Unicode"),
    "other answer": (OK + "\n" + OK.replace('"b"', '"c"'), "items.jsonl:2: same question as line 1"),
    "long line": ('{"question": "' + "a" * 300_000 + '"}', "at most 200,000 are read"),
    "deep": ("[" * 100_000, "items.jsonl:1: not JSON"),
}


@pytest.mark.parametrize("name", WRONG_ITEMS)
def test_wrong_items(write: Write, name: str) -> None:
    text, message = WRONG_ITEMS[name]
    with pytest.raises(InputError) as caught:
        load_suite(write(items=text))
    assert message in caught.value.message
    assert len(caught.value.message) < 400


def test_all_bad_lines_in_one_pass(write: Write) -> None:
    with pytest.raises(InputError) as caught:
        load_suite(write(items="\n".join([OK, "x", "[]", '{"question": "z"}'])))
    assert "(and 2 more)" in caught.value.message
    assert len(caught.value.details["problems"]) == 3  # type: ignore[arg-type]


def test_a_label_outside_the_declared_set(write: Write) -> None:
    with pytest.raises(InputError, match="line 1 has the label 'lone', which is not declared") as caught:
        load_suite(write(LABEL_SUITE, [{"question": "a", "label": "lone"}]))
    assert "did you mean 'loan'?" in caught.value.hint


def test_cp949_is_read_and_what_is_no_text_is_refused(write: Write, tmp_path: Path) -> None:
    path = write()
    (tmp_path / "items.jsonl").write_bytes(
        '{"question": "휴관일은 언제인가요?", "reference": ["월요일"]}'.encode("cp949")
    )
    assert load_suite(path).items[0].reference == ("월요일",)
    (tmp_path / "items.jsonl").write_bytes(b'{"question": "\x81\xff\xfe"}')
    with pytest.raises(InputError, match=r"items.jsonl: byte \d+ is not UTF-8"):
        load_suite(path)
