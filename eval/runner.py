"""Run a suite: every variant answers every item, many streams at once so that the engine can batch them.

Each stream is a blocking generator in a thread of its own; the main thread stores what is finished,
reports progress and listens for cancel. A failed sample is recorded as an error at one boundary
(``eval.streams.ask``) and never retried within the run; above a share of failures the run stops.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.errors import CancelledError, UnavailableError
from assistant.progress import Cancelled, Progress
from assistant.schema import Variant
from eval.cache import AnswerCache
from eval.judge.aids import Aids, with_aids
from eval.judge.outcome import JudgeReport
from eval.judge.session import judge_answers
from eval.metrics.base import Live
from eval.replicates import check_one_recipe, names_of, specs_of
from eval.result import RunResult, assemble
from eval.run_folder import RunFolder, prepare_collection
from eval.schema import Answer, Item, Suite
from eval.streams import Job, Meter, Streams
from eval.suite import approach_of

if TYPE_CHECKING:
    from assistant.retrieval.library import Library
    from assistant.variants import VariantFactory, VariantModel

STREAMS = 32
FAILED_SHARE = 0.5
FAILED_AT_LEAST = 10


class RunCancelled(CancelledError):
    """The run was cancelled; the next start goes on from what is finished."""


def run_suite(
    suite: Suite,
    *,
    variants: "VariantFactory",
    library: "Library",
    runs: Path,
    progress: Progress = lambda _: None,
    cancelled: Cancelled = lambda: False,
    streams: int = STREAMS,
    aids: Aids | None = None,
) -> RunResult:
    """Answer, score and judge; a run that was killed or cancelled is taken up where it stopped.

    Args:
        suite: from :func:`eval.suite.load_suite`.
        variants: makes the live variants.
        library: indexes the suite's documents.
        runs: the folder of all runs; the answers of all of them are in one file there.
        progress: gets ``{"done", "total", "variant", "seconds_left", "stage"}``; ``seconds_left`` may be None.
        cancelled: asked a few times a second.
        streams: answers under way at once.
        aids: the embedder, judge and votes that metrics may need; without them nothing is judged.

    Raises:
        InputError, UsageError: a variant cannot be built (unknown adapter, recipe, collection ...), or the
            suite asks for a judge and none is configured.
        UnavailableError: more than half of the answers failed, or a judge was asked and gave nothing.
        ResourceError: the disk is full.
        RunCancelled: ``cancelled()`` said so.
    """
    started = time.perf_counter()
    suite, aids = with_aids(suite, aids)
    total = len(suite.items) * sum(len(names_of(suite, spec.name)) for spec in suite.variants)
    progress({"done": 0, "total": total, "variant": "", "seconds_left": None, "stage": "documents"})
    unread = prepare_collection(suite, library, runs)
    lives = _lives(suite, variants)
    # A fingerprint covers weights, prompt text and the content that is searched.
    keys = {name: live.fingerprint for name, live in lives.items()}
    folder = RunFolder.open(suite, keys, runs)
    answers, asked = _answers(suite, lives, folder, runs, progress, cancelled, streams)
    progress({"done": total, "total": total, "variant": "", "seconds_left": None, "stage": "scoring"})
    wanted = {name: {item.id: answers[keys[name]][item.id] for item in suite.items} for name in lives}
    approaches = {spec.name: approach_of(lives[spec.name].spec, suite.approaches) for spec in suite.variants}
    judged = judge_answers(
        suite, wanted, approaches, aids, runs=runs, run=folder.name, progress=progress, cancelled=cancelled
    )
    result = assemble(
        replace(suite, warnings=(*suite.warnings, *unread, *(judged.warnings if judged else ()))),
        specs={spec.name: lives[spec.name].spec for spec in suite.variants},
        fingerprints=keys,
        answers=wanted,
        variants=variants,
        run=folder.name,
        seconds=time.perf_counter() - started,
        asked=asked,
        streams=streams,
        live=Live(aids.opened(), judged.judged if judged else {}),
        extras={"judge": judged.to_json()} if judged else {},
    )
    return _finished(folder, result, judged)


def _finished(folder: RunFolder, result: RunResult, judged: JudgeReport | None) -> RunResult:
    """Write everything down, and only then fail where a judge was asked and gave nothing."""
    result = folder.finish(result)
    if judged is not None:
        judged.refuse_nothing(folder.path)
    return result


def _lives(suite: Suite, variants: "VariantFactory") -> dict[str, "VariantModel"]:
    """Return everything that answers, by name: every variant, or each adapter of one that has several."""
    check_one_recipe(suite, variants)
    specs = [each for spec in resolve(suite, variants) for each in specs_of(suite, spec)]
    return {spec.name: variants.build(spec) for spec in specs}


def resolve(suite: Suite, variants: "VariantFactory") -> list[Variant]:
    """Return every variant's specification under its name in the suite."""
    return [
        replace(variants.spec(suite.uses[spec.name]), name=spec.name) if spec.name in suite.uses else spec
        for spec in suite.variants
    ]


