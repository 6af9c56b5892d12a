"""How far a judge can be trusted, from its own scores: coverage, constancy, length, order, and people's votes."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from eval.evidence import estimate
from eval.judge.outcome import Agreement, Coverage, MetricAudit, PairAudit
from eval.metrics.base import Metric
from eval.schema import Answer, Estimate, Item, Score

if TYPE_CHECKING:
    import numpy as np

# Causes that are no fault of the judge: there was nothing to judge.
SKIPPED = frozenset({"nothing_stated", "no_passages", "unreadable", "no_answer"})
# A judge that gives one and the same score to at least this share of this many answers tells nothing apart.
CONSTANT_SHARE, CONSTANT_AT_LEAST = 0.95, 10
OUTCOMES = ("first", "tie", "second")
Sample = tuple[Item, Score]
Samples = Mapping[str, Sequence[tuple[Item, Score, Answer]]]


class Share(Metric):
    """A plain mean of 0..1, for shares of pairs."""

    name = "share"


class Correlation(Metric):
    """Pearson's correlation of ``x`` and ``y`` in the scores' detail; of ranks it is Spearman's."""

    name, unit = "correlation", "correlation"

    def vectors(self, scores: Sequence[Score]) -> "np.ndarray":
        """Return 1, x, y, x², y², xy per score."""
        import numpy as np

        x, y = (np.array([score.detail[key] for score in scores], dtype=float) for key in ("x", "y"))
        return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)

    def statistic(self, sums: "np.ndarray") -> "np.ndarray":
        """Return the correlation; 0 where either does not vary."""
        import numpy as np

        n, x, y, xx, yy, xy = np.moveaxis(np.asarray(sums, dtype=float), -1, 0)
        spread = np.sqrt(np.maximum(xx - x * x / n, 0.0) * np.maximum(yy - y * y / n, 0.0))
        both = xy - x * y / n
        result: np.ndarray = np.divide(both, spread, out=np.zeros_like(both), where=spread > 1e-9)
        return result


class Kappa(Metric):
    """Cohen's kappa (Cohen 1960, "A coefficient of agreement for nominal scales") over three outcomes."""

    name, unit = "kappa", "correlation"

    def vectors(self, scores: Sequence[Score]) -> "np.ndarray":
        """Return which of the nine cells (person, judge) each pair falls into."""
        import numpy as np

        cells = [
            OUTCOMES.index(score.detail["person"]) * len(OUTCOMES) + OUTCOMES.index(score.detail["judge"])
            for score in scores
        ]
        return np.eye(len(OUTCOMES) ** 2)[cells]

    def statistic(self, sums: "np.ndarray") -> "np.ndarray":
        """Return kappa; 0 where chance alone agrees fully."""
        import numpy as np

        size = len(OUTCOMES)
        table = np.asarray(sums, dtype=float).reshape(*np.shape(sums)[:-1], size, size)
        table = table / np.maximum(table.sum((-1, -2), keepdims=True), 1e-12)
        agreed = np.trace(table, axis1=-2, axis2=-1)
        chance = (table.sum(-1) * table.sum(-2)).sum(-1)
        result: np.ndarray = np.divide(
            agreed - chance, 1.0 - chance, out=np.zeros_like(agreed), where=1.0 - chance > 1e-9
        )
        return result


def coverage_of(scores: Iterable[Score]) -> Coverage:
    """Count judgements that came, failed by cause, and were not needed."""
    failures: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    scored = 0
    for score in scores:
        cause = str(score.detail.get("cause", "")) or "no_answer"
        if score.value is not None:
            scored += 1
        elif cause in SKIPPED:
            skipped[cause] += 1
        else:
            failures[cause] += 1
    asked = scored + sum(failures.values())
    return Coverage(asked, scored, dict(failures.most_common()), dict(skipped.most_common()))


