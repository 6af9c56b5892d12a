"""The panel that shows a document with one passage marked."""

import json
import re
import secrets
from collections.abc import Mapping
from typing import Any

from assistant.collect import ITEMS, read
from assistant.errors import InputError
from assistant.schema import Passage
from assistant.ui.context import Page
from assistant.ui.icons import icon
from assistant.ui.markup import element, escape
from assistant.ui.words import Words

SHOWN_CHARACTERS = 60_000


def open_source(page: Page, data: Mapping[str, Any]) -> str:
    """Return the viewer's content for a source that was clicked.

    Raises:
        InputError: the document is gone or the request names none.
    """
    document = str(data.get("document", ""))
    if not document:
        raise InputError("no document was named", "click a source again")
    found = page.services.library.read(document)
    clicked = Passage(document, found.name, 0, str(data.get("text", "")), 0.0, start=_whole(data.get("start")))
    start, end = found.span(clicked) if clicked.text else (0, 0)
    return viewer_html(found.name, found.text, start, end, page.words)


def open_draft(page: Page, data: Mapping[str, Any]) -> str:
    """Return the viewer's content for what people kept; the row with the named id or answer is marked.

    Raises:
        InputError: there is no such draft.
    """
    draft, wanted = str(data.get("draft", "")), {data.get("row"), data.get("text")} - {None, ""}
    text, start, end = "", 0, 0
    for line in read(page.services.home, draft).splitlines():
        marks, said = _kept(line)
        if wanted & marks:
            start, end = len(text), len(text) + len(said)
        text += f"{said}\n\n"
    note = "viewer.items" if draft == ITEMS else "viewer.examples"
    return viewer_html(draft, text, start, end, page.words, note)


def _kept(line: str) -> tuple[set[object], str]:
    """Return id and answers of a kept row, and the row as a person reads it; a line that is no row as it is."""
    try:
        row = json.loads(line)
        answers = [str(each) for each in (row.get("reference") or [row["answer"]])]
        return {row.get("id"), *answers}, f"# {row['question']}\n" + "\n".join(answers)
    except (ValueError, AttributeError, KeyError, TypeError):
        return set(), line


def viewer_html(name: str, text: str, start: int, end: int, words: Words, note: str = "") -> str:
    """Return a document with the passage between ``start`` and ``end`` marked; long ones are cut around it.

    ``note`` is the key of what is said about the document where the mark is not what an answer read.
    """
    first = max(0, start - SHOWN_CHARACTERS // 2)
    last = min(len(text), end + SHOWN_CHARACTERS // 2)
    before, marked, after = text[first:start], text[start:end], text[end:last]
    cut = element("p", escape(words("viewer.cut")), class_="help")
    close = element(
        "button",
        icon("close"),
        type="button",
        class_="quiet",
        data_local="viewer",
        aria_label=words("viewer.close"),
        title=words("viewer.close"),
    )
    body = _headed(before) + (element("mark", _headed(marked)) if marked else "") + _headed(after)
    return element(
        "aside",
        element("header", element("h2", escape(name)), close),
        element("p", escape(words(note or ("viewer.marked" if marked else "viewer.whole"))), class_="help"),
        cut if first else "",
        element("div", body, class_="document", dir_="auto", tabindex=0),
        cut if last < len(text) else "",
        data_opened=secrets.token_hex(4),
        aria_label=words("viewer.title", name=name),
    )


def _headed(text: str) -> str:
    """Return text as HTML with Markdown headings set bold; it stays the text that was read."""
    return re.sub(r"(?m)^#{1,6} +(.+)$", lambda match: element("b", match[1], class_="h"), escape(text))


def _whole(value: object) -> int:
    try:
        return max(0, int(str(value)))
    except ValueError:
        return 0
