"""One file in another format, and what that format cannot hold beside it, so that the way back is exact.

Each row is written, read back and turned into the first format again at once; wherever that differs, the
keys are listed and kept in ``OUT.kept.jsonl``. Converting OUT back with that file beside it restores them.
"""

import hashlib
import json
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from assistant.datasets import FORMATS, WRITERS
from assistant.datasets.formats.base import RowFormat, cannot_render
from assistant.datasets.options import ReadOptions
from assistant.datasets.problems import MAX_PROBLEMS, Place, Problems
from assistant.datasets.reading import UNKNOWN, Detected, detect, raw_rows
from assistant.datasets.rows import CannotHold, Row
from assistant.datasets.strict_json import dumps
from assistant.datasets.writers import as_read_back, new_file
from assistant.errors import CancelledError, InputError, UsageError
from assistant.lazy import load_object, nearest
from assistant.progress import Cancelled, Progress

_TABLES = ("csv", "tsv", "xlsx", "parquet")
_EVERY = 5000
_SORTED = orjson.OPT_SORT_KEYS


@dataclass
class Losses:
    """What the target format cannot hold, by row and key; all counted, the first listed."""

    listed: list[dict[str, Any]] = field(default_factory=list)
    total: int = 0

    def add(self, row: int, key: str, why: str) -> None:
        """Note one key of one row (counted from 1)."""
        self.total += 1
        if len(self.listed) < MAX_PROBLEMS:
            self.listed.append({"row": row, "key": key, "why": why})


def kept_file(path: Path) -> Path:
    """Return where the keys go that a converted file cannot hold."""
    return path.with_name(path.name + ".kept.jsonl")


def target_of(out: Path, to: str) -> tuple[RowFormat, str]:
    """Return row format and container of what is to be written.

    Raises:
        UsageError: no such format, or one that is only read.
    """
    if to in _TABLES:
        return load_object(FORMATS["joyul"]), to
    if to not in FORMATS:
        raise UsageError(f"unknown format {to!r}", nearest(to, [*FORMATS, *_TABLES]))
    form: RowFormat = load_object(FORMATS[to])
    if form.render is cannot_render:
        raise UsageError(f"{to} can only be read", f"write one of: {', '.join(writable())}")
    ending = out.suffix.lower().lstrip(".")
    return form, ending if ending in WRITERS else form.container


def writable() -> list[str]:
    """Return the names that ``--to`` takes."""
    return [name for name in FORMATS if load_object(FORMATS[name]).render is not cannot_render] + list(_TABLES)


def convert(
    path: Path,
    out: Path,
    to: str,
    options: ReadOptions,
    *,
    skip_bad: bool = False,
    progress: Progress = lambda _: None,
    cancelled: Cancelled = lambda: False,
) -> dict[str, Any]:
    """Write ``path`` as ``out`` and report what was written, lost and kept.

    Raises:
        InputError: bad rows (nothing is written then, unless ``skip_bad``), or an unreadable file.
        UsageError: no such format, or both are the same file.
        CancelledError: ``cancelled`` returned true; nothing is written.
    """
    if out.resolve() == path.resolve():
        raise UsageError("input and output are the same file", "name another output")
    form, container = target_of(out, to)
    found, problems, losses = detect(path, options), Problems(path.name), Losses()
    report: dict[str, Any] = {"format": found.format, "encoding": found.encoding, "to": form.name}
    report |= {"container": container, "rows": 0, "written": 0}
    work = _Conversion(found, form, container, problems, losses, report, options)
    sidecar = kept_file(out)

    def rows() -> Generator[Row, None, None]:
        with new_file(sidecar) as kept:
            kept.write(dumps({"kept_by": "joyul", "from": work.back.name, "container": work.origin}) + b"\n")
            for row in work.rows(lambda entry: kept.write(dumps(entry) + b"\n")):
                if report["rows"] % _EVERY == 0:
                    progress({"stage": "convert", "done": report["rows"]})
                    if cancelled():
                        raise CancelledError("converting was stopped", "nothing was written")
                yield row
            if problems.total and not skip_bad:
                raise _refused(found, problems, report)
            _check_any(found, work, losses, report)

    write: Callable[[Path, Iterator[Row]], int] = load_object(WRITERS[container])
    with closing(rows()) as made:
        report["written"] = write(out, made)
    if not work.kept_rows:
        sidecar.unlink(missing_ok=True)
    report |= {"lost": losses.listed, "lost_total": losses.total, "problems": problems.to_json()}
    report["left_out"] = problems.lost
    return report | {"kept": str(sidecar) if work.kept_rows else None, "file": str(out)}


def _refused(found: Detected, problems: Problems, report: dict[str, Any]) -> InputError:
    more = f" (and {problems.total - 1} more)" if problems.total > 1 else ""
    hint = f"mend {found.origin.name}, or leave the bad rows out with --skip-bad; nothing was written"
    details = report | {"written": 0, "problems": problems.to_json()}
    return InputError(f"{problems.kept[0]}{more}", hint, **details)


