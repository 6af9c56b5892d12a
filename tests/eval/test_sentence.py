"""The verdict's words: what is claimed with how many seeds, price, leaks; both languages, particles right."""

from dataclasses import replace
from typing import Any

import pytest

from assistant.schema import Variant
from eval.schema import Comparison, Price, Suite, Verdict
from eval.sentence import in_words

SEEN = Comparison("rag-tuned", "rag", "token_f1", 0.061, 0.022, 0.10, 240, 60, 0.0125)
WIN = Verdict("rag+tune", "beats_every_rival", "token_f1", 0.02, 0.05, "rag-tuned", "rag", SEEN, seeds=1)
PROMPT = replace(WIN, choice="prompt", reason="not_inferior", chosen="zero-shot", against="rag-tuned")
OPEN = replace(WIN, choice="not_enough_evidence", reason="unsettled", detectable=0.1)
SUITE = Suite("made-up", "qa", (), (), "token_f1", ())
SPECS = {"rag-tuned": Variant("rag-tuned", adapter="a1"), "rag": Variant("rag"), "zero-shot": Variant("zero-shot")}


def said(
    verdict: Verdict, adapters: tuple[str, ...] = (), price: Price | None = None, **changes: Any
) -> dict[str, str]:
    suite = replace(SUITE, replicates={"rag-tuned": adapters} if adapters else {}, **changes)
    return dict(in_words(verdict, suite, "Qwen3-0.6B", SPECS, price).text)


def test_one_adapter_is_this_adapter_and_tuning_does_not_pay_yet() -> None:
    text = said(WIN)
    assert "this adapter, a1" in text["en"] and "Tuning pays" not in text["en"]
    assert "‘a1’ 어댑터에만" in text["ko"] and "제값" not in text["ko"]


def test_enough_training_seeds_let_tuning_pay() -> None:
    text = said(replace(WIN, seeds=3), ("a1", "a2", "a3"))
    assert text["en"].startswith("Tuning pays on top of RAG.") and "3 training seeds)" in text["en"]
    assert text["ko"].startswith("RAG에 튜닝까지 더하면 제값을 해요.") and "학습 시드 3개)" in text["ko"]
    assert "this adapter" not in text["en"] and "어댑터" not in text["ko"]
    two = said(replace(WIN, seeds=2), ("a1", "a2"))
    assert "these adapters, a1, a2" in two["en"] and "Tuning pays" not in two["en"]
    assert "Tuning pays" in said(replace(WIN, seeds=2), ("a1", "a2"), training_seeds=2)["en"]


def test_every_number_is_there() -> None:
    for text in said(WIN).values():
        for figure in ("Qwen3-0.6B", "6.1", "+2.2", "+10.0", "240", "2.0", "97.5"):
            assert figure in text


@pytest.mark.parametrize(
    ("verdict", "price", "english", "korean"),
    [
        (
            WIN,
            Price(41000.4, True),
            "Below 41,000 requests a month RAG is cheaper.",
            "한 달 요청이 4만 1,000건보다 적으면 RAG 쪽이 더 싸요.",
        ),
        (
            WIN,
            Price(41e6, True, assumed_requests_per_month=10_000),
            "Below 41,000,000 requests a month RAG is cheaper (10,000 are assumed).",
            "한 달 요청이 4,100만 건보다 적으면 RAG 쪽이 더 싸요(가정은 한 달 1만 건).",
        ),
        (WIN, Price(None, True), "At no volume does RAG + tuned become cheaper", "요청이 아무리 많아도 RAG 쪽이"),
        (WIN, Price(0.0, True), "RAG + tuned is also the cheaper one", "비용도 RAG+튜닝 쪽이 더 적게"),
        (
            PROMPT,
            Price(900.0, True),
            "Below 900 requests a month zero-shot is cheaper.",
            "900건보다 적으면 제로샷 쪽이",
        ),
        (WIN, Price(forgetting={"ko": 0.023}), "General Korean got 2.3% worse.", "일반 한국어는 2.3% 나빠졌어요."),
        (
            WIN,
            Price(forgetting={"ko": -0.01, "en": 0.0001}),
            "General Korean got 1.0% better, general English stayed as it was.",
            "일반 한국어는 1.0% 좋아졌고, 영어는 그대로였어요.",
        ),
    ],
)
def test_price(verdict: Verdict, price: Price, english: str, korean: str) -> None:
    text = said(verdict, price=price)
    assert english in text["en"]
    assert korean in text["ko"]


