"""Answers -> scores -> estimates, pairs, slices, confusion tables, verdict. Pure: no model is asked here.

So a finished run can be scored again, with other metrics, without generating anything.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from eval.metrics import metric_named
from eval.metrics.base import Metric
from eval.schema import TUNED, UNTUNED, Answer, Approach, Comparison, Estimate, Item, Score, Suite, Verdict
from eval.stats import (
    RESAMPLES,
    Interval,
    cluster_sums,
    difference_statistic,
    interval,
    jackknife_values,
    mcnemar_p,
    sign_flip_p,
)
from eval.verdict import Evidence, decide, tail_for

if TYPE_CHECKING:
    import numpy as np

# Scores of one variant by item id, for one metric.
Row = Mapping[str, Score]
SLICE_RESAMPLES = 999


@dataclass(frozen=True, slots=True)
class Scored:
    """Everything computed from the answers of one run."""

    scores: Mapping[str, Mapping[str, Row]]
    estimates: Mapping[str, Mapping[str, Estimate]]
    pairs: tuple[Comparison, ...]
    slices: Mapping[str, Mapping[str, Estimate]]
    confusions: Mapping[str, Mapping[str, Mapping[str, int]]]
    classes: Mapping[str, Mapping[str, Mapping[str, float]]]
    verdict: Verdict


def ready_metric(name: str, suite: Suite) -> Metric:
    """Return a metric that knows the suite's labels."""
    metric = metric_named(name)
    if hasattr(metric, "labels"):
        metric.labels = suite.labels
    return metric


def score_answers(
    suite: Suite,
    answers: Mapping[str, Mapping[str, Answer]],
    approaches: Mapping[str, Approach],
    progress: Callable[[str], None] = lambda _: None,
) -> Scored:
    """Score every answer with every metric of the suite and draw the verdict.

    Args:
        suite: items, metrics, primary, margin, alpha.
        answers: per variant, per item id; every item must be there (failed ones carry ``error``).
        approaches: per variant; decides who is a candidate and who a rival.
        progress: told the name of each metric before it is computed.
    """
    scores: dict[str, dict[str, Row]] = {name: {} for name in answers}
    estimates: dict[str, dict[str, Estimate]] = {name: {} for name in answers}
    metrics = {name: ready_metric(name, suite) for name in suite.metrics}
    for metric in metrics.values():
        progress(metric.name)
        items = [item for item in suite.items if metric.applies(item)]
        for name, given in answers.items():
            if not items or (metric.searches and not _searches(approaches[name], given)):
                continue
            row = {item.id: metric.score(item, given[item.id]) for item in items}
            scores[name][metric.name] = row
            estimates[name][metric.name] = estimate(metric, items, row, tail=suite.alpha / 2)
    primary = metrics[suite.primary]
    pairs, correlations = _pairs(suite, primary, scores, approaches)
    rows = {name: scores[name][suite.primary] for name in answers if suite.primary in scores[name]}
    evidence = Evidence(
        approaches=approaches,
        pairs={(pair.first, pair.second): pair for pair in pairs},
        means={name: estimates[name][suite.primary].mean if name in rows else None for name in answers},
        items=sum(primary.applies(item) for item in suite.items),
        metric=suite.primary,
        margin=suite.margin,
        alpha=suite.alpha,
        correlations=correlations,
    )
    confusions, classes = _label_tables(suite, scores)
    return Scored(scores, estimates, tuple(pairs), _slices(suite, primary, rows), confusions, classes, decide(evidence))


def _searches(approach: Approach, given: Mapping[str, Answer]) -> bool:
    return "rag" in approach or any(answer.query is not None for answer in given.values())


def estimate(
    metric: Metric, items: Sequence[Item], row: Row, *, tail: float = 0.025, resamples: int = 1999
) -> Estimate:
    """Return a metric over items: mean and interval over those with a score, and how many have none."""
    kept = [item for item in items if row[item.id].value is not None]
    if not kept:
        return Estimate(None, None, None, 0, len(items), "nothing scored")
    found = interval(
        metric.vectors([row[item.id] for item in kept]),
        [item.group for item in kept],
        metric.statistic,
        tail=tail,
        resamples=resamples,
        **_limits(metric, 1.0),
    )
    return Estimate(found.value, found.low, found.high, len(kept), len(items) - len(kept), found.method)


def _limits(metric: Metric, width: float, low: float = 0.0) -> dict[str, Any]:
    fraction = metric.unit == "fraction"
    return {"width": width if fraction else None, "bounds": (low, 1.0) if fraction else None}


