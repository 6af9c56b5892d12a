"""Text to chunks: headings become each chunk's context line, tables are cut between rows only.

A chunk's text is its context (headings, a repeated table header) and then its body; ``start`` is
where the body stands, word for word, in the document's text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assistant.retrieval.registry import Chunk
from assistant.schema import language_of

if TYPE_CHECKING:
    from langchain_core.documents import Document

# English needs about 1.6 times the letters for the same content as Hangul syllables.
ENGLISH_FACTOR = 1.6
SEPARATORS = ["\n\n", "\n", "다. ", "요. ", "까? ", ". ", "? ", "! ", "。", "; ", ", ", " ", ""]
SPLITTING_VERSION = 1
_HEADING = re.compile(r"(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$")
_FENCE = re.compile(r"[ ]{0,3}(```|~~~)")
_RULE = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?\s*$")
_CONTEXT = " > "


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a document under its headings (outermost first); ``text`` is word for word."""

    headings: tuple[str, ...]
    text: str
    start: int


def split(text: str, media: str, characters: int, overlap: int = 0) -> list[Chunk]:
    """Cut a document into chunks of about ``characters`` Korean characters (1.6 times that in English).

    Nothing but white space and heading marks is lost.
    """
    size = int(characters * (ENGLISH_FACTOR if language_of(text[:20_000]) == "en" else 1.0))
    found: list[Chunk] = []
    for document in documents(text, media, size, overlap):
        found.append(Chunk(len(found), document.page_content, document.metadata["start_index"]))
    return found


def documents(text: str, media: str, size: int, overlap: int) -> "Iterator[Document]":
    """Yield LangChain documents with their ``start_index``; the splitter's own form of :func:`split`."""
    from langchain_core.documents import Document
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter(
        separators=SEPARATORS,
        keep_separator="end",
        chunk_size=size,
        chunk_overlap=min(overlap, size // 2),
        add_start_index=True,
    )
    for section in sections(text, media):
        context = _CONTEXT.join(section.headings)
        for header, body, start in _pieces(section, size, splitter):
            lines = [part for part in (context, header, body) if part]
            yield Document(page_content="\n".join(lines), metadata={"start_index": start})


def body_span(text: str, chunk_text: str, start: int) -> tuple[int, int]:
    """Return where a chunk's body stands in its document, as (start, end); (start, start) if it does not."""
    place = 0
    while True:
        if chunk_text[place:] and text.startswith(chunk_text[place:], start):
            return start, start + len(chunk_text) - place
        place = chunk_text.find("\n", place) + 1
        if not place:
            return start, start


def sections(text: str, media: str) -> Iterator[Section]:
    """Cut a document at its headings (Markdown) or pages (pdf); plain text is one section."""
    if media == "text/plain":
        if text.strip():
            yield Section((), text, 0)
    elif media == "application/pdf":
        place = 0
        for number, page in enumerate(text.split("\f"), 1):
            if page.strip():
                yield Section((f"p. {number}",), page, place)
            place += len(page) + 1
    else:
        yield from _markdown_sections(text)


def _markdown_sections(text: str) -> Iterator[Section]:
    open_headings: list[tuple[int, str]] = []
    silent: list[int] = []  # positions of headings whose section has had no body yet
    place = begin = 0
    fence = ""

    def until(end: int) -> Iterator[Section]:
        body = text[begin:end]
        if body.strip():
            yield Section(tuple(title for _, title in open_headings), body, begin)
            silent.clear()

    for line in text.splitlines(keepends=True):
        mark = _FENCE.match(line)
        if mark and (not fence or fence == mark[1]):
            fence = "" if fence else mark[1]
        heading = None if fence or mark else _HEADING.match(line.rstrip("\n"))
        if heading:
            yield from until(place)
            level = len(heading[1])
            # A heading without a body that closes here would be lost: it becomes a chunk of its own.
            if silent and open_headings and open_headings[-1][0] >= level:
                yield Section(tuple(title for _, title in open_headings[:-1]), open_headings[-1][1], silent[-1])
            while open_headings and open_headings[-1][0] >= level:
                open_headings.pop()
            open_headings.append((level, heading[2]))
            begin = place + len(line)
            silent.append(place + heading.start(2))
        place += len(line)
    yield from until(len(text))
    if silent and open_headings:
        yield Section(tuple(title for _, title in open_headings[:-1]), open_headings[-1][1], silent[-1])


def _pieces(section: Section, size: int, splitter: Any) -> Iterator[tuple[str, str, int]]:
    """Yield (repeated table header, body, start) of a section's chunks."""
    whole = section.text.strip()
    if len(whole) <= size:
        yield "", whole, section.start + section.text.index(whole)
        return
    for text, start, is_table in _blocks(section.text):
        if is_table:
            yield from ((header, body, section.start + start + at) for header, body, at in _rows(text, size))
        elif text.strip():
            for document in splitter.create_documents([text]):
                yield "", document.page_content, section.start + start + document.metadata["start_index"]


def _blocks(text: str) -> Iterator[tuple[str, int, bool]]:
    """Cut a section into tables and what is between them: (text, start, is it a table)."""
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    number = plain = 0
    while number < len(lines):
        if "|" in lines[number] and number + 1 < len(lines) and _RULE.match(lines[number + 1]):
            end = number + 2
            while end < len(lines) and "|" in lines[end]:
                end += 1
            if plain < number:
                yield text[starts[plain] : starts[number]], starts[plain], False
            yield text[starts[number] : starts[end]], starts[number], True
            number = plain = end
        else:
            number += 1
    if plain < len(lines):
        yield text[starts[plain] :], starts[plain], False


def _rows(table: str, size: int) -> Iterator[tuple[str, str, int]]:
    """Cut a table between rows; every part but the first repeats the header as context."""
    lines = table.splitlines(keepends=True)
    header = "".join(lines[:2]).strip()
    begin, place, length = 0, len(lines[0]) + len(lines[1]), len(header)
    for line in lines[2:]:
        if length + len(line) > size and place > begin and length > len(header):
            body = table[begin:place].strip()
            yield "" if begin == 0 else header, body, begin + table[begin:].index(body)
            begin, length = place, len(header)
        place += len(line)
        length += len(line)
    body = table[begin:].strip()
    if body:
        yield "" if begin == 0 else header, body, begin + table[begin:].index(body)
