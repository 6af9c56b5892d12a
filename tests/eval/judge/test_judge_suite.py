"""The suite's ``judge`` key, rubric files, and whole runs with a judge: their document, reports, exit codes, kills."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import InputError, UnavailableError, UsageError
from eval.judge.aids import Aids
from eval.judge.rubric import read_rubric
from eval.judge.session import judge_answers
from eval.report_judge import judge_html, judge_markdown
from eval.result import RunResult
from eval.schema import Answer, Item, Suite
from eval.suite import load_suite
from tests.eval.judge.judge_server import JudgeServer, a_judge, good

ROOT = Path(__file__).resolve().parents[3]
RUBRIC = """\
rubric: service
scale: [1, 5]
criteria:
  polite:
    ko: 정중한가요?
    en: Is it polite?
  concrete:
    en: Does it name the next step?
    scale: [0, 2]
"""


@pytest.fixture
def with_judge(suite: Suite) -> Callable[[str], Suite]:
    """Return a function that loads the shared suite with a ``judge`` key."""

    def load(judge: str, rubric: str = RUBRIC) -> Suite:
        path = Path(suite.path)
        (path.parent / "rubric.yaml").write_text(rubric, encoding="utf-8")
        text = path.read_text(encoding="utf-8")
        path.write_text(text.partition("judge:")[0] + f"judge: {judge}\n", encoding="utf-8")
        return load_suite(path)

    return load


def test_the_key_is_read(with_judge: Callable[[str], Suite]) -> None:
    suite = with_judge("{metrics: [answer_accuracy], rubric: rubric.yaml, pairwise: true}")
    assert suite.judge is not None and suite.judge.pairwise and suite.judge.rubric is not None
    assert "answer_accuracy" in suite.metrics
    polite, concrete = suite.judge.rubric.criteria
    assert (polite.metric, polite.low, polite.high, polite.texts["ko"]) == ("rubric.polite", 1, 5, "정중한가요?")
    assert (concrete.low, concrete.high) == (0, 2)
    assert concrete.texts["ko"] == concrete.texts["en"]  # one text serves both


@pytest.mark.parametrize(
    ("judge", "problem"),
    [
        ("{metric: [answer_accuracy]}", "judge.metric: unknown key"),
        ("{metrics: [accuracy]}", "no judged metric 'accuracy'"),
        ("{metrics: faithfulness}", "expected a list of names"),
        ("{pairwise: sometimes}", "expected true or false"),
        ("{rubric: nowhere.yaml}", "no file at"),
        ("{pairwise: false}", "asks for nothing"),
        ("[faithfulness]", "expected keys and values"),
    ],
)
def test_a_wrong_key_is_named(with_judge: Callable[[str], Suite], judge: str, problem: str) -> None:
    with pytest.raises(InputError, match=re.escape(problem)) as caught:
        with_judge(judge)
    assert re.search(r"suite\.yaml:\d+: judge", caught.value.message)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("rubric: x", "the key 'criteria' is missing"),
        ("criteria: {}", "there are none"),
        ("criteria: {Polite: {en: x}}", "is no name"),
        ("criteria: {a: {text: x}}", "unknown key"),
        ("criteria: {a: {scale: [1, 5]}}", "needs a text"),
        ("criteria: {a: {en: x, scale: [5, 1]}}", "expected two whole numbers"),
        ("criteria: {a: {en: x, scale: 5}}", "expected two whole numbers"),
        ("criteria: {a: [x]}", "expected a text"),
        ("scale: [1, x]\ncriteria: {a: hm}", "expected two whole numbers"),
    ],
)
def test_a_wrong_rubric_is_named(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "rubric.yaml").write_text(text)
    with pytest.raises(InputError, match=re.escape(problem)) as caught:
        read_rubric(tmp_path / "rubric.yaml")
    assert str(tmp_path / "rubric.yaml") in caught.value.message


def test_a_plain_text_is_a_criterion(tmp_path: Path) -> None:
    (tmp_path / "rubric.yaml").write_text("criteria:\n  polite: Is it polite?")
    (criterion,) = read_rubric(tmp_path / "rubric.yaml").criteria
    assert criterion.texts == {"ko": "Is it polite?", "en": "Is it polite?"}


Run = Callable[..., RunResult]


def rated(server: JudgeServer) -> None:
    """Let a long answer count as good: the made-up variants answer ``answer N`` or echo the question."""

    def reply(handler: Any, prompt: str) -> None:
        handler.say(good(prompt.replace("answer ", "right ")))

    server.reply = reply


def test_a_whole_run_with_a_judge(with_judge: Callable[[str], Suite], run: Run, server: JudgeServer) -> None:
    rated(server)
    suite = with_judge("{metrics: [answer_accuracy], rubric: rubric.yaml, pairwise: true}")
    result = run(replace(suite, items=suite.items[:6]), aids=Aids(judge=a_judge(server)))
    document = result.to_json()
    assert document["judge"]["metrics"]["answer_accuracy"]["tuned"]["mean"] == 1.0
    assert document["variants"]["tuned"]["metrics"]["answer_accuracy"]["mean"] == 1.0
    # 'concrete' has 0 to 2 as its scale, and this judge gives 1 or 5
    concrete = document["judge"]["audit"]["metrics"]["rubric.concrete"]
    assert concrete["failures"] == {"out_of_range": concrete["asked"] - concrete["scored"]}
    assert not concrete["enough"]
    for text in (judge_markdown(result, "ko"), judge_markdown(result), judge_html(result)):
        assert "127.0.0.1" in text and "http://" not in text
    assert "비교할 수 없음" in judge_markdown(result, "ko") and "not comparable" in judge_markdown(result)
    assert "범위를 벗어난 점수" in judge_html(result) and "score out of range" in judge_html(result)


def test_a_run_without_a_judge_has_no_part_on_it(suite: Suite, run: Run) -> None:
    result = run(replace(suite, items=suite.items[:2]))
    assert result.to_json()["judge"] is None
    assert judge_markdown(result) == judge_html(result) == ""


def test_no_judge_configured_stops_before_anything_is_asked(
    with_judge: Callable[[str], Suite], run: Run, model: Any
) -> None:
    with pytest.raises(UsageError, match="asks for a judge, but none is configured"):
        run(with_judge("{pairwise: true}"), aids=Aids())
    assert model.asked == []


def test_a_run_for_another_end_leaves_the_judge_out(with_judge: Callable[[str], Suite], run: Run) -> None:
    suite = with_judge("{metrics: [answer_accuracy], pairwise: true}")
    document = run(replace(suite, items=suite.items[:2])).to_json()  # choosing, data curve: only the primary counts
    assert document["judge"] is None and "answer_accuracy" not in document["variants"]["tuned"]["metrics"]
    with pytest.raises(UsageError, match="none is configured"):
        run(replace(suite, primary="answer_accuracy"))


def test_a_judge_that_was_never_there_is_exit_4_and_loses_nothing(
    with_judge: Callable[[str], Suite], run: Run, server: JudgeServer, model: Any
) -> None:
    suite = with_judge("{rubric: rubric.yaml}")
    server.stop()
    with pytest.raises(UnavailableError, match="nothing was judged") as caught:
        run(suite, aids=Aids(judge=a_judge(server)))
    assert caught.value.exit_code == 4 and "joyul eval run" in caught.value.hint
    folder = Path(caught.value.message.rpartition(" is in ")[2])
    stored = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    assert stored["variants"]["tuned"]["metrics"]["exact_match"]["mean"] == 1.0
    assert "멈췄어요" in (folder / "report.ko.md").read_text(encoding="utf-8")
    asked = len(model.asked)
    second = JudgeServer()
    try:
        result = run(suite, aids=Aids(judge=a_judge(second)))
        assert len(model.asked) == asked and result.to_json()["judge"]["paused"] == ""
    finally:
        second.stop()


def test_a_judge_that_goes_in_the_middle_is_a_pause_not_a_failure(
    with_judge: Callable[[str], Suite], run: Run, server: JudgeServer
) -> None:
    def reply(handler: Any, prompt: str) -> None:
        handler.say(good(prompt)) if len(server.asked) <= 3 else handler.hang_up()

    server.reply = reply
    document = run(with_judge("{rubric: rubric.yaml}"), aids=Aids(judge=a_judge(server, concurrency=1))).to_json()
    assert document["judge"]["paused"] and document["judge"]["resume"].startswith("joyul eval run ")
    assert any("judge unavailable" in warning for warning in document["declared"]["warnings"])


CHILD = """
import sys
from pathlib import Path
from assistant.settings import JudgeSettings
from tests.eval.judge.test_judge_suite import judge_the_same
judge_the_same(Path(sys.argv[1]), JudgeSettings(name="m", base_url=sys.argv[2], concurrency=2, retries=0))
"""


def judge_the_same(folder: Path, settings: Any) -> Any:
    from assistant.schema import Variant
    from eval.judge.plan import Criterion, JudgePlan, Rubric

    items = tuple(Item(f"question {at}", ("right",), f"g{at}", "en") for at in range(20))
    plan = JudgePlan(Rubric("r", (Criterion("good", {"ko": "좋은가요?", "en": "Is it good?"}, 1, 5),)))
    suite = Suite("s", "qa", items, (Variant("a"),), "exact_match", ("exact_match",), judge=plan)
    answers = {"a": {item.id: Answer(f"right {at}", finish="stop") for at, item in enumerate(items)}}
    return judge_answers(suite, answers, {"a": "prompt"}, Aids(judge=settings), runs=folder, run="run")


@pytest.mark.parametrize("kill_at", [1, 7, 18])
def test_a_killed_judging_repeats_only_what_was_under_way(tmp_path: Path, server: JudgeServer, kill_at: int) -> None:
    child: list[subprocess.Popen[bytes]] = []

    def reply(handler: Any, prompt: str) -> None:
        if len(server.asked) == kill_at:
            os.kill(child[0].pid, signal.SIGKILL)
        elif len(server.asked) < kill_at:
            handler.say(good(prompt))

    server.reply = reply
    child.append(subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path), server.url], cwd=ROOT))
    assert child[0].wait(60) == -signal.SIGKILL
    before = list(server.prompts)
    server.asked.clear()
    server.reply = lambda handler, prompt: handler.say(good(prompt))
    report = judge_the_same(tmp_path, a_judge(server))
    assert report.estimates["rubric.good"]["a"].mean == 1.0
    assert len(set(before) & set(server.prompts)) <= 4 and len(server.asked) <= 20 - kill_at + 4
