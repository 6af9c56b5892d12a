"""What a person may say about a file, instead of what is detected."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read one file; None and empty mean: detect it, and say what was found.

    ``mapping`` is own key -> column name; ``sheet`` names a sheet of a workbook (the first without).
    """

    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
