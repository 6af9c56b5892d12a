"""Answers -> scores -> estimates, pairs, slices, confusion tables, verdict. Pure: no model is asked here.

So a finished run can be scored again, with other metrics, without generating anything.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from eval.evidence import Row, adapter_figures, estimate, gather, parts_of
from eval.metrics import metric_named
from eval.metrics.base import Live, Metric
from eval.replicates import merged, names_of
from eval.schema import Answer, Approach, Comparison, Estimate, Item, Suite, Verdict
from eval.verdict import decide

SLICE_RESAMPLES = 999


@dataclass(frozen=True, slots=True)
class Scored:
    """Everything computed from the answers of one run.

    ``replicates`` holds, for a variant with several adapters, each one's figure by metric.
    """

    scores: Mapping[str, Mapping[str, Row]]
    estimates: Mapping[str, Mapping[str, Estimate]]
    pairs: tuple[Comparison, ...]
    slices: Mapping[str, Mapping[str, Estimate]]
    confusions: Mapping[str, Mapping[str, Mapping[str, int]]]
    classes: Mapping[str, Mapping[str, Mapping[str, float]]]
    verdict: Verdict
    replicates: Mapping[str, tuple[Mapping[str, float | None], ...]] = field(default_factory=dict)


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
        answers: per variant and further adapter of one (:mod:`eval.replicates`), per item id; every item
            must be there (failed ones carry ``error``).
        approaches: per variant; decides who is a candidate and who a rival.
        progress: told the name of each metric before it is computed.
        live: the embedder and what a judge said, for metrics that need them.
    """
    scores: dict[str, dict[str, Row]] = {name: {} for name in approaches}
    estimates: dict[str, dict[str, Estimate]] = {name: {} for name in approaches}
    metrics = {name: ready_metric(name, suite) for name in suite.metrics}
    for metric in metrics.values():
        progress(metric.name)
        items = [item for item in suite.items if metric.applies(item)]
        metric.prepare(live or Live(), items, list(answers.values()))
        for name, approach in approaches.items():
            if not items or (metric.searches and not _searches(approach, answers[name])):
                continue
            given = [answers[each] for each in names_of(suite, name)]
            row = merged([{item.id: metric.score(item, one[item.id]) for item in items} for one in given])
            scores[name][metric.name] = row
            estimates[name][metric.name] = _estimate(suite, metric, items, row)
    primary = metrics[suite.primary]
    rows = {name: scores[name][suite.primary] for name in approaches if suite.primary in scores[name]}
    items = [item for item in suite.items if primary.applies(item)]
    evidence = gather(primary, items, rows, approaches, margin=suite.margin, alpha=suite.alpha)
    verdict = decide(evidence)
    fresh = [item for item in items if item.id not in suite.leaks]
    if leaked := len(items) - len(fresh):
        without = gather(primary, fresh, rows, approaches, margin=suite.margin, alpha=suite.alpha, with_test=False)
        verdict = replace(verdict, leaked=leaked, without_leaked=decide(without).choice)
    confusions, classes = _label_tables(suite, scores)
    return Scored(
        scores,
        estimates,
        tuple(evidence.pairs.values()),
        _slices(suite, primary, rows),
        confusions,
        classes,
        verdict,
        {name: _each_adapter(suite, metrics, scores[name]) for name in suite.replicates if name in scores},
    )


def _estimate(suite: Suite, metric: Metric, items: Sequence[Item], row: Row) -> Estimate:
    """Return the estimate, with the one over unseen items beside it where some may have been seen."""
    found = estimate(metric, items, row, tail=suite.alpha / 2)
    fresh = [item for item in items if item.id not in suite.leaks]
    if len(fresh) == len(items):
        return found
    leaked = sum(item.id in suite.leaks and row[item.id].value is not None for item in items)
    return replace(found, leaked=leaked, clean=estimate(metric, fresh, row, tail=suite.alpha / 2))


def _each_adapter(
    suite: Suite, metrics: Mapping[str, Metric], rows: Mapping[str, Row]
) -> tuple[Mapping[str, float | None], ...]:
    """Return every adapter's own figures, by metric."""
    found: list[dict[str, float | None]] = []
    for name, row in rows.items():
        items = [item for item in suite.items if item.id in row]
        for at, figure in enumerate(adapter_figures(metrics[name], items, row)):
            found.extend({} for _ in range(at + 1 - len(found)))
            found[at][name] = figure
    return tuple(found)


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
        given = [part for score in row.values() if score.value is not None for part in parts_of(score)]
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