def _check_any(found: Detected, work: "_Conversion", losses: Losses, report: dict[str, Any]) -> None:
    """Refuse a conversion that would leave an empty file."""
    if not report["rows"]:
        raise InputError(f"{found.origin.name}: the file has no rows", "choose a file with rows", **report)
    if work.written:
        return
    why = losses.listed[0]["why"]
    hint = f"choose another --to; {why}"
    details = report | {"lost": losses.listed, "lost_total": losses.total}
    raise InputError(f"{found.origin.name}: no row fits {work.form.name}; nothing was written", hint, **details)


class _Conversion:
    """Rows on their way from one format to another."""

    def __init__(
        self,
        found: Detected,
        form: RowFormat,
        container: str,
        problems: Problems,
        losses: Losses,
        report: dict[str, Any],
        options: ReadOptions,
    ) -> None:
        self.found, self.form, self.container, self.problems = found, form, container, problems
        self.losses, self.report, self.options = losses, report, options
        self.source: RowFormat | None = None if found.format == UNKNOWN else load_object(FORMATS[found.format])
        read_only = self.source is None or self.source.render is cannot_render
        self.back: RowFormat = load_object(FORMATS["joyul"]) if read_only or self.source is None else self.source
        self.origin = "jsonl" if read_only else found.container
        self.kept_rows, self.written = 0, 0

    def rows(self, keep: Callable[[dict[str, Any]], Any]) -> Iterator[Row]:
        """Yield the converted rows; ``keep`` takes an entry for each row that lost something."""
        restored = _Restorer(self.found.origin.path, self.form.name, self.losses)
        for line, raw in raw_rows(self.found, self.problems, self.options):
            yield from restored.whole_rows()
            before = self.problems.total
            own = self.source.parse(raw, Place(self.problems, line)) if self.source else None
            if own is None:
                restored.position += self.problems.total > before
                continue
            self.report["rows"] += 1
            first = raw if self.back is self.source else own
            made = self._one(first, own, keep)
            if made is not None:
                self.written += 1
                yield restored.mend(made, raw)
            else:
                restored.position += 1
        yield from restored.whole_rows(at_end=True)

    def _one(self, first: Any, own: Row, keep: Callable[[dict[str, Any]], Any]) -> Row | None:
        number = self.report["rows"]
        try:
            made = self.form.render(own)
        except CannotHold as error:
            self.losses.add(number, error.key, error.why)
            self._keep(keep, {"row": number, "whole": first})
            return None
        held = as_read_back(self.container, made)
        probe = Problems("")
        again = self.form.parse(held, Place(probe, 0))
        if again is None:
            self.losses.add(number, probe.kept[0].key, probe.kept[0].problem)
            self._keep(keep, {"row": number, "whole": first})
            return None
        try:
            returned = as_read_back(self.origin, self.back.render(again))
        except CannotHold:
            returned = {}
        if not _same(returned, first):
            keys = {
                key: value for key, value in first.items() if key not in returned or not _same(returned[key], value)
            }
            drop = [key for key in returned if key not in first]
            for key in keys:
                self.losses.add(number, key, f"{self.form.name} in {self.container} has no exact place for it")
            self._keep(keep, {"row": number, "digest": _digest(held), "keys": keys, "drop": drop})
        return made

    def _keep(self, keep: Callable[[dict[str, Any]], Any], entry: dict[str, Any]) -> None:
        self.kept_rows += 1
        keep(entry)


def _same(one: Any, other: Any) -> bool:
    """Return whether two JSON values are one, where 1, 1.0 and true are three."""
    return bool(one == other) and orjson.dumps(one, option=_SORTED) == orjson.dumps(other, option=_SORTED)


def _digest(row: Row) -> str:
    text = json.dumps(row, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


class _Restorer:
    """Puts back what an earlier conversion kept beside the file that is now converted back."""

    def __init__(self, path: Path, to: str, losses: Losses) -> None:
        self.position, self._losses = 1, losses
        self._next: dict[str, Any] | None = None
        self._entries: Iterator[dict[str, Any]] = iter(())
        file = kept_file(path)
        if file.is_file():
            self._entries = _entries(file)
            head = next(self._entries, {})
            if head.get("from") == to:
                self._advance()
            else:
                losses.add(0, "", f"{file.name} holds keys of {head.get('from')} rows, not of {to}; it is not used")

    def _advance(self) -> None:
        self._next = next(self._entries, None)

    def whole_rows(self, at_end: bool = False) -> Iterator[Row]:
        """Yield rows that stood here and had no place in the file at all."""
        while self._next is not None and "whole" in self._next and (at_end or self._next["row"] == self.position):
            row: Row = self._next["whole"]
            yield row
            self.position += 1
            self._advance()

    def mend(self, made: Row, raw: Row) -> Row:
        """Return a converted row with its kept keys, if it is still the row they were kept for."""
        entry, self.position = self._next, self.position + 1
        if entry is None or "whole" in entry or entry["row"] != self.position - 1:
            return made
        self._advance()
        if entry["digest"] != _digest(raw):
            self._losses.add(entry["row"], ", ".join(entry["keys"]), "kept keys not put back: the row was changed")
            return made
        kept: Row = entry["keys"]
        return {key: value for key, value in made.items() if key not in entry["drop"]} | kept


def _entries(file: Path) -> Iterator[dict[str, Any]]:
    with file.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                entry = json.loads(line)
            except ValueError as error:
                raise InputError(f"{file.name}:{number}: not JSON", "convert the file again, or remove it") from error
            yield entry