def test_no_price_is_told_where_nothing_is_known_or_decided() -> None:
    assert said(WIN, price=Price()) == said(WIN)
    assert said(OPEN, price=Price(41000.0, True, {"ko": 0.5})) == said(OPEN)
    assert "worse" not in said(PROMPT, price=Price(forgetting={"ko": 0.5}))["en"]


def test_leaked_items_are_said_with_the_verdict_without_them() -> None:
    changed = said(replace(WIN, leaked=12, without_leaked="not_enough_evidence"))
    assert "12 items are also in the training data" in changed["en"] and "not enough evidence." in changed["en"]
    assert "문항 12개는" in changed["ko"] and "‘증거 부족’이에요." in changed["ko"]
    same = said(replace(WIN, leaked=1, without_leaked="rag+tune"))
    assert "1 item is also" in same["en"] and "without it the verdict is the same." in same["en"]
    assert "빼고 판정해도 같아요." in same["ko"]


def test_what_is_shown_as_level_is_called_level() -> None:
    level = replace(OPEN, comparison=replace(SEEN, delta=0.0003, low=-0.05, high=0.05))
    assert "is level with RAG" in said(level)["en"]
    assert "점수가 같지만" in said(level)["ko"]


def test_wide_bounds_are_explained() -> None:
    text = said(replace(PROMPT, comparison=replace(SEEN, method="few differ")))
    assert "Only a few items differ" in text["en"] and "몇 개뿐이어서" in text["ko"]


@pytest.mark.parametrize(
    ("differing", "clusters", "english", "korean"),
    [
        (4, 240, "but of 240 items only 4 differ in score, too few", "문항 240개 중 점수가 갈린 것이 4개뿐이라"),
        (1, 240, "only 1 differs in score", "1개뿐이라 판단하기에 너무 적어요("),
        (20, 8, "of 240 items in only 8 groups only 20 differ", "묶음이 8개뿐인 문항 240개 중 점수가 갈린 것이 20개뿐"),
        (0, 240, "but of 240 items none differ in score", "하나도 없어서 판단할 수 없어요("),
    ],
)
def test_too_few_differing_items_are_said_and_no_effect_is_printed(
    differing: int, clusters: int, english: str, korean: str
) -> None:
    seen = replace(SEEN, differing=differing, clusters=clusters, method="few differ")
    text = said(replace(OPEN, reason="few_differ", comparison=seen, detectable=None))
    assert english in text["en"] and korean in text["ko"]
    assert "about" not in text["en"] and "구간을 넉넉하게" not in text["ko"] and "–" not in text["ko"]
    assert "Nor can be said how large" in text["en"] and "문항을 더 넣어 주세요" in text["ko"]


def test_the_detectable_effect_counts_from_what_the_best_untuned_variant_scored() -> None:
    text = said(replace(OPEN, against="rag"))
    assert "true score lies about 10.0 points or more above what RAG scored here" in text["en"]
    assert "참 점수가 여기서 RAG 방식이 받은 점수보다 10.0점쯤은 높아야" in text["ko"]


def test_an_unsettled_verdict_without_a_detectable_effect_says_so() -> None:
    text = said(replace(OPEN, detectable=None, more_items=40))
    assert "too few items differ to say" in text["en"] and "말할 수 없어요. 문항을 40개쯤" in text["ko"]


@pytest.mark.parametrize(
    ("price", "dearer"),
    [
        (Price(41e6, True, assumed_requests_per_month=10_000), True),
        (Price(None, True), True),
        (Price(900.0, True, assumed_requests_per_month=10_000), False),
        (Price(0.0, True, assumed_requests_per_month=10_000), False),
        (Price(), False),
    ],
)
def test_the_first_sentence_does_not_promise_money(price: Price, dearer: bool) -> None:
    text = said(replace(WIN, seeds=3), ("a1", "a2", "a3"), price)
    assert ("in quality, not in money" in text["en"]) is dearer
    assert text["ko"].startswith("품질만 보면") is dearer
