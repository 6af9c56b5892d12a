"""The first half of a run: check the recipe against the base, render every row, freeze it all in a job folder.

What trains later (at once, after a wait in the queue, on resuming) reads that folder and nothing else.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from assistant.adapters import get_adapter
from assistant.dataset import content_hash, read_examples
from assistant.errors import InputError, JoyulError, ResourceError
from assistant.jobs.record import JobFolder
from assistant.models.hub import resolve
from assistant.paths import Home
from assistant.protocols import Retriever
from assistant.schema import Message, Sampling, digest
from assistant.settings import ModelSettings, Settings
from tuning.base import Base, open_base
from tuning.formats import Renderer, TrainingRow, mix_replay, with_target
from tuning.methods import Rows, load_method
from tuning.methods.auto import Facts as Known
from tuning.methods.auto import native_bfloat16, settle
from tuning.origin import keep_cards, origin_of, stated_licence
from tuning.preferences import as_judged, read_training, with_judgement
from tuning.schema import TuneRecipe
from tuning.space import disk_bytes, refuse_full_disk

ROWS, VALIDATION, RECIPE, FACTS, MODEL = "rows.jsonl", "validation.jsonl", "recipe.json", "facts.json", "model.json"
ORIGIN = "origin.json"
RetrieverFor = Callable[[str], Retriever]


def prepare(
    recipe: TuneRecipe,
    *,
    home: Home,
    settings: Settings,
    retriever_for: RetrieverFor | None,
    progress: Callable[[dict[str, Any]], None] = lambda _: None,
    job: JobFolder | None = None,
) -> JobFolder:
    """Return a job whose folder holds everything the training needs; its state is ``validating_files`` still.

    Of a recipe with a grid it is the parent, with all its children.

    Args:
        recipe: what to train.
        home: the state folder; only ``jobs/<id>`` is written.
        settings: where the base model comes from.
        retriever_for: returns the retriever of a collection; needed where the recipe retrieves.
        progress: gets the event that says how many rows and tokens there are.
        job: a folder made before, where somebody has to know its id first.

    Raises:
        UsageError, InputError, UnavailableError, ResourceError: see the parts; the job is ``failed`` then.
    """
    refuse_full_disk(home.root)
    job = job or JobFolder.create(home, "tune", recipe.name)

    def freeze(recipe: TuneRecipe, job: JobFolder) -> None:
        _freeze(recipe, job, settings, retriever_for, progress)

    try:
        if recipe.grid:
            from tuning.grid import spread

            spread(recipe, job, freeze)
        else:
            freeze(recipe, job)
    except JoyulError as error:
        job.update(state="failed", ended=time.time(), error=error.message, hint=error.hint, error_kind=error.kind)
        raise
    except OSError as error:
        job.update(state="failed", ended=time.time(), error=str(error))
        raise ResourceError(f"training {recipe.name!r} cannot write: {error.strerror}", "free some space") from error
    except BaseException as error:
        stopped = isinstance(error, (KeyboardInterrupt, SystemExit))
        job.update(state="cancelled" if stopped else "failed", ended=time.time(), error=type(error).__name__)
        raise
    return job


def _freeze(
    recipe: TuneRecipe,
    job: JobFolder,
    settings: Settings,
    retriever_for: RetrieverFor | None,
    progress: Callable[[dict[str, Any]], None],
) -> None:
    """Check one run and put what it needs into its job's folder."""
    started = time.perf_counter()
    load_method(recipe.method).refuse_missing()
    recipe = as_judged(recipe)
    model = settings.model_named(recipe.model)
    base = open_base(model, weights=False)
    _refuse_foreign_name(recipe, job.home, base)
    job.save(RECIPE, {**recipe.model_dump(mode="json"), "file": str(recipe.file)})
    job.save(MODEL, _without_secrets(model))
    rows, validation, facts = _render(
        recipe, base, retriever_for, min(settings.engine.max_tokens, Sampling().max_tokens)
    )
    recipe, chosen = settle(recipe, Known(len(rows), base.parameters, base.cuda, native_bfloat16()))
    job.save(RECIPE, {**recipe.model_dump(mode="json"), "file": str(recipe.file)})
    refuse_full_disk(job.home.root, disk_bytes(recipe, base))
    _write(job.path / ROWS, rows)
    _write(job.path / VALIDATION, validation)
    job.save(ORIGIN, _origin(recipe, model, job.path))
    facts |= {"base_hash": base.hash, "seconds": round(time.perf_counter() - started, 3)}
    job.save(FACTS, facts)
    event = {"phase": "rendered", **{key: facts[key] for key in facts if not key.endswith("_hash")}}
    if cut := facts.get("rows_cut"):
        limit = recipe.max_length or base.encoder.window
        event["message"] = f"{cut:,} of {len(rows):,} rows cut: longer than {limit:,} tokens"
    for told in (event, chosen):
        job.event(told)
        progress(told)
    job.update(device="cuda" if base.cuda else "cpu")


