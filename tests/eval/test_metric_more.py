"""Hand-computed cases of ROUGE-L, meaning, several right documents, citations and micro averages."""

import json
from pathlib import Path

import numpy as np
import pytest

from assistant.errors import InputError
from assistant.retrieval.embeddings import EmbedderIdentity, Kind, open_embedder
from assistant.schema import Language, Passage
from eval.items import read_items
from eval.metrics import metric_named
from eval.metrics.base import Live, Metric
from eval.metrics.citations import cited_sentences
from eval.metrics.labels import OUTSIDE, UNPARSABLE
from eval.schema import Answer, Item, Score


def rouge(text: str, reference: str, language: Language) -> float | None:
    return metric_named("rouge_l").score(Item("q", (reference,), "g", language), Answer(text, finish="stop")).value


def test_rouge_l_by_hand() -> None:
    # police killed gunman / police kill gunman: 2 of 3 in order (Lin 2004, section 3.1)
    assert rouge("police kill the gunman", "police killed the gunman", "en") == pytest.approx(2 / 3)
    # the same words in the wrong order share only one in order
    assert rouge("gunman kill police", "police kill gunman", "en") == pytest.approx(1 / 3)


def test_rouge_l_reads_korean() -> None:
    # 도서/7/권/빌리/수/있 against 7/권: 2*2/(6+2)
    assert rouge("도서는 7권을 빌릴 수 있어요", "7권", "ko") == pytest.approx(0.5)
    assert rouge("7권이에요.", "7권", "ko") == 1.0


class OnlyEnglish:
    """Counts its calls, and would give any text a vector."""

    identity = EmbedderIdentity("english", "1", 2, ("en",))

    def __init__(self) -> None:
        self.calls: list[int] = []

    def embed(self, texts: list[str], kind: Kind = "document") -> np.ndarray:
        self.calls.append(len(texts))
        return np.array([[1.0, 0.0] if "book" in text else [0.6, 0.8] for text in texts], dtype=np.float32)


def meaning(item: Item, text: str, embedder: OnlyEnglish) -> Score:
    metric = metric_named("semantic_similarity")
    given = Answer(text, finish="stop")
    metric.prepare(Live(embedder), [item], [{item.id: given}])  # type: ignore[arg-type]
    return metric.score(item, given)


def test_meaning_is_the_cosine() -> None:
    item = Item("q", ("a book",), "g", "en")
    assert meaning(item, "the book", OnlyEnglish()).value == pytest.approx(1.0)
    assert meaning(item, "a car", OnlyEnglish()).value == pytest.approx(0.6)
    assert meaning(item, "", OnlyEnglish()).value == 0.0


def test_meaning_in_a_language_the_embedder_cannot_read_is_no_number() -> None:
    score = meaning(Item("q", ("책",), "g", "ko"), "책", OnlyEnglish())
    assert score.value is None and score.reason == "the embedder 'english' cannot read Korean"
    # an English question answered in Korean is no better off
    assert meaning(Item("q", ("a book",), "g", "en"), "책이에요", OnlyEnglish()).value is None
    assert metric_named("semantic_similarity").score(Item("q", ("x",), "g", "en"), Answer("x")).value is None


def test_meaning_is_embedded_in_one_go() -> None:
    embedder = OnlyEnglish()
    items = [Item(f"q{at}", (f"book {at}",), "g", "en") for at in range(20)]
    rows = [{item.id: Answer(f"answer {name}") for item in items} for name in range(3)]
    metric = metric_named("semantic_similarity")
    metric.prepare(Live(embedder), items, rows)  # type: ignore[arg-type]
    assert embedder.calls == [23]
    metric.prepare(Live(embedder), items, rows)  # type: ignore[arg-type]
    assert embedder.calls == [23]


def test_hashing_embedder_reads_both() -> None:
    item = Item("q", ("일곱 권",), "g", "ko")
    metric, given = metric_named("semantic_similarity"), Answer("일곱 권", finish="stop")
    metric.prepare(Live(open_embedder("hashing")), [item], [{item.id: given}])
    assert metric.score(item, given).value == pytest.approx(1.0)