def in_order(items: Sequence[Item]) -> list[Item]:
    """Return the items so that prompts which begin alike follow each other, the longest of a group first.

    Items of one language are shown the same examples, items of one group find the same passages, and the
    engine reads a common beginning once.
    """

    def place(item: Item) -> tuple[str, str, int, str]:
        length = len(item.question) + sum(len(turn.content) for turn in item.history)
        return item.language, item.group, -length, item.id

    return sorted(items, key=place)


def _answers(
    suite: Suite,
    lives: Mapping[str, "VariantModel"],
    folder: RunFolder,
    runs: Path,
    progress: Progress,
    cancelled: Cancelled,
    streams: int,
) -> tuple[dict[str, dict[str, Answer]], int]:
    """Return all answers by fingerprint and how many were asked for now.

    Two names for one and the same variant share their answers.
    """
    distinct: dict[str, VariantModel] = {}
    for live in lives.values():
        distinct.setdefault(live.fingerprint, live)
    cache = AnswerCache(runs)
    try:
        answers = {key: cache.get(key, suite.seed, folder.name) for key in distinct}
        jobs = [
            Job(live, key, tuple(item for item in in_order(suite.items) if item.id not in answers[key]))
            for key, live in distinct.items()
        ]
        return answers, _answer_all(suite, jobs, answers, cache, folder, progress, cancelled, streams)
    finally:
        cache.close()


def _answer_all(
    suite: Suite,
    jobs: Sequence[Job],
    answers: Mapping[str, dict[str, Answer]],
    cache: AnswerCache,
    folder: RunFolder,
    progress: Progress,
    cancelled: Cancelled,
    streams: int,
) -> int:
    """Fill ``answers``; return how many were asked for now."""
    left = sum(len(job.todo) for job in jobs)
    total = len(suite.items) * len(jobs)
    meter = Meter(progress, total, total - left)
    failed = 0

    def keep(job: Job, item: Item, answer: Answer) -> None:
        cache.put(job.key, item.id, suite.seed, folder.name, answer)

    with Streams(_tasks(jobs), keep, suite.seed, min(streams, left)) as finished:
        for done in finished:
            if cancelled():
                raise RunCancelled("the evaluation was cancelled", "start it again to go on where it stopped")
            meter.tell()
            if done is None:
                continue
            job, item, answer = done
            answers[job.key][item.id] = answer
            failed += bool(answer.error)
            meter.count(job.live.spec.name)
            if failed >= FAILED_AT_LEAST and failed > FAILED_SHARE * meter.now:
                folder.abandon()
                raise UnavailableError(
                    f"{failed} of {meter.now} answers failed, last: {answer.error:.200}", "mend that and run it again"
                )
    return left


def _tasks(jobs: Sequence[Job]) -> Iterator[tuple[Job, Item]]:
    # Variant by variant, so that each is timed under the same load and most batches share an adapter.
    for job in jobs:
        for item in job.todo:
            yield job, item
