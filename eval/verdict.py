"""The rule. Everything the verdict depends on is in this file, and it reads bounds, nothing else.

Given every variant's scores on the same items, with ``margin`` the smallest difference that matters:

1. **Comparable?** There must be a prompted row, a RAG row and a tuned row, and every pair must share
   a score on at least 90 % of the items. Otherwise: not enough evidence.
2. **tune / rag+tune**: a tuned candidate wins only if the lower bound of its difference lies above
   the margin against *each* untuned rival. That is an intersection-union test (Berger 1982,
   Technometrics 24): no correction over rivals. Candidates among themselves are corrected: bounds
   are simultaneous over the m candidates (Bonferroni).
3. **prompt / rag** is enough if an untuned variant is not inferior to any tuned candidate, so to the
   best one whichever that is: the upper bound of every candidate's difference lies below the margin.
4. **Otherwise not enough evidence**, with the difference this set could have found and about how many
   more items would settle it.
5. **Few items differ** (:func:`few_differ`): whatever was observed, the bounds reach at least as far as
   the exact bound on how many groups may differ, and no detectable difference is printed. With few
   groups neither "tune" nor "enough" can then be said, so the answer is not enough evidence.

Where two approaches pass, the simpler one is named (prompt before RAG, tune before RAG+tune) unless
the other is better by a lower bound above zero, and the tie is said.

What keeps this honest is in the bounds themselves (``eval.stats``): with few clusters they are t
intervals, and training seeds widen them. ``joyul eval simulate`` holds the whole rule to it.

The tail of every interval is ``alpha / max(2 m, r)`` for m candidates and r rivals: a false "tune" then
has probability at most alpha / 2, a false "enough" (which picks one of r rivals) at most alpha.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eval.power import detectable, items_needed, share_to_differ
from eval.schema import TUNED, UNTUNED, Approach, Choice, Comparison, Verdict

COVERAGE = 0.9
FEW_ITEMS, FEW_SHARE, FEW_GROUPS = 10, 0.1, 20
SIMPLER: tuple[Approach, ...] = ("prompt", "rag", "tune", "rag+tune")


def tail_for(alpha: float, candidates: int, rivals: int) -> float:
    """Return the error left outside each end of every interval the verdict reads."""
    return alpha / max(2 * candidates, rivals, 1)


def least_differing(items: int, groups: int) -> float:
    """Return how many items must differ between two variants before their spread says how sure a difference is.

    10; with under 20 groups also 10 % of the items. A spread estimated from few groups is itself unsure,
    and more so where most differences are 0 (Cameron and Miller 2015, J. Human Resources 50, section VI).
    The numbers are from ``joyul eval simulate``: with 8 or 16 groups and fewer differing items a false
    "enough" was said in 6 to 8 % of the studies, and below 10 items the bounds missed up to 8 % on one side.
    """
    return max(FEW_ITEMS, FEW_SHARE * items) if groups < FEW_GROUPS else FEW_ITEMS


def few_differ(differing: Any, items: int, groups: int) -> Any:
    """Return whether too few items differ to go by their spread. ``differing`` may be an array of counts."""
    return differing < least_differing(items, groups)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the rule reads.

    ``pairs`` holds one comparison per unordered pair of variants, all at :func:`tail_for`; ``means``
    the primary metric; ``items`` how many items it applies to; ``correlations`` of a candidate's
    differences against its rivals (in the order of :meth:`rivals`), for the detectable effect; ``seeds``
    how many adapters stand behind a variant's scores (1 where it is missing).
    """

    approaches: Mapping[str, Approach]
    pairs: Mapping[tuple[str, str], Comparison]
    means: Mapping[str, float | None]
    items: int
    metric: str
    margin: float
    alpha: float
    correlations: Mapping[str, Sequence[Sequence[float]]] = field(default_factory=dict)
    seeds: Mapping[str, int] = field(default_factory=dict)

    def rivals(self) -> list[str]:
        """Return the untuned variants."""
        return [name for name, approach in self.approaches.items() if approach in UNTUNED]

    def candidates(self) -> list[str]:
        """Return the tuned variants."""
        return [name for name, approach in self.approaches.items() if approach in TUNED]

    def compare(self, first: str, second: str) -> Comparison:
        """Return ``first`` minus ``second``."""
        if (first, second) in self.pairs:
            return self.pairs[first, second]
        return self.pairs[second, first].turned()


def decide(evidence: Evidence) -> Verdict:
    """Apply the rule. The verdict has no sentence yet; see ``eval.sentence``."""
    missing = _missing(evidence)
    if missing:
        return _verdict(evidence, "not_enough_evidence", missing)
    rivals, candidates = evidence.rivals(), evidence.candidates()
    winners = [name for name in candidates if all(_above(evidence, name, rival) for rival in rivals)]
    if winners:
        chosen, tied = _simplest(evidence, winners)
        against = min(rivals, key=lambda rival: _low(evidence, chosen, rival))
        return _verdict(evidence, evidence.approaches[chosen], "beats_every_rival", chosen, against, tied)
    enough = [name for name in rivals if all(_within(evidence, tuned, name) for tuned in candidates)]
    if enough:
        chosen, tied = _simplest(evidence, enough)
        against = _best(evidence, candidates)
        return _verdict(evidence, evidence.approaches[chosen], "not_inferior", chosen, against, tied)
    return _undecided(evidence)


