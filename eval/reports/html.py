"""A report's sections as HTML: for the page of the app in one language, for the report file in both.

Everything is escaped here; only :class:`eval.reports.blocks.Picture` carries markup of its own.
"""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from eval.reports.axis import Axis, axis_for
from eval.reports.blocks import Block, Cell, Difference, Facts, Forest, Note, Section, Table, Text, text_of
from eval.reports.look import LETTERS, kind_of, label, say
from eval.sentence import points

Shown = Literal["ko", "en", "both"]
LONG = 40
# Bidirectional controls can make text read otherwise than it is.
_CONTROLS = re.compile("[\u0000-\u0008\u000b\u000c\u000e-\u001f\u202a-\u202e\u2066-\u2069]")


def escape(value: object) -> str:
    """Return a value as HTML text that is also safe inside a quoted attribute."""
    return html.escape(_CONTROLS.sub("", str(value)), quote=True)


class Writer:
    """Writes one document's sections; ``shown`` is the language, or both with a switch to hide one."""

    def __init__(self, document: Mapping[str, Any], shown: Shown) -> None:
        self._variants: Mapping[str, Any] = document.get("variants", {})
        self.shown = shown

    def text(self, text: Text) -> str:
        """Return a text in the language shown, or both in spans of which the page's style hides one."""
        if isinstance(text, str) or text.ko == text.en:
            return escape(text_of(text, "en"))
        if self.shown != "both":
            return escape(text.of(self.shown))
        return "".join(f'<span class="{code}" lang="{code}">{escape(text.of(code))}</span>' for code in ("ko", "en"))

    def badge(self, variant: str) -> str:
        """Return a variant's name with its colour and letter."""
        kind = self.kind(variant)
        letter = f'<span class="letter" aria-hidden="true">{LETTERS[kind]}</span>'
        return f'<span class="variant v-{kind}">{letter}{self.text(label(variant))}</span>'

    def kind(self, variant: str) -> str:
        """Return which of the six looks a variant has."""
        return kind_of(variant, self._variants.get(variant))

    def sections(self, sections: Sequence[Section]) -> str:
        """Return sections one after another."""
        return "".join(self.section(section) for section in sections)

    def section(self, section: Section) -> str:
        """Return one section with its title."""
        body = "".join(self._block(block) for block in section.blocks)
        title = f"<h2>{self.text(section.title)}</h2>"
        return f'<section class="part" data-section="{escape(section.key)}">{title}{body}</section>'

    def _block(self, block: Block) -> str:
        if isinstance(block, Note):
            kind = "notes" if block.warning else "help"
            return f'<p class="{kind}">{self.text(block.text)}</p>'
        if isinstance(block, Facts):
            rows = "".join(f"<dt>{self.text(name)}</dt><dd>{self.text(value)}</dd>" for name, value in block.rows)
            return f'<dl class="facts">{rows}</dl>'
        if isinstance(block, Table):
            return self._table(block)
        if isinstance(block, Forest):
            return self._forest(block)
        caption = f'<figcaption class="help">{self.text(block.caption)}</figcaption>' if block.caption else ""
        return f'<figure class="plot">{block.svg}{caption}</figure>'

    def _table(self, table: Table) -> str:
        prose = {at for row in table.rows for at, cell in enumerate(row) if at and _is_prose(cell)}
        heads = "".join(self._at("th", at, cell, prose, ' scope="col"') for at, cell in enumerate(table.head))
        rows = []
        for row in table.rows:
            cells = "".join(self._at("td", at, cell, prose) for at, cell in enumerate(row) if at)
            rows.append(f'<tr><th scope="row">{self._cell(row[0])}</th>{cells}</tr>')
        grid = f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        caption = f'<p class="help">{self.text(table.caption)}</p>' if table.caption else ""
        shown = f'{caption}<div class="wide" tabindex="0">{grid}</div>'
        if table.summary is None:
            return shown
        return f"<details><summary>{self._cell(table.summary)}</summary>{shown}</details>"

    def _at(self, tag: str, at: int, cell: Cell, prose: set[int], more: str = "") -> str:
        css = ' class="sentence"' if at in prose else ""
        return f"<{tag}{css}{more}>{self._cell(cell)}</{tag}>"

    def _cell(self, cell: Cell) -> str:
        shown = self.badge(cell.variant) if cell.variant else self.text(cell.text)
        if cell.strong:
            shown = f"<b>{shown}</b>"
        if cell.show:
            shown = f'<button type="button" class="to-items" data-show="{escape(cell.show)}">{shown}</button>'
        detail = f"<small>{self.text(cell.detail)}</small>" if cell.detail else ""
        return shown + detail + (f'<small class="bad">{self.text(cell.bad)}</small>' if cell.bad else "")

    def _forest(self, forest: Forest) -> str:
        axis = axis_for(forest)
        rows = "".join(self._difference(row, axis, forest.margin) for row in forest.rows)
        ticks = "".join(f'<span style="left:{axis.at(value):.2f}%">{text}</span>' for value, text in axis.ticks)
        scale = f'<span></span><div class="scale" aria-hidden="true">{ticks}</div><span></span>'
        return f'<div class="forest" role="list">{rows}<div class="forest-row axis">{scale}</div></div>'

    def _difference(self, row: Difference, axis: Axis, margin: float) -> str:
        other = f'<span class="minus">−</span>{self.badge(row.second)}' if row.second else ""
        names = f'<span class="pair">{self.badge(row.first)}{other}</span>'
        drawn = self._bar("margin", -margin, margin, axis) + f'<i class="zero" style="left:{axis.at(0.0):.2f}%"></i>'
        figures = points(row.delta, signed=True)
        if row.low is not None and row.high is not None:
            drawn += self._bar("span", row.low, row.high, axis)
            figures += f" [{points(row.low, signed=True)}, {points(row.high, signed=True)}]"
        if row.delta is not None:
            drawn += f'<i class="dot" style="left:{axis.at(row.delta):.2f}%"></i>'
        if row.show:
            hint = self.label(say("open_items"))
            figures = f'<button type="button" class="to-items" data-show="{escape(row.show)}"{hint}>{figures}</button>'
        track = f'<span class="track" aria-hidden="true">{drawn}</span>'
        shown = f'{names}{track}<span class="figures">{figures}</span>'
        return f'<div class="forest-row v-{self.kind(row.first)}" role="listitem">{shown}</div>'

    def label(self, text: Text) -> str:
        """Return a ``title`` attribute; in a file with both languages it has both."""
        if self.shown != "both":
            return f' title="{escape(text_of(text, self.shown))}"'
        return f' title="{escape(" / ".join(dict.fromkeys((text_of(text, "ko"), text_of(text, "en")))))}"'

    @staticmethod
    def _bar(kind: str, low: float, high: float, axis: Axis) -> str:
        left, right = axis.at(low), axis.at(high)
        return f'<i class="{kind}" style="left:{left:.2f}%;width:{right - left:.2f}%"></i>'


def _is_prose(cell: Cell) -> bool:
    """Return whether a cell holds a sentence rather than a figure; its column wraps and reads from the left."""
    return len(text_of(cell.text, "en")) > LONG


def _led(text: str) -> str:
    """Return a verdict with its first sentence set apart: that one is the answer, the rest its grounds."""
    lead, stop, rest = text.partition(". ")
    return f"<b>{escape(lead)}.</b> {escape(rest)}" if stop else f"<b>{escape(text)}</b>"


def verdict_html(document: Mapping[str, Any], writer: Writer) -> str:
    """Return the verdict: its badge, the suite, and the sentence."""
    verdict = document["verdict"]
    choice = str(verdict["choice"])
    css = "verdict open" if choice == "not_enough_evidence" else "verdict"
    badge = f'<span class="badge">{writer.text(say(choice))}</span>'
    name = f'<span class="suite-name">{escape(document["suite"])}</span>'
    text = verdict.get("text", {})
    languages = ("ko", "en") if writer.shown == "both" else (writer.shown,)
    said = "".join(f'<p class="{code}" lang="{code}">{_led(text.get(code, ""))}</p>' for code in languages)
    return f'<section class="{css}"><div class="badges">{badge}{name}</div>{said}</section>'
