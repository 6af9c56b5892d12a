"""Chunks: no text lost, places right, headings and table headers carried along."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.paths import data_root
from assistant.retrieval.splitting import body_span, split

DEMO = sorted((data_root() / "demo" / "documents").rglob("*.md"))
LINES = st.lists(
    st.one_of(
        st.sampled_from(
            ["# 제목", "## Fees", "### Deep", "", "```", "| a | b |", "| --- | --- |", "| 1 | 둘 |", "- item"]
        ),
        st.text(alphabet="가나다라 abc.|#\t?!요", max_size=120),
        st.integers(1, 40).map(lambda n: "문장이 길게 이어집니다. " * n),
    ),
    max_size=30,
)


def _squeeze(text: str) -> str:
    return re.sub(r"[\s#]+", "", text)


@given(LINES, st.sampled_from(["text/markdown", "text/plain"]), st.integers(100, 500))
@settings(max_examples=300, deadline=None)
def test_no_text_is_lost_and_every_body_stands_where_it_says(lines: list[str], media: str, size: int) -> None:
    text = "\n".join(lines)
    chunks = split(text, media, size)
    assert [chunk.number for chunk in chunks] == list(range(len(chunks)))
    covered = [False] * len(text)
    for chunk in chunks:
        start, end = body_span(text, chunk.text, chunk.start)
        assert start < end, (chunk, text)
        covered[start:end] = [True] * (end - start)
    context = "".join(_squeeze(chunk.text) for chunk in chunks)
    for line, place in _lines(text):
        missing = "".join(char for at, char in enumerate(line, place) if not covered[at])
        if _squeeze(missing):  # only headings may stand in a context line instead
            assert media == "text/markdown" and line.lstrip().startswith("#")
            assert _squeeze(missing) in context


def _lines(text: str) -> list[tuple[str, int]]:
    found, place = [], 0
    for line in text.splitlines(keepends=True):
        found.append((line, place))
        place += len(line)
    return found


@pytest.mark.parametrize("path", DEMO, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_demo_passages_are_short_and_placed(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for chunk in split(text, "text/markdown", 360):
        start, end = body_span(text, chunk.text, chunk.start)
        assert 0 < end - start <= 360 * 1.6
        assert chunk.text.split("\n")[0].startswith(text.splitlines()[0].lstrip("# "))


def test_table_is_cut_between_rows_and_its_header_repeated() -> None:
    rows = [f"| {number}번 방 | {number * 1000}원 |" for number in range(60)]
    text = "# 요금\n\n표를 보세요.\n\n" + "\n".join(["| 방 | 값 |", "| --- | --- |", *rows]) + "\n\n끝입니다.\n"
    chunks = split(text, "text/markdown", 200)
    assert len(chunks) > 5
    for row in rows:
        assert sum(row in chunk.text.split("\n") for chunk in chunks) == 1
    for chunk in chunks:
        if "번 방" in chunk.text:
            assert "| 방 | 값 |\n| --- | --- |" in chunk.text
            assert chunk.text.startswith("요금\n")


def test_pages_are_named() -> None:
    first, second = split("First page.\fSecond page.", "application/pdf", 200)
    assert first.text == "p. 1\nFirst page."
    assert (second.text, second.start) == ("p. 2\nSecond page.", 12)


def test_english_chunks_are_longer_than_korean_ones() -> None:
    english = split("A sentence in English about boats. " * 60, "text/plain", 200)
    korean = split("배를 빌리는 방법을 한국어로 적은 문장입니다. " * 60, "text/plain", 200)
    assert max(len(chunk.text) for chunk in korean) <= 200 < max(len(chunk.text) for chunk in english) <= 320
    assert all(chunk.text.endswith(".") for chunk in english + korean)


def test_fenced_code_holds_no_headings() -> None:
    (chunk,) = split("# Use\n\n```\n# not a heading\nrun\n```\n", "text/markdown", 200)
    assert chunk.text == "Use\n```\n# not a heading\nrun\n```"
