"""What a row format is: which keys mark it, how to read a row, how to write one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from assistant.datasets.problems import Place
from assistant.datasets.rows import Row


def cannot_render(row: Mapping[str, Any]) -> Row:
    """Stand in for a format that can only be read."""
    raise NotImplementedError


@dataclass(frozen=True, slots=True)
class RowFormat:
    """One way of writing a row.

    ``marks`` are sets of keys; a row that has all keys of one of them, and none of ``without``, is of this
    format. ``parse`` returns the row in the own form, or None after noting what is wrong. ``render`` raises
    :class:`assistant.datasets.rows.CannotHold` where a row has no place in the format.
    """

    name: str
    marks: tuple[frozenset[str], ...]
    parse: Callable[[Mapping[str, Any], Place], Row | None]
    render: Callable[[Mapping[str, Any]], Row] = cannot_render
    without: frozenset[str] = frozenset()
    container: str = "jsonl"

    def matches(self, raw: Mapping[str, Any]) -> bool:
        """Return whether a row looks like one of this format."""
        return any(mark <= raw.keys() for mark in self.marks) and not self.without & raw.keys()
