"""What a table's cell may hold: text that no spreadsheet runs, other values as JSON text.

A spreadsheet runs a cell that begins with one of ``TRIGGERS`` as a formula. Such a cell gets one
apostrophe in front; so does one that already has apostrophes there, which makes it reversible.
"""

from typing import Any

from assistant.datasets.strict_json import Unreadable, dumps, parse

TRIGGERS = "=+-@|%\t\r\n＝＋－＠﹢﹣−﹦﹫"
_IGNORED = " \u00a0\u3000\ufeff\u200b"
_BEFORE = "'" + _IGNORED
# Keys whose values may be lists or objects; only these are read as JSON out of a cell.
STRUCTURED = frozenset(
    {"history", "messages", "conversations", "tools", "reference", "passages", "shots", "prompt", "completion"}
    | {"chosen", "rejected", "label", "tie", "weak", "kept", "tags", "weight"}
)


def neutral(text: str) -> str:
    """Return a cell's text so that no spreadsheet takes it for a formula; :func:`restored` undoes it."""
    return "'" + text if text.lstrip(_BEFORE)[:1] in _TRIGGERS else text


def restored(text: str) -> str:
    """Return a cell's text as it was before :func:`neutral`."""
    if text.startswith("'") and text.lstrip(_BEFORE)[:1] in _TRIGGERS:
        return text[1:]
    return text


_TRIGGERS = frozenset(TRIGGERS)


def cell_text(column: str, value: Any) -> str | None:
    """Return a value as a table holds it, None for no cell: texts as they are, everything else as JSON.

    A text that would be taken for JSON when its column is read is written as JSON, too.
    """
    plain = isinstance(value, str) and not (column in STRUCTURED and _like_json(value))
    return value if value is None or plain else dumps(value).decode()


def _like_json(text: str) -> bool:
    return text[:1] in ("[", "{", '"') or text in ("true", "false", "null")


def to_cell(column: str, value: Any) -> str:
    """Return the text of a cell that no spreadsheet runs; no value is an empty one."""
    return neutral(cell_text(column, value) or "")


def from_cell(column: str, cell: str) -> Any:
    """Return a cell's value: text, or for the keys in ``STRUCTURED`` the JSON it holds."""
    return structured(column, restored(cell))


def structured(column: str, text: str) -> Any:
    """Return a text's value: for the keys in ``STRUCTURED`` the JSON it holds, else the text.

    A text in quotes stays one, quotes and all, unless it is what :func:`cell_text` wrote.
    """
    if column in STRUCTURED and _like_json(text):
        try:
            value = parse(text.encode("utf-8", "surrogatepass"))
        except Unreadable:
            return text
        return text if isinstance(value, str) and not _like_json(value) else value
    return text
