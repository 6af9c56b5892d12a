"""Choose recipe, k, shots or checkpoint of one approach on the validation split, and count the trials.

The test split is never read here. Write the chosen values into the suite, and the number of trials
under ``trials:`` so that every report shows how hard each approach was tried.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import InputError, UsageError
from assistant.lazy import nearest
from assistant.progress import Progress
from assistant.schema import Shot, Variant
from eval.items import pick_shots
from eval.runner import run_suite
from eval.schema import Estimate, Suite

if TYPE_CHECKING:
    from assistant.retrieval.library import Library
    from assistant.variants import VariantFactory


@dataclass(frozen=True, slots=True)
class Choices:
    """The values to try; an empty one leaves the suite's own. ``shots`` are numbers of examples."""

    recipe: tuple[str, ...] = ()
    k: tuple[int, ...] = ()
    shots: tuple[int, ...] = ()
    adapter: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """The candidates of one approach on the validation split, best first."""

    metric: str
    ranked: tuple[tuple[Variant, Estimate, float], ...]

    @property
    def best(self) -> Variant:
        """The winner: highest mean, then the shortest prompts, then the order given."""
        return self.ranked[0][0]

    @property
    def trials(self) -> int:
        """How many candidates were tried."""
        return len(self.ranked)

    def varied(self, spec: Variant) -> dict[str, Any]:
        """Return a candidate's values of the fields in which the candidates differ, as the suite writes them."""
        every = [_values(each) for each, _, _ in self.ranked]
        return {key: value for key, value in _values(spec).items() if any(each[key] != value for each in every)}

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form: what to write into the suite, the number of trials, and every candidate."""
        ranked = [
            {"values": self.varied(spec), **estimate.to_json(), "prompt_tokens": tokens}
            for spec, estimate, tokens in self.ranked
        ]
        return {"best": self.varied(self.best), "trials": self.trials, "ranked": ranked}


def _values(spec: Variant) -> dict[str, Any]:
    return {"recipe": spec.recipe, "k": spec.k, "shots": len(spec.shots), "adapter": spec.adapter}


def grid(spec: Variant, **choices: Sequence[Any]) -> Iterator[Variant]:
    """Yield a variant for every combination of the given fields, e.g. ``recipe=[...], k=[1, 2, 3]``."""
    for values in product(*choices.values()):
        changed = dict(zip(choices, values, strict=True))
        label = ",".join(f"{key}={len(value) if key == 'shots' else value}" for key, value in changed.items())
        yield replace(spec, name=f"{spec.name}[{label}]", **changed)


def candidates(suite: Suite, variant: str, choices: Choices, examples: Sequence[Shot]) -> list[Variant]:
    """Return a variant of the suite with every combination of the choices that concern it.

    ``k`` concerns a recipe that reads passages, ``shots`` one that shows examples, ``adapter`` a variant
    that has one.

    Raises:
        InputError: the suite has no such variant, it stands for one of the app, or it lacks the examples.
        UsageError: an unknown recipe.
    """
    from assistant.prompts import load_prompt

    specs = {spec.name: spec for spec in suite.variants}
    if variant not in specs:
        raise InputError(f"{suite.path}: no variant {variant!r:.60}", nearest(variant, specs))
    if variant in suite.uses:
        raise InputError(f"{suite.path}: {variant} stands for a variant of the app", "spell it out in the suite")
    found: list[Variant] = []
    for spec in grid(specs[variant], recipe=choices.recipe) if choices.recipe else [specs[variant]]:
        needs = load_prompt(spec.recipe).needs
        concerned: dict[str, Sequence[Any]] = {}
        if choices.k and needs == "passages":
            concerned["k"] = choices.k
        if choices.shots and needs == "shots":
            if not examples:
                raise InputError(f"{suite.path}: no examples to show", "add 'examples: FILE.jsonl' to the suite")
            concerned["shots"] = [pick_shots(tuple(examples), count) for count in choices.shots]
        if choices.adapter and spec.adapter is not None:
            concerned["adapter"] = choices.adapter
        found += grid(spec, **concerned) if concerned else [spec]
    return found


def check_trials(counts: Mapping[str, int], declared: Mapping[str, int]) -> None:
    """Refuse to try one approach harder than another: it would win by its luck on the validation split.

    Raises:
        UsageError: the numbers of candidates differ, or differ from what the suite states for others.
    """
    stated = {name: count for name, count in declared.items() if name not in counts}
    every = {**stated, **counts}
    if len(set(every.values())) > 1:
        told = ", ".join(f"{name} {count}" for name, count in sorted(every.items()))
        raise UsageError(f"unequal numbers of trials: {told}", "give every approach the same number of candidates")


def choose(
    suite: Suite,
    candidates: Sequence[Variant],
    *,
    variants: "VariantFactory",
    library: "Library",
    runs: Path,
    progress: Progress = lambda _: None,
) -> Selection:
    """Score candidates on the suite's validation items by its primary metric.

    Raises:
        InputError: the suite names no validation split, or no candidate got a score.
    """
    if not suite.validation:
        raise InputError(f"{suite.path}: names no validation split", "add 'validation: FILE.jsonl'")
    held = replace(
        suite,
        name=f"{suite.name}-validation",
        items=suite.validation,
        validation=(),
        variants=tuple(candidates),
        uses={},
        metrics=(suite.primary, "prompt_tokens"),
    )
    result = run_suite(held, variants=variants, library=library, runs=runs, progress=progress)
    scores: Mapping[str, Mapping[str, Estimate]] = result.scored.estimates
    rows = [(spec, scores[spec.name][suite.primary], scores[spec.name]["prompt_tokens"]) for spec in candidates]
    scored = [
        (spec, estimate, float(tokens.mean or 0.0)) for spec, estimate, tokens in rows if estimate.mean is not None
    ]
    if not scored:
        raise InputError(f"{suite.path}: no candidate got a score", "see the reports under the runs folder")
    ranked = sorted(scored, key=lambda row: (-(row[1].mean or 0.0), row[2]))
    return Selection(suite.primary, tuple(ranked))
