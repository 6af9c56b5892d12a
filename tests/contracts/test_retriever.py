"""What every retriever in the table promises."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.paths import Home
from assistant.protocols import Retriever
from assistant.retrieval.hybrid import RETRIEVERS
from assistant.retrieval.library import Library
from assistant.settings import RetrievalSettings
from assistant.store import Store

TEXTS = {
    "bees.txt": "Bees dance to tell the hive where flowers are. A queen lays two thousand eggs a day.",
    "boats.md": "# Boats\n\n## Hire\n\nA rowing boat costs 12 dollars an hour.\n\n## Season\n\nFrom May to October.\n",
    "빵집.md": "# 빵집\n\n## 영업\n\n빵집은 아침 일곱 시에 문을 열고 수요일에 쉽니다.\n",
}


@pytest.fixture
def library(home: Home, tmp_path: Path) -> Iterator[Library]:
    store = Store(home.database)
    library = Library(home, store, RetrievalSettings(embedder="hashing", floor=0.1))
    source = tmp_path / "source"
    source.mkdir()
    for name, text in TEXTS.items():
        (source / name).write_text(text, encoding="utf-8")
    library.add([source], "contract")
    yield library
    library.close()
    store.close()


@pytest.fixture(params=sorted(RETRIEVERS))
def retriever(request: pytest.FixtureRequest, library: Library) -> Retriever:
    found: Retriever = library.retriever("contract", request.param)
    return found


@pytest.mark.parametrize(
    ("query", "document"),
    [("what does a rowing boat cost", "boats.md"), ("빵집은 수요일에 문을 여나요", "빵집.md")],
)
def test_best_passage_comes_first_and_knows_its_place(
    retriever: Retriever, library: Library, query: str, document: str
) -> None:
    first = retriever.search(query, 3)[0]
    assert first.document == document
    text = library.read(first.document_id)
    start, end = text.span(first)
    assert end > start == first.start
    assert first.text.endswith(text.text[start:end])


def test_at_most_k_best_first_and_scores_between_zero_and_one(retriever: Retriever) -> None:
    for k in (1, 2, 50):
        scores = [passage.score for passage in retriever.search("boat costs an hour", k)]
        assert 1 <= len(scores) <= k
        assert scores == sorted(scores, reverse=True)
        assert all(0.0 < score <= 1.0 for score in scores)


@pytest.mark.parametrize("query", ["", "   ", "\n"])
def test_nothing_asked_nothing_found(retriever: Retriever, query: str) -> None:
    assert retriever.search(query, 3) == []


@pytest.mark.parametrize("query", ["'\"; DROP TABLE chunks; --", "((((", "\x00\x01", "{question}", "가" * 5000, "🎻"])
def test_odd_queries_are_only_text(retriever: Retriever, query: str) -> None:
    assert isinstance(retriever.search(query, 3), list)


def test_unknown_collection_is_empty(library: Library) -> None:
    for kind in RETRIEVERS:
        assert library.retriever("no-such", kind).search("boat", 3) == []


def test_retriever_sees_what_comes_and_goes(retriever: Retriever, library: Library, tmp_path: Path) -> None:
    new = tmp_path / "zeppelin.txt"
    new.write_text("A zeppelin flight over the lake takes forty minutes.", encoding="utf-8")
    library.add([new], "contract")
    assert retriever.search("zeppelin flight over the lake", 1)[0].document == "zeppelin.txt"
    library.remove(["zeppelin.txt"], "contract")
    assert all(p.document != "zeppelin.txt" for p in retriever.search("zeppelin flight over the lake", 5))


def test_langchain_face_returns_the_same_passages(library: Library) -> None:
    retriever = library.retriever("contract")
    documents = retriever.as_langchain(2).invoke("rowing boat costs")
    passages = retriever.search("rowing boat costs", 2)
    assert [d.page_content for d in documents] == [p.text for p in passages]
    assert documents[0].metadata["document"] == "boats.md"
