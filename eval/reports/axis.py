"""The axis of a forest plot: from the data to percent of the plot's width, with round ticks in points."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor

from eval.reports.blocks import Forest

STEPS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
MOST_TICKS = 7


@dataclass(frozen=True, slots=True)
class Axis:
    """From ``low`` to ``high``, both fractions; ticks are (value, text in points)."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def at(self, value: float) -> float:
        """Return a value's place in percent of the width."""
        return 100.0 * (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)


def axis_for(forest: Forest) -> Axis:
    """Return an axis that holds zero, the margin on both sides, and every difference with its interval."""
    ends = [value for row in forest.rows for value in (row.low, row.high, row.delta) if value is not None]
    margin = max(forest.margin, 0.005)
    return _axis([*ends, -1.5 * margin, 1.5 * margin])


def _axis(values: Sequence[float]) -> Axis:
    low, high = min(values), max(values)
    step = next((step for step in STEPS if (high - low) / step <= MOST_TICKS - 1), STEPS[-1])
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    ticks = tuple((at * step, _points(at * step)) for at in range(first, last + 1))
    return Axis(first * step, last * step, ticks)


def _points(value: float) -> str:
    text = f"{100 * value:+.3g}"
    return "0" if float(text) == 0 else text.replace("-", "−")
