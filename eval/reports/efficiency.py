"""What the variants need: memory, and for an adapter what its training took."""

from collections.abc import Mapping
from typing import Any

from eval.reports.blocks import Cell, Section, table
from eval.reports.look import MISSING, label, say

Document = Mapping[str, Any]


def sections(document: Document) -> list[Section]:
    """Return the table of memory and training."""
    costs = document.get("costs") or {}
    rows = [[Cell(label(name), variant=name), *_figures(costs[name])] for name in document["variants"] if name in costs]
    if not rows:
        return []
    names = ("variant", "memory", "adapter_size", "training_seconds", "training_memory", "training_tokens")
    columns = [say(name) for name in names]
    return [Section("efficiency", say("needs"), (table(columns, rows),))]


def _figures(cost: Mapping[str, Any]) -> list[Cell]:
    training = cost.get("training") or {}
    whole = [training.get(key) for key in ("seconds", "peak_memory_mb", "tokens")]
    return [_cell(cost.get("memory_mb"), 0), _cell(cost.get("adapter_mb"), 2), *(_cell(value, 0) for value in whole)]


def _cell(value: float | None, digits: int) -> Cell:
    return Cell(MISSING if value is None else f"{float(value):,.{digits}f}")
