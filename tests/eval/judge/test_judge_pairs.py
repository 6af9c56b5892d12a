"""Pairwise judging and the audit: order, length, constancy, agreement with people."""

import json
from typing import Any

import numpy as np
import pytest

from assistant.records import Vote
from eval.arena.pairs import human_pairs
from eval.judge.audit import Correlation, Kappa, Share, agreement, audit_metric, coverage_of, over, tagged
from eval.judge.pairwise import both_orders
from eval.judge.plan import JudgePlan
from eval.schema import Answer, Item, Score
from tests.eval.judge.judge_server import between, good

PAIRS = JudgePlan(pairwise=True)


def sides(prompt: str) -> tuple[str, str]:
    return between(prompt, "<answer A>", "</answer A>"), between(prompt, "<answer B>", "</answer B>")


def test_the_better_answer_wins_in_both_orders(judge: Any, server: Any) -> None:
    _, report = judge(PAIRS)
    (against_zero, against_rag) = report.preferences
    # odd items are won; even ones say the same, which no judge need look at
    assert (against_zero.first, against_zero.second) == ("tuned", "zero-shot")
    assert (against_zero.wins, against_zero.ties, against_zero.losses) == (5, 5, 0)
    assert against_zero.share.mean == 0.75 and against_rag.coverage.share == 1.0
    assert len(server.asked) == 10
    assert report.pair_audit.swapped.mean == 0.0


def test_a_judge_that_takes_what_comes_first_sees_ties(judge: Any, server: Any) -> None:
    server.reply = lambda handler, prompt: handler.say('{"winner": "A"}')
    _, report = judge(PAIRS)
    assert report.preferences[0].wins == report.preferences[0].losses == 0
    assert report.preferences[0].share.mean == 0.5
    assert report.pair_audit.swapped.mean == 1.0 and report.pair_audit.first_shown.mean == 1.0


def test_a_judge_in_love_with_length_is_seen(judge: Any, server: Any) -> None:
    def longer(handler: Any, prompt: str) -> None:
        first, second = sides(prompt)
        handler.say(json.dumps({"winner": "A" if len(first) > len(second) else "B"}))

    server.reply = longer
    _, report = judge(PAIRS, items=30, texts=lambda name, at: "x" * (at + (2 if name == "tuned" else 1)))
    assert report.pair_audit.longer.mean == 1.0 and report.pair_audit.longer.low > 0.8


@pytest.mark.parametrize("reply", ['{"winner": "C"}', '{"winner": null}', "A is better", '{"better": "A"}'])
def test_no_choice_is_no_tie(judge: Any, server: Any, reply: str) -> None:
    server.reply = lambda handler, prompt: handler.say(reply)
    _, report = judge(PAIRS, items=3)
    assert report.preferences[0].wins + report.preferences[0].ties + report.preferences[0].losses == 2
    assert sum(report.preferences[0].coverage.failures.values()) == 1
    assert not report.preferences[0].coverage.enough


def test_half_a_pair_is_unscored(judge: Any, server: Any) -> None:
    server.reply = lambda handler, prompt: handler.say("hm" if "wrong" in sides(prompt)[0] else good(prompt))
    _, report = judge(PAIRS)
    assert dict(report.preferences[0].coverage.failures) == {"prose": 5}


def test_both_orders_by_hand() -> None:
    win, tie, loss = Score(1.0), Score(0.5), Score(0.0)
    assert both_orders(win, loss).value == 1.0  # shown second it still wins: whoever was A lost
    assert both_orders(loss, win).value == 0.0
    assert both_orders(tie, tie).value == 0.5 and not both_orders(tie, tie).detail["swapped"]
    for there, back in ((win, win), (loss, loss), (win, tie), (tie, loss)):
        score = both_orders(there, back)
        assert score.value == 0.5 and score.detail["swapped"]
    assert both_orders(win, win).detail["first_shown"] == 1.0
    assert both_orders(win, Score(None, "gone", {"cause": "prose"})).detail["cause"] == "prose"


def a_vote(at: int, choice: str) -> Vote:
    answers, receipts = [f"right {at}", f"wrong {at}"], [{}, {}]
    return Vote(f"v{at}", f"ask {at}", "en", ["a", "b"], answers, receipts, choice, True, "me", float(at))


