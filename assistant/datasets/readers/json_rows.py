"""JSON objects, one a line or in one array, read without holding the file."""

import re
from collections.abc import Iterator
from typing import IO, Any

from assistant.datasets.options import ReadOptions
from assistant.datasets.problems import Problems, show
from assistant.datasets.sources import MAX_LINE_BYTES, Source, damaged_gzip, open_utf8
from assistant.datasets.strict_json import Unreadable, parse
from assistant.errors import InputError

MAX_ELEMENT_BYTES = 32_000_000  # one exported conversation is far longer than one line of training data
_CHUNK = 1 << 16
# A whole string, or what opens and closes; a quote on its own opens a string that does not end here.
# Possessive, so that a string of 32 MB needs no memory for ways back.
_TOKEN = re.compile(rb'"(?:[^"\\\r\n]++|\\.)*+"|["\[\]{},]', re.DOTALL)
_SPACE = b" \t\r\n"
_OPEN_QUOTE = "a text's quote is never closed, in what begins on this line"


def read_lines(origin: Source, problems: Problems, options: ReadOptions) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield ``(line, object)`` of a JSONL file; blank lines are skipped, bad ones noted."""
    number = 0
    with open_utf8(origin) as stream:
        for raw in _checked(stream, problems, origin.name):
            number += 1
            if raw is None:
                fix = f"split it; a row has at most {MAX_LINE_BYTES:,} bytes"
                problems.add(number, "", f"the line is longer than {MAX_LINE_BYTES:,} bytes", fix)
            elif b"\r" in raw and b"\r" in raw[:-2]:  # a lone carriage return can only stand between two JSON values
                pieces = raw.rstrip(_SPACE).split(b"\r")
                for offset, piece in enumerate(pieces):
                    if (row := _one(piece, number + offset, problems)) is not None:
                        yield number + offset, row
                number += len(pieces) - 1
            elif (row := _one(raw, number, problems)) is not None:
                yield number, row


def _checked(stream: IO[bytes], problems: Problems, name: str) -> Iterator[bytes | None]:
    """Yield lines, None for one that is too long; a cut gzip file is noted where it ends."""
    number = 0
    try:
        with damaged_gzip(name):
            while raw := stream.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(raw) <= MAX_LINE_BYTES:
                    yield raw
                    continue
                while raw and not raw.endswith(b"\n"):
                    raw = stream.readline(MAX_LINE_BYTES)
                yield None
    except InputError as error:
        problems.add(number + 1, "", error.message.removeprefix(f"{name}: "), error.hint)


def _one(raw: bytes, line: int, problems: Problems) -> dict[str, Any] | None:
    """Return one row; None for a blank line, or after noting what is wrong."""
    if raw.isspace():
        return None
    try:
        value = parse(raw)
    except Unreadable as error:
        problems.add(line, error.key, error.problem, error.fix)
        return None
    if type(value) is dict:
        return value
    problems.add(line, "", f"expected one JSON object, found {show(value)}", "write each row as {...}")
    return None


def read_array(origin: Source, problems: Problems, options: ReadOptions) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield ``(line, object)`` of a file that is one JSON array of objects."""
    with open_utf8(origin) as stream:
        scanner = _Elements(stream, problems)
        try:
            with damaged_gzip(origin.name):
                for line, raw in scanner:
                    if (row := _one(raw, line, problems)) is not None:
                        yield line, row
        except InputError as error:
            problems.add(scanner.line, "", error.message.removeprefix(f"{origin.name}: "), error.hint)


class _Elements:
    """Cuts a JSON array into the texts of its elements; what is inside them is for the parser."""

    def __init__(self, stream: IO[bytes], problems: Problems) -> None:
        self._stream, self._problems = stream, problems
        self._buffer, self._place = b"", 0  # what is read, and how far it is scanned
        self._depth, self._seen = 0, 0
        self.line = 1  # of the buffer's first byte

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        while True:
            match = _TOKEN.search(self._buffer, self._place)
            if match is None or (match[0] == b'"' and not self._string_is_broken(match.start())):
                if match is not None:
                    self._place = match.start()
                elif self._depth:
                    self._place = len(self._buffer)
                if not self._more():
                    self._end(match is not None)
                    return
                continue
            if match[0] == b'"':
                self._stop(_OPEN_QUOTE, 'close it with " before the line ends')
                return
            self._place = match.end()
            self._depth += (match[0] in b"[{") - (match[0] in b"]}")
            closed = self._depth == 0
            if closed or (match[0] == b"," and self._depth == 1):
                yield from self._element(match.start(), last=closed)
            if closed or (self._depth == 1 and match[0] in (b",", b"[")):
                self._drop(self._place)
            if closed:
                self._tail()
                return

    def _element(self, end: int, last: bool) -> Iterator[tuple[int, bytes]]:
        text = self._buffer[:end]
        body = text.strip(_SPACE)
        line = self.line + text[: len(text) - len(text.lstrip(_SPACE))].count(b"\n")
        if body:
            self._seen += 1
            yield line, body
        elif not last or self._seen:
            self._problems.add(line, "", "nothing between two commas", "remove the comma that is too many")

    def _drop(self, upto: int) -> None:
        self.line += self._buffer.count(b"\n", 0, upto)
        self._buffer, self._place = self._buffer[upto:], self._place - upto

    def _string_is_broken(self, start: int) -> bool:
        return b"\n" in self._buffer[start:] or b"\r" in self._buffer[start:]

    def _more(self) -> bool:
        if len(self._buffer) > MAX_ELEMENT_BYTES:
            raise InputError(f"a row has more than {MAX_ELEMENT_BYTES:,} bytes; the rest is not read", "split the row")
        chunk = self._stream.read(max(_CHUNK, len(self._buffer)))
        self._buffer += chunk
        return bool(chunk)

    def _end(self, in_string: bool) -> None:
        if in_string:
            self._stop(_OPEN_QUOTE, 'close it with "; the file may be cut off')
        else:
            problem = "the array is never closed, in what begins on this line"
            self._stop(problem, "end the file with ]; it may be cut off")

    def _stop(self, problem: str, fix: str) -> None:
        head = self._buffer[: len(self._buffer) - len(self._buffer.lstrip(_SPACE))]
        self._problems.add(self.line + head.count(b"\n"), "", problem, fix)

    def _tail(self) -> None:
        rest = (self._buffer + self._stream.read(_CHUNK)).strip(_SPACE)
        if rest:
            shown = show(rest[:40].decode("utf-8", "replace"))
            self._problems.add(self.line, "", f"text after the array's end: {shown}", "keep one array a file, or JSONL")
