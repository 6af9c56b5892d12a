"""One training run: freeze the inputs, train, publish the adapter by one rename.

A run writes only into its own job folder until the adapter is complete; the last step makes it
visible at once, to a running app too. Interrupted or killed at any moment, it leaves no adapter.
"""

import json
import os
import shutil
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from assistant.adapters import Manifest, get_adapter, publish
from assistant.dataset import content_hash, read_examples
from assistant.errors import InputError, JoyulError, ResourceError
from assistant.paths import Home
from assistant.prompts import load_prompt
from assistant.protocols import Retriever
from assistant.schema import Sampling, digest
from assistant.settings import Settings
from tuning.base import Base, open_base
from tuning.formats import Renderer, TrainingRow, mix_replay, with_target
from tuning.methods import load_method
from tuning.methods.sft import Outcome, Task, peak_memory_mb
from tuning.schema import TuneRecipe

# What must be free beside the adapter itself: rendered rows, events, and room for others.
SPARE_BYTES = 20_000_000
_LIBRARIES = ("torch", "transformers", "peft", "trl", "accelerate", "datasets")
_LOSSES = ("first_loss", "final_loss", "validation_loss")
RetrieverFor = Callable[[str], Retriever]


def run_recipe(
    recipe: TuneRecipe,
    *,
    home: Home,
    settings: Settings,
    retriever_for: RetrieverFor | None,
    progress: Callable[[dict[str, Any]], None],
    cancelled: Callable[[], bool],
) -> dict[str, Any]:
    """Train one adapter in this process and install it.

    An adapter of the same name that was trained on the same base is replaced, so a recipe can be
    repeated; one for another base is not.

    Args:
        recipe: what to train.
        home: the state folder; only ``jobs/<id>`` and, at the end, ``adapters/<name>`` are written.
        settings: where the base model comes from.
        retriever_for: returns the retriever of a collection; needed where the recipe retrieves.
        progress: gets every event, which is also a line of the job's ``events.jsonl``.
        cancelled: asked after every step; a run that it stops has the status ``cancelled``.

    Returns:
        ``adapter``, ``status``, ``seconds``, ``peak_memory_mb``, ``first_loss``, ``final_loss``,
        ``tokens_per_second``, ``job`` and ``rows`` (what was trained on, cut, dropped).

    Raises:
        UsageError, InputError, UnavailableError, ResourceError: see the parts; nothing is installed then.
    """
    started = time.perf_counter()
    _refuse_full_disk(home)
    with _job(recipe, home, progress) as job:
        base = open_base(settings.model_named(recipe.model))
        _refuse_foreign_name(recipe, home, base)
        limit = settings.engine.max_tokens
        rows, validation, facts = _render(recipe, base, retriever_for, min(limit, Sampling().max_tokens), job)
        if cancelled():
            return _document(recipe, Outcome(status="cancelled"), started, job, facts)
        task = Task(base.model, base.encoder.tokenizer, rows, validation, recipe, job.staging, job.event, cancelled)
        outcome = load_method(recipe.method).train(task)
        document = _document(recipe, outcome, started, job, facts)
        if outcome.status == "succeeded":
            publish(job.staging, _manifest(recipe, base, outcome, document, facts), home, replace=True)
        job.state = outcome.status
        job.event({"status": outcome.status, **document})
        return document


