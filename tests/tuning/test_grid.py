"""Grids: one job whose children run one after another; real processes on the embedded model."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assistant.adapters import list_adapters
from assistant.errors import InputError, UsageError
from assistant.jobs.launch import cancel, enqueue, follow, may_resume, pause, place_of
from assistant.jobs.record import JobFolder, children_of, families, jobs_of
from assistant.jobs.worker import ahead_of
from assistant.paths import Home
from assistant.settings import Settings
from tuning.grid import described, variations
from tuning.prepare import prepare
from tuning.run import run_recipe
from tuning.schema import TuneRecipe, load_recipe

ROOT = Path(__file__).resolve().parents[2]
Write = Callable[..., Path]
LADDER = {"params.r": [1, 2], "learning_rate": [0.001, 0.01]}


@pytest.fixture(autouse=True)
def from_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def start(recipe_file: Write, home: Home, settings: Settings) -> Callable[..., JobFolder]:
    """Prepare a recipe with a grid and start it."""

    def make(**changes: Any) -> JobFolder:
        recipe = load_recipe(
            recipe_file(**({"validation": "rows.jsonl", "epochs": 4, "evaluate_steps": 1000} | changes))
        )
        job = prepare(recipe, home=home, settings=settings, retriever_for=None)
        enqueue(job)
        return job

    return make


def until(job: JobFolder, step: int) -> None:
    """Wait until a child has made a step."""
    while not any(event.get("step", 0) >= step for event in job.events()[0]):
        assert job.read().state in ("queued", "running"), job.read()
        time.sleep(0.02)


def ended(job: JobFolder) -> list[dict[str, Any]]:
    events = list(follow(job))
    return [event for event in events if "ended" in event]


def states(job: JobFolder) -> list[str]:
    return [row["state"] for row in described(job)]


def test_combinations_become_recipes_with_names_of_their_own(recipe_file: Write) -> None:
    recipe = load_recipe(recipe_file(validation="rows.jsonl", grid=LADDER))
    found = variations(recipe)
    assert [each.values for each in found] == [
        {"params.r": rank, "learning_rate": rate} for rank in (1, 2) for rate in (0.001, 0.01)
    ]
    assert found[1].recipe.name == "tower-r1-learning_rate0.01" and not found[1].recipe.grid
    assert (found[1].recipe.params["r"], found[1].recipe.learning_rate) == (1, 0.01)
    assert found[1].recipe.path("rows.jsonl") == recipe.path("rows.jsonl")
    long = recipe.model_copy(update={"name": "t" * 60})
    with_numbers = [each.recipe.name for each in variations(long)]
    assert with_numbers == [f"{long.name}-{number}" for number in range(1, 5)]


@pytest.mark.parametrize(
    ("changes", "said", "mend"),
    [
        ({"grid": {"params.rank": [2, 8]}}, "recipe.yaml:13: grid: 'params.rank' cannot vary", "params.r"),
        ({"grid": {"data": ["a", "b"]}}, "'data' cannot vary", "params.r"),
        ({"grid": {"params.r": [2, 2]}}, "params.r: expected a list of different values", "2, 8"),
        ({"grid": {"params.r": [2]}}, "grid: 1 combinations", "2 to 16"),
        ({"grid": {"params.r": [1, 2, 3, 4, 5], "seed": [0, 1, 2, 3]}}, "grid: 20 combinations", "2 to 16"),
        ({"grid": {"params.r": [0, 2]}}, "grid: params.r 0: r: should be at least 1 and at most 1,024", "8 to 32"),
        ({"grid": {"learning_rate": [0.1, 1e6]}}, "learning_rate 1000000.0: learning_rate: should be", "babble"),
        ({"grid": {"params.r": [2, 8]}, "validation": None}, "and there are none", "under 'validation:'"),
        ({"grid": {"params.beta": [0.1, 1.0]}, "method": "dpo", "params": {}}, "cannot vary", "scales the loss"),
        ({"grid": {"batch_size": [1, 2]}, "method": "kto", "params": {}}, "batch_size 1: batch_size: kto", "2 or more"),
    ],
)
def test_a_grid_that_cannot_be_meant(changes: dict[str, Any], said: str, mend: str, recipe_file: Write) -> None:
    with pytest.raises(UsageError) as caught:
        load_recipe(recipe_file(**({"validation": "rows.jsonl"} | changes)))
    assert said in caught.value.message and mend in caught.value.hint and "\n" not in caught.value.message


def test_children_run_in_turn_and_the_best_is_named(start: Callable[..., JobFolder], home: Home) -> None:
    job = start(grid={"params.r": [1, 2, 300]})
    rows = ended(job)
    record = job.read()
    assert record.state == "succeeded", record
    assert [row["ended"] for row in rows] == ["succeeded", "succeeded", "failed"]  # the last one is above the dimension
    losses = [row["validation_loss"] for row in rows]
    best = min((0, 1), key=lambda at: losses[at])
    grid = record.result["grid"]
    assert record.result["adapter"] == grid[best]["adapter"] and losses[2] is None
    assert record.result["validation_loss"] == losses[best]
    assert "above the dimension" in grid[2]["error"] and grid[2]["values"] == {"params.r": 300}
    assert record.result["seconds"] == pytest.approx(sum(row["seconds"] for row in grid[:2]), abs=0.1)
    assert {adapter.name for adapter in list_adapters(home)} == {grid[0]["adapter"], grid[1]["adapter"]}
    starts = [child.stored().started for child in children_of(job)]
    ends = [child.stored().ended for child in children_of(job)]
    assert starts == sorted(starts) and all(end <= begin for end, begin in zip(ends, starts[1:], strict=False))


def test_pause_cancel_and_resume_act_on_the_children(start: Callable[..., JobFolder], home: Home) -> None:
    job = start(grid={"params.r": [1, 2]}, epochs=12)
    first, second = children_of(job)
    until(first, 2)
    assert states(job) == ["running", "queued"]
    place = place_of(second)
    assert place is not None and place.waits_for == first.id
    pause(job)
    list(follow(job))
    assert job.read().state == "paused" and states(job) == ["paused", "paused"]
    cancel(job)
    assert job.read().state == "cancelled" and states(job) == ["cancelled", "cancelled"]
    assert list_adapters(home) == []
    may_resume(job)
    enqueue(job)
    list(follow(job))
    assert job.read().state == "succeeded" and states(job) == ["succeeded", "succeeded"]
    steps = [event["step"] for event in first.events()[0] if "loss" in event]
    assert steps == list(range(1, 13)), "the first went on from where it was"
    with pytest.raises(InputError, match="has succeeded"):
        may_resume(job)


def test_a_killed_parent_goes_on_with_the_child_that_outlived_it(start: Callable[..., JobFolder]) -> None:
    job = start(grid={"params.r": [1, 2]}, epochs=16)
    first, second = children_of(job)
    until(first, 1)
    process = job.process()
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    while process.alive():
        time.sleep(0.01)
    assert job.read().state == "failed" and second.read().state == "failed"
    assert first.read().state == "running"
    enqueue(job)
    list(follow(job))
    assert job.read().state == "succeeded" and states(job) == ["succeeded", "succeeded"]
    assert [event["step"] for event in first.events()[0] if "loss" in event] == list(range(1, 17))


def test_a_waiting_child_stands_in_nobodys_way_and_shares_its_parents_fate(home: Home) -> None:
    parent, child, other = (JobFolder.create(home, "tune", name) for name in "abc")
    parent.update(state="running", device="grid", queued=1.0)
    child.update(state="queued", parent=parent.id)
    other.update(state="queued", queued=2.0)
    assert child.read().state == "queued" and ahead_of(other) == []
    child.update(queued=1.5)
    assert [job.id for job in ahead_of(other)] == [child.id]
    child.update(queued=0.0)
    for state in ("paused", "cancelled", "failed"):
        parent.update(state=state, error="for a reason")
        assert (child.read().state, child.read().error) == (state, "for a reason")
    shutil.rmtree(parent.path)
    assert child.read().state == "failed"


def test_what_cannot_be_prepared_leaves_no_child(recipe_file: Write, home: Home, settings: Settings) -> None:
    recipe = load_recipe(recipe_file(validation="rows.jsonl", data="none.jsonl", grid=LADDER))
    with pytest.raises(InputError):
        prepare(recipe, home=home, settings=settings, retriever_for=None)
    (job,) = jobs_of(home)
    assert job.read().state == "failed" and "none.jsonl" in job.read().error
    with pytest.raises(UsageError, match="several runs"):
        run_recipe(
            recipe, home=home, settings=settings, retriever_for=None, progress=lambda _: None, cancelled=lambda: False
        )


def test_children_stand_under_their_parents(home: Home) -> None:
    first, parent, last = (JobFolder.create(home, "tune", name) for name in ("a", "b", "c"))
    children = [JobFolder.create(home, "tune", name) for name in ("b-2", "b-1")]
    for child in children:
        child.update(parent=parent.id)
    assert families([last, *children[::-1], parent, first]) == [last, parent, *children, first]
    assert TuneRecipe(name="a", data="x").grid == {}
