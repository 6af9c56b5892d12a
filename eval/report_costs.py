"""The report's part on what tuning costs: forgetting, break-even, data curve, checklist."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from eval.cost_plots import cost_plot, curve_plot
from eval.cost_words import cost_word
from eval.forgetting import LANGUAGES
from eval.probes import KINDS
from eval.reports.blocks import Block, Both, Cell, Note, Picture, Section, Text, table
from eval.reports.look import MISSING, label
from eval.sentence import points
from eval.words import metric_name

Document = Mapping[str, Any]
LONG = 120.0  # months
_MEASURED = ("prompt_tokens", "completion_tokens", "machine_seconds")


def sections(document: Document) -> list[Section]:
    """Return what the document knows about costs; parts that nobody measured are left out."""
    from eval.checklist import checklist_section

    parts = (forgetting_section(document), break_even_section(document), curve_section(document.get("curve")))
    return [*(part for part in parts if part is not None), *checklist_section(document)]


def forgetting_section(document: Document) -> Section | None:
    """Return the table of what every tuned variant forgot."""
    found: Mapping[str, Any] = document.get("forgetting") or {}
    if not found:
        return None
    blocks: list[Block] = [Note(cost_word("forgetting_note"))]
    for name, lost in found.items():
        if not lost or "loss" not in lost:
            adapter = (document["variants"].get(name) or {}).get("adapter") or name
            blocks.append(Note(cost_word("not_forgetting", name=name, adapter=adapter), warning=True))
            continue
        blocks.append(forgetting_table(lost, name))
        if lost.get("adapters"):
            blocks.append(_over_adapters(name, lost["adapters"]))
        if not lost.get("full"):
            blocks.append(Note(cost_word("part_of_texts")))
    return Section("forgetting", cost_word("forgetting"), tuple(blocks))


def _over_adapters(name: str, rows: Sequence[Document]) -> Note:
    """Return how the change of loss varies over a variant's training seeds."""
    ends = {}
    for language in LANGUAGES:
        known = [row[language] for row in rows if row[language] is not None]
        ends[language] = MISSING
        if known:
            spread = f"{points(min(known), signed=True)} … {points(max(known), signed=True)}"
            ends[language] = f"{points(sum(known) / len(known), signed=True)} % ({spread})"
    return Note(cost_word("over_adapters", name=name, count=len(rows), **ends))


def forgetting_table(lost: Document, variant: str = "") -> Block:
    """Return one adapter's changes as a table."""
    columns = [
        Cell(cost_word("measure")),
        *(Cell(cost_word(key)) for key in ("before", "after", "change")),
        Cell("n"),
    ]
    rows = []
    for language in LANGUAGES:
        rows.append(_change_row(f"loss_{language}", lost["loss"][language], loss=True))
    for kind in KINDS:
        rows += [
            _change_row(f"{kind}_{language}", lost["probes"][kind][language], loss=False) for language in LANGUAGES
        ]
    return table(columns, rows, caption=f"{variant or lost['adapter']} · {lost['base']}")


def _change_row(key: str, change: Document, *, loss: bool) -> list[Text | Cell]:
    def shown(value: float | None) -> str:
        return MISSING if value is None else f"{value:.3f}" if loss else points(value)

    bad: Text = ""
    if change["unscored"]:
        bad = cost_word("unscored", count=change["unscored"], reason=change["reason"] or MISSING)
    elif change["floor"]:
        bad = cost_word("floor")
    both = change["low"] is not None
    span = f"{points(change['low'], signed=True)} … {points(change['high'], signed=True)}" if both else ""
    unit = " %" if loss and change["change"] is not None else ""
    moved = Cell(points(change["change"], signed=True) + unit, detail=span, bad=bad, strong=loss)
    return [cost_word(key), shown(change["before"]), shown(change["after"]), moved, str(change["n"])]


