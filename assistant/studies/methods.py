"""The method table: every way of tuning on the same data, trained one after another and asked the same items.

Trainings are jobs of their own (a process each, so that each one's memory is its own) in a folder of the study;
adapters lie there too, so that no picker shows them. A finished training is never repeated, and answers are
kept by the evaluation, so a table that was stopped goes on where it was.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.adapters import get_adapter
from assistant.dataset import content_hash, read_examples
from assistant.errors import CancelledError, InputError, JoyulError, UsageError
from assistant.jobs.launch import enqueue, may_resume, pause
from assistant.jobs.record import SETTLED, JobFolder, jobs_of
from assistant.jobs.worker import POLL_SECONDS, held_device
from assistant.paths import Home
from assistant.schema import digest
from assistant.studies.curve import tuned_spec
from assistant.studies.files import read_json, write_json
from assistant.studies.workshop import Workshop
from eval.forgetting import read_forgetting
from eval.method_table import TABLE, TABLES, write_reports
from eval.metrics.efficiency import adapter_megabytes
from eval.result import RunResult
from eval.run_folder import prepare_collection
from eval.schema import Item, Suite
from tuning.methods import load_method
from tuning.methods.classifier import label_fields
from tuning.prepare import prepare
from tuning.schema import AUTO, TuneRecipe

if TYPE_CHECKING:
    pass

UNTUNED = "untuned"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the table: its name, the method and its settings."""

    name: str
    method: str
    params: Mapping[str, Any]


# Alpha is twice the rank throughout, so that the ladder changes nothing but the rank.
ENTRIES = (
    Entry("full", "full", {}),
    *(Entry(f"lora-{rank}", "lora", {"r": rank, "alpha": 2 * rank, "dropout": 0.0}) for rank in (2, 8, 32)),
    Entry("qlora-8", "qlora", {"r": 8, "alpha": 16, "dropout": 0.0}),
    Entry("soft-prompt", "prompt_tuning", {"tokens": 16}),
    Entry("last-layers", "partial", {"part": "last", "layers": 2}),
    Entry("feature-extraction", "feature_extraction", {}),
)


def recipe_for(entry: Entry, recipe: TuneRecipe) -> TuneRecipe:
    """Return the recipe of one row: the given one with another method, at that method's own learning rate."""
    params = load_method(entry.method).params(**entry.params).model_dump()
    changes: dict[str, Any] = {"name": entry.name, "method": entry.method, "params": params, "learning_rate": AUTO}
    if load_method(entry.method).rows == "classes":
        changes |= {"replay": None, "packing": False, "neftune": 0.0}
    return recipe.model_copy(update=changes)


@dataclass(frozen=True)
class _Study:
    """What all rows share; ``home`` is the study's own state folder, the workshop's the one whose device is used."""

    recipe: TuneRecipe
    folder: Path
    home: Home
    shop: Workshop

    def rows(self, entries: Sequence[Entry]) -> list[dict[str, Any]]:
        """Return every row's training, one after another."""
        found = []
        for number, entry in enumerate(entries):
            self.shop.progress({"stage": "methods", "variant": entry.name, "done": number, "total": len(entries)})
            found.append(self.row(entry))
        return found

    def row(self, entry: Entry) -> dict[str, Any]:
        """Return what a row's training came to, from its file where it is finished, or why it was left out."""
        stored = self.folder / f"{entry.name}.json"
        found = read_json(stored)
        if found is None or found["params"] != entry.params:
            found = {"name": entry.name, "method": entry.method, "params": dict(entry.params), "left_out": ""}
            if why := self._not_for_it(entry):
                return found | {"left_out": why}
            record = self._trained(entry)
            if record.state != "succeeded":
                return found | {"left_out": record.error or record.state}
            found |= self._figures(entry, record.result)
            write_json(stored, found)
        return found

    def _not_for_it(self, entry: Entry) -> str:
        """Return why a method cannot learn this data here; empty where it can."""
        try:
            method = load_method(entry.method)
            method.refuse_missing()
            if method.rows == "classes":
                examples = read_examples(self.recipe.path(self.recipe.data), encoding=self.recipe.encoding)
                label_fields([each.answer for each in examples], Path(self.recipe.data).name)
        except (InputError, UsageError) as error:
            return error.message
        return ""

    def _trained(self, entry: Entry) -> Any:
        job = self._job(entry)
        with held_device(self.shop.home, str(job.stored().device), self._stop):
            if job.read().state not in ("queued", "running"):  # else its process outlived the last table
                enqueue(job)
            offset = 0
            while (record := job.read()).state not in (*SETTLED, "paused"):
                events, offset = job.events(offset)
                for event in events:
                    self.shop.progress({**event, "stage": "training", "variant": entry.name})
                if self.shop.cancelled() and job.wished() is None:
                    pause(job)
                time.sleep(POLL_SECONDS)
        if record.state in ("paused", "cancelled"):
            raise _stopped()
        return record

    def _stop(self) -> None:
        if self.shop.cancelled():
            raise _stopped()

    def _job(self, entry: Entry) -> JobFolder:
        """Return the row's unfinished job, else a new one."""
        for job in jobs_of(self.home):
            if job.stored().name == entry.name and job.read().state != "succeeded":
                try:
                    if job.read().state in (*SETTLED, "paused"):
                        may_resume(job)
                    return job
                except JoyulError:
                    continue
        return prepare(
            recipe_for(entry, self.recipe),
            home=self.home,
            settings=self.shop.settings,
            retriever_for=self.shop.library.retriever,
            progress=self.shop.progress,
        )

    def _figures(self, entry: Entry, result: Mapping[str, Any]) -> dict[str, Any]:
        adapter = get_adapter(self.home, entry.name)
        lost = read_forgetting(adapter.path, adapter.manifest.weights_hash)
        return {
            "parameters": result["trained_parameters"],
            "memory_mb": result["peak_memory_mb"],
            "seconds": result["training_seconds"],
            "megabytes": round(adapter_megabytes(adapter.path), 3),
            "learning_rate": adapter.manifest.params["run"]["learning_rate"],
            "final_loss": result["final_loss"],
            "forgetting": lost["loss"] if lost else None,
        }


