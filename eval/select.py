"""Choose recipe, k, shots or checkpoint of one approach on the validation split, and count the trials.

The test split is never read here. Write the chosen values into the suite, and the number of trials
under ``trials:`` so that every report shows how hard each approach was tried.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import InputError
from assistant.schema import Variant
from eval.runner import run_suite
from eval.schema import Estimate, Suite

if TYPE_CHECKING:
    from assistant.retrieval.library import Library
    from assistant.variants import VariantFactory


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


def grid(spec: Variant, **choices: Sequence[Any]) -> Iterator[Variant]:
    """Yield a variant for every combination of the given fields, e.g. ``recipe=[...], k=[1, 2, 3]``."""
    for values in product(*choices.values()):
        changed = dict(zip(choices, values, strict=True))
        label = ",".join(f"{key}={len(value) if key == 'shots' else value}" for key, value in changed.items())
        yield replace(spec, name=f"{spec.name}[{label}]", **changed)


def choose(
    suite: Suite,
    candidates: Sequence[Variant],
    *,
    variants: "VariantFactory",
    library: "Library",
    runs: Path,
    progress: Callable[[dict[str, object]], None] = lambda _: None,
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
