"""The rule as a table, its words, and how often it says "tune" where tuning does not pay."""

from collections.abc import Callable
from typing import Any

import pytest

from eval.result import RunResult
from eval.schema import Approach, Comparison
from eval.verdict import Evidence, decide, tail_for

Judge = Callable[..., RunResult]
APPROACHES: dict[str, Approach] = {
    "zero-shot": "prompt",
    "few-shot": "prompt",
    "rag": "rag",
    "tuned": "tune",
    "rag-tuned": "rag+tune",
}


def evidence(
    means: dict[str, float],
    half: float = 0.03,
    n: int = 100,
    items: int = 100,
    margin: float = 0.02,
    groups: int = 0,
    differing: int | None = None,
) -> Evidence:
    """Bounds of the given half width round the differences of the given means; all items differ."""
    tuned = [name for name in means if "tune" in APPROACHES[name]]
    order = tuned + [name for name in means if name not in tuned]
    tail = tail_for(0.05, len(tuned), len(means) - len(tuned))
    pairs = {}
    for at, first in enumerate(order):
        for second in order[at + 1 :]:
            delta = means[first] - means[second]
            pairs[first, second] = Comparison(
                first,
                second,
                "token_f1",
                delta,
                delta - half,
                delta + half,
                n,
                groups or n,
                tail,
                se=half / 2.3,
                differing=n if differing is None else differing,
            )
    approaches = {name: APPROACHES[name] for name in means}
    return Evidence(approaches, pairs, means, items, "token_f1", margin, 0.05)


FIVE = dict.fromkeys(APPROACHES, 0.5)


@pytest.mark.parametrize(
    ("means", "options", "choice", "reason"),
    [
        (FIVE | {"tuned": 0.7}, {}, "tune", "beats_every_rival"),
        (FIVE | {"rag-tuned": 0.7}, {}, "rag+tune", "beats_every_rival"),
        (FIVE | {"tuned": 0.7, "rag-tuned": 0.71}, {}, "tune", "beats_every_rival"),
        (FIVE | {"tuned": 0.7, "rag-tuned": 0.8}, {}, "rag+tune", "beats_every_rival"),
        # One rival out of reach of the bound is enough to stop it.
        (FIVE | {"tuned": 0.7, "rag": 0.66}, {}, "not_enough_evidence", "unsettled"),
        # Above zero, yet not above the margin.
        (FIVE | {"tuned": 0.54}, {}, "not_enough_evidence", "unsettled"),
        (FIVE, {"half": 0.015}, "prompt", "not_inferior"),
        (FIVE | {"rag": 0.6}, {}, "rag", "not_inferior"),
        (FIVE | {"few-shot": 0.6}, {}, "prompt", "not_inferior"),
        (FIVE, {}, "not_enough_evidence", "unsettled"),
        (FIVE, {"n": 89}, "not_enough_evidence", "too_many_unscored"),
        (FIVE | {"tuned": 0.9}, {"n": 2, "items": 2, "half": 0.6}, "not_enough_evidence", "few_differ"),
        (FIVE, {"differing": 9}, "not_enough_evidence", "few_differ"),
        (FIVE, {"differing": 10}, "not_enough_evidence", "unsettled"),
        # Under 20 groups 10 % of the items have to differ.
        (FIVE, {"n": 300, "items": 300, "groups": 19, "differing": 29}, "not_enough_evidence", "few_differ"),
        (FIVE, {"n": 300, "items": 300, "groups": 19, "differing": 30}, "not_enough_evidence", "unsettled"),
        (FIVE, {"n": 300, "items": 300, "groups": 20, "differing": 29}, "not_enough_evidence", "unsettled"),
        ({"zero-shot": 0.1, "tuned": 0.9}, {}, "not_enough_evidence", "no_rag_row"),
        ({"rag": 0.1, "tuned": 0.9}, {}, "not_enough_evidence", "no_prompt_row"),
        ({"rag": 0.1, "zero-shot": 0.9}, {}, "not_enough_evidence", "no_tuned_row"),
        ({"zero-shot": 0.1, "rag": 0.1, "tuned": 0.9}, {}, "tune", "beats_every_rival"),
    ],
)
def test_the_rule(means: dict[str, float], options: dict[str, Any], choice: str, reason: str) -> None:
    verdict = decide(evidence(means, **options))
    assert (verdict.choice, verdict.reason) == (choice, reason)


def test_the_closest_rival_is_named_and_delta_is_chosen_minus_against() -> None:
    verdict = decide(evidence(FIVE | {"tuned": 0.9, "rag": 0.8}))
    assert (verdict.chosen, verdict.against) == ("tuned", "rag")
    assert verdict.comparison is not None
    assert verdict.comparison.delta == pytest.approx(0.1)
    enough = decide(evidence(FIVE | {"rag": 0.6, "tuned": 0.55}))
    assert (enough.chosen, enough.against) == ("rag", "tuned")
    assert enough.comparison is not None
    assert enough.comparison.delta == pytest.approx(0.05)
    assert (enough.comparison.low, enough.comparison.high) == pytest.approx((0.02, 0.08))


def test_a_tie_is_said() -> None:
    assert decide(evidence(FIVE | {"tuned": 0.7, "rag-tuned": 0.71})).tied == ("rag-tuned",)
    assert decide(evidence(FIVE | {"tuned": 0.7, "rag-tuned": 0.8})).tied == ()


