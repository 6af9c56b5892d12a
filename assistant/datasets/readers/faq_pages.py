"""Question and answer pairs out of Markdown and HTML pages.

A question is a heading, a bold line or a summary that ends in a question mark, or that begins with
``Q``, ``Question``, ``질문`` or ``문``; its answer is what follows up to the next question or heading.
Sections that ask nothing are named as left out.
"""

import re
from collections.abc import Iterator
from typing import Any

from assistant.datasets.options import ReadOptions
from assistant.datasets.problems import Problems, show
from assistant.datasets.sources import Source, damaged_gzip, open_utf8
from assistant.datasets.strict_json import Unreadable, clean
from assistant.errors import InputError

MAX_BYTES = 20_000_000
_ASKED = re.compile(r"^(?:Q|Question|질문|문)\s*\d*\s*[.:)．：]\s*", re.IGNORECASE)
_ANSWERED = re.compile(r"^(?:A|Answer|답변|답)\s*\d*\s*[.:)．：]\s*", re.IGNORECASE)
_NUMBER = re.compile(r"^\d+\s*[.)]\s+")
_MARKS = re.compile(r"^(?:\*\*|__)(.+?)(?:\*\*|__)\s*$", re.DOTALL)


def read_markdown(origin: Source, problems: Problems, options: ReadOptions) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield ``(line, {"question", "answer", "group"})`` of a Markdown page."""
    from markdown_it import MarkdownIt

    text = _whole(origin)
    lines = text.split("\n")
    blocks: list[tuple[int, int, int, str]] = []  # first line, line after, heading level (0: none), plain text
    tokens = MarkdownIt().parse(text)
    for index, token in enumerate(tokens):
        if token.level == 0 and token.map and token.nesting >= 0:
            inline = tokens[index + 1].content if token.type in ("heading_open", "paragraph_open") else ""
            level = int(token.tag[1]) if token.type == "heading_open" else 0
            blocks.append((token.map[0], token.map[1], level, inline))
    pieces = []
    for first, end, level, inline in blocks:
        body = "\n".join(lines[first:end]).strip()
        pieces += _split_block(first + 1, level, inline, body)
    yield from _pairs(pieces, problems)


def _split_block(line: int, level: int, inline: str, body: str) -> list[tuple[int, int, str]]:
    """Return a block as pieces ``(line, level, text)``; level 7 marks a question that is no heading."""
    if level:
        return [(line, level, inline)]
    first, _, rest = inline.partition("\n")
    bold = _MARKS.match(first)
    if (bold and is_question(bold[1])) or _ASKED.match(first):
        pieces = [(line, 7, bold[1] if bold else first)]
        return [*pieces, (line + 1, 0, rest)] if rest.strip() else pieces
    return [(line, 0, body)]


def read_html(origin: Source, problems: Problems, options: ReadOptions) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield ``(line, {"question", "answer", "group"})`` of an HTML page: details, dt/dd, headings."""
    from bs4 import BeautifulSoup
    from bs4.element import Tag

    page = BeautifulSoup(_whole(origin), "html.parser")
    for tag in page(["script", "style", "nav", "template", "noscript"]):
        tag.decompose()
    pieces: list[tuple[int, int, str]] = []
    headings = {f"h{level}": level for level in range(1, 7)} | {"dt": 7, "summary": 7}
    bodies = {"p", "ul", "ol", "table", "pre", "blockquote", "dd"}
    for tag in page.find_all([*headings, *bodies, "div", "details"]):
        assert isinstance(tag, Tag)
        line = tag.sourceline or 0
        if tag.name in headings:
            pieces.append((line, headings[tag.name], tag.get_text(" ", strip=True)))
        elif tag.name in bodies and not tag.find_parent(list(bodies)):
            pieces += _split_block(line, 0, *(2 * [tag.get_text("\n" if tag.name != "p" else " ", strip=True)]))
        elif tag.name in ("div", "details"):
            own = [str(text).strip() for text in tag.find_all(string=True, recursive=False)]
            if text := " ".join(part for part in own if part):
                pieces.append((line, 0, text))
    yield from _pairs(pieces, problems)


def _pairs(pieces: list[tuple[int, int, str]], problems: Problems) -> Iterator[tuple[int, dict[str, Any]]]:
    """Pair questions with what follows them."""
    section, question, line, level, answer = "", "", 0, 0, list[str]()
    for at, depth, text in [*pieces, (0, 1, "")]:
        if not depth:
            if question:
                answer.append(text)
            elif text:
                problems.lose(at, "", f"text that answers no question: {show(text)}")
            continue
        deeper_heading = question and depth < 7 and depth > level and not is_question(text) and text
        if deeper_heading:
            answer.append(f"{'#' * depth} {text}")
            continue
        if question:
            yield from _pair(question, answer, section, line, problems)
        question, answer = "", []
        if is_question(text):
            question, line, level = plain_question(text), at, depth
        elif text:
            section = text
    return


def _pair(question: str, answer: list[str], section: str, line: int, problems: Problems) -> Iterator[Any]:
    text = _ANSWERED.sub("", "\n\n".join(answer).strip())
    if not text:
        problems.add(line, "answer", f"no answer follows the question {show(question)}", "write one below it")
        return
    try:
        row = {"question": clean(question, "question"), "answer": clean(text, "answer")}
        yield line, row | ({"group": clean(section, "group")} if section else {})
    except Unreadable as error:
        problems.add(line, error.key, error.problem, error.fix)


def is_question(text: str) -> bool:
    """Return whether a heading asks something."""
    bare = text.strip().strip("*_ ")
    return bare.endswith(("?", "？")) or bool(_ASKED.match(bare))


def plain_question(text: str) -> str:
    """Return a question without its marks and number."""
    return _NUMBER.sub("", _ASKED.sub("", _NUMBER.sub("", text.strip().strip("*_ ")))).strip()


def _whole(origin: Source) -> str:
    with open_utf8(origin) as stream, damaged_gzip(origin.name):
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise InputError(f"{origin.name}: a page of more than {MAX_BYTES:,} bytes", "split it")
    try:
        return data.decode().replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        message = f"{origin.name}:{line}: byte 0x{data[error.start]:02x} is not UTF-8"
        raise InputError(message, "save the file as UTF-8, or name its --encoding") from None
