"""Confusion tables of a label task: what was true and what was answered, unparsable answers included."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from eval.metrics.labels import OUTSIDE, UNPARSABLE
from eval.reports.blocks import Cell, Note, Section, Table, head
from eval.reports.look import MISSING, figure, label, say

Document = Mapping[str, Any]
_UNREAD = {UNPARSABLE: "said_nothing", OUTSIDE: "said_outside"}


def sections(document: Document) -> list[Section]:
    """Return one table a variant, or nothing for other kinds of task."""
    tables = [_table(name, row) for name, row in document["variants"].items() if row.get("confusion")]
    notes = (Note(say("confusion_note")), Note(say("confusion_click"), clicks=True))
    return [Section("confusion", say("confusion"), (*notes, *tables))] if tables else []


def unreadable(row: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many of a variant's answers name no declared label, and how many answers there are."""
    said = [(answered, count) for given in row.get("confusion", {}).values() for answered, count in given.items()]
    return sum(count for answered, count in said if answered in _UNREAD), sum(count for _, count in said)


def _table(name: str, row: Mapping[str, Any]) -> Table:
    confusion, classes = row["confusion"], row.get("classes", {})
    outside = {answered for given in confusion.values() for answered in given} - set(confusion)
    answered = [*confusion, *sorted(outside)]
    columns = [
        say("true_label"),
        *(say(_UNREAD[said]) if said in _UNREAD else said for said in answered),
        say("precision"),
        say("recall"),
        "F1",
    ]
    rows = []
    for true, given in confusion.items():
        cells = [
            Cell(
                f"{given[said]:,}" if given.get(said) else "·",
                strong=said == true,
                show=urlencode({"variant": name, "true": true, "said": said}) if given.get(said) else "",
            )
            for said in answered
        ]
        figures = classes.get(true)
        scores = [figure("accuracy", figures[key]) if figures else MISSING for key in ("precision", "recall", "f1")]
        rows.append((Cell(true), *cells, *head(*scores)))
    seeds = len(row.get("replicates") or ())
    counted = say("confusion_seeds", n=seeds) if seeds > 1 else ""
    return Table(head(*columns), tuple(rows), summary=Cell(label(name), counted, variant=name))
