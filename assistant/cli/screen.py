"""What a command shows: one JSON document or text on stdout, everything else on stderr."""

import contextlib
import json
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from assistant.errors import JoyulError

LINE_SECONDS = 2.0
REWRITE_SECONDS = 0.1


_document_stream: list[TextIO] = []


@contextlib.contextmanager
def only_documents_on_stdout() -> Iterator[None]:
    """Send whatever a library prints to stderr, so that stdout holds nothing but our JSON document."""
    _document_stream.append(sys.stdout)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _document_stream.pop()


class Screen:
    """The two streams of one command."""

    def __init__(self, as_json: bool, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.as_json = as_json
        self._out = out or (_document_stream[-1] if _document_stream else sys.stdout)
        self._err = err or sys.stderr
        self._told = 0.0
        self._open_line = False

    def document(self, value: Mapping[str, Any], text: str = "") -> None:
        """Print the result: the JSON document, or ``text`` for a person."""
        self.end_line()
        self._print(json.dumps(value, ensure_ascii=False, default=str) if self.as_json else text)

    def _print(self, text: str) -> None:
        if text:
            self._out.write(text + "\n")
        self._out.flush()

    def piece(self, text: str) -> None:
        """Print a piece of an answer as it comes; with ``--json`` the document has it all."""
        if not self.as_json:
            self._out.write(text)
            self._out.flush()

    def note(self, text: str) -> None:
        """Print one line for a person beside the result."""
        self.end_line()
        self._err.write(text + "\n")
        self._err.flush()

    def progress(self, event: Mapping[str, Any]) -> None:
        """Show how far the work has come: rewritten on a terminal, else a line every two seconds."""
        line = progress_line(event)
        terminal = self._err.isatty()
        now = time.monotonic()
        last = event.get("total") is not None and event.get("done") == event.get("total")
        if not line or (not last and now - self._told < (REWRITE_SECONDS if terminal else LINE_SECONDS)):
            return
        self._told = now
        if terminal:
            self._err.write(f"\r\x1b[K{line}")
            self._open_line = True
        else:
            self._err.write(line + "\n")
        self._err.flush()

    def end_line(self) -> None:
        """Leave a rewritten progress line."""
        if self._open_line:
            self._err.write("\n")
            self._open_line = False

    def failure(self, error: JoyulError) -> None:
        """Print a failure: its JSON document, or what happened and what to do next."""
        self.end_line()
        if self.as_json:
            self._print(json.dumps(error.to_dict(), ensure_ascii=False, default=str))
            return
        self._err.write(f"error: {error.message}\n")
        if error.hint:
            self._err.write(f"next: {error.hint}\n")
        self._err.flush()


def progress_line(event: Mapping[str, Any]) -> str:
    """Return one line for an event of any operation; figures that are missing are left out."""
    names = ("stage", "phase", "message", "variant")
    parts = [str(event[name]) for name in names if event.get(name)]
    done, total = event.get("done", event.get("step")), event.get("total", event.get("steps"))
    if total:
        parts.append(f"{done}/{total}")
    if isinstance(event.get("loss"), int | float):
        parts.append(f"loss {event['loss']:.3f}")
    if isinstance(event.get("validation_loss"), int | float):
        parts.append(f"validation loss {event['validation_loss']:.3f}")
    if isinstance(event.get("seconds_left"), int | float):
        parts.append(f"{duration(event['seconds_left'])} left")
    return "  ".join(parts)


def duration(seconds: float) -> str:
    """Return seconds as a person reads them, e.g. ``1 min 20 s``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


def table(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> str:
    """Return rows as aligned columns with a heading."""
    cells = [list(columns), *([_cell(row.get(column)) for column in columns] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in cells]
    return "\n".join(line.rstrip() for line in lines)


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
