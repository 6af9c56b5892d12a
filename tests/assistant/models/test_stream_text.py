"""Text that grows: whole characters, no stop strings."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.models.local import LocalBackend
from assistant.models.stream_text import Detokeniser, StopText

BROKEN = "\N{REPLACEMENT CHARACTER}"
TEXT = st.text(st.one_of(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), st.sampled_from("abc 1.,\n👍é中")))


@pytest.fixture(scope="module")
def pieces(backend: LocalBackend) -> tuple[Callable[[str], list[int]], Callable[[Sequence[int]], str]]:
    """Token ids of a text with every character in single bytes, and the tokenizer's own decoding."""
    vocabulary = backend.format.tokenizer.get_vocab()
    from tokenizers.pre_tokenizers import ByteLevel

    def encode(text: str) -> list[int]:
        (word, _), *more = ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(text) or [("", 0)]
        assert not more
        return [vocabulary[char] for char in word]

    return encode, backend.format.decode


@settings(max_examples=150, deadline=None)
@given(text=TEXT, cuts=st.lists(st.integers(1, 5), max_size=60))
def test_bytes_of_hangul_come_out_whole(pieces, text: str, cuts: list[int]) -> None:  # type: ignore[no-untyped-def]
    encode, decode = pieces
    ids = encode(text)
    letters = Detokeniser(decode)
    shown, place = "", 0
    for size in [*cuts, *([1] * len(ids))]:
        part = letters.add(ids[place : place + size]) if ids[place : place + size] else ""
        place += size
        assert BROKEN not in part
        shown += part
        assert decode(ids).startswith(shown)
    assert shown + letters.finish() == decode(ids)


@settings(max_examples=100, deadline=None)
@given(text=TEXT.filter(bool), data=st.data())
def test_an_answer_cut_inside_a_syllable_loses_only_that(pieces, text: str, data: st.DataObject) -> None:  # type: ignore[no-untyped-def]
    encode, decode = pieces
    ids = encode(text)
    ids = ids[: data.draw(st.integers(0, len(ids)))]
    letters = Detokeniser(decode)
    shown = "".join(letters.add([one]) for one in ids) + letters.finish()
    assert BROKEN not in shown
    assert decode(ids).rstrip(BROKEN) == shown


def test_control_tokens_are_not_text(backend: LocalBackend) -> None:
    ids = [2, *backend.format.text_ids("안녕")[1:], 4, 0]
    letters = Detokeniser(backend.format.decode)
    assert "".join(letters.add([one]) for one in ids).strip() + letters.finish() == "안녕"


@settings(max_examples=300, deadline=None)
@given(
    text=st.text("ab한글\n", max_size=30),
    stops=st.lists(st.text("ab한글\n", min_size=1, max_size=4), max_size=3),
    sizes=st.lists(st.integers(1, 4), min_size=30, max_size=30),
)
def test_stop_strings_wherever_the_pieces_break(text: str, stops: list[str], sizes: list[int]) -> None:
    watcher = StopText(stops)
    shown, place = "", 0
    for size in sizes:
        shown += watcher.add(text[place : place + size])
        place += size
    shown += watcher.finish()
    found = [(text.find(stop) + len(stop), text.find(stop)) for stop in stops if stop in text]
    assert shown == (text[: min(found)[1]] if found else text)
    assert watcher.hit == bool(found)


def test_only_what_may_become_a_stop_is_held_back() -> None:
    watcher = StopText(["\nUser:"])
    assert watcher.add("hello") == "hello"
    assert watcher.add("\nUs") == ""
    assert watcher.add("ual") == "\nUsual"
