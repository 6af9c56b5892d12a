"""Rows into files, whole or not at all; tables are safe against spreadsheet formulas."""

import csv
import io
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO

import orjson

from assistant.datasets.cells import cell_text, neutral, structured, to_cell
from assistant.datasets.rows import Row
from assistant.datasets.strict_json import dumps
from assistant.errors import InputError, ResourceError

MAX_XLSX_CELL = 32_767
_BATCH = 1000


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file that takes its name only when everything is written and on disk.

    Raises:
        ResourceError: the disk is full or the folder cannot be written.
    """
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:40]}.", suffix=".partial", dir=path.parent)
    except OSError as error:
        raise ResourceError(f"cannot write {str(path)!r}: {error.strerror}", "choose another folder") from error
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise ResourceError(f"cannot write {str(path)!r}: {error.strerror}", "free some space") from error
    finally:
        Path(temporary).unlink(missing_ok=True)


def write_jsonl(path: Path, rows: Iterable[Row]) -> int:
    """Write one JSON object a line; return how many."""
    count = 0
    with new_file(path) as stream:
        for row in rows:
            stream.write(dumps(row) + b"\n")
            count += 1
    return count


def write_json(path: Path, rows: Iterable[Row]) -> int:
    """Write one JSON array, a row a line; return how many."""
    count = 0
    with new_file(path) as stream:
        for row in rows:
            stream.write((b",\n" if count else b"[\n") + dumps(row))
            count += 1
        stream.write(b"\n]\n" if count else b"[]\n")
    return count


def write_csv(path: Path, rows: Iterable[Row], delimiter: str = ",") -> int:
    """Write a table that spreadsheets open in UTF-8 and run nothing of; return the number of rows."""

    def fill(stream: IO[bytes], columns: list[str], spooled: Iterator[Row]) -> None:
        stream.write(b"\xef\xbb\xbf")
        text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
        table = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
        table.writerow([neutral(column) for column in columns])
        for row in spooled:
            table.writerow([to_cell(column, row.get(column)) for column in columns])
        text.detach()

    return _table(path, rows, fill)


def write_tsv(path: Path, rows: Iterable[Row]) -> int:
    """Write a table with tabs between its columns."""
    return write_csv(path, rows, "\t")


def write_xlsx(path: Path, rows: Iterable[Row]) -> int:
    """Write a workbook of one sheet, text cells only.

    Raises:
        InputError: a text is too long for a cell.
    """
    import openpyxl
    from openpyxl.cell import WriteOnlyCell

    def fill(stream: IO[bytes], columns: list[str], spooled: Iterator[Row]) -> None:
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet("rows")
        sheet.append(columns)
        for number, row in enumerate(spooled, 2):
            cells = []
            for column in columns:
                text = to_cell(column, row.get(column)) or None
                if text is not None and len(text) > MAX_XLSX_CELL:
                    where = f"row {number}: {column}"
                    raise InputError(f"{where}: {len(text):,} characters; a cell holds {MAX_XLSX_CELL:,}", "write CSV")
                cell = WriteOnlyCell(sheet, text)
                if text is not None:
                    cell.data_type = "s"
                cells.append(cell)
            sheet.append(cells)
        book.save(stream)

    return _table(path, rows, fill)


def write_parquet(path: Path, rows: Iterable[Row]) -> int:
    """Write text columns; what is no text is JSON in one."""
    import pyarrow
    import pyarrow.parquet

    def fill(stream: IO[bytes], columns: list[str], spooled: Iterator[Row]) -> None:
        schema = pyarrow.schema([(column, pyarrow.string()) for column in columns])
        with pyarrow.parquet.ParquetWriter(stream, schema) as writer:
            while batch := list(islice(spooled, _BATCH)):
                texts = {column: [cell_text(column, row.get(column)) for row in batch] for column in columns}
                writer.write_table(pyarrow.table(texts, schema=schema))

    return _table(path, rows, fill)


def _table(path: Path, rows: Iterable[Row], fill: Callable[[IO[bytes], list[str], Iterator[Row]], None]) -> int:
    """Spool the rows to learn all columns first, then let ``fill`` write them."""
    columns: dict[str, None] = {}
    count = 0
    with new_file(path) as stream, tempfile.TemporaryFile() as spool:
        for row in rows:
            columns.update(dict.fromkeys(row))
            spool.write(dumps(row) + b"\n")
            count += 1
        spool.seek(0)
        fill(stream, list(columns), (orjson.loads(line) for line in spool))
    return count


def as_read_back(container: str, row: Row) -> Row:
    """Return a row as a container gives it back: a table has no empty texts, and text for most values."""
    if container in ("jsonl", "json"):
        return row
    held = {}
    for key, value in row.items():
        text = cell_text(key, value)
        if text is None or (text == "" and container != "parquet"):
            continue
        if container == "xlsx":
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        held[key] = structured(key, text)
    return held
