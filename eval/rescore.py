"""Score a finished run again from its own record: other metrics, or newer code. Nothing is generated."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.errors import UsageError
from assistant.lazy import nearest
from eval.metrics import METRICS, metric_named
from eval.metrics.base import Live, said
from eval.record import Record
from eval.result import RunResult, assemble
from eval.run_folder import RunFolder
from eval.schema import Score, Suite

if TYPE_CHECKING:
    from assistant.retrieval.embeddings import LiveEmbedder


def rescore(
    record: Record, runs: Path, metrics: Sequence[str] = (), embedder: "LiveEmbedder | None" = None
) -> RunResult:
    """Return a new finished run over the same answers; the declared primary metric stays.

    Args:
        record: the run to score again; it stays as it is.
        runs: the folder of all runs.
        metrics: to add to those of the run.
        embedder: for metrics that compare meanings; without it they have no score.

    Raises:
        UsageError: a metric is unknown, is no metric for this kind of task, or needs a judge that the run had not.
    """
    suite = _with(record.suite, metrics, record)
    declaration, document = record.declaration, record.document
    folder = RunFolder.open(suite, {**declaration.fingerprints, "rescored": document["run"]}, runs)
    kept = {key: document[key] for key in ("forgetting", "break_even", "curve", "judge") if document.get(key)}
    result = assemble(
        suite,
        specs=declaration.specs,
        fingerprints=declaration.fingerprints,
        answers={name: {row.item.id: row.answers[name] for row in record.rows} for name in record.rows[0].answers},
        run=folder.name,
        seconds=float(document.get("seconds", 0.0)),
        asked=0,
        live=Live(embedder, _judged(record)),
        extras=kept,
    )
    result = replace(
        result,
        costs=document.get("costs", {}),
        reads=document.get("reads", {}),
        rescored_from=str(document["run"]),
    )
    assert result.asked == 0
    return folder.finish(result)


def _with(suite: Suite, metrics: Sequence[str], record: Record) -> Suite:
    for name in metrics:
        if name not in METRICS:
            raise UsageError(f"--metrics: unknown metric {name!r:.60}", nearest(name, METRICS))
        metric = metric_named(name)
        if suite.kind not in metric.kinds:
            raise UsageError(f"--metrics: {name} is no metric for kind '{suite.kind}'", "leave it out")
        if metric.judged and not any(name in scores for row in record.rows for scores in row.scores.values()):
            raise UsageError(
                f"--metrics: {name} needs a judge's answers, which this run has not", "run the suite again"
            )
    return replace(suite, metrics=tuple(dict.fromkeys([*suite.metrics, *metrics])))


def _judged(record: Record) -> dict[str, dict[tuple[str, str], Score]]:
    """Return what a judge said in the run, for metrics that would otherwise ask it again."""
    found: dict[str, dict[tuple[str, str], Score]] = {}
    names = [name for name in record.suite.metrics if name in METRICS and metric_named(name).judged]
    for row in record.rows if names else ():
        for variant, scores in row.scores.items():
            key = said(row.item, row.answers[variant])
            for name in names:
                if name in scores:
                    found.setdefault(name, {})[key] = scores[name]
    return found
