"""The method table as a section: quality beside what it cost, for terminal, Markdown and one HTML file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assistant.locales.faults import said
from eval.cost_plots import method_plot
from eval.cost_words import cost_word
from eval.forgetting import LANGUAGES
from eval.reports.blocks import Block, Both, Cell, Note, Picture, Section, Text, table
from eval.reports.look import MISSING
from eval.sentence import points
from eval.words import metric_name

TABLES, TABLE = "methods", "table.json"
Document = Mapping[str, Any]


def method_section(document: Document) -> Section:
    """Return the table of a study's document, its plot, and what was left out."""
    name = document["metric"]
    quality = Both(metric_name(name, "ko"), metric_name(name, "en"))
    measured = [row for row in document["rows"] if row["quality"]]
    heads = [cost_word(f"methods_{key}") for key in ("parameters", "memory", "seconds", "disk", "forgetting")]
    told = {key: document[key] for key in ("suite", "base", "items", "data_rows")}
    words = [cost_word("methods_parameters"), quality, cost_word("methods_untuned")]
    axes = Both(*(f"→ {words[0].of(c)} · ↑ {words[1].of(c)} · ┄ {words[2].of(c)}" for c in ("ko", "en")))
    blocks: list[Block] = [
        Note(cost_word("methods_note", **told)),
        table([cost_word("methods_method"), quality, *heads, "n"], [_row(row) for row in measured]),
    ]
    blocks += [Note(_left_out(row), warning=True) for row in document["rows"] if row["left_out"]]
    if any(row["method"] == "feature_extraction" for row in measured):
        blocks.append(Note(cost_word("methods_classifier")))
    blocks.append(Picture(method_plot(measured), axes))
    return Section("methods", cost_word("methods"), tuple(blocks))


def _left_out(row: Document) -> Both:
    """Return which method is missing and why."""
    reasons = {code: said(row["left_out"], code) for code in ("ko", "en")}
    return Both(*(cost_word("methods_left_out", name=row["name"], reason=reasons[c]).of(c) for c in ("ko", "en")))


def _row(row: Document) -> list[Text | Cell]:
    quality = row["quality"]
    known = quality["mean"] is not None
    span = f"{points(quality['low'])}–{points(quality['high'])}" if known and quality["low"] is not None else ""
    bad: Text = cost_word("unscored", count=quality["unscored"], reason=MISSING) if quality["unscored"] else ""
    shown = Cell(points(quality["mean"]) if known else MISSING, detail=span, bad=bad, strong=True)
    if not row["method"]:
        return [cost_word("methods_untuned"), shown, "0", *[MISSING] * 4, str(quality["n"])]
    return [
        Cell(row["name"], detail=cost_word("methods_rate", rate=f"{row['learning_rate']:.3g}")),
        shown,
        f"{row['parameters']:,}",
        f"{row['memory_mb']:,.0f} MB",
        f"{row['seconds']:,.0f}",
        f"{row['megabytes']:,.3g} MB",
        _lost(row["forgetting"]),
        str(quality["n"]),
    ]


def _lost(found: Document | None) -> Cell:
    """Return the change of loss on general text, a line a language."""
    if not found:
        return Cell(MISSING)
    lines = []
    for language in LANGUAGES:
        change = found[language]
        if change["change"] is not None:
            low, high = (points(change[key], signed=True) for key in ("low", "high"))
            lines.append(f"{language} {points(change['change'], signed=True)} % ({low} … {high})")
    return Cell(lines[0] if lines else MISSING, detail="; ".join(lines[1:]))


def to_html(document: Document) -> str:
    """Return the section as one self-contained page in both languages."""
    from eval.reports.html import Writer

    parts = []
    for code in ("ko", "en"):
        writer = Writer({}, "ko" if code == "ko" else "en")
        parts.append(f'<div lang="{code}">{writer.section(method_section(document))}</div>')
    return _PAGE.format(body="<hr>".join(parts))


_PAGE = """<!doctype html>
<html lang="ko">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Joyul</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0 auto; max-width: 1080px; padding: 20px; font-family: "Noto Sans KR", system-ui, sans-serif; }}
table {{ border-collapse: collapse; }}
th, td {{ padding: 4px 10px; text-align: right; border-bottom: 1px solid #8884; vertical-align: top; }}
th:first-child, td:first-child {{ text-align: left; }}
small {{ display: block; opacity: 0.75; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def write_reports(document: Document, folder: Path) -> None:
    """Write ``table.md``, ``table.ko.md``, ``table.html`` and the plot alone, ``table.svg``, into a study's folder.

    Raises:
        OSError: the disk is full or read-only.
    """
    from assistant.files import write_whole
    from eval.reports.markdown import section_lines

    for language, name in (("en", "table.md"), ("ko", "table.ko.md")):
        write_whole(folder / name, ["\n".join(section_lines([method_section(document)], language)) + "\n"])
    write_whole(folder / "table.html", [to_html(document)])
    write_whole(folder / "table.svg", [method_plot([row for row in document["rows"] if row["quality"]])])
