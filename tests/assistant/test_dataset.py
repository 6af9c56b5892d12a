import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.dataset import (
    MAX_LINE_BYTES,
    Example,
    content_hash,
    near_duplicates,
    read_examples,
    to_row,
    write_examples,
)
from assistant.errors import InputError
from assistant.schema import Message, Shot, normalise

GOOD = {"id": "a", "language": "ko", "question": "몇 시에 닫나요?", "answer": "오후 9시", "reference": ["오후 9시"]}


def write(tmp_path, *lines, name="rows.jsonl"):
    path = tmp_path / name
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines))
    return path


def test_both_row_forms_give_the_same_conversation(tmp_path):
    own = {"question": "And on Sunday?", "answer": "10 am", "history": [{"role": "user", "content": "Hours?"}]}
    own["history"].append({"role": "assistant", "content": "9 am"})
    chat = {"messages": [*own["history"], {"role": "user", "content": "And on Sunday?"}]}
    chat["messages"].append({"role": "assistant", "content": "10 am"})
    first, second = read_examples(write(tmp_path, json.dumps(own), json.dumps(chat)))
    assert first.messages == second.messages
    assert first.answer == second.answer == "10 am"
    assert first.question == "And on Sunday?" and len(first.history) == 2


def test_unknown_keys_are_carried_and_rows_without_reference_count_as_answerable(tmp_path):
    rows = [GOOD | {"fact": "hours.close"}, {"question": "q", "answer": "a"}, {"question": "z", "reference": []}]
    read = read_examples(write(tmp_path, *map(json.dumps, rows)))
    assert read[0].extra == {"fact": "hours.close"}
    assert [example.answerable for example in read] == [True, True, False]
    assert read[1].id == "rows-2" and read[1].language == "en"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "rows.jsonl:2: not JSON at column"),
        ("[1, 2]", "rows.jsonl:2: expected one JSON object"),
        ('{"question": 7, "answer": "x"}', "rows.jsonl:2: question: expected text, found 7"),
        ('{"answer": "x"}', "rows.jsonl:2: question: missing"),
        ('{"question": "  ", "answer": "x"}', "rows.jsonl:2: question: is empty"),
        ('{"question": "x", "answer": NaN}', "NaN is not JSON"),
        ('{"question": "x", "question": "y"}', "'question' occurs twice"),
        ('{"question": "x\\ud800"}', "U+D800"),
        ('{"question": "x\\u0000"}', "U+0000"),
        ('{"question": "x", "reference": [null]}', "rows.jsonl:2: reference[0]: missing"),
        ('{"question": "x", "history": [{"role": "bot", "content": "x"}]}', "history[0].role: expected system"),
        ('{"question": "x", "history": [{"role": "user", "content": "x"}]}', "history: expected user and assistant"),
        ('{"messages": []}', "messages: expected user and assistant"),
        ('{"question": "x", "language": "fr"}', "language: expected 'ko' or 'en', found 'fr'"),
        ('{"question": "x", "id": "a"}', "id: 'a' is already on line 1"),
        ('{"question": ' + "[" * 100_000, "nested too deeply"),
        ('{"question": "x", "n": ' + "9" * 5000 + "}", "rows.jsonl:2: "),
    ],
)
def test_each_bad_row_is_named_with_its_place_and_key(tmp_path, line, said):
    with pytest.raises(InputError) as caught:
        read_examples(write(tmp_path, json.dumps(GOOD), line))
    assert said in caught.value.message
    assert "1 other rows are fine" in caught.value.hint or "2 other rows are fine" in caught.value.hint
    assert len(caught.value.message) < 260


def test_up_to_fifty_problems_come_in_one_pass_and_values_are_cut(tmp_path):
    lines = ['{"question": "' + "long " * 100 + '", "history": "' + "x" * 500 + '"}'] * 80
    with pytest.raises(InputError) as caught:
        read_examples(write(tmp_path, *lines))
    problems = caught.value.details["problems"]
    assert len(problems) == 50 and problems[49].startswith("rows.jsonl:50:")
    assert max(len(problem) for problem in problems) < 160


def test_training_rows_need_an_answer(tmp_path):
    path = write(tmp_path, '{"question": "x"}')
    assert read_examples(path)[0].answer == ""
    with pytest.raises(InputError, match="answer: missing"):
        read_examples(path, need_answer=True)


