"""Small plots of a dataset: shares as bars, lengths as a box on a logarithmic line; figures stand beside them."""

import math
from collections.abc import Mapping

from assistant.ui.markup import element, escape
from assistant.ui.words import Words

MOST_BARS = 12
# A person's two languages first, so that a colour always means the same one.
_ORDER = ("ko", "en")


def language_bar(counts: Mapping[str, int], words: Words) -> str:
    """Return the shares of languages as one bar; its label says them."""
    total = sum(counts.values()) or 1
    order = sorted(counts, key=lambda code: _ORDER.index(code) if code in _ORDER else len(_ORDER))
    said = ", ".join(f"{words(f'language.{code}')} {percent(counts[code], total)}" for code in order)
    parts, start = [], 0.0
    for code in order:
        width = 100 * counts[code] / total
        parts.append(f'<rect class="lang-{escape(code)}" x="{start:.2f}" width="{width:.2f}" height="8"></rect>')
        start += width
    plot = element(
        "svg", *parts, class_="lang-bar", viewBox="0 0 100 8", preserveAspectRatio="none", aria_hidden="true"
    )
    return element("span", plot, element("span", escape(said), class_="figures"), class_="languages")


def bars(title: str, counts: Mapping[str, int], more: str = "") -> str:
    """Return counts as bars, the largest first; ``more`` says how many are left out, with ``{n}``."""
    if not counts:
        return ""
    shown = sorted(counts.items(), key=lambda each: -each[1])
    top, total = max(1, shown[0][1]), sum(counts.values())
    rows = [
        _bar(name, count, 100 * count / top, f"{count:,} · {percent(count, total)}")
        for name, count in shown[:MOST_BARS]
    ]
    left = len(shown) - MOST_BARS
    rest = element("p", escape(more.replace("{n}", f"{left:,}")), class_="help") if left > 0 and more else ""
    return element("section", element("h4", escape(title)), *rows, rest, class_="plot")


def _bar(name: str, count: int, width: float, figures: str) -> str:
    plot = f'<rect class="plot-bar" width="{max(width, 0.5 if count else 0):.2f}" height="8"></rect>'
    return element(
        "div",
        element("span", escape(name), class_="plot-name", title=name),
        element("svg", plot, viewBox="0 0 100 8", preserveAspectRatio="none", aria_hidden="true"),
        element("span", escape(figures), class_="figures"),
        class_="plot-row",
    )


def spread(title: str, quantiles: Mapping[str, int], words: Words) -> str:
    """Return lengths as a box from quarter to quarter, a line from least to most, and their figures."""
    if not quantiles:
        return ""
    top = math.log1p(quantiles["max"]) or 1.0
    at = {key: 100 * math.log1p(value) / top for key, value in quantiles.items()}
    parts = [
        _rect("plot-line", at["min"], at["max"], 7, 2),
        _rect("plot-box", at["p25"], at["p75"], 2, 12),
        _rect("plot-middle", min(at["median"], 99.0), 0, 1, 14),
    ]
    plot = element("svg", *parts, class_="box", viewBox="0 0 100 16", preserveAspectRatio="none", aria_hidden="true")
    said = words("data.spread", **{key: f"{value:,}" for key, value in quantiles.items()})
    return element(
        "section", element("h4", escape(title)), plot, element("p", escape(said), class_="help"), class_="plot"
    )


def _rect(kind: str, start: float, end: float, top: int, height: int) -> str:
    width = max(end - start, 1.0)
    return f'<rect class="{kind}" x="{start:.2f}" y="{top}" width="{width:.2f}" height="{height}"></rect>'


def percent(part: int, total: int) -> str:
    """Return a share in percent, never rounded to none or all when it is not."""
    share = 100 * part / total if total else 0.0
    return "<1 %" if 0 < share < 1 else ">99 %" if 99 < share < 100 else f"{share:.0f} %"
