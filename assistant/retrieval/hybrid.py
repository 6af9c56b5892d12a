"""Keyword and meaning search fused by reciprocal rank, with a score that a floor can be held against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from assistant.retrieval.keyword import KeywordHit
from assistant.retrieval.registry import StoredChunk
from assistant.schema import Passage

if TYPE_CHECKING:
    from langchain_core.retrievers import BaseRetriever

CANDIDATES = 50
RANK_CONSTANT = 60
MAX_QUERY = 2_000
GATE = 5  # the floor asks whether any of the first few reaches it
RETRIEVERS: dict[str, str] = {
    "hybrid": "assistant.retrieval.hybrid:HybridRetriever",
    "keyword": "assistant.retrieval.hybrid:KeywordRetriever",
    "meaning": "assistant.retrieval.hybrid:MeaningRetriever",
}


@dataclass(frozen=True, slots=True)
class MeaningHit:
    """A chunk with its cosine, and the evidence in it: 0 is what any two chunks share, 1 is equality."""

    key: str
    cosine: float
    evidence: float


class Corpus(Protocol):
    """What a retriever searches; :class:`assistant.retrieval.collection.Collection` is the real one."""

    def keyword(self, query: str, count: int) -> list[KeywordHit]:
        """Return the best chunks by BM25."""
        ...

    def meaning(self, query: str, count: int) -> list[MeaningHit]:
        """Return the nearest chunks by vector; nothing where the embedder does not read the language."""
        ...

    def chunks(self, keys: Sequence[str]) -> dict[str, StoredChunk]:
        """Return chunks by key; keys that are gone are left out."""
        ...


@dataclass(frozen=True)
class HybridRetriever:
    """Both halves, fused.

    The order is by reciprocal rank. The score is evidence: how much of the query's rarest terms the passage
    holds, and how much nearer it is in meaning than chance; the mean where both halves searched. A passage
    never scores higher than one ranked above it.

    The default floor of 0.25 was chosen on the demo's validation and training questions and twenty foreign
    ones: it empties at most one answerable question in thirty and most of the foreign ones. Questions
    about the same matters whose answer is not there pass it: their words are in the documents.
    """

    corpus: Corpus
    floor: float = 0.0
    uses: tuple[str, ...] = field(default=("keyword", "meaning"), init=False)

    def search(self, query: str, k: int) -> list[Passage]:
        """Return at most ``k`` passages, best first; none where nothing reaches the floor."""
        query = query.strip()[-MAX_QUERY:]  # the end of a long message is its question
        if not query or k < 1:
            return []
        count = max(CANDIDATES, 2 * k)
        words = {hit.key: hit for hit in self.corpus.keyword(query, count)} if "keyword" in self.uses else {}
        near = {hit.key: hit for hit in self.corpus.meaning(query, count)} if "meaning" in self.uses else {}
        order = fuse([list(words), list(near)])
        halves = 2 if near and words else 1
        evidence = {key: _evidence(words.get(key), near.get(key), halves) for key in order}
        if max((evidence[key] for key in order[:GATE]), default=0.0) < self.floor:
            return []
        # Beside a passage that reaches the floor, one that only one half found is still worth showing.
        kept = [key for key in order if evidence[key] >= self.floor / 2]
        found = self.corpus.chunks(kept[: 2 * k])
        return _passages([found[key] for key in kept if key in found][:k], evidence, words, near)

    def as_langchain(self, k: int = 4) -> "BaseRetriever":
        """Return this retriever as LangChain's: documents with ``document``, ``chunk``, ``score`` and ``start``."""
        return langchain_face(self, k)


@dataclass(frozen=True)
class KeywordRetriever(HybridRetriever):
    """The keyword half alone."""

    uses: tuple[str, ...] = field(default=("keyword",), init=False)


@dataclass(frozen=True)
class MeaningRetriever(HybridRetriever):
    """The meaning half alone."""

    uses: tuple[str, ...] = field(default=("meaning",), init=False)


def fuse(rankings: Sequence[Sequence[str]]) -> list[str]:
    """Return the keys of all rankings by the sum of 1 / (60 + rank), best first; ties keep their first order."""
    total: dict[str, float] = {}
    for ranking in rankings:
        for rank, key in enumerate(ranking, 1):
            total[key] = total.get(key, 0.0) + 1.0 / (RANK_CONSTANT + rank)
    return sorted(total, key=lambda key: -total[key])


def _evidence(words: KeywordHit | None, near: MeaningHit | None, halves: int) -> float:
    return ((words.coverage if words else 0.0) + (near.evidence if near else 0.0)) / halves


def _passages(
    chunks: Sequence[StoredChunk],
    evidence: Mapping[str, float],
    words: Mapping[str, KeywordHit],
    near: Mapping[str, MeaningHit],
) -> list[Passage]:
    made: list[Passage] = []
    ceiling = 1.0
    for chunk in chunks:
        ceiling = min(ceiling, evidence[chunk.key])
        made.append(
            Passage(
                chunk.document_id,
                chunk.document,
                chunk.number,
                chunk.text,
                round(ceiling, 4),
                keyword_score=round(words[chunk.key].score, 4) if chunk.key in words else None,
                meaning_score=round(near[chunk.key].cosine, 4) if chunk.key in near else None,
                start=chunk.start,
            )
        )
    return made


def langchain_face(retriever: HybridRetriever, k: int) -> "BaseRetriever":
    """Return a LangChain retriever over ours."""
    from langchain_core.callbacks import CallbackManagerForRetrieverRun
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever

    class Face(BaseRetriever):
        count: int

        def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Any]:
            return [
                Document(
                    page_content=passage.text,
                    id=f"{passage.document_id}-{passage.chunk}",
                    metadata={
                        "document": passage.document,
                        "document_id": passage.document_id,
                        "chunk": passage.chunk,
                        "score": passage.score,
                        "start_index": passage.start,
                    },
                )
                for passage in retriever.search(query, self.count)
            ]

    return Face(count=k)
