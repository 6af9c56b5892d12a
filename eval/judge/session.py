"""Judge a run: ask what is not known yet, then put scores, comparisons and the audit together.

Called once, between answering and scoring.
"""

from collections.abc import Mapping
from pathlib import Path

from assistant.progress import Cancelled, Progress
from eval.evidence import compare, estimate
from eval.judge.aids import Aids, check_judge, wants_judge
from eval.judge.audit import Share, agreement, audit_metric, audit_pairs, coverage_of, tagged
from eval.judge.cache import JudgeCache
from eval.judge.executor import Executor
from eval.judge.outcome import Agreement, JudgeReport, PairAudit, Preference
from eval.judge.questions import Found, Questions, language_of_vote
from eval.metrics.base import Live
from eval.replicates import merged, names_of
from eval.schema import Answer, Approach, Item, Suite


def judge_answers(
    suite: Suite,
    answers: Mapping[str, Mapping[str, Answer]],
    approaches: Mapping[str, Approach],
    aids: Aids,
    *,
    runs: Path,
    run: str,
    progress: Progress = lambda _: None,
    cancelled: Cancelled = lambda: False,
) -> JudgeReport | None:
    """Ask the judge everything the suite wants of it; None where that is nothing.

    A judge that is gone pauses this: what it said is kept, and the report says how to go on.

    Args:
        suite: with judged metrics or a ``judge`` key.
        answers: by variant (and further adapter of one) and item id, complete.
        approaches: by variant.
        aids: embedder, judge, votes.
        runs: the folder of all runs; the judgements of all of them are in one file there.
        run: this run's name.
        progress: gets the run's usual events with the stage ``judging``.
        cancelled: asked a few times a second.

    Raises:
        UsageError: no judge is configured.
        CancelledError: ``cancelled()`` said so.
    """
    check_judge(suite, aids.judge)
    if not wants_judge(suite):
        return None

    def tell(done: int, total: int) -> None:
        progress({"done": done, "total": total, "variant": "", "seconds_left": None, "stage": "judging"})

    cache = JudgeCache(runs)
    try:
        executor = Executor(aids.judge, cache, run)
        questions = Questions(suite, answers, approaches, aids, executor.identity)
        return _report(questions, executor.run(questions.works(), tell, cancelled), executor)
    finally:
        cache.close()


def _report(questions: Questions, found: Found, executor: Executor) -> JudgeReport:
    suite, tail, metrics = questions.suite, questions.suite.alpha / 2, questions.metrics
    judged = questions.judged(found)
    where = {name: [item for item in suite.items if metric.applies(item)] for name, metric in metrics.items()}
    rows, samples = {}, {}
    for name, metric in metrics.items():
        items = where[name]
        metric.prepare(Live(judged=judged), items, list(questions.answers.values()))
        scored = {
            variant: [
                [(item, metric.score(item, row[item.id]), row[item.id]) for item in items]
                for row in (questions.answers[each] for each in names_of(suite, variant))
            ]
            for variant in questions.variants(metric)
        }
        if items and scored:
            samples[name] = {variant: [one for row in each for one in row] for variant, each in scored.items()}
            rows[name] = {
                variant: merged([{item.id: score for item, score, _ in row} for row in each])
                for variant, each in scored.items()
            }
    preferences, pair_audit = _preferences(questions, found)
    return JudgeReport(
        judge=questions.judge,
        judged=judged,
        estimates={
            name: {variant: estimate(metrics[name], where[name], row, tail=tail) for variant, row in given.items()}
            for name, given in rows.items()
        },
        comparisons=tuple(
            compare(metrics[name], where[name], given[a], given[b], (a, b), tail, with_test=False)
            for name, given in rows.items()
            for a, b in questions.pairs()
            if a in given and b in given
        ),
        audits={name: audit_metric(given, tail) for name, given in samples.items()},
        preferences=preferences,
        pair_audit=pair_audit,
        agreement=_agreement(questions, found),
        paused=executor.down,
        resume=f"joyul eval run {suite.path or suite.name}" if executor.down else "",
        calls=executor.calls,
        kept=executor.kept,
    )


def _preferences(questions: Questions, found: Found) -> tuple[tuple[Preference, ...], PairAudit | None]:
    items, tail = questions.suite.items, questions.suite.alpha / 2
    made, samples = [], []
    for first, second in questions.preferred:
        row = {item.id: questions.preference(item, first, second, found) for item in items}
        for item in items:
            texts = (questions.answers[first][item.id].text, questions.answers[second][item.id].text)
            samples.append((tagged(item, f"{first} {second}"), row[item.id], *texts))
        values = [score.value for score in row.values()]
        counts = (values.count(1.0), values.count(0.5), values.count(0.0))
        share = estimate(Share(), items, row, tail=tail)
        made.append(Preference(first, second, *counts, share, coverage_of(row.values())))
    return tuple(made), audit_pairs(samples, tail) if made else None


def _agreement(questions: Questions, found: Found) -> Agreement | None:
    samples = []
    for at, vote in enumerate(questions.votes):
        item = Item(vote.question, (), vote.question, language_of_vote(vote))
        samples.append((tagged(item, at), str(vote.outcome), questions.on_vote(vote, found)))
    return agreement(samples, questions.suite.alpha / 2) if samples else None
