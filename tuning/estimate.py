"""How long a run will take and how much memory: a short probe of the real training, with an error bar.

The error bar comes from the state folder's own past: for every finished job the seconds that it predicted after
its first steps stand beside the measured ones. Without a past the bar is wide, and says so.
"""

import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assistant.errors import JoyulError
from assistant.jobs.record import JobFolder, jobs_of
from assistant.paths import Home
from assistant.settings import ModelSettings
from tuning.base import open_base
from tuning.formats import TrainingRow
from tuning.methods import load_method
from tuning.methods.auto import steps_of
from tuning.methods.sft import Task, peak_memory_mb
from tuning.prepare import MODEL, ROWS, frozen_recipe, read_rows
from tuning.schema import TuneRecipe
from tuning.space import free_memory, refuse_too_big

PROBE_STEPS = 10
ESTIMATE = "estimate.json"
# With fewer finished jobs than this their spread says nothing yet.
ENOUGH_JOBS = 3
UNTRIED_FACTOR = 1.5
SHOWN_JOBS = 5


@dataclass(frozen=True, slots=True)
class Past:
    """A finished job: the seconds of training it predicted, and those it took."""

    adapter: str
    predicted: float
    measured: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run will cost; ``low`` and ``high`` bound the seconds (about 90 %) by ``past`` finished jobs.

    ``record`` holds the newest of these.
    """

    seconds: float
    low: float
    high: float
    memory_mb: float
    tokens: int
    tokens_per_second: float
    past: int
    record: tuple[Past, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def estimate(job: JobFolder, recipe: TuneRecipe) -> Estimate:
    """Train ten steps on the prepared rows, keep nothing, and say what the whole will take.

    Raises:
        ResourceError: the base alone does not fit into memory, or the probe ran out of it; names the
            setting that would make it fit.
        InputError, UsageError: as the training itself.
    """
    model = ModelSettings(**job.load(MODEL))
    recipe = frozen_recipe(job)
    rows = read_rows(job.path / ROWS)
    base = open_base(model, weights=False)
    refuse_too_big(recipe, base, free_memory(base.cuda))
    started = time.perf_counter()
    base = open_base(model, four_bit=load_method(recipe.method).four_bit)
    loading = time.perf_counter() - started
    spent, tokens = _probe(job, base, recipe, rows)
    steps, epoch = steps_of(recipe, len(rows))
    passes = min(1.0, steps / epoch) if load_method(recipe.method).reads_once else steps / epoch
    whole = round(sum(row.tokens for row in rows) * passes)
    speed = tokens / spent
    seconds = loading + whole / speed
    past = past_runs(job.home)
    low, high = bar([each.measured / each.predicted for each in past])
    return Estimate(
        seconds=round(seconds, 1),
        low=round(seconds * low, 1),
        high=round(seconds * high, 1),
        memory_mb=round(peak_memory_mb(), 1),
        tokens=whole,
        tokens_per_second=round(speed, 1),
        past=len(past),
        record=tuple(past[-SHOWN_JOBS:]),
    )


def past_runs(home: Home) -> list[Past]:
    """Return what every finished job predicted of itself after ten steps and what it took, oldest first."""
    found = []
    for job in jobs_of(home):
        try:
            record, predicted = job.stored(), float(job.load(ESTIMATE)["seconds"])
            measured = float(record.result["training_seconds"])
        except (JoyulError, OSError, KeyError, ValueError):
            continue  # it did not come to that, or its folder is damaged
        if record.state == "succeeded" and predicted > 0 and measured > 0:
            found.append(Past(record.name, predicted, measured))
    return found


class OwnPrediction:
    """Listens to a run's events and notes, after its first steps, how long the whole would take."""

    def __init__(self, job: JobFolder) -> None:
        self._job = job
        # Where only the first epoch is slow, its first steps say nothing about the rest.
        self._done = (job.path / ESTIMATE).is_file() or load_method(frozen_recipe(job).method).reads_once

    def __call__(self, event: dict[str, Any]) -> None:
        """Take in an event."""
        if self._done or event.get("step") != PROBE_STEPS or "seconds_left" not in event:
            return
        self._done = True
        spent = event["seconds_left"] / (event["steps"] - PROBE_STEPS) * PROBE_STEPS if event["seconds_left"] else 0.0
        if spent:
            self._job.save(ESTIMATE, {"seconds": round(spent + event["seconds_left"], 2), "steps": PROBE_STEPS})


def bar(ratios: Sequence[float]) -> tuple[float, float]:
    """Return the factors that bound measured over predicted in about 90 % of runs.

    Ratios are positive and skewed, so the prediction interval is Student's t on their logarithms
    (Hahn and Meeker 1991, "Statistical Intervals", section 4.7).
    """
    if len(ratios) < ENOUGH_JOBS:
        return 1 / UNTRIED_FACTOR, UNTRIED_FACTOR
    from scipy.stats import t

    logs = [math.log(ratio) for ratio in ratios]
    mean = sum(logs) / len(logs)
    spread = math.sqrt(sum((value - mean) ** 2 for value in logs) / (len(logs) - 1))
    reach = float(t.ppf(0.95, len(logs) - 1)) * spread * math.sqrt(1 + 1 / len(logs))
    return math.exp(mean - reach), math.exp(mean + reach)


def _probe(job: JobFolder, base: Any, recipe: TuneRecipe, rows: Sequence[TrainingRow]) -> tuple[float, int]:
    """Return seconds and tokens of the probe's steps but the first, which pays for warming up."""
    by_length = sorted(rows, key=lambda row: len(row.input_ids))
    wanted = min(len(rows), PROBE_STEPS * recipe.batch_size)
    chosen = [by_length[round(at * (len(rows) - 1) / max(1, wanted - 1))] for at in range(wanted)]
    marks: list[float] = []

    def note(event: dict[str, Any]) -> None:
        if "loss" in event:
            marks.append(time.perf_counter())

    with tempfile.TemporaryDirectory(dir=job.path) as folder:
        probe = recipe.model_copy(update={"epochs": 1.0, "steps": PROBE_STEPS, "accumulate": 1, "save_seconds": 1e9})
        staging = Path(folder) / "adapter"
        staging.mkdir()
        task = Task(
            base.model, base.encoder.tokenizer, chosen, (), probe, staging, Path(folder) / "none", note, lambda: None
        )
        outcome = load_method(recipe.method).train(task)
    if len(marks) < 2:
        return max(outcome.seconds, 1e-6), outcome.tokens
    share = (len(marks) - 1) / len(marks)
    return marks[-1] - marks[0], round(outcome.tokens * share)