def audit_metric(samples: Samples, tail: float) -> MetricAudit:
    """Return the audit of one metric.

    Args:
        samples: per variant, every answer with its score.
        tail: error probability outside each end of an interval.
    """
    all_scores = [score for rows in samples.values() for _, score, _ in rows]
    values = Counter(round(score.value, 6) for score in all_scores if score.value is not None)
    common = max(values.values(), default=0) / max(1, values.total())
    alarm = values.total() >= CONSTANT_AT_LEAST and common >= CONSTANT_SHARE
    return MetricAudit(
        coverage=coverage_of(all_scores),
        variants={name: coverage_of(score for _, score, _ in rows) for name, rows in samples.items()},
        constant=common if alarm else None,
        length=_length(samples, tail),
    )


def _length(samples: Samples, tail: float) -> Estimate:
    """Return Spearman's correlation of score and length within variants: a good, wordy variant proves nothing."""
    import numpy as np
    from scipy.stats import rankdata

    found: list[tuple[Item, float, float]] = []
    for name, rows in samples.items():
        kept = [(item, score.value, len(answer.text)) for item, score, answer in rows if score.value is not None]
        if not kept:
            continue
        values = np.array([value for _, value, _ in kept], dtype=float)
        lengths = np.array([length for _, _, length in kept], dtype=float)
        pairs = zip(kept, lengths - lengths.mean(), values - values.mean(), strict=True)
        found += [(tagged(row[0], f"{name} {at}"), length, value) for at, (row, length, value) in enumerate(pairs)]
    if not found:
        return Estimate(None, None, None, 0, 0, "nothing scored")
    x = rankdata([round(length, 9) for _, length, _ in found])
    y = rankdata([round(value, 9) for _, _, value in found])
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return Estimate(None, None, None, len(found), 0, "no variation")
    ranked = [(row[0], Score(0.0, detail={"x": a, "y": b})) for row, a, b in zip(found, x, y, strict=True)]
    return over(Correlation(), ranked, tail)


def audit_pairs(samples: Sequence[tuple[Item, Score, str, str]], tail: float) -> PairAudit:
    """Return the audit of pairwise judging.

    Args:
        samples: item (tagged, see :func:`tagged`), score for the first, and the two answers.
        tail: error probability outside each end of an interval.
    """
    known = [(item, score, first, second) for item, score, first, second in samples if "swapped" in score.detail]

    def share(keep: Callable[..., bool], value: Callable[..., float]) -> Estimate:
        chosen = [(row[0], Score(value(*row[1:]))) for row in known if keep(*row[1:])]
        return over(Share(), chosen, tail)

    return PairAudit(
        swapped=share(lambda score, *_: True, lambda score, *_: float(score.detail["swapped"])),
        first_shown=share(
            lambda score, *_: bool(score.detail["swapped"]),
            lambda score, *_: (1.0 + float(score.detail["first_shown"])) / 2.0,
        ),
        longer=share(
            lambda score, first, second: score.value != 0.5 and len(first) != len(second),
            lambda score, first, second: float((score.value == 1.0) == (len(first) > len(second))),
        ),
    )


def agreement(samples: Sequence[tuple[Item, str, Score]], tail: float) -> Agreement:
    """Return how far the judge agrees with people.

    Args:
        samples: item (tagged), a person's outcome (``OUTCOMES``), the judge's score for the first.
        tail: error probability outside each end of an interval.
    """
    both: list[Sample] = []
    for item, person, score in samples:
        if score.value is not None:
            judge = {1.0: "first", 0.5: "tie", 0.0: "second"}[score.value]
            both.append((item, Score(float(person == judge), detail={"person": person, "judge": judge})))
    coverage = coverage_of(score for _, _, score in samples)
    return Agreement(over(Kappa(), both, tail), over(Share(), both, tail), coverage)


def tagged(item: Item, tag: object) -> Item:
    """Return an item of its own for one of several scores on it; it stays in its cluster."""
    return replace(item, question=f"{tag}\n{item.question}")


def over(metric: Metric, samples: Sequence[Sample], tail: float) -> Estimate:
    """Return a figure over (item, score) samples with its interval over the items' clusters."""
    row: dict[str, Any] = {item.id: score for item, score in samples}
    return estimate(metric, [item for item, _ in samples], row, tail=tail)
