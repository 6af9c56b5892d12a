"""Scores by variant: every metric with its interval, how many items carry it and how many have no score."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from eval.metrics import EFFICIENCY
from eval.reports.blocks import Both, Cell, Note, Section, table
from eval.reports.look import MISSING, figure, interval, label, metric, say

Document = Mapping[str, Any]


def sections(document: Document) -> list[Section]:
    """Return the table of metrics by variants, then the primary metric by slice."""
    found = [_scores(document)]
    if document.get("slices"):
        found.append(_slices(document))
    return found


def primary_of(document: Document) -> str:
    """Return the metric that decides."""
    return str(document.get("declared", {}).get("primary") or document["verdict"]["metric"])


def metrics_of(document: Document) -> list[str]:
    """Return every metric that some variant has, the primary first."""
    names = (name for row in document["variants"].values() for name in row["metrics"])
    return list(dict.fromkeys([primary_of(document), *names]))


def _scores(document: Document) -> Section:
    primary, variants = primary_of(document), document["variants"]
    declared = document.get("declared", {})
    counted = say("counted", items=f"{declared.get('items', 0):,}", groups=f"{declared.get('groups', 0):,}")
    columns = [Cell(say("metric")), *(Cell(label(name), variant=name) for name in variants)]
    rows = []
    for name in metrics_of(document):
        note = say("primary_mark") if name == primary else ""
        cells = [Cell(metric(name), note, strong=name == primary)]
        cells += [
            estimate(name, each["metrics"].get(name), variant, name == primary) for variant, each in variants.items()
        ]
        rows.append(cells)
    for name in EFFICIENCY:
        if any(each.get(name) is not None for each in variants.values()):
            cells = [Cell(figure(name, each.get(name))) for each in variants.values()]
            rows.append([Cell(metric(name)), *cells])
    note = say("scores_note")
    lead = Both(f"{counted.ko} {note.ko}", f"{counted.en} {note.en}")
    return Section("scores", say("scores"), (Note(lead), table(columns, rows)))


def estimate(name: str, each: Mapping[str, Any] | None, variant: str, strong: bool = False, part: str = "") -> Cell:
    """Return the cell of an estimate: the mean, its interval, n and how many are unscored."""
    if each is None or (each.get("mean") is None and not each.get("unscored")):
        return Cell(MISSING)
    ends = interval(name, each.get("low"), each.get("high"))
    counted = f"n {each['n']:,}" if "n" in each else ""
    unscored = each.get("unscored") or 0
    query = {"variant": variant, "metric": name, "order": "low"} | ({"part": part} if part else {})
    return Cell(
        figure(name, each.get("mean")),
        " · ".join(text for text in (ends, counted) if text),
        say("unscored_count", n=f"{unscored:,}") if unscored else "",
        strong=strong,
        show=urlencode(query),
    )


def _slices(document: Document) -> Section:
    primary, variants = primary_of(document), list(document["variants"])
    columns = [Cell(say("slice")), *(Cell(label(name), variant=name) for name in variants)]
    rows: list[Sequence[Cell]] = []
    for part, row in document["slices"].items():
        cells = [estimate(primary, row.get(name), name, part=part) for name in variants]
        rows.append([Cell(_part_name(part), show=urlencode({"part": part})), *cells])
    return Section("slices", say("slices"), (Note(say("slices_note")), table(columns, rows)))


def _part_name(part: str) -> Both:
    kind, _, name = part.partition(": ")
    if kind == "language" and name in ("ko", "en"):
        return say(f"language_{name}")
    if kind == "slice":
        return Both(name, name)
    return Both(part, part)
