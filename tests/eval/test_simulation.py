"""The simulation runs the product's rule on worlds that are what they say, and would notice a rule that lies."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from eval.evidence import gather
from eval.metrics.base import Metric
from eval.schema import Item, Score
from eval.simulation import studies
from eval.simulation.batch import RIVAL_NAMES, Batch
from eval.simulation.worlds import Cell, draw, means
from eval.verdict import Evidence, decide

CELLS = [
    Cell(40, 0, 0.0, "pass/fail", 3, "equal"),
    Cell(40, 8, 0.2, "zero-inflated", 1, "unequal"),
    Cell(150, 24, 0.2, "bounded", 3, "equal"),
    Cell(150, 0, 0.0, "pass/fail", 1, "unequal"),
    Cell(150, 0, 0.0, "bounded", 1, "equal", 3, 0.02),
    Cell(40, 8, 0.2, "pass/fail", 3, "equal", 3, 0.02),
    Cell(150, 8, 0.2, "pass/fail", 1, "equal", level=0.02),
    # Few groups: between 10 items and 10 % of them differ.
    Cell(300, 8, 0.2, "pass/fail", 1, "equal", level=0.04),
]


class Plain(Metric):
    name = "score"


def by_hand(cell: Cell, scores: np.ndarray) -> Evidence:
    """One study through the product's code, item by item."""
    items = [Item(f"q{at}", ("x",), f"group {group}", "en") for at, group in enumerate(cell.groups)]
    rows: dict[str, dict[str, Score]] = {}
    for candidate in range(cell.candidates):
        adapters = scores[candidate * cell.seeds : (candidate + 1) * cell.seeds]
        rows[f"tuned-{candidate + 1}"] = {
            item.id: Score(
                float(adapters[:, at].mean()),
                replicates=tuple(Score(float(value)) for value in adapters[:, at]) if cell.seeds > 1 else (),
            )
            for at, item in enumerate(items)
        }
    for at, name in enumerate(RIVAL_NAMES, cell.candidates * cell.seeds):
        rows[name] = {item.id: Score(float(scores[at, place])) for place, item in enumerate(items)}
    approaches: Mapping[str, Any] = {name: RIVAL_NAMES.get(name, "tune") for name in rows}
    return gather(Plain(), items, rows, approaches, margin=0.02, alpha=0.05, with_test=False)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_the_batch_finds_what_the_product_finds(cell: Cell) -> None:
    scores = draw(cell, means(cell, (0.15,) * cell.candidates), 3, np.random.default_rng(5))
    for study, found in enumerate(Batch(cell, scores).evidence(0.02, 0.05)):
        wanted = by_hand(cell, scores[study])
        assert list(found.pairs) == list(wanted.pairs)
        for names, pair in wanted.pairs.items():
            for figure in ("delta", "low", "high", "se", "df", "differing"):
                assert getattr(found.pairs[names], figure) == pytest.approx(getattr(pair, figure), abs=1e-9, rel=1e-9)
        for name, table in wanted.correlations.items():
            assert np.allclose(found.correlations[name], table, atol=1e-9)
        assert found.means == pytest.approx(wanted.means, abs=1e-9)
        first, second = decide(found), decide(wanted)
        assert (first.choice, first.chosen, first.against) == (second.choice, second.chosen, second.against)
        assert first.detectable == pytest.approx(second.detectable, abs=1e-9)


@pytest.mark.parametrize("kind", ["pass/fail", "bounded", "zero-inflated"])
def test_a_world_is_what_it_says(kind: Any) -> None:
    cell = Cell(120, 8, 0.2, kind, 1, "unequal", 2, 0.05)
    truth = means(cell, (0.1,))
    scores = draw(cell, truth, 1500, np.random.default_rng(0))
    assert scores.min() >= 0.0 and scores.max() <= 1.0
    wanted = [truth[0], truth[0], *truth[1:]]
    assert scores.mean((0, 2)) == pytest.approx(np.array(wanted), abs=0.012)
    assert ((scores == 0.0).mean() > 0.3) == (kind != "bounded")
    # Adapters of one recipe lie apart; their own means scatter by the seeds.
    apart = scores[:, 0].mean(-1) - scores[:, 1].mean(-1)
    assert apart.std() > 0.05
    # Clusters hold together: differences of items of one cluster are alike, of two are not.
    difference = scores[:, 0] - scores[:, 3]
    together = np.mean(difference[:, 0] * difference[:, 8]) - difference.mean() ** 2
    strangers = np.mean(difference[:, 0] * difference[:, 9]) - difference.mean() ** 2
    assert together > strangers


def test_the_quick_cells_hold() -> None:
    document = studies.simulate(200, 1, studies.quick(), resamples=199)
    assert document["studies"] == 200 and len(document["cells"]) == len(studies.quick())
    assert document["false_tune"] <= 0.06
    for row in document["cells"]:
        # 200 studies: 4 standard errors round what 2,000 are held to.
        assert 0.65 < row["power"] < 0.93
        assert row["coverage"] > 0.88
    assert [studies.badness(row) for row in document["cells"]] == sorted(
        map(studies.badness, document["cells"]), reverse=True
    )


def test_a_lax_rule_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were bounds read at the point estimate, "tune" would be said far too often, and this says so."""
    import eval.verdict as rule

    monkeypatch.setattr(rule, "_low", lambda evidence, a, b: evidence.compare(a, b).delta or 0.0)
    row = studies.run_cell(Cell(40, 8, 0.2, "bounded", 3, "unequal"), 100, np.random.default_rng(0), 199)
    assert "false_tune" in row["outside"]


def test_same_seed_same_figures() -> None:
    cell = [Cell(40, 8, 0.0, "bounded", 1, "equal")]
    first, again, other = (studies.simulate(50, seed, cell) for seed in (3, 3, 4))
    assert first["cells"] == again["cells"]
    assert first["cells"] != other["cells"]


def test_an_effect_that_no_score_can_show_is_said_and_not_faked() -> None:
    cell = Cell(40, 8, 0.2, "zero-inflated", 1, "equal", level=0.5)
    row = studies.run_cell(cell, 50, np.random.default_rng(0), 99)
    assert row["effect"] is None and row["power"] is None and "power" in row["outside"]
    assert any("–" in line for line in studies.lines({"cells": [row]}))
