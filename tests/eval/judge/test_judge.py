"""Judging against a real server that answers well, badly, late or not at all."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.errors import CancelledError, UsageError
from assistant.settings import JudgeSettings
from eval.judge.aids import Aids
from eval.judge.client import retry_after
from eval.judge.outcome import JudgeReport
from eval.judge.plan import Criterion, JudgePlan, Rubric
from eval.judge.session import judge_answers
from eval.schema import Suite
from tests.eval.judge.judge_server import Handler, Judge, JudgeServer, a_judge, good, saying

HELPFUL = Rubric("service", (Criterion("helpful", {"ko": "도움이 되나요?", "en": "Is it helpful?"}, 1, 5),))
RAGAS = (
    *("faithfulness", "response_relevancy", "context_precision", "context_recall"),
    *("factual_correctness", "answer_accuracy"),
)
NAMES = ("zero-shot", "rag", "tuned")


def causes(report: JudgeReport, metric: str = "rubric.helpful") -> dict[str, int]:
    return dict(report.audits[metric].coverage.failures)


RUBRIC = JudgePlan(HELPFUL)


def test_a_rubric_grades_every_answer(judge: Judge, server: JudgeServer) -> None:
    _, report = judge(RUBRIC)
    means = {name: each.mean for name, each in report.estimates["rubric.helpful"].items()}
    assert means == {"zero-shot": 0.5, "rag": 0.5, "tuned": 1.0}
    # equal answers are asked about once: ten right ones and five wrong
    assert report.calls == len(server.asked) == 15
    assert report.audits["rubric.helpful"].coverage.share == 1.0
    assert "Criterion: Is it helpful?" in server.prompts[0]


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        ("I think this deserves a 5.", "prose"),
        ('Sure! {"score": 5}', "prose"),
        ('{"score": 9}', "out_of_range"),
        ('{"score": 0}', "out_of_range"),
        ('{"score": 3.5}', "no_score"),
        ('{"score": true}', "no_score"),
        ('{"score": "high"}', "no_score"),
        ('{"score": NaN}', "not_json"),
        ('{"score": 5', "not_json"),
        ("{}", "no_score"),
        ("", "empty"),
        ("```json\n[5]\n```", "prose"),
    ],
)
def test_what_is_no_grade_is_unscored_with_its_cause(judge: Judge, server: JudgeServer, reply: str, cause: str) -> None:
    server.reply = saying(reply)
    _, report = judge(RUBRIC, items=2)
    assert causes(report) == {cause: 6}
    assert all(each.mean is None for each in report.estimates["rubric.helpful"].values())
    assert not any(report.comparable(each) for each in report.comparisons)


@pytest.mark.parametrize(
    "reply", ['```json\n{"score": 4}\n```', '```\n{"score": 4}\n```', '<think>5?</think>{"score": 4}', '{"score": 4.0}']
)
def test_fenced_json_is_read(judge: Judge, server: JudgeServer, reply: str) -> None:
    server.reply = saying(reply)
    _, report = judge(RUBRIC, items=2)
    assert report.estimates["rubric.helpful"]["tuned"].mean == 0.75


def test_a_judge_that_always_says_the_same_sets_off_the_alarm(judge: Judge, server: JudgeServer) -> None:
    server.reply = saying('{"score": 1}')
    _, report = judge(RUBRIC)
    assert report.audits["rubric.helpful"].constant == 1.0
    server.reply = lambda handler, prompt: handler.say(good(prompt))
    _, report = judge(JudgePlan(Rubric("r", (Criterion("other", HELPFUL.criteria[0].texts, 1, 5),))))
    assert report.audits["rubric.other"].constant is None


def test_under_ninety_percent_is_not_comparable(judge: Judge, server: JudgeServer) -> None:
    server.reply = lambda handler, prompt: handler.say(
        "hm" if "wrong 1\n" in prompt or "wrong 3\n" in prompt else good(prompt)
    )
    _, report = judge(RUBRIC)
    assert report.audits["rubric.helpful"].variants["zero-shot"].share == 0.8
    (first, second) = report.comparisons[:2]
    assert (first.first, first.second, report.comparable(first)) == ("tuned", "zero-shot", False)
    assert first.n == 8  # the failed items are left out, not counted as 0
    assert not report.comparable(second)


def test_ragas_metrics(judge: Judge) -> None:
    _, report = judge(metrics=RAGAS)
    means = {name: {variant: each.mean for variant, each in row.items()} for name, row in report.estimates.items()}
    assert means["answer_accuracy"] == {"zero-shot": 0.5, "rag": 0.5, "tuned": 1.0}
    assert means["factual_correctness"] == {"zero-shot": 0.5, "rag": 0.5, "tuned": 1.0}
    assert means["faithfulness"] == {"rag": 0.5}
    assert means["context_recall"] == {"rag": 1.0}
    assert means["context_precision"] == {"rag": pytest.approx(1.0)}
    assert set(means["response_relevancy"]) == set(NAMES)
    assert all(audit.coverage.share == 1.0 for audit in report.audits.values())


@pytest.mark.parametrize(
    ("metric", "reply", "cause"),
    [
        ("answer_accuracy", '{"rating": 3}', "out_of_range"),
        ("answer_accuracy", "four", "prose"),
        ("answer_accuracy", '{"points": 4}', "no_score"),
        ("faithfulness", '{"statements": []}', "no_statements"),
        ("context_precision", '{"reason": "", "verdict": 7}', "out_of_range"),
        ("response_relevancy", '{"question": " ", "noncommittal": 0}', "no_score"),
        ("factual_correctness", '{"claims": []}', "no_statements"),
        ("context_recall", '{"classifications": []}', "no_statements"),
    ],
)
def test_ragas_never_makes_a_number_of_nonsense(
    judge: Judge, server: JudgeServer, metric: str, reply: str, cause: str
) -> None:
    server.reply = saying(reply)
    _, report = judge(metrics=(metric,), items=2)
    assert set(causes(report, metric)) == {cause}
    # one question and the answer is clear: Ragas alone would ask the same again up to ten times
    asked = report.audits[metric].coverage.asked
    assert report.calls <= asked


def test_half_a_reply_is_no_average(judge: Judge, server: JudgeServer) -> None:
    def reply(handler: Handler, prompt: str) -> None:
        handler.say("hm" if "I will rate the User Answer" in prompt else good(prompt))

    server.reply = reply
    _, report = judge(metrics=("answer_accuracy",), items=2)
    assert causes(report, "answer_accuracy") == {"prose": 6}


def test_statements_that_were_not_checked_are_noticed(judge: Judge, server: JudgeServer) -> None:
    def reply(handler: Handler, prompt: str) -> None:
        if '"statements": [\n' in prompt.rpartition("input:")[2]:
            handler.say('{"statements": [{"statement": "a", "reason": "", "verdict": 1}]}')
        else:
            handler.say('{"statements": ["a", "b"]}')

    server.reply = reply
    _, report = judge(metrics=("faithfulness",), items=2)
    assert causes(report, "faithfulness") == {"incomplete": 2}


def test_what_needs_no_judge_is_not_asked(judge: Judge, server: JudgeServer) -> None:
    _, report = judge(RUBRIC, RAGAS, items=2, texts=lambda name, at: "")
    assert report.estimates["answer_accuracy"]["tuned"].mean == 0.0
    assert report.estimates["rubric.helpful"]["tuned"].mean == 0.0
    faithful = report.audits["faithfulness"].coverage
    assert (faithful.asked, dict(faithful.skipped), faithful.share) == (0, {"nothing_stated": 2}, None)
    assert {"score" in prompt for prompt in server.prompts} == {False}


def test_overload_is_waited_out_as_the_server_says(judge: Judge, server: JudgeServer) -> None:
    times: dict[str, list[float]] = {}

    def reply(handler: Handler, prompt: str) -> None:
        with server.lock:
            times.setdefault(prompt, []).append(time.monotonic())
        if len(times[prompt]) == 1:
            handler.send(429, {"error": {"message": "slow down"}}, Retry_After="2")
        else:
            handler.say(good(prompt))

    server.reply = reply
    _, report = judge(RUBRIC, items=1, settings=a_judge(server, retries=1))
    assert report.audits["rubric.helpful"].coverage.share == 1.0
    # without the header the first wait is half a second
    ((first, second),) = times.values()
    assert second - first >= 1.9


def test_retry_after_is_read_as_seconds_or_date() -> None:
    assert retry_after("7") == 7.0
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert retry_after("soon") == retry_after("") == 0.0


def test_a_failing_server_is_tried_again(judge: Judge, server: JudgeServer) -> None:
    seen: set[str] = set()

    def reply(handler: Handler, prompt: str) -> None:
        first, _ = prompt not in seen, seen.add(prompt)
        if first:
            handler.send(500, {"error": {"message": "oops"}})
        else:
            handler.say(good(prompt))

    server.reply = reply
    _, report = judge(RUBRIC, items=2, settings=a_judge(server, retries=1))
    assert report.audits["rubric.helpful"].coverage.share == 1.0


def test_a_refused_request_fails_its_item_only(judge: Judge, server: JudgeServer) -> None:
    def reply(handler: Handler, prompt: str) -> None:
        if "wrong 1\n" in prompt:
            handler.send(400, {"error": {"message": "too long"}})
        else:
            handler.say(good(prompt))

    server.reply = reply
    _, report = judge(RUBRIC, items=4)
    assert causes(report) == {"refused": 2} and not report.paused


def test_a_dead_judge_pauses_and_is_taken_up_again(judge: Judge, server: JudgeServer) -> None:
    good_until = 6

    def reply(handler: Handler, prompt: str) -> None:
        if len(server.asked) > good_until:
            handler.hang_up()
        else:
            handler.say(good(prompt))

    server.reply = reply
    _, report = judge(RUBRIC, settings=a_judge(server, concurrency=1))
    coverage = report.audits["rubric.helpful"].coverage
    assert "no connection" in report.paused and report.resume == "joyul eval run made-up"
    assert coverage.failures["paused"] > 0
    assert len(server.asked) == good_until + 5  # then nothing is asked any more
    before = set(server.prompts[:good_until])
    server.asked.clear()
    server.reply = lambda handler, prompt: handler.say(good(prompt))
    _, report = judge(RUBRIC, settings=a_judge(server))
    assert report.paused == "" and report.audits["rubric.helpful"].coverage.share == 1.0
    assert report.kept == good_until and not before & set(server.prompts)


def test_a_refused_key_pauses_at_once(judge: Judge, server: JudgeServer) -> None:
    server.reply = lambda handler, prompt: handler.send(401, {"error": {"message": "no"}})
    _, report = judge(RUBRIC, settings=a_judge(server, concurrency=1, retries=3))
    assert len(server.asked) == 1 and "the key was refused (401)" in report.paused
    assert report.scored == 0


def test_nobody_listens(judge: Judge, server: JudgeServer) -> None:
    server.stop()
    _, report = judge(RUBRIC, settings=a_judge(server))
    assert "no connection" in report.paused and report.scored == 0


def test_a_stalled_judge_costs_one_time_out_a_call(judge: Judge, server: JudgeServer) -> None:
    server.reply = lambda handler, prompt: server.over.wait(60) and None
    _, report = judge(RUBRIC, items=1, settings=a_judge(server, timeout_seconds=0.3, retries=5))
    assert len(server.asked) == 1
    assert causes(report) == {"timeout": 3}


def test_cancel_lands_while_the_judge_thinks(judge: Judge, server: JudgeServer) -> None:
    asked = threading.Event()

    def reply(handler: Handler, prompt: str) -> None:
        asked.set()
        server.over.wait(60)

    server.reply = reply
    with pytest.raises(CancelledError):
        judge(RUBRIC, cancelled=asked.is_set)


def test_nothing_is_asked_twice(judge: Judge, server: JudgeServer) -> None:
    server.reply = lambda handler, prompt: handler.say("hm" if "wrong 1\n" in prompt else good(prompt))
    judge(RUBRIC)
    count = len(server.asked)
    _, again = judge(RUBRIC)
    assert len(server.asked) == count and again.calls == 0 and again.kept == count
    # another run asks what failed once more, another judge asks everything
    _, other = judge(RUBRIC, run="other")
    assert other.calls == 1 and causes(other) == {"prose": 2}
    _, other = judge(RUBRIC, settings=a_judge(server, name="n"))
    assert other.calls == count


def test_a_key_goes_to_the_judge_and_nowhere_else(judge: Judge, server: JudgeServer, tmp_path: Path) -> None:
    settings = JudgeSettings(name="m", base_url=server.url, api_key="sk-canary", retries=0)
    judge(RUBRIC, items=1, settings=settings)
    headers, body, _ = server.asked[0]
    assert headers["Authorization"] == "Bearer sk-canary" and body["temperature"] == 0.0
    assert b"sk-canary" not in b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    server.asked.clear()
    judge(RUBRIC, items=1, run="b", settings=a_judge(server, name="n"))
    assert "Authorization" not in server.asked[0][0]


def test_a_judge_that_is_not_configured_is_a_usage_error(make_suite: Callable[..., Suite], tmp_path: Path) -> None:
    suite = make_suite(1, judge=RUBRIC)
    for settings in (JudgeSettings(), JudgeSettings(base_url="ftp://x", name="m"), JudgeSettings(base_url="http://x")):
        with pytest.raises(UsageError, match="judge"):
            judge_answers(suite, {}, {}, Aids(judge=settings), runs=tmp_path, run="r")
    assert judge_answers(make_suite(1), {}, {}, Aids(), runs=tmp_path, run="r") is None


def test_the_document_is_plain_json(judge: Judge) -> None:
    _, report = judge(JudgePlan(HELPFUL, pairwise=True))
    document = json.loads(json.dumps(report.to_json()))
    assert set(document) >= {"judge", "metrics", "comparisons", "pairwise", "audit", "paused"}
    assert document["audit"]["metrics"]["rubric.helpful"]["coverage"] == 1.0
