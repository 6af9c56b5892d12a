"""Parquet files, a thousand rows at a time."""

import datetime
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from assistant.datasets.cells import structured
from assistant.datasets.options import ReadOptions
from assistant.datasets.problems import Problems
from assistant.datasets.sources import Source
from assistant.datasets.strict_json import Unreadable, clean
from assistant.errors import InputError

_BATCH = 1000


def read_parquet(origin: Source, problems: Problems, options: ReadOptions) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield ``(row number, row)``; null values are left out, nested values stay nested.

    Raises:
        InputError: a damaged file.
    """
    import pyarrow
    import pyarrow.parquet

    number = 0
    try:
        with pyarrow.parquet.ParquetFile(origin.path) as file:
            for batch in file.iter_batches(batch_size=_BATCH):
                for values in batch.to_pylist():
                    number += 1
                    try:
                        yield number, {name: _value(name, value) for name, value in values.items() if value is not None}
                    except Unreadable as error:
                        problems.add(number, error.key, error.problem, error.fix)
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0][:80]
        message = f"{origin.name}: damaged or not a Parquet file ({reason})"
        raise InputError(message, "write the file again") from error


def _value(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return clean(structured(name, value), name)
    return clean(_plain(name, value), name)


def _plain(name: str, value: Any) -> Any:
    """Return a value as JSON has it; struct members that are null were most likely never there."""
    if isinstance(value, dict):
        return {key: _plain(f"{name}.{key}", item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(f"{name}[{index}]", item) for index, item in enumerate(value)]
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, float) and value != value:
        raise Unreadable(name, "NaN is not JSON", "use null for a missing number")
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    raise Unreadable(name, f"holds {type(value).__name__}, which no text row can", "leave this column out")