def _missing(evidence: Evidence) -> str:
    present = set(evidence.approaches.values())
    if not present & set(TUNED):
        return "no_tuned_row"
    if "prompt" not in present:
        return "no_prompt_row"
    if "rag" not in present:
        return "no_rag_row"
    if evidence.items == 0 or any(mean is None for mean in evidence.means.values()):
        return "nothing_scored"
    pairs = [evidence.compare(tuned, rival) for tuned in evidence.candidates() for rival in evidence.rivals()]
    if any(pair.n < COVERAGE * evidence.items for pair in pairs):
        return "too_many_unscored"
    if any(pair.low is None for pair in pairs):
        return "too_few_groups"
    return ""


def _low(evidence: Evidence, first: str, second: str) -> float:
    low = evidence.compare(first, second).low
    return float("-inf") if low is None else low


def _above(evidence: Evidence, tuned: str, rival: str) -> bool:
    return _low(evidence, tuned, rival) > evidence.margin


def _within(evidence: Evidence, tuned: str, rival: str) -> bool:
    high = evidence.compare(tuned, rival).high
    return high is not None and high < evidence.margin


def _best(evidence: Evidence, names: Sequence[str]) -> str:
    return max(names, key=lambda name: evidence.means[name] or 0.0)


def _simplest(evidence: Evidence, passing: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the simplest of the passing variants that no other one beats, and those it ties with."""
    heads = [
        _best(evidence, [name for name in passing if evidence.approaches[name] == approach])
        for approach in SIMPLER
        if any(evidence.approaches[name] == approach for name in passing)
    ]
    chosen = heads[0]
    for other in heads[1:]:
        if _low(evidence, other, chosen) > 0.0:
            chosen = other
    tied = tuple(name for name in heads if name != chosen and not _low(evidence, chosen, name) > 0.0)
    return chosen, tied


def _few(pair: Comparison) -> bool:
    return bool(few_differ(pair.differing, pair.n, pair.clusters))


def _undecided(evidence: Evidence) -> Verdict:
    """Say what it would take; the pair shown was picked after the fact."""
    tuned, rival = _best(evidence, evidence.candidates()), _best(evidence, evidence.rivals())
    shown = evidence.compare(tuned, rival)
    if _few(shown):
        return _verdict(evidence, "not_enough_evidence", "few_differ", tuned, rival)
    gap = abs((shown.delta or 0.0) - evidence.margin)
    total = items_needed(shown.n, shown.se or 0.0, gap, shown.tail)
    more = None if total is None else max(total - shown.n, 1)
    return _verdict(evidence, "not_enough_evidence", "unsettled", tuned, rival, more=more)


def _detectable(evidence: Evidence) -> float | None:
    """Return how far above the strongest rival's score here the best candidate's true score had to lie (80 % power).

    None where few items differ: nobody can tell from them.
    """
    rivals, tuned = evidence.rivals(), _best(evidence, evidence.candidates())
    strongest = _best(evidence, rivals)
    pairs = [evidence.compare(tuned, rival) for rival in rivals]
    if any(map(_few, pairs)):
        return None
    ahead = [evidence.compare(strongest, rival).delta if rival != strongest else 0.0 for rival in rivals]
    by_bounds = detectable(
        [pair.se or 0.0 for pair in pairs],
        evidence.margin,
        pairs[0].tail,
        evidence.correlations.get(tuned),
        df=min(pair.df for pair in pairs),
        behind=[gap or 0.0 for gap in ahead],
    )
    return max(by_bounds, _to_differ(evidence.compare(tuned, strongest)))


def _to_differ(pair: Comparison) -> float:
    """Return the lead at which enough items would differ; those that already do, either way, count."""
    needed = share_to_differ(pair.n, least_differing(pair.n, pair.clusters))
    return needed - (pair.differing / pair.n - abs(pair.delta or 0.0))


def _verdict(
    evidence: Evidence,
    choice: Choice,
    reason: str,
    chosen: str = "",
    against: str = "",
    tied: tuple[str, ...] = (),
    *,
    more: int | None = None,
) -> Verdict:
    compared = bool(chosen and against)
    tuned = chosen if evidence.approaches.get(chosen) in TUNED else against
    return Verdict(
        choice=choice,
        reason=reason,
        metric=evidence.metric,
        margin=evidence.margin,
        alpha=evidence.alpha,
        chosen=chosen,
        against=against,
        comparison=evidence.compare(chosen, against) if compared else None,
        tied=tied,
        detectable=_detectable(evidence) if compared else None,
        more_items=more,
        # The rival of a win is the binding bound of the rule; the others are the best-looking pair.
        after_the_fact=reason in ("unsettled", "few_differ", "not_inferior"),
        seeds=evidence.seeds.get(tuned, 1) if compared else 0,
    )
