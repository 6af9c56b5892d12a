"""The ratios of ``make bench``: each topic runs in a process of its own, paired within one run.

Absolute figures depend on the machine and are only reported; a figure with a ``floor`` or
``ceiling`` compares two things measured side by side, so it holds on any machine.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

from assistant.errors import UsageError
from assistant.lazy import nearest

BENCHES = {
    "startup": "assistant.bench.startup:measure",
    "stream": "assistant.bench.stream:measure",
    "training": "assistant.bench.training:measure",
    "packing": "assistant.bench.packing:measure",
    "adapters": "assistant.bench.adapters:measure",
    "evaluation": "assistant.bench.evaluation:measure",
    "reports": "assistant.bench.reports:measure",
    "retrieval": "assistant.bench.retrieval:measure",
    "memory": "assistant.bench.memory:measure",
    "data": "assistant.bench.data:measure",
    "recipes": "assistant.bench.recipes:measure",
}
ASKED_FOR = ("recipes",)  # topics that run only when they are named: nothing to compare, and eight minutes
SIZED = ("data",)  # topics whose size can be named


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure; ``met`` is None where there is nothing to meet."""

    topic: str
    name: str
    value: float
    unit: str = ""
    floor: float | None = None
    ceiling: float | None = None

    @property
    def met(self) -> bool | None:
        """Return whether the figure keeps its bound."""
        if self.floor is None and self.ceiling is None:
            return None
        return (self.floor is None or self.value >= self.floor) and (self.ceiling is None or self.value <= self.ceiling)


def run_benches(
    names: Iterable[str] = (), progress: Callable[[str], None] = lambda _: None, rows: int | None = None
) -> list[Figure]:
    """Run the named topics (default: all but :data:`ASKED_FOR`), one after another, each in a fresh process.

    ``rows`` makes the topics of :data:`SIZED` smaller or larger.

    Raises:
        UsageError: an unknown topic, or ``rows`` for one that has no size.
    """
    figures: list[Figure] = []
    chosen = list(names) or [name for name in BENCHES if name not in ASKED_FOR]
    for name in chosen:
        if name not in BENCHES:
            raise UsageError(f"unknown benchmark {name!r}", nearest(name, BENCHES))
        if rows is not None and name not in SIZED:
            raise UsageError(f"--rows says nothing to {name!r}", f"use it with: {', '.join(SIZED)}")
    for name in chosen:
        progress(name)
        command = [sys.executable, "-m", "assistant.bench", name, *([str(rows)] if rows is not None else [])]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        figures += [Figure(**row) for row in json.loads(done.stdout.splitlines()[-1])]
    return figures


def to_rows(figures: Iterable[Figure]) -> list[dict[str, object]]:
    """Return figures as plain rows for JSON, with ``met``."""
    return [asdict(figure) | {"met": figure.met} for figure in figures]


def to_markdown(figures: Iterable[Figure]) -> str:
    """Return figures as a Markdown table."""
    lines = ["| topic | figure | value | bound | met |", "|---|---|---:|---|---|"]
    for figure in figures:
        bound = f">= {figure.floor:g}" if figure.floor is not None else ""
        bound = bound or (f"<= {figure.ceiling:g}" if figure.ceiling is not None else "")
        met = {None: "", True: "yes", False: "**no**"}[figure.met]
        value = f"{figure.value:,.3g}" if figure.value < 100 else f"{figure.value:,.0f}"
        lines.append(f"| {figure.topic} | {figure.name} | {value} {figure.unit} | {bound} | {met} |")
    return "\n".join(lines)