def break_even_section(document: Document) -> Section | None:
    """Return costs of a request, crossings, their plot, sensitivity and assumptions."""
    found: Mapping[str, Any] = document.get("break_even") or {}
    if "error" in found:
        note = Note(cost_word("price_problem", error=found["error"]), warning=True)
        return Section("break-even", cost_word("break_even"), (note,))
    if not found.get("pairs"):
        return None
    volume = found["assumptions"]["requests_per_month"]["value"]
    shown = _shown_pair(found)
    blocks: list[Block] = [Note(cost_word("break_even_note")), _requests(found), _pairs(found, volume)]
    if shown is not None and shown["known"]:
        words = (cost_word("requests_month"), cost_word("cost_month", currency=found["currency"]))
        caption = Both(*(f"→ {words[0].of(code)} · ↑ {words[1].of(code)}" for code in ("ko", "en")))
        picture = cost_plot(shown, volume, found["assumptions"]["months"]["value"])
        blocks += [Picture(picture, caption), _sensitivity(shown, volume)]
    blocks.append(_assumptions(found))
    return Section("break-even", cost_word("break_even"), tuple(blocks))


def _shown_pair(found: Document) -> Document | None:
    chosen = found.get("chosen") or {}
    for pair in found["pairs"]:
        if chosen and all(pair[key] == chosen[key] for key in chosen):
            return dict(pair)
    return next((dict(pair) for pair in found["pairs"] if pair["known"]), None)


def money(value: float | None, currency: str) -> str:
    """Return an amount with its currency: whole won, cents, and two digits of what is less than one."""
    if value is None:
        return MISSING
    size = abs(value)
    digits = 0 if size >= 100 else 2 if size >= 1 or value == 0 else 1 - math.floor(math.log10(size))
    return f"{value:,.{digits}f} {currency}".replace("-", "−")


def _both_currencies(value: float | None, found: Document) -> Cell:
    """Return an amount, with the other currency as small print."""
    rate = float(found["assumptions"]["krw_per_usd"]["value"])
    home, other = ("KRW", "USD") if found["currency"] == "KRW" else ("USD", "KRW")
    converted = None if value is None else value / rate if home == "KRW" else value * rate
    return Cell(money(value, home), detail=money(converted, other) if converted is not None else "")


def _requests(found: Document) -> Block:
    rows: list[list[Text | Cell]] = []
    for name, use in found["measured"]["uses"].items():
        used = [MISSING if use[key] is None else f"{use[key]:,.3g}" for key in _MEASURED]
        cost = _both_currencies(found["cost_per_request"][name], found)
        rows.append([Cell(label(name), variant=name), *used, cost, str(use["n"])])
    names = [metric_named(key) for key in _MEASURED]
    return table([cost_word("variant"), *names, cost_word("cost_per_request"), "n"], rows)


def metric_named(key: str) -> Both:
    """Return the name of something measured per request."""
    if key == "machine_seconds":
        return Both("기계가 쓴 시간(초)", "machine seconds")
    return Both(metric_name(key, "ko"), metric_name(key, "en"))


def requests_text(pair: Document) -> Text:
    """Return from which volume on tuning is cheaper, in words."""
    if not pair["known"]:
        return cost_word("unknown")
    return cost_word("never") if pair["requests"] is None else f"{pair['requests']:,.0f}"


def month_text(pair: Document) -> Text:
    """Return when tuning has paid for itself, in words."""
    if not pair.get("known", True):
        return cost_word("unknown")
    if pair["month"] is None:
        return cost_word("never")
    return cost_word("too_long") if pair["month"] > LONG else cost_word("months", months=f"{pair['month']:,.1f}")