def frozen_recipe(job: JobFolder) -> TuneRecipe:
    """Return the recipe that a job folder holds; nothing in it is ``auto`` any more."""
    values = job.load(RECIPE)
    return TuneRecipe(**{**values, "file": Path(values["file"])})


def read_rows(path: Path) -> list[TrainingRow]:
    """Return the rows that a job folder holds."""
    return [_row(json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def _row(record: dict[str, Any]) -> TrainingRow:
    *before, last = [Message(turn["role"], turn["content"]) for turn in record["messages"]]
    ids = tuple(record["prompt_ids"]), tuple(record["answer_ids"])
    worse = str(record.get("rejected", "")), tuple(record.get("rejected_ids", ()))
    good = bool(record.get("good", True))
    return TrainingRow(record["source"], tuple(before), last.content, *ids, *worse, good=good)


def _write(path: Path, rows: Iterable[TrainingRow]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            ids = {"prompt_ids": list(row.prompt_ids), "answer_ids": list(row.answer_ids)}
            ids |= {"rejected_ids": list(row.rejected_ids)} if row.rejected_ids else {}
            file.write(json.dumps(row.to_json() | ids, ensure_ascii=False) + "\n")


def _origin(recipe: TuneRecipe, model: ModelSettings, folder: Path) -> dict[str, Any]:
    """Return the dataset's version and all licences, and keep the dataset's cards."""
    data = recipe.path(recipe.data)
    dataset, licence = origin_of(data)
    keep_cards(data, folder)
    licences = {"base": stated_licence(resolve(model)), "data": licence}
    if recipe.replay is not None:
        licences["replay"] = origin_of(recipe.path(recipe.replay.path))[1]
    return {"dataset": dataset, "licences": licences}


def _without_secrets(model: ModelSettings) -> dict[str, Any]:
    return model.model_dump(mode="json", exclude={"api_key"})


def _render(
    recipe: TuneRecipe, base: Base, retriever_for: RetrieverFor | None, max_tokens: int
) -> tuple[list[TrainingRow], list[TrainingRow], dict[str, Any]]:
    """Read and render all rows and count what happened to them."""
    judged = load_method(recipe.method).rows
    examples = read_training(recipe.path(recipe.data), judged, recipe.encoding)
    retriever = retriever_for(recipe.retrieval.collection) if recipe.retrieval and retriever_for else None
    renderer = Renderer(recipe, base.encoder, examples, retriever, max_tokens)
    rows = with_judgement(renderer.rows(examples), examples, judged, renderer.shorten)
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
        validation = _held_out(recipe, renderer, judged)
    facts = {"rows": own, "replay_rows": len(rows) - own, "tokens": sum(row.tokens for row in rows)}
    facts |= dict(renderer.counts)
    return rows, validation, facts | {"data_hash": content_hash(examples), "rendered_hash": _rows_hash(rows)}


def _held_out(recipe: TuneRecipe, renderer: Renderer, judged: Rows) -> list[TrainingRow]:
    path = recipe.path(recipe.validation)
    if judged in ("pairs", "labels"):
        examples = read_training(path, judged, recipe.encoding)
        return with_judgement(renderer.rows(examples), examples, judged, renderer.shorten)
    held_out = read_examples(path, encoding=recipe.encoding)
    return renderer.rows([with_target(row) for row in held_out], wrong=False)


def _rows_hash(rows: Sequence[TrainingRow]) -> str:
    return digest([row.to_json() for row in rows], length=16)


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
