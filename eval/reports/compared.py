"""Two runs side by side, as sections: differences, then what was declared otherwise."""

from collections.abc import Mapping
from typing import Any

from eval.reports.blocks import Block, Both, Cell, Difference, Forest, Note, Section, table
from eval.reports.look import bounds, figure, label, metric, say
from eval.sentence import points

Document = Mapping[str, Any]


def sections(document: Document) -> list[Section]:
    """Return the sections of :func:`eval.pairing.compare_runs`."""
    counts, name = document["items"], str(document["metric"])
    lead = say("compared_note", metric_ko=metric(name).ko, metric_en=metric(name).en, n=f"{counts['shared']:,}")
    notes = [Note(lead)]
    if not document["same_items"]:
        values = {key: f"{value:,}" for key, value in counts.items()}
        notes.append(Note(say("other_items", **values), warning=True))
    rows = []
    for variant, pair in document["variants"].items():
        same = say("same_variant") if pair["same_variant"] else say("changed_variant")
        cells = [Cell(label(variant), variant=variant)]
        cells += [Cell(figure(name, mean)) for mean in pair["means"]]
        span = Cell("") if pair["same_variant"] else Cell(bounds(pair))  # the same answers differ by nothing
        cells += [Cell(points(pair["delta"], signed=True), strong=True), span, Cell(f"{pair['n']:,}")]
        rows.append([*cells, Cell(same)])
    columns = [
        say("variant"),
        document["first"],
        document["second"],
        say("delta"),
        say("interval"),
        "n",
        say("the_variant"),
    ]
    plot = Forest(
        tuple(
            Difference(variant, "", pair["delta"], pair["low"], pair["high"])
            for variant, pair in document["variants"].items()
            if pair["delta"] is not None and not pair["same_variant"]
        ),
        float(document["margin"]),
    )
    blocks: list[Block] = [*notes, *([plot] if plot.rows else []), table(columns, rows)]
    found = [Section("compared", say("compared"), tuple(blocks))]
    changed = [[each["key"], _value(each["first"]), _value(each["second"])] for each in document["changed"]]
    if changed:
        heads = [say("what"), document["first"], document["second"]]
        found.append(Section("changed", say("changed"), (table(heads, changed),)))
    else:
        found.append(Section("changed", say("changed"), (Note(say("nothing_changed")),)))
    return found


def _value(value: Any) -> Both | str:
    if value in (None, "", {}, [], ()):
        return say("nothing")
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
