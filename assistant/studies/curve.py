"""The data curve as a study: train on nested parts of the data, ask the validation items, fit.

Everything it makes lies in a folder of its own (adapters included, so that no picker shows them); a
part that is finished is never done again, so a study that was stopped goes on where it was.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.adapters import get_adapter
from assistant.dataset import Example, content_hash, read_examples, write_examples
from assistant.errors import CancelledError, InputError
from assistant.paths import Home
from assistant.schema import Variant, digest
from assistant.studies.files import read_json, write_json
from assistant.studies.workshop import Workshop
from assistant.variants import VariantFactory
from eval.curve import CURVE, CURVES, Trial, fit_curve
from eval.run_folder import prepare_collection
from eval.runner import resolve
from eval.schema import Suite
from eval.scoring import ready_metric
from tuning.run import run_recipe
from tuning.schema import TuneRecipe

if TYPE_CHECKING:
    pass

SHARES = (0.125, 0.25, 0.5, 1.0)


def nested_parts(examples: Sequence[Example], shares: Sequence[float], seed: int) -> list[list[Example]]:
    """Return one part of the rows a share, each holding the smaller ones; groups are never cut.

    Groups come in the order of a hash of the seed; a part takes whole groups until it has its share.
    """
    groups: dict[str, list[Example]] = {}
    for example in examples:
        groups.setdefault(example.group or example.id, []).append(example)
    order = sorted(groups, key=lambda name: digest([seed, name]))
    parts = []
    for share in sorted(shares):
        taken: set[str] = set()
        count = 0
        for name in order:
            if count >= share * len(examples):
                break
            taken.add(name)
            count += len(groups[name])
        parts.append([example for example in examples if (example.group or example.id) in taken])
    return parts


@dataclass(frozen=True)
class _Study:
    """What the trials of one curve share; ``suite`` has the validation items as its items, ``home`` is the study's."""

    suite: Suite
    spec: Variant
    recipe: TuneRecipe
    folder: Path
    home: Home
    shop: Workshop

    def trial(self, part: Sequence[Example], seed: int) -> dict[str, Any]:
        """Return one trial's scores and training seconds, from its file where it is finished."""
        stored = self.folder / f"trial-{len(part)}-{seed}.json"
        found = read_json(stored)
        if found is None:
            adapter = self._train(part, seed) if part else None
            found = self._ask(adapter)
            cost = get_adapter(self.home, adapter).manifest.cost if adapter else {}
            found["seconds"] = cost.get("seconds", 0.0)
            write_json(stored, found)
        return found

    def _train(self, part: Sequence[Example], seed: int) -> str:
        """Train on one part, unless its adapter is there already, and return the adapter's name."""
        name = f"part-{len(part)}-{seed}"
        if (self.home.adapters / name).is_dir():
            return name
        data, recipe = self.folder / f"rows-{len(part)}.jsonl", self.recipe
        write_examples(data, part)
        others: dict[str, Any] = {"shots": str(recipe.path(recipe.shots)) if recipe.shots else "", "validation": ""}
        if recipe.replay:
            others["replay"] = recipe.replay.model_copy(update={"path": str(recipe.path(recipe.replay.path))})
        document = run_recipe(
            recipe.model_copy(update={"name": name, "data": str(data), "encoding": "utf-8", "seed": seed, **others}),
            home=self.home,
            settings=self.shop.settings,
            retriever_for=self.shop.library.retriever,
            progress=self.shop.progress,
            cancelled=self.shop.cancelled,
        )
        if document["status"] != "succeeded":
            raise _stopped()
        return name

    def _ask(self, adapter: str | None) -> dict[str, Any]:
        """Return every validation item's summable score vector and cluster."""
        suite, spec = self.suite, replace(self.spec, adapter=adapter)
        result = self.shop.ask(suite, [spec], self.home)
        metric, scores = ready_metric(suite.primary, suite), result.scored.scores[spec.name][suite.primary]
        kept = [item for item in suite.items if item.id in scores and scores[item.id].value is not None]
        vectors: list[list[float]] = metric.vectors([scores[item.id] for item in kept]).tolist() if kept else []
        return {
            "vectors": {item.id: vector for item, vector in zip(kept, vectors, strict=True)},
            "clusters": {item.id: item.group for item in kept},
            "unscored": len(scores) - len(kept),
        }


def _stopped() -> CancelledError:
    return CancelledError("the data curve was cancelled", "start it again to go on where it stopped")


