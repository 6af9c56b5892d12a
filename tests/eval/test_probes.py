"""Probes: what ships, and that every check can be met and missed."""

import json
from collections import Counter
from pathlib import Path

import pytest

from assistant.errors import InputError
from assistant.paths import data_root
from eval.probes import KINDS, Probe, read_probes

SHIPPED = read_probes(data_root() / "forgetting" / "probes")
CASES = [
    ({"words": [1, 1]}, "honey", "sweet honey"),
    ({"words": [4, 9]}, "it snows all day", "it snows"),
    ({"contains": ["cat", "dog"]}, "A Cat met a dog.", "A cat slept."),
    ({"excludes": ["cold"], "words": [2, 9]}, "Snow falls.", "Cold snow."),
    ({"starts": "First"}, "First, heat water.", "Heat water first."),
    ({"ends": "goodbye"}, "Well then, goodbye!", "Goodbye to you"),
    ({"ends": "?"}, "Do you sing?", "You sing."),
    ({"ends": "습니다"}, "저는 윤입니다. 반갑습니다.", "저는 윤이에요."),
    ({"equals": ["yes", "no"]}, "Yes.", "Yes, it is"),
    ({"case": "upper"}, "WHITE!", "White"),
    ({"case": "lower"}, "an apple", "12"),
    ({"pattern": "\\d{4}-\\d{2}-\\d{2}"}, " 2021-05-03\n", "It is 2021-05-03"),
    ({"language": "ko"}, "봄을 좋아해요", "I like spring"),
    ({"json_keys": ["age", "name"]}, '{"name": "Mina", "age": 12}', 'Here: {"name": "Mina", "age": 12}'),
    ({"json_list": 3}, "[1, 2, 3]", "[1, 2]"),
]


def test_forty_of_each_kind_ship_in_both_languages() -> None:
    counts = Counter((probe.kind, probe.language) for probe in SHIPPED)
    assert all(counts[kind, "ko"] + counts[kind, "en"] >= 40 for kind in KINDS)
    assert all(counts[kind, language] >= 20 for kind in KINDS for language in ("ko", "en"))
    assert len({probe.id for probe in SHIPPED}) == len({probe.key for probe in SHIPPED}) == len(SHIPPED)


@pytest.mark.parametrize(("check", "right", "wrong"), CASES, ids=[str(case[0]) for case in CASES])
def test_a_check_can_be_met_and_missed(check: dict, right: str, wrong: str) -> None:
    probe = Probe("p", "format", "en", "do it", check=check)
    assert probe.right(right) and not probe.right(wrong) and not probe.right("  ")


def test_refusing_is_right_only_where_the_passage_does_not_answer() -> None:
    lacks = Probe("p", "refusal", "en", "Who?", "A bench stands here.", refuse=True)
    answers = Probe("p", "refusal", "en", "What stands here?", "A bench stands here.", refuse=False)
    assert lacks.right("I can't find that in the documents.") and not lacks.right("Tom") and not lacks.right("")
    assert answers.right("A bench") and not answers.right("문서에서 답을 찾을 수 없어요.") and not answers.right("")
    assert "A bench stands here." in lacks.messages()[-1].content


@pytest.mark.parametrize(
    "row",
    [
        {"id": "x", "language": "en", "question": "q", "check": {"wrods": 1}},
        {"id": "x", "language": "en", "check": {"words": [1, 1]}},
    ],
)
def test_a_bad_probe_is_named_by_file_and_line(tmp_path: Path, row: dict) -> None:
    for kind in KINDS:
        shipped = (data_root() / "forgetting" / "probes" / f"{kind}.jsonl").read_text("utf-8")
        more = json.dumps(row) + "\n" if kind == "format" else ""
        (tmp_path / f"{kind}.jsonl").write_text(shipped + more, "utf-8")
    with pytest.raises(InputError, match=r"format\.jsonl:41"):
        read_probes(tmp_path)