def test_agreement_with_people(judge: Any, server: Any) -> None:
    from statsmodels.stats.inter_rater import cohens_kappa

    choices = ["a"] * 12 + ["b"] * 3 + ["tie"] * 5 + ["both_bad"] * 2
    votes = tuple(human_pairs([a_vote(at, choice) for at, choice in enumerate(choices)]))

    def undecided(handler: Any, prompt: str) -> None:
        handler.say('{"winner": "tie"}' if "ask 1" in prompt else good(prompt))

    server.reply = undecided
    _, report = judge(PAIRS, items=1, votes=votes)
    found = report.agreement
    # the judge: first for 0 and 2 to 9, tie for 1 and 10 to 19; "both bad" says nothing of who is better
    table = [[9, 3, 0], [0, 5, 0], [0, 3, 0]]
    assert found.coverage.asked == 20 and found.agreed.mean == pytest.approx(14 / 20)
    assert found.kappa.mean == pytest.approx(cohens_kappa(table).kappa)
    assert found.kappa.low < found.kappa.mean < found.kappa.high


def test_without_votes_there_is_no_agreement(judge: Any) -> None:
    _, report = judge(PAIRS, items=1)
    assert report.agreement is None


def samples(scores: list[float | None], lengths: list[int], variant: str = "a") -> dict[str, Any]:
    items = [Item(f"q{at}", ("x",), f"g{at}", "en") for at in range(len(scores))]
    rows = [
        (item, Score(score, "", {} if score is not None else {"cause": "prose"}), Answer("x" * length))
        for item, score, length in zip(items, scores, lengths, strict=True)
    ]
    return {variant: rows}


def test_length_bias_is_spearmans() -> None:
    from scipy.stats import spearmanr

    draw = np.random.default_rng(3)
    lengths = draw.integers(1, 200, 60)
    scores = np.round(np.clip(lengths / 250 + draw.normal(0, 0.2, 60), 0, 1), 2)
    found = audit_metric(samples(scores.tolist(), lengths.tolist()), 0.025).length
    assert found.mean == pytest.approx(spearmanr(scores, lengths).statistic)
    assert found.low is not None and found.low > 0.3 and found.n == 60


def test_a_longer_and_better_variant_is_no_length_bias() -> None:
    draw = np.random.default_rng(5)
    both = samples((0.2 + draw.normal(0, 0.05, 40)).tolist(), draw.integers(1, 20, 40).tolist(), "short")
    both |= samples((0.8 + draw.normal(0, 0.05, 40)).tolist(), draw.integers(100, 120, 40).tolist(), "long")
    found = audit_metric(both, 0.025).length
    assert found.low is not None and found.high is not None and found.low < 0 < found.high


def test_no_variation_has_no_correlation() -> None:
    found = audit_metric(samples([1.0] * 12, list(range(12))), 0.025)
    assert found.length.mean is None and found.constant == 1.0
    assert audit_metric(samples([1.0] * 9, list(range(9))), 0.025).constant is None
    assert audit_metric(samples([None] * 12, list(range(12))), 0.025).constant is None


def test_coverage_counts_causes() -> None:
    scores = [Score(1.0), Score(None, "x", {"cause": "prose"}), Score(None, "x", {"cause": "no_passages"})]
    found = coverage_of([*scores, Score(None, "the model failed")])
    assert (found.asked, found.scored, dict(found.failures)) == (2, 1, {"prose": 1})
    assert dict(found.skipped) == {"no_passages": 1, "no_answer": 1}
    assert coverage_of([]).share is None and not coverage_of([]).enough


def test_kappa_of_chance_is_zero() -> None:
    metric = Kappa()
    even = np.outer([0.5, 0.3, 0.2], [0.4, 0.4, 0.2]).reshape(-1) * 1000
    assert metric.statistic(even) == pytest.approx(0.0)
    assert metric.statistic(np.eye(3).reshape(-1) * 10) == pytest.approx(1.0)
    assert Correlation().statistic(np.array([3.0, 6.0, 6.0, 14.0, 14.0, 14.0])) == pytest.approx(1.0)


def test_tagged_items_stay_in_their_cluster() -> None:
    item = Item("q", ("x",), "g", "en")
    one, two = tagged(item, 1), tagged(item, 2)
    assert one.id != two.id and one.group == two.group == "g"
    assert over(Share(), [(one, Score(1.0)), (two, Score(0.0))], 0.025).n == 2
    assert agreement([], 0.025).kappa.mean is None
