"""Rank ladders and small grids: one job whose children, one a combination of values, run one after another.

A recipe says ``grid: {params.r: [2, 8, 32]}``. Every child is a job of its own with a recipe of its own, all
prepared before the first one starts; the parent only takes them in turn, so it holds no device and no model.
"""

import itertools
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from assistant.adapters import NAME
from assistant.errors import InputError, UsageError
from assistant.jobs.launch import enqueue
from assistant.jobs.record import GRID, SETTLED, JobFolder, children_of
from assistant.jobs.worker import POLL_SECONDS, Paused, check_wish
from assistant.lazy import nearest
from tuning.fields import explained
from tuning.methods import load_method
from tuning.prepare import RECIPE
from tuning.schema import TuneRecipe

MOST_CHILDREN = 16
DEVICE = "grid"  # of the parent: it waits for other grids, not for its own children
# What may vary: nothing that changes which loss is measured on what, or best would mean nothing.
KEYS = (
    *("epochs", "learning_rate", "schedule", "warmup", "batch_size", "accumulate", "optimizer", "weight_decay"),
    *("clip", "neftune", "packing", "patience", "seed"),
)


@dataclass(frozen=True, slots=True)
class Variation:
    """One child: the values it has of the grid's keys, and its recipe."""

    values: Mapping[str, Any]
    recipe: TuneRecipe


def variations(recipe: TuneRecipe) -> list[Variation]:
    """Return every combination of a recipe's ``grid``, each checked like a recipe of its own.

    Raises:
        UsageError: a key cannot vary, a value is out of its bounds, or there are too many or too few combinations.
    """
    for key, values in recipe.grid.items():
        _check_key(recipe, key, values)
    combinations = [dict(zip(recipe.grid, each, strict=True)) for each in itertools.product(*recipe.grid.values())]
    if not 2 <= len(combinations) <= MOST_CHILDREN:
        raise UsageError(f"grid: {len(combinations)} combinations", f"a grid has 2 to {MOST_CHILDREN}")
    if not recipe.validation:
        hint = "name a JSONL file of held-out rows under 'validation:'"
        raise UsageError("grid: the best one is that with the least loss on held-out rows, and there are none", hint)
    names = [_short(values) for values in combinations]
    fits = len(set(names)) == len(names) and all(NAME.fullmatch(f"{recipe.name}-{name}") for name in names)
    if not fits:
        names = [str(number) for number in range(1, len(names) + 1)]
    return [
        Variation(values, _varied(recipe, f"{recipe.name}-{name}", values))
        for name, values in zip(names, combinations, strict=True)
    ]


def _check_key(recipe: TuneRecipe, key: str, values: list[Any]) -> None:
    known = [*KEYS, *(f"params.{name}" for name in load_method(recipe.method).params.model_fields if name != "beta")]
    if key not in known:
        why = "beta scales the loss itself" if key == "params.beta" else nearest(key, known)
        raise UsageError(f"grid: {key!r} cannot vary", why)
    if not values or len({repr(value) for value in values}) < len(values):
        raise UsageError(f"grid: {key}: expected a list of different values", "for example: [2, 8, 32]")


def _short(values: Mapping[str, Any]) -> str:
    """Return values as the end of an adapter's name: ``r8-learning_rate0.002``."""
    parts = (f"{key.rpartition('.')[2]}{value}" for key, value in values.items())
    return re.sub(r"[^a-z0-9._-]+", "_", "-".join(parts).lower())


def _varied(recipe: TuneRecipe, name: str, values: Mapping[str, Any]) -> TuneRecipe:
    from tuning.schema import check_training

    content = {**recipe.model_dump(mode="json", exclude={"grid"}), "name": name, "params": dict(recipe.params)}
    for key, value in values.items():
        holder, last = (content["params"], key[7:]) if key.startswith("params.") else (content, key)
        holder[last] = value
    shown = ", ".join(f"{key} {value}" for key, value in values.items())
    try:
        params = load_method(recipe.method).params(**content["params"])
        made = TuneRecipe(**{**content, "params": params.model_dump()}, file=recipe.file)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        method = load_method(recipe.method).params
        said, why = explained(TuneRecipe if key in TuneRecipe.model_fields else method, first)
        raise UsageError(f"grid: {shown}: {key}: should be {said}", why) from None

    def refuse(key: str, problem: str, hint: str) -> None:
        raise UsageError(f"grid: {shown}: {key}: {problem}", hint)

    check_training(made, refuse)
    return made


