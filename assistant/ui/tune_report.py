"""What a plan has to say: the data as it will be trained on, its first rows, and what the training will cost."""

from collections.abc import Mapping
from typing import Any

from assistant.ui.markup import element, escape
from assistant.ui.tune_form import PRESETS
from assistant.ui.tune_plans import Plan
from assistant.ui.tune_view import CHOSEN, Costs
from assistant.ui.words import Words

Report = Mapping[str, Any]
LABELS = 12


def plan_html(now: Plan, words: Words) -> str:
    """Return how far a plan is, or why it failed."""
    if now.phase == "running":
        return element("p", escape(words(f"tune.stage_{now.stage}")), class_="said-line busy", role="status")
    if now.phase == "cancelled":
        return element("p", escape(words("tune.plan_cancelled")), class_="notes", role="status")
    if now.phase == "failed":
        reason = words.failure(now.error) if now.error else words("error.bug", id=now.bug)
        return element("p", escape(reason), class_="notes failed", role="alert")
    return ""


def report_html(report: Report | None, words: Words) -> str:
    """Return the data report with the first rows; "" before there is one."""
    if report is None:
        return ""
    rows = [("rows", _rows(report, words)), ("languages", _languages(report, words))]
    rows += [("tokens", _spread(report["tokens"], words)), ("learnt", _spread(report["learnt"], words))]
    rows.append(("turns", " · ".join(words("tune.turns_n", turns=t, n=n) for t, n in report["turns"].items())))
    if report["labels"]:
        rows.append(("labels", _labels(report["labels"], words)))
    rows.append(("duplicates", words("tune.duplicates_n", n=report["duplicates"], conflicts=report["conflicts"])))
    cells = [
        element("div", element("dt", escape(words(f"tune.{key}"))), element("dd", escape(value))) for key, value in rows
    ]
    facts = element("dl", *cells, class_="facts")
    return facts + _overlaps(report, words) + _first(report, words)


def _rows(report: Report, words: Words) -> str:
    said = words("tune.rows_n", n=f"{report['rows']:,}", replay=f"{report['replay_rows']:,}")
    if report["cut"] or report["dropped"]:
        said += " · " + words("tune.rows_lost", cut=report["cut"], dropped=report["dropped"])
    return said


def _languages(report: Report, words: Words) -> str:
    total = sum(report["languages"].values()) or 1
    shares = sorted(report["languages"].items(), key=lambda each: -each[1])
    return " · ".join(f"{words(f'language.{key}')} {100 * n / total:.0f} % ({n:,})" for key, n in shares)


def _spread(spread: Mapping[str, int], words: Words) -> str:
    return words("tune.spread", **{key: f"{value:,}" for key, value in spread.items()})


def _labels(labels: Mapping[str, int], words: Words) -> str:
    shown = [f"{label[:60]} {n:,}" for label, n in list(labels.items())[:LABELS]]
    more = [words("tune.more_labels", n=len(labels) - LABELS)] if len(labels) > LABELS else []
    return " · ".join([*shown, *more])


def _overlaps(report: Report, words: Words) -> str:
    """Return a warning for every evaluation set whose questions are in the data; one line where there is none."""
    if not report["overlaps"]:
        return element("p", escape(words("tune.no_overlap")), class_="help")
    told = [
        element(
            "li",
            escape(words("tune.overlap", suite=each["name"], items=each["items"], rows=each["rows"])),
            element("small", escape(each["example"]), dir_="auto"),
        )
        for each in report["overlaps"]
    ]
    return element("ul", *told, class_="overlaps", role="note")


def _first(report: Report, words: Words) -> str:
    """Return the first rows as the model sees them; what carries loss is coloured and underlined."""

    def piece(text: str, learnt: bool) -> str:
        return element("mark", escape(text)) if learnt else escape(text)

    rows = [
        element("li", element("pre", *(piece(text, learnt) for text, learnt in row), dir_="auto"))
        for row in report["first"]
    ]
    legend = element("p", element("mark", escape(words("tune.learnt_mark"))), escape(words("tune.first_help")))
    return element("h3", escape(words("tune.first"))) + element("div", legend, element("ol", *rows), class_="seen")


def costs_html(costs: Costs | None, words: Words) -> str:
    """Return time and memory of the chosen settings and of every preset."""
    if costs is None:
        return ""
    low, middle, high = (words.seconds(value) for value in costs.seconds[CHOSEN])
    lead = words("tune.cost", time=middle, low=low, high=high, memory=f"{costs.memory_mb:,.0f}")
    behind = words("tune.cost_past", n=costs.past) if costs.past else words("tune.cost_no_past")
    notes = [words("tune.cost_speed", n=f"{costs.tokens_per_second:,.0f}") + " " + behind]
    notes += [*_bill(costs.bill, words), *(_record(each, words) for each in costs.record)]
    if costs.busy:
        notes.append(words("tune.cost_busy"))
    notes += [_reason(key, value, words) for key, value in costs.reasons.items()]
    parts = [element("p", escape(lead), class_="cost")]
    if not costs.fits:
        parts.append(element("p", escape(words("tune.cost_old")), class_="notes", role="status"))
    return "".join([*parts, *(element("p", escape(note), class_="help") for note in notes)])


def _bill(found: Mapping[str, Any], words: Words) -> list[str]:
    """Return what the chosen length costs, and how much electricity it needs where the price table tells it apart."""
    from eval.report_costs import money

    paid, energy = found["money"], found["energy"]
    if "error" in paid:
        return [words("tune.cost_money_unknown", reason=words.said(paid["error"]))]
    middle, low, high = (money(amount, paid["currency"]) for amount in paid["amounts"])
    currency, converted = paid["other"]
    other = money(converted, currency)
    lines = [words("tune.cost_money", money=middle, low=low, high=high, other=other, source=paid["source"])]
    if energy is None:
        return [*lines, words("tune.cost_energy_in")]
    return [*lines, words("tune.cost_energy", n=f"{energy[0]:.2g}")]


def _record(past: Mapping[str, Any], words: Words) -> str:
    predicted, measured = (words.seconds(float(past[key])) for key in ("predicted", "measured"))
    return words("tune.cost_record", name=past["adapter"], predicted=predicted, measured=measured)


def _reason(key: str, value: tuple[str, str], words: Words) -> str:
    """Return a number that was chosen automatically, and why."""
    name = words(f"tune.field_{key}") if words.has(f"tune.field_{key}") else key
    return words("tune.chosen", field=name, value=value[0], reason=words.said(value[1]))


def preset_labels(costs: Costs | None, words: Words) -> list[tuple[str, str]]:
    """Return the presets as (label, key), with their time once it is known."""
    found = []
    for key in PRESETS:
        label = words(f"tune.preset_{key}")
        if costs is not None:
            label = words("tune.preset_time", name=label, time=words.seconds(costs.seconds[key][1]))
        found.append((label, key))
    return found