def test_several_right_documents() -> None:
    item = Item("q", ("x",), "g", "en", document="a.md", more_documents=("b.md",))
    given = Answer("x", tuple(Passage(str(at), n, 0, "", 0.5) for at, n in enumerate(["c.md", "b.md", "b.md"])), "q")
    found = {name: metric_named(name).score(item, given).value for name in ("hit_at_k", "recall_at_k", "mrr", "ndcg")}
    ideal = 1.0 + 1.0 / np.log2(3)
    assert found == pytest.approx({"hit_at_k": 1.0, "recall_at_k": 0.5, "mrr": 0.5, "ndcg": (1 / np.log2(3)) / ideal})


def test_items_may_name_several_documents(tmp_path: Path) -> None:
    file = tmp_path / "items.jsonl"
    file.write_text(json.dumps({"question": "q", "reference": "a", "document": ["a.md", "b.md"]}))
    (item,), _ = read_items(file, "qa")
    assert (item.document, item.more_documents, item.group) == ("a.md", ("b.md",), "a.md")
    file.write_text(json.dumps({"question": "q", "reference": "a", "document": ["a.md", 3]}))
    with pytest.raises(InputError, match="document: expected a name or a list"):
        read_items(file, "qa")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It opens at 9.5 h [1]. It is free. [2]", [("It opens at 9.5 h", 1), ("It is free", 2)]),
        ("첫째입니다 [1][2].\n둘째예요.[3]", [("첫째입니다", 1), ("첫째입니다", 2), ("둘째예요", 3)]),
        ("Both hold.\n[1]", [("Both hold", 1)]),
        ("nothing", []),
    ],
)
def test_cited_sentences(text: str, expected: list[tuple[str, int]]) -> None:
    assert list(cited_sentences(text)) == expected


@pytest.mark.parametrize(
    ("text", "exist", "support"),
    [
        ("The library opens at 9 on weekdays. [1]", 1.0, 1.0),
        ("The library opens at 8 on weekdays. [1]", 1.0, 0.0),
        ("Parking costs four dollars a day [1].", 1.0, 0.0),
        ("The library opens at 9. [1] Pets are welcome. [3]", 0.5, 0.5),
        ("The library opens at 9. [0]", 0.0, 0.0),
    ],
)
def test_citations(text: str, exist: float, support: float) -> None:
    passages = (
        Passage("1", "a.md", 0, "Welcome. On weekdays the library opens at 9 and closes at 18.", 0.5),
        Passage("2", "b.md", 0, "Parking is free.", 0.5),
    )
    item, given = Item("q", ("x",), "g", "en"), Answer(text, passages, "q", finish="stop")
    assert metric_named("citations_exist").score(item, given).value == exist
    assert metric_named("citations_support").score(item, given).value == support


def test_micro_figures_against_scikit_learn() -> None:
    from sklearn.metrics import precision_recall_fscore_support

    truth = ["a", "a", "a", "b", "b", "c", "c", "c"]
    found = ["a", "b", UNPARSABLE, "b", "b", "a", "c", OUTSIDE]
    scores = [Score(float(t == f), detail={"true": t, "predicted": f}) for t, f in zip(truth, found, strict=True)]
    expected = precision_recall_fscore_support(truth, found, labels=["a", "b", "c"], average="micro", zero_division=0)
    for name, wanted in zip(("micro_precision", "micro_recall", "micro_f1"), expected, strict=False):
        metric: Metric = metric_named(name)
        metric.labels = ("a", "b", "c")  # type: ignore[attr-defined]
        assert metric.statistic(metric.vectors(scores).sum(0)) == pytest.approx(wanted)


def test_adapter_size_is_in_the_costs(tmp_path: Path) -> None:
    from eval.metrics.efficiency import adapter_megabytes
    from eval.reports.efficiency import sections

    (tmp_path / "deeper").mkdir()
    (tmp_path / "adapter_model.safetensors").write_bytes(bytes(1_250_000))
    (tmp_path / "deeper" / "adapter_config.json").write_bytes(bytes(250_000))
    assert adapter_megabytes(tmp_path) == 1.5
    costs = {"tuned": {"memory_mb": 2000.0, "adapter_mb": 1.5, "training": None}, "rag": {"memory_mb": 2000.0}}
    (section,) = sections({"variants": {"tuned": {}, "rag": {}}, "costs": costs})
    rows = [[cell.text for cell in row[1:]] for row in section.blocks[0].rows]
    assert rows == [["2,000", "1.50", "–", "–", "–"], ["2,000", "–", "–", "–", "–"]]
