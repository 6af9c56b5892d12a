"""A file of any known container and format as rows of the own form: detected, named, checked, streamed."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from assistant.datasets import FORMATS, READERS
from assistant.datasets.formats.base import RowFormat
from assistant.datasets.options import ReadOptions
from assistant.datasets.problems import Place, Problems, show
from assistant.datasets.rows import Row
from assistant.datasets.sources import Source, raw_stream, sample, source
from assistant.errors import InputError, UsageError
from assistant.lazy import load_object, lookup, nearest

UNKNOWN = "unknown"  # no row could be read, so nothing tells the format
_LOOK_AT = 200
_BINARY = ("xlsx", "parquet")
_MOSTLY = 2 / 3
# Column names people use, offered as a --map in the error, never taken without being told.
_GUESSES = {
    "question": ("질문", "문의", "문의내용", "물음", "q", "query", "user", "input", "text", "제목", "내용", "본문"),
    "answer": (
        "답변",
        "답",
        "응답",
        "정답",
        "a",
        "response",
        "reply",
        "assistant",
        "output",
        "target",
        "라벨",
        "label",
    ),
    "label": ("라벨", "분류", "유형", "범주", "카테고리", "class", "category", "topic", "tag"),
    "context": ("참고", "문맥", "근거", "지문", "passage", "document", "reference"),
    "summary": ("요약", "요약문"),
    "source": ("원문", "원본"),
    "target": ("번역", "번역문", "translation"),
}
_LIKE = {"text": "question"}  # a text is called what a question is called


@dataclass(frozen=True, slots=True)
class Detected:
    """What a file is; ``rows`` are only looked at, not yet checked."""

    origin: Source
    container: str
    format: str
    keys: tuple[str, ...]
    mapping: Mapping[str, str]

    @property
    def encoding(self) -> str:
        """The encoding as people call it; "" for binary containers."""
        return self.origin.encoding


def detect(path: Path, options: ReadOptions, any_columns: bool = False) -> Detected:
    """Say what a file is, by its content; with ``any_columns`` its rows may be of no known format.

    Raises:
        InputError: it cannot be told, or is not what the options say; with a preview.
        UsageError: a format, column or mapping that does not exist.
    """
    if options.format is not None and options.format not in FORMATS:
        raise UsageError(f"unknown format {options.format!r}", nearest(options.format, FORMATS))
    container = _container(path, options)
    if container in _BINARY:
        sample(path)
        origin = Source(path, "")
    else:
        origin = source(path, options.encoding)
    if container == "text":
        container = _text_container(origin)
    if container in ("markdown", "html"):
        if options.format not in (None, "faq"):
            raise InputError(f"{origin.name}: a {container} page, not {options.format}", "use --format faq")
        return Detected(origin, container, "faq", (), options.mapping)
    rows = [row for _, row in islice(_raw(origin, container, Problems(origin.name), options), _LOOK_AT)]
    keys = tuple(dict.fromkeys(key for row in rows for key in row))
    for target, column in options.mapping.items():
        if rows and column not in keys:
            raise UsageError(f"--map {target}={column}: {origin.name} has no such column", f"columns: {_list(keys)}")
    name = "table" if any_columns else options.format
    if name is None:
        name = _format(origin, [_mapped(row, options.mapping) for row in rows], keys)
    return Detected(origin, container, name, keys, options.mapping)


def read(found: Detected, problems: Problems, options: ReadOptions) -> Iterator[tuple[int, Row]]:
    """Yield ``(line, row)`` in the own form; what is wrong is noted in ``problems``."""
    if found.format == UNKNOWN:
        for _ in _raw(found.origin, found.container, problems, options):
            pass
        return
    form: RowFormat = load_object(FORMATS[found.format])
    parse, mapping, place = form.parse, found.mapping, Place(problems, 0)
    for line, raw in _raw(found.origin, found.container, problems, options):
        place.line = line  # one place for all rows: no parser keeps it
        row = parse(_mapped(raw, mapping) if mapping else raw, place)
        if row is not None:
            yield line, row


def raw_rows(found: Detected, problems: Problems, options: ReadOptions) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield ``(line, object)`` as the file has them, unchecked; columns are renamed by the mapping."""
    for line, raw in _raw(found.origin, found.container, problems, options):
        yield line, _mapped(raw, found.mapping)


