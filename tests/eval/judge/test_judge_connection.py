"""The connection to the judge: overload, errors, a judge that stalls, dies or is refused, and what is kept."""

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
from eval.judge.plan import JudgePlan
from eval.judge.session import judge_answers
from eval.schema import Suite
from tests.eval.judge.judge_server import HELPFUL, Handler, Judge, JudgeServer, a_judge, causes, good

RUBRIC = JudgePlan(HELPFUL)


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


def test_nobody_listens_to_a_single_question(judge: Judge, server: JudgeServer) -> None:
    server.stop()
    _, report = judge(RUBRIC, items=1, settings=a_judge(server))
    assert causes(report) == {"unreachable": 3} and "no connection" in report.paused and report.resume


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
