"""XLSX workbooks, one sheet, row by row."""

import datetime
import zipfile
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import ParseError

from assistant.datasets.cells import from_cell
from assistant.datasets.options import ReadOptions
from assistant.datasets.problems import Problems
from assistant.datasets.sources import Source
from assistant.datasets.strict_json import Unreadable, clean
from assistant.errors import InputError, RefusedError

MIN_UNPACKED, MAX_EXPANSION = 10_000_000, 100
_BROKEN = (zipfile.BadZipFile, KeyError, ValueError, TypeError, OSError, EOFError, AttributeError, ParseError)


def read_xlsx(origin: Source, problems: Problems, options: ReadOptions) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield ``(row number, row)``; the first row names the columns, empty cells are left out.

    Raises:
        InputError: a damaged workbook, or no such sheet.
        RefusedError: it unpacks to far more than its size.
    """
    check_archive(origin)
    import openpyxl

    try:
        book = openpyxl.load_workbook(origin.path, read_only=True, data_only=True)
    except _BROKEN as error:
        raise _damaged(origin, error) from error
    try:
        if options.sheet and options.sheet not in book.sheetnames:
            raise InputError(f"{origin.name}: no sheet {options.sheet!r}", f"sheets: {', '.join(book.sheetnames)}")
        sheet = book[options.sheet] if options.sheet else book.worksheets[0]
        if not options.sheet and len(book.worksheets) > 1:
            others = ", ".join(each.title for each in book.worksheets[1:])
            problems.lose(0, "sheet", f"only the sheet {sheet.title!r} is read; for others name --sheet: {others}")
        sheet.reset_dimensions()
        try:
            yield from _rows(sheet.iter_rows(values_only=True), problems)
        except _BROKEN as error:
            raise _damaged(origin, error) from error
    finally:
        book.close()


def check_archive(origin: Source) -> None:
    """Refuse a workbook that says it unpacks to far more than it is; one that lies is cut off by ``zipfile``."""
    try:
        with zipfile.ZipFile(origin.path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise _damaged(origin, error) from error
    size = sum(member.file_size for member in members)
    if size > max(MIN_UNPACKED, MAX_EXPANSION * origin.path.stat().st_size):
        message = f"{origin.name}: unpacks to {size // 1_000_000:,} MB, far more than its size (a zip bomb?)"
        raise RefusedError(message, "save it again from the spreadsheet program")


def _damaged(origin: Source, error: Exception) -> InputError:
    reason = str(error).splitlines()[0][:80] if str(error) else type(error).__name__
    return InputError(f"{origin.name}: damaged or not an XLSX workbook ({reason})", "save it again as XLSX or CSV")


def _rows(rows: Iterator[tuple[Any, ...]], problems: Problems) -> Iterator[tuple[int, dict[str, Any]]]:
    columns: list[str] = []
    for number, values in enumerate(rows, 1):
        cells = ["" if value is None else cell_text(value) for value in values]
        if not any(cells):
            continue
        if not columns:
            columns = [cell.strip() for cell in cells]
            while columns and not columns[-1]:
                columns.pop()
            wrong = next((name for name in columns if not name or columns.count(name) > 1), None)
            if wrong is not None:
                what = f"the column name {wrong!r} occurs twice" if wrong else "a column has no name"
                problems.add(number, wrong, what, "the first row names every column, each once")
                return
            columns = [str(clean(name)) for name in columns]
            continue
        if any(cells[len(columns) :]):
            problem = f"has {len(cells)} cells where the first row names {len(columns)} columns"
            problems.add(number, columns[-1], problem, "name the column in the first row, or empty the cell")
            continue
        try:
            named = zip(columns, cells, strict=False)
            yield number, {name: clean(from_cell(name, cell), name) for name, cell in named if cell}
        except Unreadable as error:
            problems.add(number, error.key, error.problem, error.fix)


def cell_text(value: Any) -> str:
    """Return a cell as a person sees it: whole numbers without a point, dates in ISO form."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        text = value.isoformat()
        return text.removesuffix("T00:00:00")
    return str(value)