def compare(
    metric: Metric,
    items: Sequence[Item],
    first: Row,
    second: Row,
    names: tuple[str, str],
    tail: float,
    *,
    resamples: int = RESAMPLES,
    with_test: bool = True,
) -> Comparison:
    """Return ``first`` minus ``second`` on the items that both have a score for, paired and clustered.

    ``with_test`` adds the descriptive p-value; the rule does not read it.
    """
    import numpy as np

    kept, vectors = _paired(metric, items, first, second)
    if not kept:
        return Comparison(*names, metric.name, None, None, None, 0, 0, tail, "nothing scored")
    groups = [item.group for item in kept]
    statistic = difference_statistic(metric.statistic, vectors.shape[1] // 2)
    found: Interval = interval(vectors, groups, statistic, tail=tail, resamples=resamples, **_limits(metric, 1.0, -1.0))
    p, test = None, ""
    if metric.is_mean and with_test:
        left = np.array([first[item.id].value for item in kept], dtype=float)
        right = np.array([second[item.id].value for item in kept], dtype=float)
        if len(set(groups)) == len(kept) and set(np.unique([left, right])) <= {0.0, 1.0}:
            p, test = mcnemar_p(left, right), "McNemar exact"
        else:
            p, test = sign_flip_p(left - right, groups), "sign-flip permutation"
    ends = (found.value, found.low, found.high)
    return Comparison(*names, metric.name, *ends, len(kept), found.clusters, tail, found.method, p, test, found.se)


def _paired(metric: Metric, items: Sequence[Item], first: Row, second: Row) -> tuple[list[Item], "np.ndarray"]:
    import numpy as np

    kept = [item for item in items if first[item.id].value is not None and second[item.id].value is not None]
    if not kept:
        return [], np.zeros((0, 2))
    # Both sides through one call, so that set-level metrics use the same classes for both.
    both = metric.vectors([row[item.id] for row in (first, second) for item in kept])
    return kept, np.hstack([both[: len(kept)], both[len(kept) :]])


def _pairs(
    suite: Suite, metric: Metric, scores: Mapping[str, Mapping[str, Row]], approaches: Mapping[str, Approach]
) -> tuple[list[Comparison], dict[str, list[list[float]]]]:
    import numpy as np

    items = [item for item in suite.items if metric.applies(item)]
    candidates = [name for name, approach in approaches.items() if approach in TUNED]
    rivals = [name for name, approach in approaches.items() if approach in UNTUNED]
    tail = tail_for(suite.alpha, len(candidates), len(rivals))
    rows = {name: scores[name][metric.name] for name in approaches if metric.name in scores[name]}
    # Tuned first, so that a positive difference reads "tuning gains".
    order = [name for name in (*candidates, *rivals) if name in rows]
    pairs = [compare(metric, items, rows[a], rows[b], (a, b), tail) for a, b in combinations(order, 2)]
    correlations: dict[str, list[list[float]]] = {}
    for tuned in candidates:
        shared = [item for item in items if all(rows[name][item.id].value is not None for name in (tuned, *rivals))]
        if len({item.group for item in shared}) < 3 or len(rivals) < 2:
            continue
        left = []
        for rival in rivals:
            _, vectors = _paired(metric, shared, rows[tuned], rows[rival])
            statistic = difference_statistic(metric.statistic, vectors.shape[1] // 2)
            left.append(jackknife_values(cluster_sums(vectors, [item.group for item in shared]), statistic))
        with np.errstate(divide="ignore", invalid="ignore"):
            matrix = np.nan_to_num(np.corrcoef(np.stack(left)))
        np.fill_diagonal(matrix, 1.0)
        correlations[tuned] = matrix.tolist()
    return pairs, correlations


def _slices(suite: Suite, metric: Metric, rows: Mapping[str, Row]) -> dict[str, dict[str, Estimate]]:
    """Return the primary metric per slice and per language; descriptive, uncorrected."""
    parts: dict[str, list[Item]] = {}
    for item in suite.items:
        if metric.applies(item):
            for key in (f"language: {item.language}", f"slice: {item.slice}" if item.slice else ""):
                if key:
                    parts.setdefault(key, []).append(item)
    return {
        key: {
            name: estimate(metric, items, row, tail=suite.alpha / 2, resamples=SLICE_RESAMPLES)
            for name, row in rows.items()
        }
        for key, items in sorted(parts.items())
    }


def _label_tables(
    suite: Suite, scores: Mapping[str, Mapping[str, Row]]
) -> tuple[dict[str, dict[str, dict[str, int]]], dict[str, dict[str, dict[str, float]]]]:
    """Return, per variant, true label -> predicted label -> count, and precision, recall, F1 per class."""
    if suite.kind != "label":
        return {}, {}
    from eval.metrics.macro import class_counts, per_class

    confusions: dict[str, dict[str, dict[str, int]]] = {}
    classes: dict[str, dict[str, dict[str, float]]] = {}
    for name, metrics in scores.items():
        row = next((metrics[key] for key in ("accuracy", "macro_f1") if key in metrics), {})
        given = [score for score in row.values() if score.value is not None]
        table: dict[str, dict[str, int]] = {label: {} for label in suite.labels}
        for score in given:
            true, predicted = score.detail["true"], score.detail["predicted"]
            table[true][predicted] = table[true].get(predicted, 0) + 1
        confusions[name] = table
        if given:
            figures = per_class(class_counts(given, suite.labels).sum(0))
            classes[name] = {
                label: dict(zip(("precision", "recall", "f1"), map(float, figures[:, at]), strict=True))
                for at, label in enumerate(suite.labels)
            }
    return confusions, classes
