"""Hand-computed cases of the metrics, in both languages."""

import importlib
import json
import sys

import pytest

from assistant.schema import Passage
from eval.metrics import metric_named
from eval.metrics.labels import OUTSIDE, UNPARSABLE, json_object, predicted_label
from eval.metrics.retrieval import same_document
from eval.metrics.text import tokens
from eval.schema import Answer, Item, Score


def value(metric: str, text: str, reference: str | tuple[str, ...], language: str = "ko") -> float | None:
    references = (reference,) if isinstance(reference, str) else reference
    return metric_named(metric).score(Item("q", references, "g", language), Answer(text, finish="stop")).value


def test_korean_particles_and_endings_are_no_difference() -> None:
    assert tokens("도서관은", "ko") == tokens("도서관이", "ko") == ("도서관",)
    assert tokens("7일이에요.", "ko") == tokens("7일", "ko")
    assert tokens("빌릴 수 있습니다", "ko") == tokens("빌릴 수 있어요!", "ko")


def test_composed_and_decomposed_hangul_are_one() -> None:
    import unicodedata

    assert value("exact_match", unicodedata.normalize("NFD", "도서관에서"), "도서관") == 1.0


@pytest.mark.parametrize(
    ("text", "reference", "language", "expected"),
    [
        ("도서관은", "도서관이", "ko", 1.0),
        ("10,000원이에요", "10000원", "ko", 1.0),
        ("아침 9시입니다", "아침 9시", "ko", 1.0),
        ("아침 8시입니다", "아침 9시", "ko", 0.0),
        ("The main library.", "main library", "en", 1.0),
        ("7 DAYS", "7 days", "en", 1.0),
        ("seven days", "7 days", "en", 0.0),
        ("1,000 won", "1000 won", "en", 1.0),
    ],
)
def test_exact_match(text: str, reference: str, language: str, expected: float) -> None:
    assert value("exact_match", text, reference, language) == expected


def test_token_f1_english_by_hand() -> None:
    # words: you can borrow 7 books (5) against 7 books (2), 2 shared: 2*2/(5+2)
    assert value("token_f1", "You can borrow 7 books.", "7 books", "en") == pytest.approx(4 / 7)


def test_token_f1_korean_by_hand() -> None:
    # 일반/도서/7/권 against 7/권: 2*2/(4+2)
    assert tokens("일반 도서는 7권이에요", "ko") == ("일반", "도서", "7", "권")
    assert value("token_f1", "일반 도서는 7권이에요", "7권", "ko") == pytest.approx(4 / 6)


def test_token_f1_counts_repeats_once() -> None:
    assert value("token_f1", "seven seven seven", "seven", "en") == pytest.approx(2 * 1 / 4)


def test_best_reference_counts() -> None:
    assert value("token_f1", "일곱 권", ("7권", "일곱 권")) == 1.0


def test_contains_wants_one_piece() -> None:
    assert value("contains", "연체료는 하루에 100원입니다.", "100원") == 1.0
    assert value("contains", "100권에 50원", "100원") == 0.0


def test_chrf_is_a_fraction_and_graded() -> None:
    close, far = value("chrf", "7일 동안", "7일"), value("chrf", "주차장", "7일")
    assert close is not None and far is not None
    assert 0.0 <= far < close < 1.0


@pytest.mark.parametrize("metric", ["exact_match", "token_f1", "contains", "chrf", "ragas_string_similarity"])
def test_refusals(metric: str) -> None:
    refusal = "문서에서 답을 찾을 수 없어요."
    assert value(metric, refusal, ()) == 1.0
    assert value(metric, "7일이에요", ()) == 0.0
    assert value(metric, "", ()) == 0.0
    # "문서" is in the reference too, yet refusing an answerable item earns nothing.
    assert value(metric, refusal, "문서 보관실") == 0.0


