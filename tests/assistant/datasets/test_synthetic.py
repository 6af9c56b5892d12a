"""Rows that a model makes: what holds up against the passage is kept and marked, everything else is counted."""

import json

import pytest

from assistant.collect import SYNTHETIC, keep_rows
from assistant.datasets.cleaning import Evaluated
from assistant.datasets.review import build_reviewed, candidates
from assistant.datasets.synthetic import REASONS, Said, Source, Workshop, items_in, locate, spread, tasks
from assistant.errors import InputError
from assistant.locales import keys
from assistant.store import Store
from eval.items import read_items

PASSAGE = "솔마루 도서관은 평일 오전 9시에 열고, 한 번에 여섯 권까지 빌릴 수 있어요."
SOURCE = Source(PASSAGE, "hours.md", 100)


def workshop(*answers, known=(), evaluated=(), count=4):
    """Return a workshop whose model gives these answers one after the other, and the prompts it gets."""
    asked, left = [], list(answers)

    def ask(prompt):
        asked.append(prompt)
        return Said(left.pop(0), "toy@1234")

    return Workshop(ask, known, Evaluated({"suite": list(evaluated)}), count), asked


def pair(question, answer):
    return {"question": question, "answer": answer}


def test_an_answer_must_stand_in_its_passage_and_the_row_says_where(files):
    given = [
        pair("도서관은 평일에 언제 열어요?", "오전  9시"),
        pair("몇 권까지 빌려요?", "일곱 권"),
        pair("여섯 권까지 빌릴 수 있나요?", "여섯 권"),
        {"question": "답이 없는 것"},
    ]
    made, asked = workshop(json.dumps(given, ensure_ascii=False))
    (row,) = made.questions(SOURCE)
    assert PASSAGE in asked[0] and "4개" in asked[0]
    assert (row["answer"], row["language"], row["group"], row["passages"]) == (
        "오전 9시",
        "ko",
        "hours.md",
        [PASSAGE],
    )
    marks = row["synthetic"]
    assert (marks["model"], marks["document"]) == ("toy@1234", "hours.md")
    assert PASSAGE[marks["start"] - 100 : marks["end"] - 100] == "오전 9시"
    assert marks["prompt"] == tasks()["questions"].ref and marks["prompt"].startswith("questions@1:")
    assert made.left_out == {"unsupported": 1, "given_away": 1, "malformed": 1}


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        ('[{"question": "언제 열어요?", "answer": "오전 9시"}]', 1),
        ('물론이죠!\n```json\n[{"question": "언제 열어요?", "answer": "오전 9시"}]\n```\n도움이 되었길 바라요.', 1),
        ('{"questions": [{"question": "언제 열어요?", "answer": "오전 9시"}]}', 1),
        ('{"question": "언제 열어요?", "answer": "오전 9시"}\n{"question": "몇 권?", "answer": "여섯 권"}', 2),
        ("도서관은 아침에 열어요.", 0),
        ("", 0),
        ("[]", 0),
        ("[" * 5000, 0),
        ('[{"question": "x\\ud800", "answer": "오전 9시"}]', 0),
        ('[null, 7, "text"]', 0),
    ],
)
def test_answers_of_every_shape(answer, count):
    made, _ = workshop(answer)
    assert len(made.questions(SOURCE)) == count
    assert bool(made.left_out) is (count == 0)


def test_a_paraphrase_keeps_the_answer_the_numbers_and_the_group():
    seed = {"id": "r1", "question": "9월에는 몇 시에 열어요?", "answer": "열 시", "group": "hours", "language": "ko"}
    given = ["9월 여는 시간이 어떻게 되나요?", "10월에는 몇 시에 열어요?", "9월에는 몇 시에 열어요", "When in 9?"]
    made, _ = workshop(json.dumps(given, ensure_ascii=False))
    (row,) = made.paraphrases(seed)
    assert (row["question"], row["answer"], row["group"]) == (given[0], "열 시", "hours")
    assert row["synthetic"]["seed"] == "r1" and row["synthetic"]["kind"] == "paraphrase"
    assert made.left_out == {"numbers": 1, "copied": 1, "language": 1}