def spread(recipe: TuneRecipe, parent: JobFolder, freeze: Callable[[TuneRecipe, JobFolder], None]) -> None:
    """Give a grid's job its children, each frozen by ``freeze(recipe, job)``: all of them, or none.

    Raises:
        JoyulError: as ``freeze`` does.
    """
    made: list[JobFolder] = []
    plan: list[dict[str, Any]] = []
    try:
        for each in variations(recipe):
            child = JobFolder.create(parent.home, "tune", each.recipe.name)
            made.append(child)
            child.update(parent=parent.id)
            freeze(each.recipe, child)
            plan.append({"job": child.id, "values": dict(each.values)})
            child.update(state="queued")
        parent.save(RECIPE, {**recipe.model_dump(mode="json"), "file": str(recipe.file)})
        parent.save(GRID, {"children": plan})
        parent.update(device=DEVICE)
    except BaseException:
        for child in made:
            shutil.rmtree(child.path, ignore_errors=True)
        raise


def conduct(job: JobFolder) -> dict[str, Any]:
    """Run a grid's children one after another and say which was best; finished ones are not run again.

    Returns:
        What the best child's training came to, ``seconds`` summed and ``peak_memory_mb`` the largest over all,
        and ``grid``: of every child ``job``, ``adapter``, ``values``, ``state``, ``validation_loss``,
        ``seconds`` and ``error``.

    Raises:
        Cancelled, Paused: somebody wished it of this job, or paused a child; the children follow.
        InputError: no child succeeded.
    """
    plan: list[dict[str, Any]] = job.load(GRID)["children"]
    children = [JobFolder(job.home, each["job"]) for each in plan]
    for child in children:
        if child.stored().state in ("paused", "failed", "cancelled"):
            child.wish(None)
            child.update(state="queued", queued=0.0, ended=0.0, error="", hint="", error_kind="")
    try:
        for number, child in enumerate(children):
            if child.read().state != "succeeded":
                _take(job, child)
            done = child.read()
            told = {"stage": "grid", "variant": done.name, "child": child.id, "done": number + 1, "total": len(plan)}
            job.event(told | {"ended": done.state, "validation_loss": done.result.get("validation_loss")})
    except (KeyboardInterrupt, SystemExit):
        for child in children:
            if child.read().state == "running":
                child.wish("cancel")
        raise
    return _summary(job, plan, children)


def _take(job: JobFolder, child: JobFolder) -> None:
    """Put a child in line and wait for its end; what is wished of the parent is wished of it."""
    check_wish(job)
    if child.wished() == "cancel":
        child.update(state="cancelled", ended=time.time())
        return
    check_wish(child)
    if not child.stored().queued:
        enqueue(child)
    while (state := child.read().state) not in (*SETTLED, "paused"):
        wish = job.wished()
        if wish is not None and child.wished() != wish:
            child.wish(wish)
        time.sleep(POLL_SECONDS)
    check_wish(job)
    if state == "paused":
        raise Paused


def _summary(job: JobFolder, plan: list[dict[str, Any]], children: list[JobFolder]) -> dict[str, Any]:
    rows, results = [], []
    for each, child in zip(plan, children, strict=True):
        record = child.read()
        row = {"job": child.id, "adapter": record.name, "values": each["values"], "state": record.state}
        row |= {key: record.result.get(key) for key in ("validation_loss", "seconds")}
        rows.append(row | {"error": record.error})
        if record.state == "succeeded":
            results.append(dict(record.result))
    if not results:
        first = next((row["error"] for row in rows if row["error"]), "all were cancelled")
        raise InputError(f"none of {len(rows)} runs succeeded: {first}", f"joyul tune show {children[0].id}")
    known = [each for each in results if each.get("validation_loss") is not None]
    best = min(known or results, key=lambda each: each.get("validation_loss") or 0.0)
    best |= {"seconds": round(sum(each["seconds"] for each in results), 2)}
    best |= {"peak_memory_mb": max(each["peak_memory_mb"] for each in results), "job": job.id, "grid": rows}
    return best


def described(job: JobFolder) -> list[dict[str, Any]]:
    """Return how a grid's children stand: ``job``, ``adapter``, ``values``, ``state`` and losses; of others nothing."""
    from assistant.jobs.launch import last_progress

    if not (job.path / GRID).is_file():
        return []
    values = {each["job"]: each["values"] for each in job.load(GRID)["children"]}
    found = []
    for child in children_of(job):
        record, step = child.read(), last_progress(child)
        row = {"job": child.id, "adapter": record.name, "values": values.get(child.id, {}), "state": record.state}
        row |= {"loss": step.get("loss"), "validation_loss": record.result.get("validation_loss")}
        found.append(row | {"error": record.error})
    return sorted(found, key=lambda row: list(values).index(row["job"]) if row["job"] in values else len(values))
