"""One self-contained HTML file: no outside request, everything from models and documents escaped.

Jinja escapes every value (autoescape), the page carries a Content-Security-Policy that forbids any
connection, and the script only toggles classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil, floor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.metrics.labels import UNPARSABLE
from eval.schema import Comparison, Item, Score

if TYPE_CHECKING:
    from jinja2 import Template

    from eval.result import RunResult

FOLDER = Path(__file__).parent / "templates"
SHOWN_ITEMS = 2000
COLOURS = {
    "zero-shot": "#6b7280",
    "few-shot": "#b45309",
    "rag": "#2563eb",
    "tuned": "#7c3aed",
    "rag-tuned": "#be185d",
}
SPARE_COLOURS = ("#047857", "#0e7490", "#4d7c0f", "#a16207", "#9f1239")
# Geometry of the forest plot, in SVG units.
LEFT, WIDTH, ROW_HEIGHT, TOP = 260, 520, 30, 16


@cache
def _template() -> "Template":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")


def to_html(result: "RunResult") -> str:
    """Return the report as one HTML page."""
    from eval import report, words
    from eval.sentence import points

    names = list(result.specs)
    return _template().render(
        result=result,
        suite=result.suite,
        verdict=result.verdict,
        names=names,
        colours=colours(names),
        forest=forest(report.tuned_pairs(result), result.suite.margin),
        metrics=[name for name in result.suite.metrics if any(name in row for row in result.scored.estimates.values())],
        items=[_item(result, item) for item in result.suite.items[:SHOWN_ITEMS]],
        groups=len({item.group for item in result.suite.items}),
        figure=report.figure,
        span=report.span,
        p_value=report.p_value,
        points=points,
        word=words.word,
        metric_name=words.metric_name,
        variant_name=words.variant_name,
        columns=_columns(result),
    )


def colours(names: Sequence[str]) -> dict[str, str]:
    """Return a fixed colour a variant: the usual five have their own, others take the spare ones."""
    spare = (SPARE_COLOURS[at % len(SPARE_COLOURS)] for at in range(len(names)))
    return {name: COLOURS.get(name) or next(spare) for name in names}


@dataclass(frozen=True, slots=True)
class ForestRow:
    """One comparison in plot coordinates; None where it has no interval."""

    pair: Comparison
    y: float
    x: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Forest:
    """The forest plot: rows, ticks as ``(x, label)``, and the band of differences that do not matter."""

    rows: tuple[ForestRow, ...]
    ticks: tuple[tuple[float, str], ...]
    zero: float
    band: tuple[float, float]
    width: int
    height: int


def forest(pairs: Sequence[Comparison], margin: float) -> Forest:
    """Lay out the differences with their intervals on a common axis in points."""
    ends = [value for pair in pairs for value in (pair.low, pair.high, pair.delta) if value is not None]
    low, high = min([-2 * margin, *ends, -0.01]), max([2 * margin, *ends, 0.01])
    step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if (high - low) / step <= 9)
    low, high = floor(low / step) * step, ceil(high / step) * step

    def place(value: float) -> float:
        return round(LEFT + WIDTH * (value - low) / (high - low), 2)

    def optional(value: float | None) -> float | None:
        return None if value is None else place(value)

    rows = tuple(
        ForestRow(pair, TOP + ROW_HEIGHT * (at + 0.5), optional(pair.delta), optional(pair.low), optional(pair.high))
        for at, pair in enumerate(pairs)
    )
    marks = [low + step * at for at in range(round((high - low) / step) + 1)]
    ticks = tuple((place(mark), f"{100 * mark:+.0f}".replace("+0", "0").replace("-", "−")) for mark in marks)
    height = TOP + ROW_HEIGHT * len(pairs) + 34
    return Forest(rows, ticks, place(0.0), (place(-margin), place(margin)), LEFT + WIDTH + 30, height)


def _columns(result: "RunResult") -> dict[str, list[str]]:
    """Return the columns of each confusion table: the labels, then what was answered outside them."""
    return {
        name: [
            *result.suite.labels,
            *sorted({answered for row in table.values() for answered in row} - set(result.suite.labels)),
        ]
        for name, table in result.scored.confusions.items()
    }


def _item(result: "RunResult", item: Item) -> dict[str, Any]:
    """Return one row of the item browser with the flags its filters look at."""
    primary = result.suite.primary
    scores: dict[str, Score | None] = {
        name: metrics.get(primary, {}).get(item.id) for name, metrics in result.scored.scores.items()
    }
    values = [score.value for score in scores.values() if score is not None and score.value is not None]
    flags = []
    if len({round(value, 6) for value in values}) > 1:
        flags.append("differ")
    if values and max(values) < 0.5:
        flags.append("wrong")
    if any(_broken(result.answers[name][item.id].error, score) for name, score in scores.items()):
        flags.append("failed")
    answers: Mapping[str, Any] = {name: row[item.id] for name, row in result.answers.items()}
    return {"item": item, "scores": scores, "answers": answers, "flags": " ".join(flags)}


def _broken(error: str, score: Score | None) -> bool:
    return bool(error) or (score is not None and score.detail.get("predicted") == UNPARSABLE)
