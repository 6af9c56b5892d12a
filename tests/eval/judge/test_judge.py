"""What a judge says and how it is read: a rubric, Ragas, nonsense of every kind."""

import pytest

from eval.judge.plan import Criterion, JudgePlan, Rubric
from tests.eval.judge.judge_server import HELPFUL, Handler, Judge, JudgeServer, causes, good, saying

RAGAS = (
    *("faithfulness", "response_relevancy", "context_precision", "context_recall"),
    *("factual_correctness", "answer_accuracy"),
)
NAMES = ("zero-shot", "rag", "tuned")


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