def _raw(origin: Source, container: str, problems: Problems, options: ReadOptions) -> Iterator[tuple[int, Any]]:
    reader: Callable[..., Iterator[tuple[int, Any]]] = lookup(READERS, container, "container")
    return reader(origin, problems, options)


def _mapped(row: dict[str, Any], mapping: Mapping[str, str]) -> dict[str, Any]:
    if not mapping:
        return row
    named = {target: row[column] for target, column in mapping.items() if column in row}
    return named | {key: value for key, value in row.items() if key not in mapping.values() and key not in named}


def _container(path: Path, options: ReadOptions) -> str:
    """Return the container by the file's first bytes, then by its name; ``text`` where only text tells."""
    with raw_stream(path) as stream:
        try:
            head = stream.read(8)
        except (EOFError, OSError):
            head = b""
    if head.startswith(b"PK\x03\x04"):
        return "xlsx"
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise InputError(f"{path.name}: an old office file (xls, or locked by a password)", "save it as XLSX or CSV")
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    suffix = suffixes[-2] if suffixes[-1:] == [".gz"] and len(suffixes) > 1 else (suffixes or [""])[-1]
    named = {".csv": "csv", ".tsv": "tsv", ".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html"}
    if suffix in (".xlsx", ".parquet"):
        if head:
            raise InputError(f"{path.name}: not a {suffix[1:]} file inside", "save it again, or correct its ending")
        return suffix[1:]
    return named.get(suffix, "text")


def _text_container(origin: Source) -> str:
    data = sample(origin.path)
    text = data.decode(origin.encoding, errors="replace").lstrip("\ufeff \t\r\n")
    if text[:1] == "[":
        return "json"
    if text[:1] == "{":
        return "jsonl"
    if re.match(r"<(?:!doctype|html|head|body|h\d|details|dl|div|p)\b", text, re.IGNORECASE):
        return "html"
    suffixes = {suffix.lower() for suffix in origin.path.suffixes}
    if suffixes & {".jsonl", ".json", ".ndjson"}:
        return "jsonl"
    first = text.split("\n", 1)[0]
    message = f"{origin.name}: cannot tell what this is (first line: {show(first.strip())})"
    raise InputError(message, "end its name in .jsonl, .json, .csv, .tsv, .md or .html, as its content is")


def _format(origin: Source, rows: list[dict[str, Any]], keys: tuple[str, ...]) -> str:
    """Return the format most rows have.

    Raises:
        InputError: none, or rows of several formats.
    """
    forms: list[RowFormat] = [load_object(target) for target in FORMATS.values()]
    votes = Counter(next((form.name for form in forms if form.matches(row)), "") for row in rows)
    known = Counter({name: count for name, count in votes.items() if name})
    if not known:
        if not rows:
            return UNKNOWN
        hint = _mapping_hint(keys) or f"name it with --format ({', '.join(FORMATS)}), or columns with --map"
        message = f"{origin.name}: no known format has the keys {_list(keys)} (first row: {show(rows[0])})"
        raise InputError(message, hint)
    if known.keys() == {"joyul", "openai"}:
        return "joyul"  # which holds conversations too, and writes them under the same key
    (name, count), *_ = known.most_common(1)
    if count < _MOSTLY * known.total():
        shares = ", ".join(f"{each} {n}" for each, n in known.most_common())
        message = f"{origin.name}: rows of several formats ({shares}; first row: {show(rows[0])})"
        raise InputError(message, f"split the file, or name one, e.g. --format {name}")
    return name


def suggest_mapping(keys: Sequence[str], wanted: Sequence[str] = ("question", "answer")) -> dict[str, str]:
    """Return which columns may be the ``wanted`` ones by their names: for a person to confirm."""
    plain = {key.lower().replace(" ", ""): key for key in keys}
    names = {own: _GUESSES[_LIKE.get(own, own)] for own in wanted if _LIKE.get(own, own) in _GUESSES}
    pairs = {own: next((plain[name] for name in known if name in plain), "") for own, known in names.items()}
    return {own: column for own, column in pairs.items() if column}


def _mapping_hint(keys: tuple[str, ...]) -> str:
    pairs = suggest_mapping(keys)
    if len(pairs) < 2:
        return ""
    said = " ".join(f"--map {own}={column}" for own, column in pairs.items())
    return f"if that is right, re-run with {said}"


def _list(keys: tuple[str, ...]) -> str:
    shown = ", ".join(show(key) for key in keys[:12])
    return f"{shown} and {len(keys) - 12} more" if len(keys) > 12 else shown or "(none)"
