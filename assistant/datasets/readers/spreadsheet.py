"""XLSX workbooks, one sheet, row by row."""

import datetime
import zipfile
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import ParseError, iterparse

from assistant.datasets.cells import from_cell
from assistant.datasets.options import ReadOptions
from assistant.datasets.problems import Problems
from assistant.datasets.sources import Source
from assistant.datasets.strict_json import Unreadable, clean
from assistant.errors import InputError, RefusedError

MIN_UNPACKED, MAX_EXPANSION = 10_000_000, 100
MOST_MERGED = 10_000
# Rows, their columns (both from 1), and what is wrong there with how to mend it.
Reasons = dict[int, dict[int, tuple[str, str]]]
_MERGED = ("is the rest of a merged cell", "unmerge it, and write the value into every row it is meant for")
_FORMULA = ("is a formula whose value was never saved", "open and save the workbook in a spreadsheet program")
_ERROR = ("is a spreadsheet's error value", "mend the formula, or empty the cell")
_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!"})
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
            yield from _rows(sheet.iter_rows(values_only=True), _empty_for_a_reason(book, sheet), problems)
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


def _empty_for_a_reason(book: Any, sheet: Any) -> Reasons:
    """Return the cells that look empty and are not: rest of a merged one, or a formula whose value was never saved.

    openpyxl says neither where it reads row by row, so the sheet's own file is looked through once more.
    """
    from openpyxl.utils.cell import coordinate_to_tuple, range_boundaries

    found: Reasons = {}
    with book._archive.open(sheet._worksheet_path) as stream:
        for _, element in iterparse(stream):
            tag = element.tag.rpartition("}")[2]
            if tag == "c":
                kinds = {child.tag.rpartition("}")[2]: child.text for child in element}
                if "f" in kinds and not kinds.get("v") and "r" in element.attrib:
                    row, column = coordinate_to_tuple(element.attrib["r"])
                    found.setdefault(row, {})[column] = _FORMULA
            elif tag == "mergeCell":
                left, top, right, bottom = range_boundaries(element.attrib["ref"])
                for row in range(top, min(bottom, top + MOST_MERGED) + 1):
                    columns = range(left + (row == top), min(right, left + MOST_MERGED) + 1)
                    found.setdefault(row, {}).update(dict.fromkeys(columns, _MERGED))
            elif tag == "row":
                element.clear()
    return found


def _rows(
    rows: Iterator[tuple[Any, ...]], reasons: Reasons, problems: Problems
) -> Iterator[tuple[int, dict[str, Any]]]:
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
        empty = {column - 1: why for column, why in reasons.get(number, {}).items() if column <= len(columns)}
        wrong_cells = {at: why for at, why in empty.items() if not any(cells[at : at + 1])}
        wrong_cells |= {at: _ERROR for at, cell in enumerate(cells[: len(columns)]) if cell in _ERRORS}
        for at, (problem, fix) in sorted(wrong_cells.items()):
            problems.add(number, columns[at], problem, fix)
        if wrong_cells:
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
