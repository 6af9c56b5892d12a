"""Reports of a run: terminal table, Markdown, and (in ``report_html``) one self-contained HTML file."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from eval.metrics import EFFICIENCY, metric_named
from eval.report_html import to_html
from eval.schema import Comparison, Estimate
from eval.sentence import points
from eval.words import metric_name, word

if TYPE_CHECKING:
    from rich.console import Console

    from eval.result import RunResult

__all__ = ["figure", "print_report", "to_html", "to_markdown", "to_terminal"]


def figure(metric: str, value: float | None) -> str:
    """Return a metric's value as people read it: fractions in points, the rest with their unit."""
    if value is None:
        return "–"
    unit = metric_named(metric).unit
    if unit == "fraction":
        return f"{100 * value:.1f}"
    return f"{value:,.0f}" if unit == "tokens" else f"{value:,.2f}"


def _cell(metric: str, estimate: Estimate | None) -> str:
    if estimate is None:
        return ""
    text = figure(metric, estimate.mean)
    if estimate.low is not None and estimate.high is not None:
        text += f" [{figure(metric, estimate.low)}, {figure(metric, estimate.high)}]"
    return text


def _shown_metrics(result: "RunResult") -> list[str]:
    present = {name for row in result.scored.estimates.values() for name in row}
    return [name for name in result.suite.metrics if name in present]


def _counts(result: "RunResult", metric: str) -> str:
    """Return ``n`` over all variants ('150' or '148–150') and the unscored, where there are any."""
    rows = [row[metric] for row in result.scored.estimates.values() if metric in row]
    low, high = min(each.n for each in rows), max(each.n for each in rows)
    unscored = sum(each.unscored for each in rows)
    return (f"{low}" if low == high else f"{low}–{high}") + (f" ({unscored} unscored)" if unscored else "")


def print_report(result: "RunResult", console: "Console", language: str = "en") -> None:
    """Print verdict, scores and differences on a terminal."""
    from rich.table import Table
    from rich.text import Text

    console.print(Text(result.verdict.text.get(language, ""), style="bold"))
    names = list(result.specs)
    table = Table(title=f"{result.suite.name} · {result.base}")
    table.add_column(word("metric", language))
    for name in names:
        table.add_column(Text(name), justify="right")
    table.add_column("n", justify="right")
    for metric in _shown_metrics(result):
        cells = [_cell(metric, result.scored.estimates[name].get(metric)) for name in names]
        style = "bold" if metric == result.suite.primary else "dim" if metric in EFFICIENCY else ""
        table.add_row(Text(metric_name(metric, language)), *cells, _counts(result, metric), style=style)
    console.print(table)
    pairs = Table(title=word("differences", language))
    for key in ("pair", "delta", "interval", "test"):
        pairs.add_column(word(key, language))
    for pair in tuned_pairs(result):
        pairs.add_row(Text(_name(pair)), points(pair.delta, signed=True), span(pair), p_value(pair))
    console.print(pairs)
    for warning in result.suite.warnings:
        console.print(Text(f"! {warning}", style="yellow"))


def to_terminal(result: "RunResult", language: str = "en", width: int = 120) -> str:
    """Return the terminal report as plain text: the verdict in both languages, then the tables."""
    from io import StringIO

    from rich.console import Console

    other = "en" if language == "ko" else "ko"
    stream = StringIO()
    console = Console(file=stream, width=width, color_system=None, legacy_windows=False)
    print_report(result, console, language)
    return stream.getvalue() + "\n" + result.verdict.text.get(other, "") + "\n"


def tuned_pairs(result: "RunResult") -> list[Comparison]:
    """Return the comparisons the rule reads: each tuned variant against each untuned one."""
    tuned = {name for name, approach in result.approaches.items() if "tune" in approach}
    return [pair for pair in result.scored.pairs if pair.first in tuned and pair.second not in tuned]


def _name(pair: Comparison) -> str:
    return f"{pair.first} − {pair.second}"


def span(pair: Comparison) -> str:
    """Return a comparison's interval in points."""
    if pair.low is None or pair.high is None:
        return "–"
    return f"{points(pair.low, signed=True)} … {points(pair.high, signed=True)}"


def p_value(pair: Comparison) -> str:
    """Return the descriptive test of no difference."""
    if pair.p is None:
        return ""
    return f"{pair.test}: p < 0.001" if pair.p < 0.001 else f"{pair.test}: p = {pair.p:.3f}"


def to_markdown(result: "RunResult") -> str:
    """Return the report as Markdown, both verdict sentences on top."""
    suite, names = result.suite, list(result.specs)
    lines = [f"# {suite.name}: {result.verdict.choice}", ""]
    lines += [_plain(result.verdict.text.get(language, "")) + "\n" for language in ("ko", "en")]
    lines += [
        f"Base: {_plain(result.base)} · primary: {suite.primary} · margin: {points(suite.margin)}"
        f" · alpha: {suite.alpha} · items: {len(suite.items)} · groups: {len({item.group for item in suite.items})}",
        "",
    ]
    rows = []
    for metric in _shown_metrics(result):
        cells = [_cell(metric, result.scored.estimates[name].get(metric)) for name in names]
        mark = "**" if metric == suite.primary else ""
        rows.append([f"{mark}{metric}{mark}", *cells, _counts(result, metric)])
    lines += _table(["metric", *names, "n"], rows)
    pairs = [
        [_name(pair), points(pair.delta, signed=True), span(pair), str(pair.n), pair.method, p_value(pair)]
        for pair in tuned_pairs(result)
    ]
    lines += ["## Differences (points)", "", *_table(["pair", "difference", "interval", "n", "method", "test"], pairs)]
    if result.scored.slices:
        slices = [
            [part, *(_cell(suite.primary, row.get(name)) for name in names), str(max(each.n for each in row.values()))]
            for part, row in result.scored.slices.items()
        ]
        lines += [f"## {suite.primary} by slice", "", *_table(["slice", *names, "n"], slices)]
    failed = {name: sum(bool(answer.error) for answer in row.values()) for name, row in result.answers.items()}
    lines += [f"- {_plain(name)}: {count} answers failed and are unscored" for name, count in failed.items() if count]
    lines += [f"- {_plain(warning)}" for warning in suite.warnings]
    return "\n".join(lines).rstrip() + "\n"


def _plain(text: str) -> str:
    """Return text that Markdown shows as it is and no viewer takes for HTML."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join("\\" + char if char in "\\`*_[]|#" else char for char in text).replace("\n", " ")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        shown = (cell.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;") for cell in cells)
        return f"| {' | '.join(shown)} |"

    return [line(head), "| " + " | ".join("---" for _ in head) + " |", *map(line, rows), ""]
