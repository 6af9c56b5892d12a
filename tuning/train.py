"""The second half of a run: train what a job folder holds and publish the adapter by one rename.

A run writes only into its own job folder until the adapter is complete; the last step makes it
visible at once, to a running app too. Interrupted or killed at any moment, it leaves no adapter, and
goes on from its newest checkpoint when it is resumed.
"""

import gc
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from assistant.adapters import Manifest, publish
from assistant.errors import InputError, ResourceError
from assistant.jobs.launch import curve_of
from assistant.jobs.record import JobFolder, Wish
from assistant.jobs.worker import Cancelled, Paused, check_wish
from assistant.models.local import load_weights
from assistant.progress import Progress
from assistant.prompts import load_prompt
from assistant.settings import ModelSettings
from tuning.base import Base, open_base
from tuning.estimate import OwnPrediction
from tuning.methods import load_method
from tuning.methods.sft import Outcome, Task, peak_memory_mb
from tuning.parity import Reference, compare, remember
from tuning.prepare import FACTS, MODEL, ORIGIN, ROWS, VALIDATION, frozen_recipe, read_rows
from tuning.processes import leads
from tuning.schema import TuneRecipe

CHECKPOINTS, STAGING = "checkpoints", "adapter"
CURVE_POINTS = 100
_LIBRARIES = ("torch", "transformers", "peft", "trl", "accelerate", "datasets")
_LOSSES = ("first_loss", "final_loss", "validation_loss")


def train(
    job: JobFolder,
    progress: Progress = lambda _: None,
    wished: Callable[[], Wish | None] | None = None,
) -> dict[str, Any]:
    """Train a prepared job in this process and install its adapter.

    An adapter of the same name that was trained on the same base is replaced, so a recipe can be
    repeated.

    Args:
        job: from :func:`tuning.prepare.prepare`.
        progress: gets every event, which is also a line of the job's ``events.jsonl``.
        wished: asked after every step whether to stop; by default what others left in the job's folder.

    Returns:
        ``adapter``, ``status``, ``seconds``, ``peak_memory_mb``, ``first_loss``, ``final_loss``,
        ``tokens_per_second``, ``job``, ``data`` (what was trained on, cut, dropped) and ``parity`` (``reload``: how
        alike the model in memory and the one read back from disk are).

    Raises:
        Cancelled, Paused: somebody wished it.
        UsageError, InputError, UnavailableError, ResourceError: see the parts; nothing is installed then.
    """
    asked = wished or job.wished
    facts = job.load(FACTS)
    recipe = frozen_recipe(job)
    staging = job.path / STAGING
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700)
    try:
        check_wish(job)
        predicted = OwnPrediction(job)

        def tell(event: dict[str, Any]) -> None:
            job.event(event)
            predicted(event)
            progress(event)

        base, outcome, reference = _learn(job, recipe, staging, tell, asked)
        document = _document(recipe, outcome, job, facts)
        if reference is not None:
            document["parity"] = {"reload": _reloaded(reference, base, job, staging)}
            tell({"phase": "parity", **document["parity"]})
        manifest = replace(_manifest(recipe, base, outcome, document, facts), **_proof(job))
        for card in job.path.glob("data.*.md"):
            shutil.copyfile(card, staging / card.name)
        publish(staging, manifest, job.home, replace=True)
        shutil.rmtree(job.path / CHECKPOINTS, ignore_errors=True)
        tell({"status": outcome.status, **document})
        return document
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def help_along(job: JobFolder) -> None:
    """Train a job beside the process that leads it: the same rows, a share of every batch, nothing kept.

    Raises:
        JoyulError: as the leading process does.
    """
    with tempfile.TemporaryDirectory(prefix="joyul-helper-") as folder, suppress(Cancelled, Paused):
        _learn(job, frozen_recipe(job), Path(folder), lambda _: None, lambda: None)


def _learn(
    job: JobFolder,
    recipe: TuneRecipe,
    staging: Path,
    tell: Progress,
    asked: Callable[[], Wish | None],
) -> tuple[Base, Outcome, Reference | None]:
    """Train and save into ``staging``; return what the live model said, and nothing that holds its weights."""
    base = open_base(ModelSettings(**job.load(MODEL)), four_bit=load_method(recipe.method).four_bit)
    if base.hash != job.load(FACTS)["base_hash"]:
        hint = "start a new run; this one's rows were made for the other weights"
        raise InputError(f"job {job.id}: the base model has changed since it was prepared", hint)
    rows, validation = read_rows(job.path / ROWS), read_rows(job.path / VALIDATION)
    tokenizer = base.encoder.tokenizer
    task = Task(base.model, tokenizer, rows, validation, recipe, staging, job.path / CHECKPOINTS, tell, asked)
    outcome = load_method(recipe.method).train(task)
    if outcome.status == "cancelled":
        raise Cancelled
    if outcome.status == "paused":
        raise Paused
    reference = None
    if leads() and hasattr(outcome.model, "generate"):
        half = base.cuda and recipe.precision == "bfloat16"  # a CPU answers in float32 whatever it trained in
        reference = remember(outcome.model, base.encoder.prompt, tokenizer.eos_token_id, half)
        outcome.model = None
    return replace(base, model=None), outcome, reference


def _reloaded(reference: Reference, base: Base, job: JobFolder, staging: Path) -> dict[str, Any]:
    """Return how alike the saved model, read from disk, is to the one that was trained; too little memory is said."""
    gc.collect()
    settings, method = ModelSettings(**job.load(MODEL)), load_method(frozen_recipe(job).method)
    try:
        if method.result == "weights":
            # As it was trained: whatever is trained is held in float32.
            exact = {"dtype": "float32", "device": "cuda" if base.cuda else "cpu"}
            model = load_weights(staging, settings.model_copy(update=exact))
        else:
            from peft import PeftModel

            model = PeftModel.from_pretrained(open_base(settings, four_bit=method.four_bit).model, str(staging))
        return compare(reference, model).to_json()
    except (MemoryError, ResourceError):
        return {"error": "not enough memory to read it back"}


def _document(recipe: TuneRecipe, outcome: Outcome, job: JobFolder, facts: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in facts.items() if not key.endswith("_hash") and key != "seconds"}
    document: dict[str, Any] = {
        "adapter": recipe.name,
        "status": outcome.status,
        "seconds": round(float(facts["seconds"]) + outcome.seconds, 2),
        "peak_memory_mb": round(peak_memory_mb(), 1),
        "first_loss": _number(outcome.first_loss),
        "final_loss": _number(outcome.final_loss),
        "tokens_per_second": round(outcome.tokens_per_second, 1),
        "steps": outcome.steps,
        "trained_parameters": outcome.parameters,
        "trained_tokens": outcome.tokens,
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
        kind=load_method(recipe.method).result,
        parity=document.get("parity", {}),
    )


def _proof(job: JobFolder) -> dict[str, Any]:
    """Return the manifest's curve, data version and licences; a job prepared by an older version knows no origin."""
    points = curve_of(job, CURVE_POINTS)
    curve = {key: [[step, round(loss, 4)] for step, loss in each] for key, each in points.items()}
    origin = job.load(ORIGIN) if (job.path / ORIGIN).is_file() else {}
    return {"curve": curve, **origin}


def _versions() -> dict[str, str]:
    found = {"python": sys.version.split()[0]}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
