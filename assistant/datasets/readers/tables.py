"""CSV and TSV: strict about quotes and columns, cells made safe for spreadsheets are restored."""

import csv
import io
from collections.abc import Iterator
from typing import IO, Any

from assistant.datasets.cells import from_cell
from assistant.datasets.options import ReadOptions
from assistant.datasets.problems import Problems, show
from assistant.datasets.sources import MAX_LINE_BYTES, SAMPLE_BYTES, Source, damaged_gzip, open_utf8
from assistant.datasets.strict_json import Unreadable, clean
from assistant.errors import InputError
from assistant.schema import normalise

MAX_FIELD = 131_072
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_TRY_ROWS = 20


def read_csv(origin: Source, problems: Problems, options: ReadOptions) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield ``(line, row)``; the first line names the columns, empty cells are left out.

    Raises:
        InputError: the delimiter cannot be told.
    """
    yield from _read(origin, problems, options.delimiter or find_delimiter(origin))


def read_tsv(origin: Source, problems: Problems, options: ReadOptions) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield ``(line, row)`` of a file with tabs between its columns."""
    yield from _read(origin, problems, options.delimiter or "\t")


def find_delimiter(origin: Source) -> str:
    """Return what stands between the columns.

    Raises:
        InputError: more than one character would do.
    """
    with open_utf8(origin) as stream:
        try:
            with damaged_gzip(origin.name):
                text = stream.read(SAMPLE_BYTES).decode("utf-8", errors="replace")
        except InputError:
            return ","
    widths = {mark: _widths(text, mark) for mark in DELIMITERS}
    splitting = [mark for mark in DELIMITERS if widths[mark] and widths[mark][0] > 1]
    if len(splitting) > 1:
        even = [mark for mark in splitting if len(set(widths[mark])) == 1]
        splitting = even if even else splitting
    if len(splitting) > 1:
        first = text.splitlines()[0]
        names = " or ".join(DELIMITERS[mark] for mark in splitting)
        message = f"{origin.name}: columns may be separated by {names} (first line: {show(first)})"
        raise InputError(message, "re-run with --delimiter, e.g. --delimiter ';'")
    return splitting[0] if splitting else ","


def _widths(text: str, mark: str) -> list[int]:
    widths: list[int] = []
    try:
        for cells in csv.reader(io.StringIO(text, newline=""), delimiter=mark):
            if cells:
                widths.append(len(cells))
            if len(widths) > _TRY_ROWS:
                break
    except csv.Error:
        pass
    return widths


def _read(origin: Source, problems: Problems, delimiter: str) -> Iterator[tuple[int, dict[str, Any]]]:
    csv.field_size_limit(MAX_FIELD)
    line = 1
    with open_utf8(origin) as stream:
        reader = csv.reader(_lines(stream), delimiter=delimiter, strict=True)
        columns: list[str] = []
        try:
            with damaged_gzip(origin.name):
                for cells in reader:
                    start, line = line, reader.line_num + 1
                    if not any(cells):
                        continue
                    if not columns:
                        columns = _header(cells, problems, start)
                        if not columns:
                            return
                    elif row := _row(columns, cells, start, problems):
                        yield start, row
        except csv.Error as error:
            problems.add(line, "", *_explained(str(error)))
        except UnicodeDecodeError as error:
            at = max(line, reader.line_num + 1)
            problem = f"byte 0x{error.object[error.start]:02x} is not UTF-8; nothing after it is read"
            problems.add(at, "", problem, "save the file as UTF-8, or name its --encoding")
        except Unreadable as error:
            problems.add(line, "", error.problem, error.fix)
        except InputError as error:
            problems.add(line, "", error.message.removeprefix(f"{origin.name}: "), error.hint)


def _lines(stream: IO[bytes]) -> Iterator[str]:
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    while piece := text.readline(MAX_LINE_BYTES + 1):
        if len(piece) > MAX_LINE_BYTES:
            fix = f"split it; a line has at most {MAX_LINE_BYTES:,} characters"
            problem = f"the line is longer than {MAX_LINE_BYTES:,} characters; nothing after it is read"
            raise Unreadable("", problem, fix)
        yield piece


def _explained(error: str) -> tuple[str, str]:
    if "field larger" in error:
        problem = f"a cell of more than {MAX_FIELD:,} characters begins here; nothing after it is read"
        return problem, 'shorten it; if it should be short, close its quote (")'
    if "unexpected end of data" in error:
        return "a quote opened in this row is never closed", 'close it with ", and write a quote in a cell as ""'
    return f"not CSV: {error}", 'write a quote inside a cell as "", and quote the whole cell'


def _header(cells: list[str], problems: Problems, line: int) -> list[str]:
    columns = [normalise(cell).strip() for cell in cells]
    for index, column in enumerate(columns):
        if column and columns.index(column) != index:
            problems.add(line, column, "this column's name occurs twice", "give every column a name of its own")
            return []
    if not all(columns):
        empty = columns.index("") + 1
        problems.add(line, f"column {empty}", "has no name", "the first line names every column; name it or remove it")
        return []
    return columns


def _row(columns: list[str], cells: list[str], line: int, problems: Problems) -> dict[str, Any] | None:
    if len(cells) != len(columns):
        problem = f"has {len(cells)} columns where the first line names {len(columns)}"
        key = columns[min(len(cells), len(columns)) - 1]
        problems.add(line, key, problem, "add or remove a cell; quote cells that hold the separator")
        return None
    try:
        return {
            column: clean(from_cell(column, cell), column)
            for column, cell in zip(columns, cells, strict=True)
            if cell != ""
        }
    except Unreadable as error:
        problems.add(line, error.key, error.problem, error.fix)
        return None