def _stopped() -> CancelledError:
    return CancelledError("the method table was stopped", "start it again to go on where it stopped")


def study_methods(
    suite: Suite,
    variant: str,
    recipe: TuneRecipe,
    shop: Workshop,
    items: int = 0,
    entries: Sequence[Entry] = ENTRIES,
) -> dict[str, Any]:
    """Train every method on the recipe's data and ask all of them the suite's items.

    Data, prompt, passes, batch and seed are the recipe's; the learning rate is each method's automatic one, since
    one rate would favour the method it suits.

    Args:
        suite: its test items are asked.
        variant: the tuned variant of the suite whose place every row takes.
        recipe: what to learn.
        shop: the open state folder; the study lies in ``runs/methods`` of it.
        items: ask only so many, a part fixed by their hash; 0 asks all.
        entries: the rows.

    Returns:
        ``suite``, ``metric``, ``base``, ``items``, ``run``, ``folder`` and ``rows``, the untuned base first; each has
        ``name``, ``quality`` (an estimate) and, of a trained one, what it cost; or ``left_out``.

    Raises:
        InputError, UsageError: the suite has no such variant, or the data cannot be read.
        CancelledError: ``shop.cancelled()`` said so; what is finished is kept.
    """
    if recipe.grid:
        raise UsageError("a method table trains each method once, and this recipe has a grid", "take 'grid' out")
    spec = tuned_spec(suite, variant, shop.variants(shop.home))
    base = shop.pool.get(spec.model)
    examples = read_examples(recipe.path(recipe.data), encoding=recipe.encoding, need_answer=True)
    made_of = [recipe.model_dump(mode="json", exclude={"name", "description", "method", "params", "learning_rate"})]
    key = digest([*made_of, content_hash(examples), base.base_hash])
    folder = shop.home.runs / TABLES / f"{suite.name}-{key}"
    own = Home(folder / "state").create()
    prepare_collection(suite, shop.library, shop.home.runs)
    study = _Study(recipe, folder, own, shop)
    rows = study.rows(entries)
    specs = [replace(spec, name=UNTUNED, adapter=None)]
    specs += [replace(spec, name=row["name"], adapter=row["name"]) for row in rows if not row["left_out"]]
    result = shop.ask(replace(suite, items=chosen(suite.items, items)), specs, own)
    document = _document(result, rows) | {"base": base.base, "recipe": recipe.name, "data_rows": len(examples)}
    document |= {"folder": str(folder)}
    write_json(folder / TABLE, document)
    write_reports(document, folder)
    return document


def _document(result: RunResult, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    suite = result.suite
    estimates = {name: found[suite.primary].to_json() for name, found in result.scored.estimates.items()}
    untuned = {"name": UNTUNED, "method": "", "params": {}, "left_out": ""}
    return {
        "suite": suite.name,
        "metric": suite.primary,
        "items": len(suite.items),
        "run": result.run,
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "rows": [{**row, "quality": estimates.get(row["name"])} for row in [untuned, *rows]],
    }


def chosen(items: Sequence[Item], count: int) -> tuple[Item, ...]:
    """Return so many items, always the same ones, in their order; 0 means all."""
    kept = {item.id for item in sorted(items, key=lambda item: digest(item.id))[: count or len(items)]}
    return tuple(item for item in items if item.id in kept)
