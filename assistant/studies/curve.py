"""The data curve as a study: train on nested parts of the data, ask the validation items, fit.

Everything it makes lies in a folder of its own (adapters included, so that no picker shows them); a
part that is finished is never done again, so a study that was stopped goes on where it was.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.adapters import get_adapter
from assistant.dataset import Example, content_hash, read_examples, write_examples
from assistant.errors import CancelledError, InputError
from assistant.paths import Home
from assistant.schema import Variant, digest
from assistant.settings import Settings
from assistant.studies.files import read_json, write_json
from assistant.variants import VariantFactory
from eval.curve import CURVE, CURVES, Curve, Trial, fit_curve
from eval.run_folder import prepare_collection
from eval.runner import resolve, run_suite
from eval.schema import Suite
from eval.scoring import ready_metric
from tuning.run import run_recipe
from tuning.schema import TuneRecipe

if TYPE_CHECKING:
    from assistant.models.pool import ModelPool
    from assistant.retrieval.library import Library

SHARES = (0.125, 0.25, 0.5, 1.0)
Progress = Callable[[dict[str, Any]], None]
Cancelled = Callable[[], bool]


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


def study_curve(
    suite: Suite,
    variant: str,
    recipe: TuneRecipe,
    *,
    settings: Settings,
    home: Home,
    pool: "ModelPool",
    library: "Library",
    shares: Sequence[float] = SHARES,
    seeds: int = 1,
    progress: Progress = lambda _: None,
    cancelled: Cancelled = lambda: False,
) -> dict[str, Any]:
    """Train the recipe on every share of its data, evaluate each on the validation items, and fit.

    The recipe's epochs stay as they are, so a smaller part also means fewer steps, as it would for a
    person with less data. What retrieval searches stays whole at every size.

    Args:
        suite: its ``validation`` items are asked; the test items are never read.
        variant: the tuned variant of the suite whose adapter is trained here.
        recipe: how it is trained.
        settings: of the state folder.
        home: the state folder; the study lies in ``runs/curves``.
        pool: opened models.
        library: for variants and recipes that retrieve.
        shares: of the training rows, up to 1.
        seeds: training runs a share, with seeds 0, 1, ...
        progress: gets ``{"stage", "message", "done", "total"}`` and the training's own events.
        cancelled: asked between steps.

    Returns:
        The document of :class:`eval.curve.Curve` with ``suite``, ``variant``, ``adapter``, ``shares``,
        ``training_seconds`` and ``folder``.

    Raises:
        InputError: no validation items, no such variant, or too few groups for the shares.
        CancelledError: ``cancelled()`` said so; what is finished is kept.
    """
    spec = _tuned_spec(suite, variant, VariantFactory(settings, home, pool, library))
    examples = read_examples(recipe.path(recipe.data), encoding=recipe.encoding, need_answer=True)
    prepare_collection(suite, library, home.runs)
    alone: dict[str, Any] = {"validation": (), "uses": {}, "documents": "", "examples": ()}
    asked = replace(suite, items=suite.validation, name=f"{suite.name}-curve", **alone)
    base = pool.get(spec.model).base_hash
    made_of = [recipe.model_dump(mode="json", exclude={"name", "after"}), content_hash(examples), asked.fingerprint]
    key = digest([*made_of, base, asdict(spec), sorted(shares)])
    folder = home.runs / CURVES / f"{suite.name}-{variant}-{key}"
    # Seeds are no part of the key: more of them go on from those that are there.
    state = Home(folder / "state").create()
    factory = VariantFactory(settings, state, pool, library)
    parts = nested_parts(examples, shares, recipe.seed)
    if len({len(part) for part in parts}) < len(parts):
        raise InputError(f"{recipe.data}: too few groups for {len(parts)} parts", "add rows, or groups of fewer rows")
    jobs = [(part, seed) for seed in range(seeds) for part in parts]
    trials = []
    for number, (part, seed) in enumerate([([], 0), *jobs]):
        if cancelled():
            raise CancelledError("the data curve was cancelled", "start it again to go on where it stopped")
        text = f"{len(part)} rows, seed {seed}" if part else "no training"
        progress({"stage": "curve", "message": text, "done": number, "total": len(jobs) + 1})
        stored = folder / f"trial-{len(part)}-{seed}.json"
        found = read_json(stored)
        if found is None:
            adapter = (
                _train(recipe, part, seed, folder, state, settings, library, progress, cancelled) if part else None
            )
            found = _ask(asked, replace(spec, adapter=adapter), factory, library, state, progress, cancelled)
            found["seconds"] = get_adapter(state, adapter).manifest.cost.get("seconds", 0.0) if adapter else 0.0
            write_json(stored, found)
        trials.append((_trial(len(part), seed, found), found))
    progress({"stage": "curve", "done": len(jobs) + 1, "total": len(jobs) + 1})
    metric = ready_metric(suite.primary, suite)
    curve: Curve = fit_curve([trial for trial, _ in trials], suite.primary, metric.statistic, suite.margin)
    document = curve.to_json() | {
        "suite": suite.name,
        "variant": variant,
        "adapter": spec.adapter,
        "base": pool.get(spec.model).base,
        "shares": sorted(shares),
        "training_seconds": round(sum(found["seconds"] for _, found in trials), 1),
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "folder": str(folder),
    }
    write_json(folder / CURVE, document)
    return document


def _tuned_spec(suite: Suite, variant: str, factory: VariantFactory) -> Variant:
    if not suite.validation:
        raise InputError(f"suite {suite.name!r} has no 'validation' items", "a data curve never reads the test items")
    for spec in resolve(suite, factory):
        if spec.name == variant:
            if spec.adapter is None:
                raise InputError(f"variant {variant!r} has no adapter", "name a tuned variant of the suite")
            return spec
    raise InputError(
        f"suite {suite.name!r} has no variant {variant!r}", f"it has {', '.join(v.name for v in suite.variants)}"
    )


def _train(
    recipe: TuneRecipe,
    part: Sequence[Example],
    seed: int,
    folder: Path,
    state: Home,
    settings: Settings,
    library: "Library",
    progress: Progress,
    cancelled: Cancelled,
) -> str:
    """Train on one part, unless its adapter is there already, and return the adapter's name."""
    name = f"part-{len(part)}-{seed}"
    if (state.adapters / name).is_dir():
        return name
    data = folder / f"rows-{len(part)}.jsonl"
    write_examples(data, part)
    others: dict[str, Any] = {"shots": str(recipe.path(recipe.shots)) if recipe.shots else "", "validation": ""}
    if recipe.replay:
        others["replay"] = recipe.replay.model_copy(update={"path": str(recipe.path(recipe.replay.path))})
    own = recipe.model_copy(update={"name": name, "data": str(data), "encoding": "utf-8", "seed": seed, **others})
    document = run_recipe(
        own,
        home=state,
        settings=settings,
        retriever_for=library.retriever,
        progress=progress,
        cancelled=cancelled,
    )
    if document["status"] != "succeeded":
        raise CancelledError("the data curve was cancelled", "start it again to go on where it stopped")
    return name


def _ask(
    suite: Suite,
    spec: Variant,
    factory: VariantFactory,
    library: "Library",
    state: Home,
    progress: Progress,
    cancelled: Cancelled,
) -> dict[str, Any]:
    """Return every validation item's summable score vector and cluster under one variant."""
    result = run_suite(
        replace(suite, variants=(spec,), approaches={}, trials={}, replicates={}),
        variants=factory,
        library=library,
        runs=state.runs,
        progress=progress,
        cancelled=cancelled,
    )
    metric, scores = ready_metric(suite.primary, suite), result.scored.scores[spec.name][suite.primary]
    kept = [item for item in suite.items if item.id in scores and scores[item.id].value is not None]
    vectors: list[list[float]] = metric.vectors([scores[item.id] for item in kept]).tolist() if kept else []
    return {
        "vectors": {item.id: vector for item, vector in zip(kept, vectors, strict=True)},
        "clusters": {item.id: item.group for item in kept},
        "unscored": len(scores) - len(kept),
    }


def _trial(rows: int, seed: int, found: dict[str, Any]) -> Trial:
    return Trial(rows, seed, found["vectors"], found["clusters"], int(found["unscored"]))
