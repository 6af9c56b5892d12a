"""A real model as judge, behind a real server: the embedded one, which is too small to judge anything."""

import threading
from collections.abc import Iterator

import pytest
import uvicorn

from assistant.api.app import create_app
from assistant.api.server import listen, url_of
from assistant.paths import Home
from assistant.services import Services
from assistant.settings import JudgeSettings, RetrievalSettings, ServeSettings, Settings
from eval.judge.plan import JudgePlan
from eval.judge.words import CAUSES
from tests.eval.judge.judge_server import HELPFUL, Judge, causes


@pytest.fixture
def joyul_as_judge(demo_home: Home) -> Iterator[JudgeSettings]:
    services = Services.open(Settings(home=demo_home.root, retrieval=RetrievalSettings(embedder="hashing")))
    listener = listen(ServeSettings(port=0))
    server = uvicorn.Server(uvicorn.Config(create_app(services, "token", page=False), log_config=None))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    yield JudgeSettings(
        name="zero-shot", base_url=f"{url_of(listener)}/v1", concurrency=8, retries=0, timeout_seconds=300
    )
    server.should_exit = True
    thread.join()
    services.close()


def test_what_a_small_model_babbles_is_counted_and_never_becomes_a_score(
    judge: Judge, joyul_as_judge: JudgeSettings
) -> None:
    plan = JudgePlan(HELPFUL, pairwise=True)
    _, report = judge(plan, ("answer_accuracy",), items=2, settings=joyul_as_judge)
    assert not report.paused and report.calls
    for name in ("answer_accuracy", "rubric.helpful"):
        coverage = report.audits[name].coverage
        assert coverage.asked == 6 and coverage.scored < 5 and not coverage.enough
        assert sum(causes(report, name).values()) == 6 - coverage.scored
        # It was answered, and what it said was read: no failure of the line, and none that nobody can name.
        assert set(causes(report, name)) <= set(CAUSES) - {"unreachable", "timeout", "server_error", "strange", "ragas"}
        for variant, estimate in report.estimates[name].items():
            scored = report.audits[name].variants[variant].scored
            assert (estimate.n, estimate.unscored) == (scored, 2 - scored)
            assert (estimate.mean is None) is (scored == 0)
    assert report.comparisons and not any(report.comparable(each) for each in report.comparisons)
    assert all(not each.coverage.enough for each in report.preferences)
