"""What a run leaves: answers, scores, costs and the verdict, with its JSON document."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from assistant.errors import JoyulError
from assistant.schema import Variant
from eval.metrics import EFFICIENCY
from eval.metrics.efficiency import adapter_megabytes
from eval.price import bill_of, stored_bill
from eval.schema import Answer, Approach, Suite, Verdict
from eval.scoring import Scored, score_answers
from eval.suite import approach_of

if TYPE_CHECKING:
    from assistant.variants import VariantFactory
    from eval.metrics.base import Live

# Parts of the document that not every run has: what tuning cost elsewhere, and what a judge said.
EXTRAS = ("forgetting", "break_even", "curve", "judge")


@dataclass(frozen=True)
class RunResult:
    """One finished run. ``asked`` counts answers generated now; the others came from earlier runs.

    ``costs`` holds, per variant, ``memory_mb`` of its base and adapter and, for an adapter,
    ``training`` (seconds, peak memory, tokens) and ``training_seeds``. ``extras`` are further parts of the
    document, by key (see :data:`EXTRAS`). ``reads`` counts how often the test items have been read:
    ``declared`` under this very declaration, ``items`` in all.
    """

    suite: Suite
    base: str
    specs: Mapping[str, Variant]
    fingerprints: Mapping[str, str]
    approaches: Mapping[str, Approach]
    answers: Mapping[str, Mapping[str, Answer]]
    scored: Scored
    costs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    extras: Mapping[str, Any] = field(default_factory=dict)
    reads: Mapping[str, int] = field(default_factory=dict)
    rescored_from: str = ""
    run: str = ""
    created: str = ""
    seconds: float = 0.0
    asked: int = 0

    @property
    def verdict(self) -> Verdict:
        """The verdict with its sentences."""
        return self.scored.verdict

    def to_json(self) -> dict[str, Any]:
        """Return the ``eval run --json`` document; scores are fractions, tokens and seconds means per answer."""
        return {
            "suite": self.suite.name,
            "base": self.base,
            "variants": {name: self._variant(name) for name in self.specs},
            "verdict": self.verdict.to_json(),
            "pairs": [pair.to_json() for pair in self.scored.pairs],
            "slices": {
                part: {name: estimate.to_json() for name, estimate in row.items()}
                for part, row in self.scored.slices.items()
            },
            "costs": {name: dict(cost) for name, cost in self.costs.items()},
            **dict.fromkeys(EXTRAS),
            **self.extras,
            "declared": {
                "kind": self.suite.kind,
                "primary": self.suite.primary,
                "margin": self.suite.margin,
                "alpha": self.suite.alpha,
                "seed": self.suite.seed,
                "items": len(self.suite.items),
                "groups": len({item.group for item in self.suite.items}),
                "trials": dict(self.suite.trials),
                "fingerprint": self.suite.fingerprint,
                "warnings": list(self.suite.warnings),
                "path": self.suite.path,
            },
            "reads": dict(self.reads),
            "rescored_from": self.rescored_from,
            "run": self.run,
            "created": self.created,
            "seconds": round(self.seconds, 3),
            "asked": self.asked,
        }

    def _variant(self, name: str) -> dict[str, Any]:
        estimates = self.scored.estimates[name]
        figures = {key: estimates[key].mean if key in estimates else None for key in EFFICIENCY}
        failed = Counter(answer.error for answer in self.answers[name].values() if answer.error)
        document: dict[str, Any] = {
            "metrics": {key: each.to_json() for key, each in estimates.items() if key not in EFFICIENCY},
            **figures,
            "approach": self.approaches[name],
            "model": self.specs[name].model,
            "adapter": self.specs[name].adapter,
            "recipe": self.specs[name].recipe,
            "k": self.specs[name].k if "rag" in self.approaches[name] else None,
            "shots": len(self.specs[name].shots),
            "fingerprint": self.fingerprints[name],
            "failed": dict(failed.most_common(5)),
        }
        if name in self.scored.confusions:
            document["confusion"] = self.scored.confusions[name]
            document["classes"] = self.scored.classes.get(name, {})
        if name in self.suite.replicates:
            figures_of = zip(self.suite.replicates[name], self.scored.replicates[name], strict=True)
            document["replicates"] = [{"adapter": adapter, "metrics": dict(means)} for adapter, means in figures_of]
        return document


def assemble(
    suite: Suite,
    *,
    specs: Mapping[str, Variant],
    fingerprints: Mapping[str, str],
    answers: Mapping[str, Mapping[str, Answer]],
    variants: "VariantFactory | None" = None,
    run: str = "",
    seconds: float = 0.0,
    asked: int = 0,
    streams: int = 1,
    live: "Live | None" = None,
    extras: Mapping[str, Any] | None = None,
) -> RunResult:
    """Score the answers and put the verdict into words.

    Args:
        suite: what was declared.
        specs: per variant, resolved.
        fingerprints: per variant, the cache key of its answers.
        answers: per variant, per item id, complete.
        variants: knows memory and training costs; without it these are left out.
        run: the run's name.
        seconds: wall time of the run.
        asked: answers generated in this call.
        streams: answers under way at once while their seconds were measured.
        live: the embedder and what a judge said, for the metrics that need them.
        extras: further parts of the document, by key.
    """
    from eval.sentence import in_words

    approaches = {name: approach_of(spec, suite.approaches) for name, spec in specs.items()}
    scored = score_answers(suite, answers, approaches, live=live)
    bases = Counter(answer.base for row in answers.values() for answer in row.values() if answer.base)
    base = bases.most_common(1)[0][0] if bases else ""
    bill = stored_bill(scored.verdict, extras or {})
    if variants is not None:
        bill = bill_of(suite, answers, specs, approaches, scored.verdict, variants, streams)
    scored = replace(scored, verdict=in_words(scored.verdict, suite, base, specs, bill.price))
    return RunResult(
        suite=suite,
        base=base,
        specs=specs,
        fingerprints=fingerprints,
        approaches=approaches,
        answers=answers,
        scored=scored,
        costs={name: _costs(spec, variants) for name, spec in specs.items()} if variants is not None else {},
        extras={**(extras or {}), **bill.to_json()},
        run=run,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        seconds=seconds,
        asked=asked,
    )


def _costs(spec: Variant, variants: "VariantFactory") -> dict[str, Any]:
    costs: dict[str, Any] = {"memory_mb": round(variants.memory_mb(spec), 1), "training": None, "training_seeds": 0}
    try:
        adapter = variants.adapter(spec)
    except JoyulError:
        adapter = None
    if adapter is not None:
        size = round(adapter_megabytes(adapter.path), 3)
        costs |= {"training": dict(adapter.manifest.cost), "training_seeds": 1, "adapter_mb": size}
    return costs