def gold(label: str = "loan") -> Item:
    return Item("q", (json.dumps({"label": label, "urgency": "low"}),), "g", "en", label=label)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"label": "loan", "urgency": "low"}', "loan"),
        ('```json\n{"label": "Loan"}\n```', "loan"),
        ('Sure! {"label": "room"} I hope this helps', "room"),
        ('{"label": "cinema"}', OUTSIDE),
        ('{"urgency": "low"}', UNPARSABLE),
        ('{"label": ["loan"]}', UNPARSABLE),
        ('{"label": null}', UNPARSABLE),
        ("loan", UNPARSABLE),
        ('{"label": "loan"', UNPARSABLE),
        ("", UNPARSABLE),
        ("{" * 5000, UNPARSABLE),
    ],
)
def test_label_parsing(text: str, expected: str) -> None:
    assert predicted_label(gold(), text, ("loan", "room")) == expected


def test_plain_labels_are_read_where_the_reference_is_plain() -> None:
    item = Item("q", ("loan",), "g", "en", label="loan")
    assert predicted_label(item, " Loan. ", ("loan", "room")) == "loan"
    assert predicted_label(item, "it may be a loan", ("loan", "room")) == UNPARSABLE


def test_json_object_skips_braces_that_are_not_json() -> None:
    assert json_object('{not json} {"a": 1}') == {"a": 1}


def test_macro_figures_against_scikit_learn() -> None:
    from sklearn.metrics import precision_recall_fscore_support

    truth = ["a", "a", "a", "b", "b", "c", "c", "c"]
    found = ["a", "b", UNPARSABLE, "b", "b", "a", "c", OUTSIDE]
    scores = [Score(float(t == f), detail={"true": t, "predicted": f}) for t, f in zip(truth, found, strict=True)]
    expected = precision_recall_fscore_support(truth, found, labels=["a", "b", "c"], average="macro", zero_division=0)
    for name, wanted in zip(("macro_precision", "macro_recall", "macro_f1"), expected, strict=False):
        metric = metric_named(name)
        metric.labels = ("a", "b", "c", "never")
        assert metric.statistic(metric.vectors(scores).sum(0)) == pytest.approx(wanted)


def test_fields() -> None:
    item = Item("q", ('{"label": "a", "x": "1", "y": "2"}',), "g", "en", label="a", fields={"x": "1", "y": "2"})
    score = metric_named("field_accuracy").score
    assert score(item, Answer('{"x": 1, "y": "3"}')).value == 0.5
    assert score(item, Answer("prose")).value == 0.0
    assert metric_named("json_validity").score(item, Answer('{"label": "b", "x": 0}')).value == 0.0


@pytest.mark.parametrize(
    ("found", "wanted", "same"),
    [
        ("ko/borrowing.md", "ko/borrowing.md", True),
        ("borrowing.md", "ko/borrowing.md", True),
        ("documents/ko/borrowing.md", "borrowing.md", True),
        ("en/borrowing.md", "ko/borrowing.md", False),
        ("x-borrowing.md", "borrowing.md", False),
        ("", "borrowing.md", False),
    ],
)
def test_document_names(found: str, wanted: str, same: bool) -> None:
    assert same_document(found, wanted) is same


def test_retrieval_by_hand() -> None:
    item = Item("q", ("x",), "g", "en", document="b.md")
    passages = tuple(Passage(str(at), name, 0, "", 0.5) for at, name in enumerate(["a.md", "b.md", "b.md", "c.md"]))
    given = Answer("x", passages, "q", finish="stop")
    results = {
        name: metric_named(name).score(item, given).value
        for name in ("hit_at_k", "mrr", "ragas_context_precision", "ragas_context_recall")
    }
    assert results == pytest.approx(
        # Ragas counts each of the three documents found once.
        {"hit_at_k": 1.0, "mrr": 0.5, "ragas_context_precision": 1 / 3, "ragas_context_recall": 1.0}
    )


def test_retrieval_leaves_out_items_without_a_document() -> None:
    assert not metric_named("mrr").applies(Item("q", ("x",), "g", "en"))


def test_ragas_that_cannot_be_imported_is_unscored_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("eval.metrics.ragas_nonjudge")
    monkeypatch.setattr(module, "_loaded", {})
    for name in [name for name in sys.modules if name == "ragas" or name.startswith("ragas.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ragas", None)
    item = Item("q", ("x",), "g", "en", document="b.md")
    for cls in (module.StringSimilarity, module.ContextPrecision, module.ContextRecall):
        score = cls().score(item, Answer("x", (Passage("1", "b.md", 0, "", 0.5),), "q", finish="stop"))
        assert score.value is None
        assert "ragas cannot be loaded" in score.reason
