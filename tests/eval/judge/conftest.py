"""Fixtures of the judge's tests: a scripted server, and made-up answers to judge."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assistant.schema import Passage
from assistant.settings import JudgeSettings
from eval.judge.aids import Aids
from eval.judge.outcome import JudgeReport
from eval.judge.plan import JudgePlan
from eval.judge.session import judge_answers
from eval.metrics.base import Live
from eval.schema import Answer, Item, Suite
from eval.scoring import score_answers
from eval.suite import approach_of
from tests.eval.judge.judge_server import Judge, JudgeServer, a_judge

NAMES = ("zero-shot", "rag", "tuned")


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    running = JudgeServer()
    yield running
    running.stop()


@pytest.fixture
def judge(make_suite: Callable[..., Suite], tmp_path: Path, server: JudgeServer) -> Judge:
    """Judge made-up answers: the tuned variant is always right, the others on even items."""

    def go(
        plan: JudgePlan | None = None,
        metrics: tuple[str, ...] = (),
        *,
        items: int = 10,
        run: str = "run",
        texts: Callable[[str, int], str] | None = None,
        settings: JudgeSettings | None = None,
        votes: tuple[Any, ...] = (),
        cancelled: Callable[[], bool] = lambda: False,
    ) -> tuple[Suite, JudgeReport]:
        suite = make_suite(items, names=NAMES, judge=plan, metrics=("exact_match", *metrics))
        asked = tuple(Item(f"question {at}", ("right",), f"g{at}", "en") for at in range(items))
        suite = replace(suite, items=asked)
        said = texts or (lambda name, at: f"right {at}" if name == "tuned" or at % 2 == 0 else f"wrong {at}")
        answers = {
            name: {
                item.id: Answer(
                    said(name, at),
                    (Passage("1", "a.md", 0, "right words", 0.5),) if name == "rag" else (),
                    "q" if name == "rag" else None,
                    finish="stop",
                )
                for at, item in enumerate(suite.items)
            }
            for name in NAMES
        }
        approaches = {spec.name: approach_of(spec, {}) for spec in suite.variants}
        aids = Aids("hashing", settings or a_judge(server), votes)
        report = judge_answers(suite, answers, approaches, aids, runs=tmp_path, run=run, cancelled=cancelled)
        assert report is not None
        scored = score_answers(suite, answers, approaches, live=Live(judged=report.judged))
        for name in metrics:
            for variant, row in report.estimates[name].items():
                assert scored.estimates[variant][name] == row
        return suite, report

    return go
