"""``joyul eval simulate`` from the command line; no model and no state folder are needed."""

from collections.abc import Callable
from typing import Any

import pytest

KEYS = {"studies", "false_tune", "power_at_mde", "coverage", "cells"}


def test_quick_cells_as_a_document_and_for_people(joyul: Callable[..., Any]) -> None:
    done = joyul("eval", "simulate", "--studies", "20", "--cells", "quick", "--json")
    assert done.code == 0
    assert set(done.document) >= KEYS and done.document["studies"] == 20
    assert {row["seeds"] for row in done.document["cells"]} == {1, 3}
    assert "simulation" in done.err
    again = joyul("eval", "simulate", "--studies", "20", "--cells", "quick", "--seed", "0")
    assert "20 studies a cell, 5 cells" in again.out


@pytest.mark.parametrize(
    ("options", "problem"), [(("--studies", "0"), "expected at least 1"), (("--cells", "some"), "is unknown")]
)
def test_bad_options(joyul: Callable[..., Any], options: tuple[str, ...], problem: str) -> None:
    done = joyul("eval", "simulate", *options)
    assert done.code == 2
    assert problem in done.err