def _pairs(found: Document, volume: float) -> Block:
    chosen = found.get("chosen") or {}
    rows: list[list[Text | Cell]] = []
    for pair in found["pairs"]:
        mine = bool(chosen) and all(pair[key] == chosen[key] for key in chosen)
        name = Cell(f"{pair['tuned']} ↔ {pair['rival']}", detail=cost_word("in_sentence") if mine else "", strong=mine)
        if not pair["known"]:
            rows.append(
                [name, MISSING, MISSING, MISSING, Cell(cost_word("unknown"), bad=cost_word(pair["reason"])), MISSING]
            )
            continue
        low, high = (money(pair[key], "").strip() for key in ("saving_low", "saving_high"))
        saved = Cell(money(pair["saving"], found["currency"]), detail=f"{low} … {high}" if low != MISSING else "")
        rows.append(
            [
                name,
                saved,
                _both_currencies(pair["once"], found),
                _both_currencies(pair["monthly"], found),
                Cell(requests_text(pair), detail=_span(pair), strong=True),
                month_text(pair),
            ]
        )
    heads = [cost_word(key) for key in ("pair", "saving", "once", "monthly", "from_requests")]
    return table([*heads, cost_word("from_month", volume=f"{volume:,.0f}")], rows)


def _span(pair: Document) -> Text:
    if pair["requests_low"] is None or pair["requests"] is None:
        return ""
    low = f"{pair['requests_low']:,.0f}"
    if pair["requests_high"] is None:
        return Both(f"{low} … 없음", f"{low} … never")
    return f"{low} … {pair['requests_high']:,.0f}"


def _sensitivity(pair: Document, volume: float) -> Block:
    rows: list[list[Text | Cell]] = [[cost_word("as_is"), requests_text(pair), month_text(pair)]]
    for case in pair["sensitivity"]:
        each = {**case, "known": True}
        rows.append([cost_word(case["key"]), requests_text(each), month_text(each)])
    heads = [cost_word("case"), cost_word("from_requests"), cost_word("from_month", volume=f"{volume:,.0f}")]
    return table(heads, rows, caption=cost_word("sensitivity", tuned=pair["tuned"], rival=pair["rival"]))


def _assumptions(found: Document) -> Block:
    rows: list[list[Text | Cell]] = []
    for key, entry in found["assumptions"].items():
        value = entry["value"]
        shown = f"{value:,.6g}" if isinstance(value, float | int) else str(value)
        rows.append([cost_word(f"price_{key}"), shown, entry["source"]])
    rows.append([cost_word("streams"), str(found["measured"]["streams"]), cost_word("measured")])
    for name, took in found["training"].items():
        for key in ("seconds", "rows"):
            known = took[key] is not None
            shown = f"{took[key]:,.6g}" if known else MISSING
            rows.append([cost_word(f"training_{key}", name=name), shown, cost_word("manifest" if known else "unknown")])
    heads = [cost_word("assumptions"), cost_word("figure"), cost_word("source")]
    return replace(table(heads, rows), summary=Cell(cost_word("assumptions")))


def curve_section(curve: Document | None) -> Section | None:
    """Return the data curve: its points, its plot and what it says about more data."""
    if not curve or not curve.get("points"):
        return None
    name = curve["metric"]
    rows: list[list[Text | Cell]] = []
    for point in curve["points"]:
        span = "" if point["low"] is None else f"{points(point['low'])}–{points(point['high'])}"
        rows.append(
            [f"{point['rows']:,}", Cell(points(point["mean"]), detail=span), str(point["seeds"]), str(point["n"])]
        )
    quality = Both(metric_name(name, "ko"), metric_name(name, "en"))
    axes = Both(*(f"→ {cost_word('rows').of(code)} · ↑ {quality.of(code)}" for code in ("ko", "en")))
    blocks: list[Block] = [
        Note(Both(curve["answer"]["text"]["ko"], curve["answer"]["text"]["en"])),
        Picture(curve_plot(curve["points"], [(x, y) for x, y in curve["line"]]), axes),
        table([cost_word("rows"), quality, cost_word("seeds"), "n"], rows),
        Note(cost_word("curve_note")),
    ]
    return Section("data-curve", cost_word("curve"), tuple(blocks))
