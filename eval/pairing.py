"""Two finished runs side by side: the same items paired, each variant's difference, what was declared otherwise."""

from dataclasses import asdict
from typing import Any

from assistant.errors import InputError
from eval.evidence import compare
from eval.record import Record
from eval.schema import Comparison, Item, Suite
from eval.scoring import ready_metric

_DECLARED = ("kind", "primary", "margin", "alpha", "seed", "labels", "trials", "metrics")
# What a variant is, without what follows from it.
_VARIANT = ("approach", "model", "adapter", "recipe", "k", "shots", "fingerprint")


def compare_runs(first: Record, second: Record) -> dict[str, Any]:
    """Return second minus first: ``{"first", "second", "metric", "items", "variants", "changed", "only"}``.

    Items are paired by what the model was asked. Those that only one run has, or whose reference
    changed, take no part; ``items`` counts them, and ``same_items`` is false where there are any.

    Raises:
        InputError: another primary metric or kind, no variant of one name, or no item in common.
    """
    metric = first.suite.primary
    if (metric, first.suite.kind) != (second.suite.primary, second.suite.kind):
        raise InputError(
            f"the runs measure different things: {first.suite.kind} by {metric}, {second.suite.kind} by "
            f"{second.suite.primary}",
            "compare runs of one suite, or rescore one with the other's metric",
        )
    names = [name for name in first.declaration.specs if name in second.declaration.specs]
    items, counts = _shared(first, second)
    if not items or not names:
        missing = "no item" if not items else "no variant's name"
        raise InputError(f"the runs have {missing} in common", "compare runs of one suite: joyul eval list")
    pairs = {name: _difference(first, second, name, items) for name in names}
    return {
        "first": first.document["run"],
        "second": second.document["run"],
        "metric": metric,
        "margin": second.suite.margin,
        "same_items": counts["shared"] == counts["first"] == counts["second"],
        "items": counts,
        "variants": {name: _entry(pair, first, second, name) for name, pair in pairs.items()},
        "changed": changed(first, second),
        "only": {
            "first": [name for name in first.declaration.specs if name not in names],
            "second": [name for name in second.declaration.specs if name not in names],
        },
    }


def _shared(first: Record, second: Record) -> tuple[list[Item], dict[str, int]]:
    earlier = {row.item.id: row.item for row in first.rows}
    later = {row.item.id: row.item for row in second.rows}
    both = [item for key, item in later.items() if key in earlier]
    kept = [item for item in both if _asked(item) == _asked(earlier[item.id])]
    counts = {
        "shared": len(kept),
        "first": len(earlier),
        "second": len(later),
        "other_reference": len(both) - len(kept),
    }
    return kept, counts


def _asked(item: Item) -> tuple[Any, ...]:
    return item.reference, item.label, dict(item.fields)


def _difference(first: Record, second: Record, name: str, items: list[Item]) -> Comparison:
    """Return second minus first for one variant; the interval is that of a single declared comparison."""
    suite: Suite = second.suite
    metric = ready_metric(suite.primary, suite)
    rows = [
        {row.item.id: row.scores[name][metric.name] for row in record.rows if metric.name in row.scores.get(name, {})}
        for record in (second, first)
    ]
    applied = [item for item in items if all(item.id in row for row in rows)]
    return compare(metric, applied, rows[0], rows[1], (name, name), suite.alpha / 2)


def _entry(pair: Comparison, first: Record, second: Record, name: str) -> dict[str, Any]:
    found = pair.to_json()
    for key in ("first", "second", "metric"):
        found.pop(key)
    means = [
        record.document["variants"][name]["metrics"].get(pair.metric, {}).get("mean") for record in (first, second)
    ]
    same = first.declaration.fingerprints.get(name) == second.declaration.fingerprints.get(name)
    return {**found, "means": means, "same_variant": same}


def changed(first: Record, second: Record) -> list[dict[str, Any]]:
    """Return what was declared otherwise: ``{"key", "first", "second"}`` for each difference."""
    found = []
    sides = [asdict(record.declaration.suite) for record in (first, second)]
    for key in _DECLARED:
        found += _change(key, sides[0][key], sides[1][key])
    found += _change("base", first.document.get("base"), second.document.get("base"))
    rows = [record.document["variants"] for record in (first, second)]
    for name in rows[0]:
        for key in _VARIANT if name in rows[1] else ():
            found += _change(f"{name}: {key}", rows[0][name].get(key), rows[1][name].get(key))
    return found


def _change(key: str, first: Any, second: Any) -> list[dict[str, Any]]:
    return [] if first == second else [{"key": key, "first": first, "second": second}]
