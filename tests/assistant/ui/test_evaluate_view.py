"""Evaluate: a run from the page ends in a verdict, can be cancelled, and is listed."""

import json
from pathlib import Path

import pytest

from assistant.errors import InputError
from assistant.ui.context import Page
from assistant.ui.evaluate_view import EvaluatePage
from assistant.ui.evaluations import Evaluations, Progress

WAIT = 60.0
ITEMS = [
    {"question": "How much is the zebra fee?", "reference": ["4,200 won"], "group": "a", "language": "en"},
    {"question": "Where is the zebra?", "reference": ["in the hall"], "group": "b", "language": "en"},
]


@pytest.fixture
def evaluate(page: Page) -> EvaluatePage:
    folder = page.services.home.root / "suites"
    folder.mkdir()
    (folder / "items.jsonl").write_text("\n".join(json.dumps(item) for item in ITEMS), encoding="utf-8")
    (folder / "docs").mkdir()
    (folder / "docs" / "zebra.md").write_text("The zebra fee is 4,200 won.", encoding="utf-8")
    (folder / "tiny.yaml").write_text(
        "suite: tiny\nkind: qa\nitems: items.jsonl\ndocuments: docs\nvariants:\n  zero-shot:\n  rag:\n",
        encoding="utf-8",
    )
    return EvaluatePage(page, Evaluations(page.services))


def _result(choice: str = "rag+tune", delta: float = 0.061) -> dict[str, object]:
    metric = {"mean": 0.5, "low": 0.4, "high": 0.6, "n": 20, "unscored": 2}
    row = {"metrics": {"token_f1": metric}, "prompt_tokens": 210.0, "completion_tokens": 8.0, "seconds": 0.4}
    pair = {
        "first": "rag-tuned",
        "second": "rag",
        "metric": "token_f1",
        "delta": delta,
        "low": 0.01,
        "high": 0.11,
        "level": 0.95,
    }
    return {
        "suite": "<b>tiny",
        "base": "embedded@1",
        "created": "2026-01-01T00:00:00Z",
        "variants": {"rag": {**row, "approach": "rag"}, "rag-tuned": {**row, "approach": "rag+tune"}},
        "pairs": [pair],
        "declared": {"kind": "qa", "primary": "token_f1", "margin": 0.02, "items": 20, "groups": 7},
        "verdict": {
            "choice": choice,
            "metric": "token_f1",
            "text": {"ko": "튜닝할 만해요.", "en": "Tune, and keep RAG."},
        },
    }


def _finished(page: Page, run: str, result: dict[str, object]) -> None:
    folder = page.services.home.runs / run
    folder.mkdir()
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


RAG = {"model": "default", "adapter": None, "recipe": "grounded", "k": 1, "shots": 0}


@pytest.mark.parametrize(
    ("changes", "choice", "offered"),
    [
        ({}, "rag", True),
        ({"k": 3}, "rag", False),
        ({"adapter": "gone"}, "rag+tune", False),
        ({}, "not_enough_evidence", False),
    ],
)
def test_the_chosen_way_of_answering_goes_to_chat(
    evaluate: EvaluatePage, page: Page, changes: dict[str, object], choice: str, offered: bool
) -> None:
    result = _result(choice)
    result["variants"]["rag"] |= {**RAG, **changes}  # type: ignore[index]
    result["verdict"]["chosen"] = "rag"  # type: ignore[index]
    _finished(page, "tiny-20260101T000000-aaaaaaaa", result)
    html = evaluate.report_html()
    assert ('data-act="use"' in html and 'data-variant="rag"' in html) == offered


def test_an_empty_page_says_what_belongs_there(evaluate: EvaluatePage) -> None:
    assert "No evaluation yet" in evaluate.report_html() and evaluate.history_html() == ""
    assert evaluate.progress_html(Progress()) == "" and "tiny" in evaluate.runs.suites()


def test_a_run_ends_in_a_verdict(evaluate: EvaluatePage) -> None:
    assert evaluate.start("tiny").phase == "running"
    done = evaluate.runs.wait(WAIT)
    assert done.phase == "done" and done.run.startswith("tiny-")
    shown = evaluate.report_html()
    assert "Not enough evidence" in shown and f"/reports/{done.run}" in shown and "scripted@" in shown
    assert (evaluate.page.services.home.runs / done.run / "report.html").is_file()


def test_cancel_says_what_is_kept(evaluate: EvaluatePage) -> None:
    evaluate.start("tiny")
    evaluate.runs.cancel()
    done = evaluate.runs.wait(WAIT)
    assert done.phase in ("cancelled", "done")  # a run this small may end first
    assert "Cancelled" in evaluate.progress_html(Progress("cancelled"))


