"""Plots as inline SVG: costs over volume, quality over training rows, quality over trained parameters.

Nothing is loaded from anywhere; colours come from the page (``currentColor``), so that both a light and
a dark page can read them; lines also differ by their dashes. Words stand in the caption, not in here.
"""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from math import ceil, floor, log10
from typing import Any

LEFT, TOP, WIDTH, HEIGHT, FOOT, RIGHT = 70, 14, 470, 210, 34, 130
_DASHES = ("", "7 4", "2 3")
LETTER = 7  # the width that a letter of a label takes at most


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round values from ``low`` to ``high``: steps of 1, 2 or 5 times a power of ten."""
    if high <= low:
        return [low]
    raw = (high - low) / most
    power = 10.0 ** floor(log10(raw))
    step = next(step * power for step in (1, 2, 5, 10) if step * power >= raw * 0.999)
    return [at * step for at in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]


def cost_plot(crossing: Mapping[str, Any], volume: float, months: float) -> str:
    """Return the monthly cost of both variants over the requests a month, with their crossing."""
    meet = crossing["requests"]
    right = 2.0 * max(volume if meet is None or meet > 50 * volume else meet, volume, 1.0)
    fixed = crossing["once"] / months + crossing["monthly"]
    ends = (right * crossing["cost_rival"], fixed + right * crossing["cost_tuned"])
    top = max(*ends, 1e-9) * 1.05
    x, y = _scale(0.0, right, LEFT, LEFT + WIDTH), _scale(0.0, top, TOP + HEIGHT, TOP)
    marks = [
        _line((x(0.0), y(0.0)), (x(right), y(ends[0])), 0),
        _line((x(0.0), y(fixed)), (x(right), y(ends[1])), 1),
        *_apart([(crossing["rival"], y(ends[0])), (crossing["tuned"], y(ends[1]))], x(right) + 6),
        _line((x(volume), TOP), (x(volume), TOP + HEIGHT), 2, width=1, opacity=0.5),
    ]
    if meet is not None and meet <= right:
        at = (x(meet), y(meet * crossing["cost_rival"]))
        marks += [_dot(at, 5), _text(at[0], at[1] - 10, f"{meet:,.0f}", "middle", bold=True)]
    return _frame([*_axes(x, ticks(0.0, right), y, ticks(0.0, top)), *marks], "break-even")


def curve_plot(points: Sequence[Mapping[str, Any]], line: Sequence[tuple[float, float]]) -> str:
    """Return quality over training rows (logarithmic) with intervals, and the fitted line."""
    shown = [point for point in points if point["mean"] is not None and point["rows"] > 0]
    if not shown:
        return ""
    rows = [float(point["rows"]) for point in shown] + [at for at, _ in line]
    values = [value for point in shown for value in (point["low"], point["high"], point["mean"]) if value is not None]
    values += [value for _, value in line]
    low, high = max(0.0, min(values) - 0.03), min(1.0, max(values) + 0.03)
    across = _scale(log10(min(rows)) - 0.05, log10(max(rows)) + 0.05, LEFT, LEFT + WIDTH)
    y = _scale(low, high, TOP + HEIGHT, TOP)

    def x(count: float) -> float:
        return across(log10(count))

    marks = []
    if line:
        path = " ".join(f"{x(at)},{y(value)}" for at, value in line)
        marks.append(
            f'<polyline points="{path}" fill="none" stroke="currentColor" stroke-width="1.5" stroke-dasharray="7 4"/>'
        )
    for point in shown:
        place = x(point["rows"])
        if point["low"] is not None and point["high"] is not None:
            marks.append(_line((place, y(point["low"])), (place, y(point["high"])), 0))
        marks.append(_dot((place, y(point["mean"])), 4))
    named = sorted({float(point["rows"]) for point in shown} | ({line[-1][0]} if line else set()))
    return _frame([*_axes(x, named, y, ticks(low, high), lambda value: f"{100 * value:.0f}"), *marks], "data-curve")


def method_plot(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return quality with intervals over trained parameters (logarithmic); the untuned base is a dashed line."""
    shown = [row for row in rows if row["method"] and row["quality"]["mean"] is not None]
    if not shown:
        return ""
    plain = [row["quality"]["mean"] for row in rows if not row["method"] and row["quality"]["mean"] is not None]
    ends = [row["quality"][key] for row in shown for key in ("mean", "low", "high")]
    values = [*plain, *(value for value in ends if value is not None)]
    low, high = max(0.0, min(values) - 0.03), min(1.0, max(values) + 0.03)
    sizes = [max(1.0, float(row["parameters"])) for row in shown]
    across = _scale(log10(min(sizes)) - 0.2, log10(max(sizes)) + 0.2, LEFT, LEFT + WIDTH)
    y = _scale(low, high, TOP + HEIGHT, TOP)

    def x(count: float) -> float:
        return across(log10(count))

    marks = [_line((LEFT, y(value)), (LEFT + WIDTH, y(value)), 1, width=1, opacity=0.6) for value in plain]
    dots = [(x(size), y(row["quality"]["mean"])) for row, size in zip(shown, sizes, strict=True)]
    taken = [(at - 6, at + 6, up - 6, up + 6) for at, up in dots]
    for row, (at, up) in zip(shown, dots, strict=True):
        quality = row["quality"]
        if quality["low"] is not None and quality["high"] is not None:
            marks.append(_line((at, y(quality["low"])), (at, y(quality["high"])), 0, width=1, opacity=0.5))
        marks.append(_dot((at, up), 4))
        marks.append(_label(str(row["name"]), (at, up), taken))
    powers = [10.0**power for power in range(ceil(log10(min(sizes)) - 0.2), floor(log10(max(sizes)) + 0.2) + 1)]
    axes = _axes(x, powers, y, ticks(low, high), lambda value: f"{100 * value:.0f}")
    return _frame([*axes, *marks], "methods")


