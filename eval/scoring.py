"""Answers -> scores -> estimates, pairs, slices, confusion tables, verdict. Pure: no model is asked here.

So a finished run can be scored again, with other metrics, without generating anything.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from eval.evidence import Row, estimate, gather
from eval.metrics import metric_named
from eval.metrics.base import Live, Metric
from eval.schema import Answer, Approach, Comparison, Estimate, Item, Suite, Verdict
from eval.verdict import decide

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
    live: Live | None = None,
) -> Scored:
    """Score every answer with every metric of the suite and draw the verdict.

    Args:
        suite: items, metrics, primary, margin, alpha.
        answers: per variant, per item id; every item must be there (failed ones carry ``error``).
        approaches: per variant; decides who is a candidate and who a rival.
        progress: told the name of each metric before it is computed.
        live: the embedder and what a judge said, for metrics that need them.
    """
    scores: dict[str, dict[str, Row]] = {name: {} for name in answers}
    estimates: dict[str, dict[str, Estimate]] = {name: {} for name in answers}
    metrics = {name: ready_metric(name, suite) for name in suite.metrics}
    for metric in metrics.values():
        progress(metric.name)
        items = [item for item in suite.items if metric.applies(item)]
        metric.prepare(live or Live(), items, list(answers.values()))
        for name, given in answers.items():
            if not items or (metric.searches and not _searches(approaches[name], given)):
                continue
            row = {item.id: metric.score(item, given[item.id]) for item in items}
            scores[name][metric.name] = row
            estimates[name][metric.name] = estimate(metric, items, row, tail=suite.alpha / 2)
    primary = metrics[suite.primary]
    rows = {name: scores[name][suite.primary] for name in answers if suite.primary in scores[name]}
    items = [item for item in suite.items if primary.applies(item)]
    evidence = gather(primary, items, rows, approaches, margin=suite.margin, alpha=suite.alpha)
    confusions, classes = _label_tables(suite, scores)
    pairs = tuple(evidence.pairs.values())
    return Scored(scores, estimates, pairs, _slices(suite, primary, rows), confusions, classes, decide(evidence))


def _searches(approach: Approach, given: Mapping[str, Answer]) -> bool:
    return "rag" in approach or any(answer.query is not None for answer in given.values())


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