def test_a_giant_line_is_named_and_the_rest_still_read(tmp_path):
    path = write(tmp_path, b'{"question": "' + b"x" * (3 * MAX_LINE_BYTES) + b'"}', '{"question": 5}')
    with pytest.raises(InputError) as caught:
        read_examples(path)
    first, second = caught.value.details["problems"]
    assert "rows.jsonl:1: the line is longer" in first and "rows.jsonl:2: question" in second


def test_encodings(tmp_path):
    text = json.dumps(GOOD, ensure_ascii=False)
    assert read_examples(write(tmp_path, b"\xef\xbb\xbf" + text.encode(), "", " "))[0].answer == "오후 9시"
    korean = write(tmp_path, text.encode("cp949"), name="old.jsonl")
    with pytest.raises(InputError, match="looks like CP949") as caught:
        read_examples(korean)
    assert "몇 시에 닫나요" in caught.value.message and "encoding: cp949" in caught.value.hint
    assert read_examples(korean, encoding="cp949")[0].answer == "오후 9시"
    with pytest.raises(InputError, match="UTF-16"):
        read_examples(write(tmp_path, text.encode("utf-16")))
    with pytest.raises(InputError, match=r"rows.jsonl:1: not utf-8 text \(byte 0xff"):
        read_examples(write(tmp_path, b'{"question": "\xff\xff"}'))
    with pytest.raises(InputError, match="unknown encoding"):
        read_examples(korean, encoding="hangul")


def test_missing_and_empty_files(tmp_path):
    with pytest.raises(InputError, match="no data file"):
        read_examples(tmp_path / "none.jsonl")
    with pytest.raises(InputError, match="has no rows"):
        read_examples(write(tmp_path, ""))


def test_decomposed_hangul_is_read_as_composed(tmp_path):
    import unicodedata

    row = {"question": unicodedata.normalize("NFD", "도서관"), "answer": "a"}
    assert read_examples(write(tmp_path, json.dumps(row)))[0].question == "도서관"


# Surrogates and control characters are refused by design, so they are not in the round trip.
TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=30).map(normalise)
SOLID = TEXT.filter(str.strip)
EXAMPLES = st.lists(
    st.builds(
        Example,
        id=st.uuids().map(str),
        messages=SOLID.map(lambda text: (Message("user", text),)),
        answer=SOLID,
        language=st.sampled_from(["ko", "en"]),
        references=st.none() | st.tuples(TEXT),
        group=TEXT,
        passages=st.tuples(TEXT) | st.just(()),
        extra=st.dictionaries(st.just("fact"), TEXT),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda example: example.id,
)


@settings(max_examples=60, deadline=None)
@given(EXAMPLES)
def test_what_is_written_is_read_back_equal(tmp_path_factory, examples):
    path = tmp_path_factory.mktemp("round") / "rows.jsonl"
    write_examples(path, examples)
    assert read_examples(path) == examples
    before = path.read_bytes()
    write_examples(path, read_examples(path))
    assert path.read_bytes() == before


def test_hash_follows_content_and_not_layout(tmp_path):
    one = read_examples(write(tmp_path, json.dumps(GOOD)))
    spaced = read_examples(write(tmp_path, "", json.dumps(GOOD, indent=None, separators=(" , ", " : "))))
    other = read_examples(write(tmp_path, json.dumps(GOOD | {"answer": "오후 8시"})))
    assert content_hash(one) == content_hash(spaced) != content_hash(other)


def test_shots_survive(tmp_path):
    example = Example("x", (Message("user", "q"),), "a", shots=(Shot("one", "1"), Shot("하나", "1", "ko")))
    path = tmp_path / "x.jsonl"
    write_examples(path, [example])
    assert read_examples(path) == [example]
    assert "shots" in to_row(example)


def test_near_duplicates_by_both_ways(monkeypatch):
    left = ["도서관은 몇 시에 닫나요?", "How long may I keep a DVD?", "something else entirely"]
    right = ["도서관은 몇시에 닫나요", "Where is the cafe?", "How long may I keep a DVD"]
    exact = near_duplicates(left, right, 0.7)
    assert [(i, j) for i, j, _ in exact] == [(0, 0), (1, 2)]
    assert exact[1][2] == 1.0
    monkeypatch.setattr("assistant.dataset._EXACT_PAIRS", 0)
    assert near_duplicates(left, right, 0.7) == exact
