"""``joyul eval simulate``: how often the real rule errs, and whether it finds what it says it can find.

In every cell (a design of ``eval.simulation.worlds``) whole studies are drawn and judged by
``eval.verdict.decide``:

* **No gain**: every candidate leads the strongest rival by exactly the margin, so "tune" and "enough"
  are both wrong. ``false_tune`` and ``false_enough`` are how often they are said.
* **The printed effect**: the true score of one candidate lies as far above the strongest rival's score
  as studies of this very world print as detectable (on average; the other candidates are level with the
  truly strongest rival). What is printed counts from the rival that *looks* best, which had some luck; ``effect``
  is the same counted from the true score. ``power`` is how often the verdict is "tune".
* **Coverage**: the interval at 1 - alpha of one comparison fixed beforehand (first candidate, first
  rival), in both worlds.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from eval.schema import TUNED
from eval.simulation.batch import Batch
from eval.simulation.worlds import Cell, draw, means
from eval.stats import RESAMPLES, rare_share
from eval.verdict import decide

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray
else:
    Array = Any

MARGIN, ALPHA = 0.02, 0.05
# What a cell must keep: upper Monte-Carlo bound, and ranges.
FALSE_TUNE, POWER, COVERAGE = 0.06, (0.76, 0.84), (0.93, 0.97)
CHUNK = 500
# Pilot studies from which the printed effect is read: a walk of this many steps from START, the last one decides.
PILOTS, START = (500, 500, 500, 500, 4000), 0.3
# The detectable effect does not depend on the resamples.
PILOT_RESAMPLES = 99
HIGHEST = {"pass/fail": 0.97, "bounded": 0.97, "zero-inflated": 0.74}


def grid() -> list[Cell]:
    """Return every cell of the declared grid, then those with several training seeds and extreme scores."""
    designs = [(0, 0.0), (8, 0.0), (8, 0.2), (24, 0.0), (24, 0.2)]
    scores, rivals = ("pass/fail", "bounded", "zero-inflated"), ("equal", "unequal")
    usual = [
        Cell(items, clusters, icc, kind, candidates, order)  # type: ignore[arg-type]
        for items, (clusters, icc), kind, candidates, order in product((40, 150, 300), designs, scores, (1, 3), rivals)
    ]
    seeds = [Cell(150, 0, 0.0, "bounded", 1, "equal", 3, 0.02), Cell(150, 24, 0.2, "pass/fail", 3, "equal", 3, 0.02)]
    extreme = [
        Cell(items, clusters, 0.2 if clusters else 0.0, kind, 1, "equal", level=0.03)  # type: ignore[arg-type]
        for items, clusters, kind in product((40, 150, 300), (0, 8), ("pass/fail", "zero-inflated"))
    ]
    return [*usual, *seeds, *extreme]


def quick() -> list[Cell]:
    """Return a handful of cells, one of each kind."""
    return [
        Cell(40, 0, 0.0, "pass/fail", 1, "equal"),
        Cell(40, 8, 0.2, "bounded", 3, "unequal"),
        Cell(150, 24, 0.2, "zero-inflated", 1, "unequal"),
        Cell(150, 0, 0.0, "bounded", 3, "equal"),
        Cell(150, 24, 0.2, "bounded", 1, "equal", 3, 0.02),
    ]


def simulate(
    studies: int = 2000,
    seed: int = 0,
    cells: Sequence[Cell] | None = None,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """Run the studies of every cell.

    Args:
        studies: per cell and world.
        seed: of all chance.
        cells: the designs; the whole grid without it.
        progress: told how many cells are done, of how many.
        resamples: of the bootstrap where the rule takes one.

    Returns:
        ``studies``; ``false_tune`` the highest upper bound of a cell; ``power_at_mde`` and ``coverage``
        those furthest from 0.8 and 0.95; ``outside`` how many cells miss a target; ``cells``, worst first.
    """
    import numpy as np

    chosen = grid() if cells is None else list(cells)
    started = time.perf_counter()
    rows = []
    for at, cell in enumerate(chosen):
        rows.append(run_cell(cell, studies, np.random.default_rng([seed, at]), resamples))
        progress(at + 1, len(chosen))
    powers = [row["power"] for row in rows if row["power"] is not None]
    return {
        "studies": studies,
        "false_tune": max(row["false_tune_upper"] for row in rows),
        "power_at_mde": max(powers, key=lambda power: abs(power - 0.8), default=None),
        "coverage": max((row["coverage"] for row in rows), key=lambda held: abs(held - 0.95)),
        "outside": sum(bool(row["outside"]) for row in rows),
        "margin": MARGIN,
        "alpha": ALPHA,
        "seed": seed,
        "seconds": round(time.perf_counter() - started, 1),
        "cells": sorted(rows, key=badness, reverse=True),
    }


def run_cell(cell: Cell, studies: int, random: "np.random.Generator", resamples: int = RESAMPLES) -> dict[str, Any]:
    """Return the figures of one cell."""
    nothing = _World(cell, means(cell, (MARGIN,) * cell.candidates), random, resamples)
    nothing.run(studies)
    effect, printed = _printed_effect(cell, random)
    found = None
    if effect is not None:
        found = _World(cell, means(cell, (effect, *(0.0,) * (cell.candidates - 1))), random, resamples)
        found.run(studies)
        printed = found.printed
    power = found.tune / studies if found else None
    held = [nothing.held / studies, *([found.held / studies] if found else [])]
    row = cell.to_json() | {
        "false_tune": nothing.tune / studies,
        "false_tune_upper": float(rare_share(nothing.tune, studies, 0.05)),
        "false_enough": nothing.enough / studies,
        "effect": effect,
        "printed": printed,
        "power": power,
        "coverage": max(held, key=lambda share: abs(share - 0.95)),
    }
    return row | {"outside": _outside(row)}


class _World:
    """Studies of one truth and what the rule said about them."""

    def __init__(self, cell: Cell, truth: Array, random: "np.random.Generator", resamples: int) -> None:
        self.cell, self.truth, self.random, self.resamples = cell, truth, random, resamples
        self.tune = self.enough = self.held = 0
        self.effects: list[float] = []
        self.luck: list[float] = []

    def run(self, studies: int) -> None:
        """Draw and judge."""
        fixed = float(self.truth[0] - self.truth[self.cell.candidates])
        for start in range(0, studies, CHUNK):
            count = min(CHUNK, studies - start)
            batch = Batch(self.cell, draw(self.cell, self.truth, count, self.random), self.resamples)
            pair = (0, self.cell.candidates)
            _, low, high, *_ = batch.bounds(*pair, ALPHA / 2, batch.resample([pair], ALPHA / 2).get(pair))
            self.held += int(((low <= fixed) & (fixed <= high)).sum())
            for evidence in batch.evidence(MARGIN, ALPHA):
                verdict = decide(evidence)
                self.tune += verdict.choice in TUNED
                self.enough += verdict.reason == "not_inferior"
                if verdict.detectable is not None:
                    self.effects.append(verdict.detectable)
                    rivals = [evidence.means[name] or 0.0 for name in evidence.rivals()]
                    self.luck.append(max(rivals) - sum(rivals) / len(rivals))

    @property
    def printed(self) -> float | None:
        """The mean detectable effect that the verdicts carry."""
        return sum(self.effects) / len(self.effects) if self.effects else None

    @property
    def effect(self) -> float | None:
        """The same counted from the true score of the strongest rival.

        The scores of a study are counted from the mean of its rivals: easy or hard items move them alike.
        """
        true = self.truth[self.cell.candidates :]
        luck = sum(self.luck) / max(len(self.luck), 1) - float(true.max() - true.mean())
        return None if self.printed is None else self.printed + luck


def _printed_effect(cell: Cell, random: "np.random.Generator") -> tuple[float | None, float | None]:
    """Return the true lead at which this world's studies print that very effect, and what they print.

    The spread of scores depends on the effect, so it is looked for by walking; no lead where the score
    cannot show what is printed, or nothing is.
    """
    level, effect, printed = means(cell, (0.0,))[1], START, None
    for studies in PILOTS:
        world = _World(cell, means(cell, (effect, *(0.0,) * (cell.candidates - 1))), random, PILOT_RESAMPLES)
        world.run(studies)
        found, printed = world.effect, world.printed
        if found is None or level + found > HIGHEST[cell.scores]:
            return None, printed
        effect = found
    return effect, printed


def _outside(row: dict[str, Any]) -> list[str]:
    """Return the targets that a cell misses."""
    missed = []
    if row["false_tune_upper"] > FALSE_TUNE:
        missed.append("false_tune")
    if row["power"] is None or not POWER[0] <= row["power"] <= POWER[1]:
        missed.append("power")
    if not COVERAGE[0] <= row["coverage"] <= COVERAGE[1]:
        missed.append("coverage")
    return missed


def badness(row: dict[str, Any]) -> float:
    """Return how far a cell is from what it must keep; above 1 it misses a target."""
    power = 1.5 if row["power"] is None else abs(row["power"] - 0.8) / (POWER[1] - 0.8)
    coverage = abs(row["coverage"] - 0.95) / (COVERAGE[1] - 0.95)
    return float(max(row["false_tune_upper"] / FALSE_TUNE, power, coverage))


def lines(document: dict[str, Any], most: int = 20) -> Iterator[str]:
    """Yield a short table of the worst cells as text."""
    yield "items clusters icc scores        cand rivals  seeds  false-tune(upper) effect  power coverage  misses"
    for row in document["cells"][:most]:
        power = "    –" if row["power"] is None else f"{row['power']:5.3f}"
        effect = "    –" if row["effect"] is None else f"{row['effect']:5.3f}"
        yield (
            f"{row['items']:5d} {row['clusters']:8d} {row['icc']:3.1f} {row['scores']:13s} {row['candidates']:4d} "
            f"{row['rivals']:7s} {row['seeds']:5d}  {row['false_tune']:6.4f} ({row['false_tune_upper']:6.4f})"
            f"   {effect} {power}  {row['coverage']:6.4f}  {', '.join(row['outside'])}"
        )


def summary(document: dict[str, Any]) -> Iterator[str]:
    """Yield the headline, then the worst cells."""
    total, missed = len(document["cells"]), document["outside"]
    power = document["power_at_mde"]
    yield (
        f"{document['studies']:,} studies a cell, {total} cells, {document['seconds']:,.0f} s; "
        f"{missed} cells miss a target"
    )
    yield f'false "tune": at most {document["false_tune"]:.4f} in any cell (95 % bound; target {FALSE_TUNE})'
    shown = "–" if power is None else f"{power:.3f}"
    yield f"power at the printed effect, furthest from 0.8: {shown} (target {POWER[0]} to {POWER[1]})"
    yield f"coverage, furthest from 0.95: {document['coverage']:.4f} (target {COVERAGE[0]} to {COVERAGE[1]})"
    yield ""
    yield from lines(document)