def test_tails_share_the_error_over_candidates_and_rivals() -> None:
    assert tail_for(0.05, 1, 1) == pytest.approx(0.025)
    assert tail_for(0.05, 2, 3) == pytest.approx(0.0125)
    assert tail_for(0.05, 1, 3) == pytest.approx(0.05 / 3)
    assert tail_for(0.05, 0, 0) == pytest.approx(0.05)


def test_undecided_says_what_it_could_have_seen_and_what_it_takes() -> None:
    verdict = decide(evidence(FIVE | {"tuned": 0.54}))
    assert verdict.detectable is not None and 0.05 < verdict.detectable < 0.12
    assert verdict.more_items is not None and verdict.more_items > 0
    assert verdict.after_the_fact


def test_where_few_items_differ_no_detectable_difference_is_printed() -> None:
    assert decide(evidence(FIVE, differing=9)).detectable is None
    assert decide(evidence(FIVE, differing=9)).more_items is None
    shown = decide(evidence(FIVE, differing=10)).detectable
    # 10 of 100 items have to differ, and in four of five sets 12.4 % do not fall short of that.
    assert shown is not None and decide(evidence(FIVE, half=0.001, differing=11)).detectable == pytest.approx(
        0.124 - 0.11, abs=0.01
    )


def always(_: int) -> bool:
    return True


def never(_: int) -> bool:
    return False


@pytest.mark.parametrize(
    ("right", "choice"),
    [
        ({"zero-shot": never, "few-shot": never, "rag": never, "tuned": always, "rag-tuned": never}, "tune"),
        ({"zero-shot": never, "few-shot": never, "rag": never, "tuned": never, "rag-tuned": always}, "rag+tune"),
        ({"zero-shot": never, "few-shot": never, "rag": always, "tuned": never, "rag-tuned": never}, "rag"),
        ({"zero-shot": always, "few-shot": never, "rag": never, "tuned": never, "rag-tuned": never}, "prompt"),
    ],
)
def test_from_answers_to_verdict(judged: Judge, right: dict[str, Callable[[int], bool]], choice: str) -> None:
    verdict = judged(right, count=60).verdict
    assert verdict.choice == choice
    assert verdict.comparison is not None and verdict.comparison.delta == pytest.approx(1.0)
    assert "made-up@12345678" in verdict.text["ko"] and "made-up@12345678" in verdict.text["en"]
    assert "60" in verdict.text["ko"] and "2.0" in verdict.text["en"]


def test_all_alike_on_few_items_is_no_proof_that_a_prompt_is_enough(judged: Judge) -> None:
    names = ("zero-shot", "rag", "tuned")
    assert judged(dict.fromkeys(names, always), count=30).verdict.choice == "not_enough_evidence"
    assert judged(dict.fromkeys(names, always), count=300).verdict.choice == "prompt"


def test_few_groups_and_few_differing_items_never_prove_that_a_prompt_is_enough(judged: Judge) -> None:
    """296 items in 8 groups, 13 right on each side: a spread estimated from so little once called that level."""
    right = {"zero-shot": lambda at: at % 23 == 0, "rag": lambda at: at % 23 == 0, "tuned": lambda at: at % 23 == 7}
    few = judged(right, count=296, groups=8).verdict
    assert few.comparison is not None and few.comparison.method == "few differ"
    assert (few.choice, few.reason, few.detectable) == ("not_enough_evidence", "few_differ", None)
    assert "묶음이 8개뿐인 문항 296개 중 점수가 갈린 것이 26개뿐" in few.text["ko"]
    assert "of 296 items in only 8 groups only 26 differ in score" in few.text["en"]
    assert judged(right, count=296).verdict.reason == "unsettled"


def test_the_sentence_warns_that_one_adapter_is_one_training_seed(judged: Judge) -> None:
    text = judged({"zero-shot": never, "rag": never, "tuned": always}, count=60).verdict.text
    assert "this adapter, an-adapter" in text["en"]
    assert "‘an-adapter’ 어댑터에만" in text["ko"]


def test_unscored_is_neither_zero_nor_dropped_silently(judged: Judge) -> None:
    right = {"zero-shot": always, "rag": always, "tuned": always}
    result = judged(right, errors={"tuned": lambda at: at < 3}, count=60)
    estimate = result.scored.estimates["tuned"]["exact_match"]
    assert (estimate.mean, estimate.n, estimate.unscored) == (1.0, 57, 3)
    pair = next(pair for pair in result.scored.pairs if {pair.first, pair.second} == {"tuned", "rag"})
    assert (pair.n, pair.delta) == (57, 0.0)
    both = judged(right, errors={"tuned": lambda at: at < 3, "rag": lambda at: 2 <= at < 5}, count=60)
    pair = next(pair for pair in both.scored.pairs if {pair.first, pair.second} == {"tuned", "rag"})
    assert (pair.n, pair.delta) == (55, 0.0)
    lost = judged(right, errors={"tuned": lambda at: at < 7}, count=60)
    assert lost.verdict.reason == "too_many_unscored"


def test_all_unscored(judged: Judge) -> None:
    result = judged({"zero-shot": always, "rag": always, "tuned": always}, errors={"tuned": always})
    assert result.verdict.choice == "not_enough_evidence"
    assert result.verdict.reason == "nothing_scored"
    estimate = result.scored.estimates["tuned"]["exact_match"]
    assert (estimate.mean, estimate.n, estimate.unscored) == (None, 0, 40)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_tiny_sets_never_decide(judged: Judge, count: int) -> None:
    result = judged({"zero-shot": never, "rag": never, "tuned": lambda at: at == 0}, count=count)
    assert result.verdict.choice == "not_enough_evidence"
    assert result.verdict.text["ko"] and result.verdict.text["en"]
