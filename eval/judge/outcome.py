"""What judging a run left: scores, comparisons, preferences, and beside them always the audit."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from assistant.errors import UnavailableError
from eval.schema import Comparison, Estimate, Score

# Under this share of usable judgements two variants are not compared: what failed is rarely a random part.
ENOUGH = 0.9


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many judgements were wanted and came; ``failures`` and ``skipped`` count causes.

    What was skipped needed no judge (nothing was stated, nothing was shown) and is no part of ``asked``.
    """

    asked: int
    scored: int
    failures: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)

    @property
    def share(self) -> float | None:
        """Usable judgements among those wanted; None where none was wanted."""
        return self.scored / self.asked if self.asked else None

    @property
    def enough(self) -> bool:
        """Whether figures over it may be compared."""
        return self.share is not None and self.share >= ENOUGH

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**asdict(self), "coverage": self.share, "enough": self.enough}


@dataclass(frozen=True, slots=True)
class MetricAudit:
    """How far one judged metric can be trusted.

    ``constant`` is the share of the commonest score where it is suspiciously high, else None;
    ``length`` the correlation of score with the answer's length.
    """

    coverage: Coverage
    variants: Mapping[str, Coverage]
    constant: float | None
    length: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        by_variant = {name: each.to_json() for name, each in self.variants.items()}
        length = self.length.to_json()
        return {**self.coverage.to_json(), "variants": by_variant, "constant": self.constant, "length": length}


@dataclass(frozen=True, slots=True)
class Preference:
    """Two variants judged pairwise; ``share`` is first's, a tie counting half."""

    first: str
    second: str
    wins: int
    ties: int
    losses: int
    share: Estimate
    coverage: Coverage

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        counts = {name: getattr(self, name) for name in ("first", "second", "wins", "ties", "losses")}
        return {**counts, "share": self.share.to_json(), **self.coverage.to_json()}


@dataclass(frozen=True, slots=True)
class PairAudit:
    """How far pairwise judging can be trusted: three shares, each with its interval.

    ``swapped``: pairs on which the judge changed its mind when the order changed. ``first_shown``: of
    those, how far it leaned to the answer shown first (0.5 is even). ``longer``: pairs with a winner
    that the longer answer won.
    """

    swapped: Estimate
    first_shown: Estimate
    longer: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {name: getattr(self, name).to_json() for name in ("swapped", "first_shown", "longer")}


@dataclass(frozen=True, slots=True)
class Agreement:
    """Judge and people on the same pairs of answers: Cohen's kappa and the share of equal choices."""

    kappa: Estimate
    agreed: Estimate
    coverage: Coverage

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"kappa": self.kappa.to_json(), "agreed": self.agreed.to_json(), **self.coverage.to_json()}


@dataclass(frozen=True)
class JudgeReport:
    """Everything the judge gave; ``paused`` says why it stopped early, "" where it did not.

    ``judged`` holds the scores per metric and answer; ``kept`` counts what was known from before.
    """

    judge: str
    judged: Mapping[str, Mapping[tuple[str, str], Score]]
    estimates: Mapping[str, Mapping[str, Estimate]]
    comparisons: tuple[Comparison, ...]
    audits: Mapping[str, MetricAudit]
    preferences: tuple[Preference, ...]
    pair_audit: PairAudit | None
    agreement: Agreement | None
    paused: str = ""
    resume: str = ""
    calls: int = 0
    kept: int = 0

    @property
    def scored(self) -> int:
        """How many usable judgements there are."""
        coverages = [audit.coverage for audit in self.audits.values()] + [each.coverage for each in self.preferences]
        return sum(each.scored for each in coverages)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What every report of the run must say of the judge."""
        return (f"judge unavailable: {self.paused}; resume with: {self.resume}",) if self.paused else ()

    def refuse_nothing(self, folder: Path) -> None:
        """Fail where everything that was wanted of the judge is missing; the rest of the run is in its folder.

        Raises:
            UnavailableError: not one judgement came.
        """
        if self.paused and not self.scored:
            raise UnavailableError(
                f"judge unavailable: {self.paused}; nothing was judged, everything else is in {folder}",
                f"mend it and resume with: {self.resume}",
            )

    def comparable(self, comparison: Comparison) -> bool:
        """Return whether both sides have enough judgements."""
        sides = self.audits[comparison.metric].variants
        return all(sides[name].enough for name in (comparison.first, comparison.second) if name in sides)

    def to_json(self) -> dict[str, Any]:
        """Return what stands under ``judge`` in ``eval run --json``; shares and scores are fractions."""
        return {
            "judge": self.judge,
            "metrics": {
                metric: {variant: each.to_json() for variant, each in row.items()}
                for metric, row in self.estimates.items()
            },
            "comparisons": [{**each.to_json(), "comparable": self.comparable(each)} for each in self.comparisons],
            "pairwise": [each.to_json() for each in self.preferences],
            "audit": {
                "metrics": {name: audit.to_json() for name, audit in self.audits.items()},
                "pairwise": self.pair_audit.to_json() if self.pair_audit else None,
                "humans": self.agreement.to_json() if self.agreement else None,
            },
            "paused": self.paused,
            "resume": self.resume,
            "calls": self.calls,
            "kept": self.kept,
        }