def test_a_twin_that_the_passage_answers_is_none():
    seed = {"id": "r1", "question": "언제 열어요?", "answer": "오전 9시", "language": "ko", "passages": [PASSAGE]}
    twins = json.dumps(["일요일에는 언제 열어요?", "평일 여는 시각은요?"], ensure_ascii=False)
    made, asked = workshop(twins, '{"answer": ""}', '{"answer": "오전 9시"}')
    (row,) = made.twins(seed)
    assert row["question"] == "일요일에는 언제 열어요?" and row["reference"] == [] and "찾을 수 없" in row["answer"]
    assert made.left_out == {"answerable": 1} and len(asked) == 3
    assert workshop("")[0].twins({"id": "x", "question": "q", "answer": "a"}) == []


def test_nothing_repeats_a_row_or_comes_close_to_an_evaluation_set():
    given = [
        pair("도서관은 언제 열어요?", "오전 9시"),
        pair("도서관은 언제 열어요", "오전 9시"),
        pair("한 번에 몇 권을 빌려요?", "여섯 권"),
        pair("평가 문항이에요, 여는 때는?", "평일 오전 9시"),
    ]
    known = [{"id": "old", "question": "한 번에 몇 권을 빌려요?", "answer": "여섯 권"}]
    made, _ = workshop(json.dumps(given, ensure_ascii=False), known=known, evaluated=["평가 문항이에요. 여는 때는?"])
    assert len(made.questions(SOURCE)) == 1 and made.left_out == {"repeated": 2, "evaluated": 1}


def test_prompts_take_texts_as_they_are():
    made, asked = workshop("")
    made.questions(Source("지시: {n}개를 {question} 지우세요. " * 3, "a.md"))
    assert "{n}개를 {question} 지우세요." in asked[0]


def test_rows_wait_for_a_person_and_measure_nothing_before(home, datasets, tmp_path):
    made, _ = workshop('[{"question": "언제 열어요?", "answer": "오전 9시"}]')
    (row,) = made.questions(SOURCE)
    assert keep_rows(home, SYNTHETIC, [row]) == 1 and keep_rows(home, SYNTHETIC, [row]) == 0
    items = tmp_path / "items.jsonl"
    items.write_text(json.dumps(row | {"reference": ["오전 9시"]}, ensure_ascii=False) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="nobody has confirmed"):
        read_items(items, "qa")
    store = Store(home.database)
    (candidate,) = candidates(store, [], home)
    assert (candidate.origin, candidate.author, candidate.state) == ("synthetic", "toy@1234", "open")
    store.add_decision(candidate.id, "accept", reviewer="ann", dataset="own")
    build_reviewed(datasets, candidates(store, [], home), "own")
    (kept,) = datasets.get("own").rows()
    assert kept["confirmed"] == ["ann"] and kept["synthetic"]["document"] == "hours.md"
    items.write_text(json.dumps(kept | {"reference": ["오전 9시"]}, ensure_ascii=False) + "\n", encoding="utf-8")
    assert len(read_items(items, "qa")[0]) == 1
    store.set_consent("toy@1234", False)
    assert candidates(store, [], home) == []
    store.close()


def test_every_reason_is_said():
    assert {f"synthetic.why_{why}" for why in REASONS} <= keys("ko") & keys("en")


def test_small_parts():
    assert locate("AB", "a  b ab") == (5, 7) and locate("...", "a.") is None and locate("a  b.", "x A\nb") == (2, 5)
    assert items_in("no json {at all") is None and items_in("{}") == [{}]
    assert spread(list(range(10)), 3) == [0, 3, 6] and spread([1], 3) == [1]
