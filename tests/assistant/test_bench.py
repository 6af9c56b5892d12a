"""The benchmark's list of topics, and what is read out of a recipe's run."""

from pathlib import Path

import pytest

from assistant.bench import ASKED_FOR, BENCHES, run_benches
from assistant.bench.recipes import _of_job, recipes
from assistant.errors import UsageError
from assistant.lazy import load_object
from assistant.paths import Home


def test_every_topic_has_a_measure() -> None:
    assert all(callable(load_object(place)) for place in BENCHES.values())
    assert set(ASKED_FOR) < set(BENCHES)


def test_an_unknown_topic_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="recipe"):
        run_benches(["recipe"])


def test_every_recipe_is_measured_by_its_own_events(tmp_path: Path) -> None:
    assert {"lora", "full", "qlora", "dpo"} <= {path.stem for path in recipes()}
    home = Home(tmp_path).create()
    weights = home.root / "adapters" / "mine" / "adapter_model.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"x" * 2_000_000)
    events = [
        {"time": 10.0, "state": "running"},
        {"time": 12.0, "step": 0},
        {"time": 14.0, "step": 8, "memory_mb": 600.0, "loss": 4.0},
        {"time": 15.0, "step": 8, "validation_loss": 3.0},
        {"time": 32.0, "step": 16, "validation_loss": 1.0},
    ]
    found = {figure.name: figure.value for figure in _of_job("lora", home, "mine", events)}
    assert found == {
        "training": 20.0,
        "peak memory": 600.0,
        "weights on disk": 2.0,
        "held-out loss, first": 3.0,
        "held-out loss, best": 1.0,
    }
