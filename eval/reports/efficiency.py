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
    columns = [say("variant"), say("memory"), say("training_seconds"), say("training_memory"), say("training_tokens")]
    return [Section("efficiency", say("needs"), (table(columns, rows),))]


def _figures(cost: Mapping[str, Any]) -> list[Cell]:
    training = cost.get("training") or {}
    values = (cost.get("memory_mb"), *(training.get(key) for key in ("seconds", "peak_memory_mb", "tokens")))
    return [Cell(MISSING if value is None else f"{float(value):,.0f}") for value in values]