def _scale(low: float, high: float, first: float, last: float) -> Callable[[float], float]:
    span = high - low or 1.0
    return lambda value: round(first + (last - first) * (value - low) / span, 2)


def _axes(
    x: Callable[[float], float],
    across: Sequence[float],
    y: Callable[[float], float],
    up: Sequence[float],
    name: Callable[[float], str] = lambda value: _short(value),
) -> list[str]:
    found = []
    for value in up:
        found.append(_line((LEFT, y(value)), (LEFT + WIDTH, y(value)), 0, width=1, opacity=0.15))
        found.append(_text(LEFT - 8, y(value) + 4, name(value), "end"))
    found += [_text(x(value), TOP + HEIGHT + 20, _short(value), "middle") for value in across]
    return found


def _short(value: float) -> str:
    for size, ending in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if ending == 'k' else size):,.3g}{ending}"
    return f"{value:,.6g}" if value >= 1 or value == 0 else f"{value:.2g}"


def _apart(names: Sequence[tuple[str, float]], x: float) -> list[str]:
    """Label line ends without overlap: 16 units apart at least."""
    found, last = [], -1e9
    for name, y in sorted(names, key=lambda each: each[1]):
        last = max(y + 4, last + 16)
        found.append(_text(x, last, name, "start"))
    return found


def _label(name: str, dot: tuple[float, float], taken: list[tuple[float, float, float, float]]) -> str:
    """Label a dot where nothing stands yet: right or left of it, else further up or down; the place is taken then."""
    at, up = dot
    boxes: list[tuple[float, float, float, float]] = []
    for shift in (0, 14, -14, 28, -28, 42):
        for left in (at + 8, at - 8 - LETTER * len(name)):
            boxes.append((left, left + LETTER * len(name), up + shift - 7, up + shift + 7))
    inside = [box for box in boxes if box[0] >= LEFT and box[1] <= LEFT + WIDTH + RIGHT] or boxes
    free = (box for box in inside if not any(_meet(box, other) for other in taken))
    box = next(free, inside[0])
    taken.append(box)
    return _text(box[0], box[2] + 11, name, "start")


def _meet(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]


def _text(x: float, y: float, text: str, anchor: str, *, bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="12" fill="currentColor"{weight}>{escape(text)}</text>'
    )


def _line(
    start: tuple[float, float], end: tuple[float, float], dash: int, *, width: float = 2, opacity: float = 1.0
) -> str:
    pattern = f' stroke-dasharray="{_DASHES[dash]}"' if _DASHES[dash] else ""
    look = f'stroke="currentColor" stroke-width="{width}" stroke-opacity="{opacity}"{pattern}'
    return f'<line x1="{start[0]}" y1="{start[1]}" x2="{end[0]}" y2="{end[1]}" {look}/>'


def _dot(at: tuple[float, float], size: int) -> str:
    return f'<circle cx="{at[0]}" cy="{at[1]}" r="{size}" fill="currentColor"/>'


def _frame(parts: Sequence[str], key: str) -> str:
    box = f"0 0 {LEFT + WIDTH + RIGHT} {TOP + HEIGHT + FOOT}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" role="img" data-plot="{key}" '
        f'style="max-width:100%;height:auto">{"".join(parts)}</svg>'
    )
