"""Strict and fast JSON: orjson reads, the standard library explains what orjson refuses or would change.

orjson takes the last of two equal keys, and rounds whole numbers past 64 bits; both are found here by
counting colons and looking for long numbers, so that only suspicious rows are read a second time.
"""

import json
import re
import unicodedata
from typing import Any

import orjson

from assistant.dataset_rows import MAX_SHOWN, show

MAX_DEPTH = 64
_MOST_DIGITS = 19
_TEXTS = frozenset({str})
_LONG_NUMBER = re.compile(rb"[0-9]{16}")
_KEY_END = re.compile(rb'"[ \t\r\n]*:')
_NOT_JSON = re.compile(r'"((?:[^"\\]|\\.)*+)"\s*:\s*(?:-?Infinity|NaN)\b')


class Unreadable(Exception):
    """A text is no JSON that can be kept as it is: the key (or nothing), what is wrong, the mend."""

    def __init__(self, key: str, problem: str, fix: str) -> None:
        super().__init__(problem)
        self.key, self.problem, self.fix = key, problem, fix


def parse(raw: bytes) -> Any:
    """Return the value of one UTF-8 JSON text, its strings in NFC.

    Raises:
        Unreadable: no JSON, a key twice, NaN or Infinity, a number past 64 bits, more than
            ``MAX_DEPTH`` levels, half a surrogate pair, or a control character.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        value = _slow(raw)
    else:
        flat = type(value) is dict and _TEXTS.issuperset(map(type, value.values()))
        colons, keys = raw.count(b":"), len(value) if flat else _keys(value, 0)
        twice = colons != keys and len(_KEY_END.findall(raw)) != keys
        if twice or (not flat and _LONG_NUMBER.search(raw)):
            value = _slow(raw)
    plain = raw.isascii()
    escaped = b"\\" in raw and (b"\\u" in raw or b"\\b" in raw or b"\\f" in raw)
    if escaped or b"\x7f" in raw or not (plain or unicodedata.is_normalized("NFC", raw.decode())):
        value = clean(value)
    return value


def dumps(value: Any) -> bytes:
    """Return a value as one line of JSON without its line end."""
    return orjson.dumps(value)


def _keys(value: Any, depth: int) -> int:
    """Count the keys of all objects in a value."""
    if depth > MAX_DEPTH:
        raise _too_deep()
    if type(value) is not dict and type(value) is not list:
        return 0
    count = len(value) if type(value) is dict else 0
    for item in value.values() if type(value) is dict else value:
        if type(item) is dict or type(item) is list:
            count += _keys(item, depth + 1)
    return count


def clean(value: Any, key: str = "", depth: int = 0) -> Any:
    """Return a JSON value with all text in NFC.

    Raises:
        Unreadable: a control character, half a surrogate pair, or too many levels.
    """
    if depth > MAX_DEPTH:
        raise _too_deep()
    if type(value) is str:
        if not value.isprintable():
            bad = next((char for char in value if unprintable(char)), None)
            if bad is not None:
                half = f"U+{ord(bad):04X} is half of a character pair"
                control = f"U+{ord(bad):04X} is a control character"
                raise Unreadable(key, half if bad >= "\ud800" else control, "remove that character")
        return unicodedata.normalize("NFC", value)
    if type(value) is dict:
        fresh: dict[str, Any] = {}
        for name, item in value.items():
            name = clean(name, "", depth + 1)
            if name in fresh:
                raise Unreadable(name, "occurs twice once its letters are composed", "keep one of the two keys")
            fresh[name] = clean(item, f"{key}.{name}" if key else name, depth + 1)
        return fresh
    if type(value) is list:
        return [clean(item, f"{key}[{index}]", depth + 1) for index, item in enumerate(value)]
    return value


def unprintable(char: str) -> bool:
    """Return whether a character has no place in a text: controls but tab and line ends, and surrogates."""
    return (char < " " and char not in "\n\r\t") or char == "\x7f" or "\ud800" <= char <= "\udfff"


def _too_deep() -> Unreadable:
    return Unreadable("", f"nested more than {MAX_DEPTH} levels deep", "flatten the row")


def _slow(raw: bytes) -> Any:
    """Read with the standard library, which can be asked to look at each key and number."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        problem = f"byte 0x{raw[error.start]:02x} at column {error.start + 1} is not UTF-8"
        raise Unreadable("", problem, "save the file as UTF-8, or name its --encoding") from None
    try:
        value = json.loads(
            text,
            object_pairs_hook=_once,
            parse_constant=lambda name: _constant(name, text),
            parse_int=_whole,
            parse_float=_real,
        )
    except json.JSONDecodeError as error:
        near = show(text[max(0, error.pos - 20) : error.pos + 20].strip())
        problem = f"not JSON at column {error.pos + 1}: {error.msg.lower()} near {near}"
        raise Unreadable("", problem, "mend the JSON there; one object a line") from None
    except RecursionError:
        raise _too_deep() from None
    _keys(value, 0)
    return clean(value)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        names = [key for key, _ in pairs]
        twice = next(key for key in names if names.count(key) > 1)
        raise Unreadable(twice[:MAX_SHOWN], "occurs twice", "keep one of the two keys")
    return row


def _constant(name: str, text: str) -> Any:
    found = _NOT_JSON.search(text)
    raise Unreadable(found[1][:MAX_SHOWN] if found else "", f"{name} is not JSON", "use null or leave the key out")


def _whole(text: str) -> int:
    digits = len(text.lstrip("-"))
    if digits <= _MOST_DIGITS + 1:
        number = int(text)
        if -(2**63) <= number < 2**64:
            return number
    raise Unreadable("", f"a number of {digits} digits, {text[:20]}…, is past 64 bits", "write it as text, in quotes")


def _real(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise Unreadable("", f"the number {text[:20]} is too large", "write it as text, in quotes")
    return number