class _Job:
    """The folder of one run; events go to its file and to the caller."""

    def __init__(self, recipe: TuneRecipe, home: Home, progress: Callable[[dict[str, Any]], None]) -> None:
        self.id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{recipe.name}-{uuid.uuid4().hex[:6]}"
        self.folder = home.jobs / self.id
        self.staging = self.folder / "adapter"
        self.state = "running"
        self._progress = progress
        self.staging.mkdir(mode=0o700, parents=True)
        self.save("recipe.json", recipe.model_dump(mode="json"))
        self.note()

    def event(self, event: dict[str, Any]) -> None:
        """Write one event and hand it on."""
        with (self.folder / "events.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"time": time.time(), **event}, ensure_ascii=False) + "\n")
        self._progress(event)

    def save(self, name: str, value: Any) -> None:
        """Write a JSON file of the job."""
        (self.folder / name).write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    def note(self, error: str = "") -> None:
        """Write down how the run stands."""
        self.save("job.json", {"id": self.id, "status": self.state, "pid": os.getpid(), "error": error})


@contextmanager
def _job(recipe: TuneRecipe, home: Home, progress: Callable[[dict[str, Any]], None]) -> Iterator[_Job]:
    """Open a job folder and settle it however the run ends; leftovers of the training go."""
    try:
        job = _Job(recipe, home, progress)
    except OSError as error:
        raise ResourceError(f"cannot write {home.jobs}: {error.strerror}", "free space or choose --home") from error
    reason = ""
    try:
        with _terminable():
            yield job
    except JoyulError as error:
        job.state, reason = "failed", error.message
        raise
    except OSError as error:
        job.state, reason = "failed", str(error)
        raise ResourceError(f"training {recipe.name!r} cannot write: {error.strerror}", "free some space") from error
    except BaseException as error:
        job.state = "cancelled" if isinstance(error, (KeyboardInterrupt, SystemExit)) else "failed"
        reason = type(error).__name__
        raise
    finally:
        for leftover in (job.staging, job.folder / "trainer"):
            shutil.rmtree(leftover, ignore_errors=True)
        try:
            job.note(reason)
        except OSError:
            sys.stderr.write(f"the state of job {job.id} could not be written\n")


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM unwind the run like Ctrl-C does, so that its leftovers go (exit status 143)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: Any) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _render(
    recipe: TuneRecipe, base: Base, retriever_for: RetrieverFor | None, max_tokens: int, job: _Job
) -> tuple[list[TrainingRow], list[TrainingRow], dict[str, Any]]:
    """Read and render all rows, keep them in the job folder, and count what happened to them."""
    examples = read_examples(recipe.path(recipe.data), encoding=recipe.encoding, need_answer=True)
    retriever = retriever_for(recipe.retrieval.collection) if recipe.retrieval and retriever_for else None
    renderer = Renderer(recipe, base.encoder, examples, retriever, max_tokens)
    rows = renderer.rows(examples)
    if not rows:
        raise InputError(f"{recipe.data}: no row is left to train on", "look at 'retrieval.missed' and the data")
    if not any(row.answer_ids for row in rows):
        raise InputError(f"{recipe.data}: no token is left to learn in any row", "raise 'max_length'")
    own = len(rows)
    replayed: Sequence[TrainingRow] = ()
    if recipe.replay is not None:
        general = read_examples(recipe.path(recipe.replay.path), need_answer=True)
        replayed = renderer.general(general)
        rows = mix_replay(rows, replayed, recipe.replay.ratio, recipe.seed)
    validation: list[TrainingRow] = []
    if recipe.validation:
        held_out = read_examples(recipe.path(recipe.validation), encoding=recipe.encoding)
        validation = renderer.rows([with_target(row) for row in held_out], wrong=False)
    with (job.folder / "rows.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row.to_json(), ensure_ascii=False) + "\n" for row in rows)
    facts = {"rows": own, "replay_rows": len(rows) - own, "tokens": sum(len(row.input_ids) for row in rows)}
    facts |= dict(renderer.counts)
    job.event({"phase": "rendered", **facts})
    return rows, validation, facts | {"data_hash": content_hash(examples), "rendered_hash": _rows_hash(rows)}


def _rows_hash(rows: Sequence[TrainingRow]) -> str:
    return digest([row.to_json() for row in rows], length=16)


def _document(recipe: TuneRecipe, outcome: Outcome, started: float, job: _Job, facts: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in facts.items() if not key.endswith("_hash")}
    document: dict[str, Any] = {
        "adapter": recipe.name,
        "status": outcome.status,
        "seconds": round(time.perf_counter() - started, 2),
        "peak_memory_mb": round(peak_memory_mb(), 1),
        "first_loss": _number(outcome.first_loss),
        "final_loss": _number(outcome.final_loss),
        "tokens_per_second": round(outcome.tokens_per_second, 1),
        "steps": outcome.steps,
        "training_seconds": round(outcome.seconds, 2),
        "data": kept,
        "job": job.id,
    }
    if outcome.validation_loss is not None:
        document["validation_loss"] = _number(outcome.validation_loss)
    return document


def _number(value: float) -> float | None:
    return round(value, 4) if value == value else None


def _manifest(
    recipe: TuneRecipe, base: Base, outcome: Outcome, document: dict[str, Any], facts: dict[str, Any]
) -> Manifest:
    settings = recipe.model_dump(mode="json", exclude={"name", "description", "method", "params", "seed"})
    for holder, key in ((settings, "data"), (settings, "validation"), (settings.get("replay") or {}, "path")):
        if key in holder:  # an adapter travels; where its data lay on this machine does not
            holder[key] = Path(holder[key]).name
    return Manifest(
        name=recipe.name,
        base=base.name,
        base_hash=base.hash,
        method=recipe.method,
        params={
            **recipe.params,
            "run": settings,
            "prompt_hash": load_prompt(recipe.recipe).hash,
            "rendered_hash": facts["rendered_hash"],
            "data": document["data"],
        },
        data_hash=facts["data_hash"],
        template_hash=base.encoder.template_hash,
        recipe=recipe.recipe,
        seed=recipe.seed,
        cost={
            "seconds": document["seconds"],
            "peak_memory_mb": document["peak_memory_mb"],
            "tokens": float(outcome.tokens),
            "tokens_per_second": document["tokens_per_second"],
        },
        metrics={key: document[key] for key in _LOSSES if document.get(key) is not None},
        versions=_versions(),
        created=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        description={str(key): text for key, text in recipe.description.items()},
    )


def _versions() -> dict[str, str]:
    found = {"python": sys.version.split()[0]}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _refuse_full_disk(home: Home) -> None:
    place = home.root
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < SPARE_BYTES:
        raise ResourceError(
            f"disk full: training needs about {SPARE_BYTES // 10**6} MB in {home.root}, {free // 10**6} MB are free",
            "free some space or choose another --home",
        )


def _refuse_foreign_name(recipe: TuneRecipe, home: Home, base: Base) -> None:
    if not (home.adapters / recipe.name).exists():
        return
    try:
        there = get_adapter(home, recipe.name).manifest
    except InputError:
        return  # a broken folder of that name is only in the way
    if there.base_hash != base.hash:
        raise InputError(
            f"adapter {recipe.name!r} exists for another base ({there.base}, this run trains on {base.name})",
            "choose another 'name' in the recipe, or delete that adapter",
        )
