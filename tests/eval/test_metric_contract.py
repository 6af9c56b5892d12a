"""Every entry of the METRICS table behaves alike on a perfect, a wrong, an empty and a failed answer."""

import json

import pytest

from assistant.lazy import load_object
from assistant.retrieval.embeddings import open_embedder
from assistant.schema import Passage
from eval.metrics import DEFAULTS, EFFICIENCY, METRICS, metric_named
from eval.metrics.base import Live, Metric
from eval.schema import Answer, Item

GOLD = json.dumps({"label": "loan", "urgency": "high"})
QA = Item("몇 권 빌릴 수 있어요?", ("일곱 권",), "borrowing", "ko", document="ko/borrowing.md")
LABEL = Item("책이 없어요", (GOLD,), "loan-1", "ko", document="ko/a.md", label="loan", fields={"urgency": "high"})


CITING = ("citations_exist", "citations_support")
JUDGED = tuple(name for name in METRICS if metric_named(name).judged)


def passage(document: str, text: str = "text") -> Passage:
    return Passage("id", document, 0, text, 0.9)


def answer(text: str, document: str) -> Answer:
    return Answer(text, (passage(document),), "query", 20, 4, 0.1, 0.5, "stop")


def near(metric: Metric, item: Item, given: Answer) -> Metric:
    metric.prepare(Live(open_embedder("hashing")), [item], [{item.id: given}])
    return metric


def item_for(metric: Metric) -> Item:
    return QA if "qa" in metric.kinds else LABEL


def ready(name: str) -> Metric:
    metric = metric_named(name)
    if hasattr(metric, "labels"):
        metric.labels = ("loan", "room")
    return metric


@pytest.mark.parametrize("name", METRICS)
def test_declares_what_it_is(name: str) -> None:
    metric = ready(name)
    assert metric.name == name
    assert metric.kinds and set(metric.kinds) <= {"qa", "label"}
    assert type(metric).__doc__
    assert load_object(METRICS[name]) is type(metric)


@pytest.mark.parametrize("name", METRICS)
def test_a_failed_answer_is_unscored_with_its_reason(name: str) -> None:
    metric = ready(name)
    score = metric.score(item_for(metric), Answer(error="the model was gone"))
    assert score.value is None
    assert score.reason == "the model was gone"


@pytest.mark.parametrize("name", [name for name in METRICS if name not in (*EFFICIENCY, *CITING, *JUDGED)])
def test_perfect_beats_wrong_and_empty(name: str) -> None:
    metric = ready(name)
    item = item_for(metric)
    wrong = json.dumps({"label": "room", "urgency": "low"}) if item is LABEL else "parking costs money"
    if name == "json_validity":
        wrong = '{"label": "loan"'
    given = answer(item.reference[0], item.document)
    perfect = near(metric, item, given).score(item, given)
    assert perfect.value == pytest.approx(1.0)
    assert metric.statistic(metric.vectors([perfect]).sum(0)) == pytest.approx(1.0)
    for text in (wrong, ""):
        given = Answer(text, (passage("ko/other.md"),), "query", 20, 4, 0.1, 0.5, "stop")
        score = near(metric, item, given).score(item, given)
        assert score.value is not None and 0.0 <= score.value < 0.4, (text, score)


@pytest.mark.parametrize("name", CITING)
def test_citations_perfect_wrong_and_without(name: str) -> None:
    shown = (passage("ko/borrowing.md", "도서관에서는 한 사람이 책을 일곱 권까지 빌릴 수 있어요."),)

    def score(text: str) -> float | None:
        return ready(name).score(QA, Answer(text, shown, "query", finish="stop")).value

    assert score("책은 일곱 권까지 빌릴 수 있어요. [1]") == 1.0
    assert score("주차는 무료입니다. [2]") == 0.0
    assert score("") is None and score("일곱 권") is None


@pytest.mark.parametrize("name", EFFICIENCY)
def test_efficiency_reads_the_answer(name: str) -> None:
    expected = {
        "prompt_tokens": 20,
        "completion_tokens": 4,
        "seconds": 0.5,
        "first_token_seconds": 0.1,
        "tokens_per_second": 8,
    }
    assert ready(name).score(QA, answer("x", "y")).value == pytest.approx(expected[name])


def test_what_was_not_measured_is_unscored() -> None:
    assert ready("first_token_seconds").score(QA, Answer("", finish="stop")).value is None
    assert ready("tokens_per_second").score(QA, Answer("", finish="stop")).value is None


def test_defaults_are_known_and_of_their_kind() -> None:
    for kind, names in DEFAULTS.items():
        for name in names:
            assert kind in metric_named(name).kinds