def study_curve(
    suite: Suite, variant: str, recipe: TuneRecipe, shop: Workshop, shares: Sequence[float] = SHARES, seeds: int = 1
) -> dict[str, Any]:
    """Train the recipe on every share of its data, evaluate each on the validation items, and fit.

    The recipe's epochs stay, so a smaller part also means fewer steps; what retrieval searches stays whole.

    Args:
        suite: its ``validation`` items are asked; the test items are never read.
        variant: the tuned variant of the suite whose adapter is trained here.
        recipe: how it is trained.
        shop: the open state folder; the study lies in ``runs/curves`` of it.
        shares: of the training rows, up to 1.
        seeds: training runs a share, with seeds 0, 1, ...

    Returns:
        The document of :class:`eval.curve.Curve` with ``suite``, ``variant``, ``adapter``, ``base``, ``folder`` ...

    Raises:
        InputError: no validation items, no such variant, or too few groups for the shares.
        CancelledError: ``shop.cancelled()`` said so; what is finished is kept.
    """
    spec = tuned_spec(_with_validation(suite), variant, shop.variants(shop.home))
    examples = read_examples(recipe.path(recipe.data), encoding=recipe.encoding, need_answer=True)
    parts = nested_parts(examples, shares, recipe.seed)
    if len({len(part) for part in parts}) < len(parts):
        raise InputError(f"{recipe.data}: too few groups for {len(parts)} parts", "add rows, or groups of fewer rows")
    prepare_collection(suite, shop.library, shop.home.runs)
    alone: dict[str, Any] = {"validation": (), "documents": "", "examples": ()}
    asked = replace(suite, items=suite.validation, name=f"{suite.name}-curve", **alone)
    base = shop.pool.get(spec.model)
    # Seeds are no part of the key: more of them go on from those that are there.
    made_of = [recipe.model_dump(mode="json", exclude={"name", "after"}), content_hash(examples), asked.fingerprint]
    key = digest([*made_of, base.base_hash, asdict(spec), sorted(shares)])
    folder = shop.home.runs / CURVES / f"{suite.name}-{variant}-{key}"
    study = _Study(asked, spec, recipe, folder, Home(folder / "state").create(), shop)
    trials, seconds = _all_trials(study, parts, seeds)
    curve = fit_curve(trials, suite.primary, ready_metric(suite.primary, suite).statistic, suite.margin)
    document = curve.to_json() | {"suite": suite.name, "variant": variant, "adapter": spec.adapter, "base": base.base}
    document |= {"shares": sorted(shares), "training_seconds": round(seconds, 1), "folder": str(folder)}
    document |= {"created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    write_json(folder / CURVE, document)
    return document


def _all_trials(study: _Study, parts: Sequence[Sequence[Example]], seeds: int) -> tuple[list[Trial], float]:
    """Return every trial, the untuned base first, and the seconds that their training took."""
    jobs: list[tuple[Sequence[Example], int]] = [((), 0), *((part, seed) for seed in range(seeds) for part in parts)]
    trials, seconds = [], 0.0
    for number, (part, seed) in enumerate(jobs):
        if study.shop.cancelled():
            raise _stopped()
        message = f"{len(part)} rows, seed {seed}" if part else "no training"
        study.shop.progress({"stage": "curve", "message": message, "done": number, "total": len(jobs)})
        found = study.trial(part, seed)
        trials.append(Trial(len(part), seed, found["vectors"], found["clusters"], int(found["unscored"])))
        seconds += float(found["seconds"])
    study.shop.progress({"stage": "curve", "done": len(jobs), "total": len(jobs)})
    return trials, seconds


def _with_validation(suite: Suite) -> Suite:
    if not suite.validation:
        raise InputError(f"suite {suite.name!r} has no 'validation' items", "a data curve never reads the test items")
    return suite


def tuned_spec(suite: Suite, variant: str, factory: VariantFactory) -> Variant:
    """Return a tuned variant of a suite.

    Raises:
        InputError: there is none of that name, or it has no adapter.
    """
    for spec in resolve(suite, factory):
        if spec.name == variant:
            if spec.adapter is None:
                raise InputError(f"variant {variant!r} has no adapter", "name a tuned variant of the suite")
            return spec
    raise InputError(
        f"suite {suite.name!r} has no variant {variant!r}", f"it has {', '.join(v.name for v in suite.variants)}"
    )
