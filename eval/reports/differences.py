"""The differences the verdict rests on: a forest plot from the best untuned rival, and every decisive pair."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from eval.reports.blocks import Block, Both, Cell, Difference, Forest, Note, Section, Text, table
from eval.reports.look import MISSING, bounds, label, method, metric, p_value, say
from eval.sentence import points

Document = Mapping[str, Any]
Pair = Mapping[str, Any]


def sections(document: Document) -> list[Section]:
    """Return the section, or none where nothing can be compared."""
    pairs = [pair for pair in document.get("pairs", ()) if pair.get("delta") is not None]
    if not pairs:
        return []
    primary = str(pairs[0]["metric"])
    rival = best_untuned(document, primary)
    rows = [difference(pair) for pair in against(pairs, rival)] if rival else [difference(pair) for pair in pairs]
    level = f"{100 * float(pairs[0].get('level') or 0.95):.4g}"
    lead = say("forest_note", metric_ko=metric(primary).ko, metric_en=metric(primary).en, level=level)
    picked = say("forest_rival", rival_ko=label(rival).ko, rival_en=label(rival).en) if rival else Both("", "")
    margin = float(document.get("declared", {}).get("margin") or 0.0)
    blocks: list[Block] = [
        Note(Both(f"{picked.ko} {lead.ko}".strip(), f"{picked.en} {lead.en}".strip())),
        Forest(tuple(rows), margin),
    ]
    decisive = tuned_pairs(document)
    if decisive:
        columns: list[Text | Cell] = [say("pair"), say("delta"), say("interval"), "n"]
        columns += [say("differing"), say("groups"), say("method"), say("test")]
        blocks.append(table(columns, [_row(pair) for pair in decisive], say("decisive_note")))
    return [Section("differences", say("differences"), tuple(blocks))]


def best_untuned(document: Document, primary: str) -> str:
    """Return the untuned variant with the highest mean, '' where there is none."""
    means = {
        name: row["metrics"].get(primary, {}).get("mean")
        for name, row in document["variants"].items()
        if "tune" not in str(row.get("approach"))
    }
    scored = {name: mean for name, mean in means.items() if mean is not None}
    return max(scored, key=lambda name: float(scored[name])) if scored else ""


def against(pairs: Sequence[Pair], rival: str) -> list[Pair]:
    """Return every comparison with one variant, as "other minus it"."""
    found: list[Pair] = []
    for pair in pairs:
        if pair["second"] == rival:
            found.append(pair)
        elif pair["first"] == rival:
            found.append(turned(pair))
    return found


def turned(pair: Pair) -> dict[str, Any]:
    """Return a comparison seen from the other side."""

    def minus(value: float | None) -> float | None:
        return None if value is None else 0.0 - value

    return {
        **pair,
        "first": pair["second"],
        "second": pair["first"],
        "delta": minus(pair["delta"]),
        "low": minus(pair["high"]),
        "high": minus(pair["low"]),
    }


def tuned_pairs(document: Document) -> list[Pair]:
    """Return the comparisons the rule reads: each tuned variant against each untuned one."""
    tuned = {name for name, row in document["variants"].items() if "tune" in str(row.get("approach"))}
    return [pair for pair in document.get("pairs", ()) if pair["first"] in tuned and pair["second"] not in tuned]


def difference(pair: Pair) -> Difference:
    """Return a comparison as a row of the forest plot."""
    return Difference(pair["first"], pair["second"], pair["delta"], pair["low"], pair["high"], where_differ(pair))


def where_differ(pair: Pair) -> str:
    """Return the item browser's query for the items on which two variants differ."""
    return urlencode({"variant": pair["first"], "other": pair["second"], "only": "differ"})


def _row(pair: Pair) -> list[Cell]:
    first, second = label(pair["first"]), label(pair["second"])
    return [
        Cell(Both(f"{first.ko} − {second.ko}", f"{first.en} − {second.en}"), show=where_differ(pair)),
        Cell(points(pair["delta"], signed=True), strong=True),
        Cell(bounds(pair)),
        Cell(f"{pair.get('n', 0):,}"),
        Cell(f"{pair['differing']:,}" if "differing" in pair else MISSING),
        Cell(f"{pair.get('clusters', 0):,}"),
        Cell(method(str(pair.get("method", "")))),
        Cell(p_value(pair)),
    ]