def test_only_one_at_a_time_and_only_known_suites(evaluate: EvaluatePage) -> None:
    evaluate.start("tiny")
    if evaluate.runs.progress.phase == "running":
        with pytest.raises(InputError, match="already running"):
            evaluate.start("tiny")
    evaluate.runs.wait(WAIT)
    for suite in ("", "../../etc/passwd", "none"):
        with pytest.raises(InputError):
            evaluate.start(suite)


def test_a_broken_suite_says_what_to_mend(evaluate: EvaluatePage) -> None:
    file: Path = evaluate.page.services.home.root / "suites" / "broken.yaml"
    file.write_text("suite: broken\nkind: qa\nitems: none.jsonl\nvariants: {zero-shot: }\n", encoding="utf-8")
    evaluate.start("broken")
    done = evaluate.runs.wait(WAIT)
    shown = evaluate.progress_html(done)
    assert done.phase == "failed" and "none.jsonl" in shown and "Traceback" not in shown


def test_progress_shows_count_and_time_left(evaluate: EvaluatePage, korean: Page) -> None:
    now = Progress("running", "tiny", "answers", "rag", 5, 20, 12.4)
    assert "5 of 20" in evaluate.progress_html(now) and "12.4 s left" in evaluate.progress_html(now)
    assert "20개 중 5개" in EvaluatePage(korean, evaluate.runs).progress_html(now)


def test_the_report_shows_differences_and_unscored(evaluate: EvaluatePage, korean: Page) -> None:
    _finished(evaluate.page, "a", _result())
    shown = evaluate.report_html()
    for part in (
        "Tune, and keep RAG.",
        "RAG + tune",
        "+6.1 [+1.0, +11.0]",
        "2 unscored",
        "20 questions in 7 groups",
        "50.0",
        'data-items="/reports/a/items"',
    ):
        assert part in shown, part
    assert "<b>tiny" not in shown
    assert "튜닝할 만해요." in EvaluatePage(korean, evaluate.runs).report_html()


def test_earlier_runs_can_be_opened(evaluate: EvaluatePage) -> None:
    _finished(evaluate.page, "a", _result())
    _finished(evaluate.page, "b", {**_result("not_enough_evidence", -0.01), "created": "2026-01-02T00:00:00Z"})
    assert evaluate.history_html().count('data-act="show"') == 2
    assert 'data-run="b"' in evaluate.report_html() and 'data-run="a"' in evaluate.report_html("a")
    assert 'data-act="compare"' in evaluate.history_html("a")
    with pytest.raises(InputError):
        evaluate.report_html("../a")


def test_an_unfinished_run_is_offered_and_taken_up(evaluate: EvaluatePage) -> None:
    evaluate.start("tiny")
    evaluate.runs.cancel()
    cancelled = evaluate.runs.wait(WAIT)
    if cancelled.phase == "done":  # so small a run may end before it is cancelled
        next(evaluate.page.services.home.runs.glob("*/result.json")).unlink()
    unfinished = next(evaluate.page.services.home.runs.glob("tiny-*")).name
    shown = evaluate.history_html()
    assert 'data-act="resume"' in shown and unfinished in shown and "Unfinished" in shown
    evaluate.resume(unfinished)
    assert evaluate.runs.wait(WAIT).run == unfinished
    assert 'data-act="resume"' not in evaluate.history_html()
    evaluate.resume("../../etc")
    assert evaluate.runs.wait(WAIT).phase == "failed"


def test_a_run_whose_suite_changed_makes_way_for_a_new_one(evaluate: EvaluatePage) -> None:
    runs = evaluate.page.services.home.runs
    (runs / "tiny-20260101T000000-12345678").mkdir()
    plan = {"suite": "tiny", "path": str(runs.parent / "suites" / "tiny.yaml")}
    (runs / "tiny-20260101T000000-12345678" / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    evaluate.resume("tiny-20260101T000000-12345678")
    done = evaluate.runs.wait(WAIT)
    assert done.phase == "done" and done.run != "tiny-20260101T000000-12345678"
    assert 'data-act="resume"' not in evaluate.history_html()


def test_two_runs_are_shown_side_by_side(evaluate: EvaluatePage, korean: Page) -> None:
    runs = []
    for _ in range(2):
        evaluate.start("tiny")
        runs.append(evaluate.runs.wait(WAIT).run)
    shown = evaluate.compare_html(runs[1], runs[0])
    assert "Two runs: later minus earlier" in shown and shown.index(runs[0]) < shown.index(runs[1])
    assert "설정은 모두 같아요" in EvaluatePage(korean, evaluate.runs).compare_html(*runs)
    with pytest.raises(InputError):
        evaluate.compare_html(runs[0], "../x")
