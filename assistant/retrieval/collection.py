"""One collection's two indexes, kept true to the registry; a damaged vector index costs only its half."""

import logging
import threading
from collections.abc import Callable, Sequence

from assistant.errors import DamagedError, JoyulError, UsageError
from assistant.retrieval.chroma import DAMAGED, VectorStore
from assistant.retrieval.embeddings import LiveEmbedder
from assistant.retrieval.hybrid import MeaningHit
from assistant.retrieval.keyword import KeywordHit, KeywordIndex
from assistant.retrieval.registry import CollectionRecord, Registry, StoredChunk
from assistant.schema import language_of

SAMPLE = 200
FULL = 0.7  # no answer is as near to its question as a text to itself: this share of the way counts as full evidence
log = logging.getLogger(__name__)


class Collection:
    """What a retriever searches (:class:`assistant.retrieval.hybrid.Corpus`); safe to use from many threads."""

    def __init__(
        self,
        name: str,
        registry: Registry,
        vectors: VectorStore,
        words: KeywordIndex,
        embedder: Callable[[str], LiveEmbedder],
    ) -> None:
        self.name = name
        self.trouble = ""  # why the meaning half is out of service
        self._registry, self._vectors, self._words, self._embedder = registry, vectors, words, embedder
        self._lock = threading.RLock()
        self._content: str | None = None
        self._checked = ""  # the vector index that was compared with the registry
        self._background = 0.0

    def record(self) -> CollectionRecord | None:
        """Return which vector index serves, and what made it."""
        return self._registry.collection(self.name)

    def content(self) -> str:
        """Return a hash of the documents."""
        with self._lock:
            if self._content is None:
                self._content = self._registry.content(self.name)
            return self._content

    def changed(self) -> None:
        """Note that documents came or went, and bring the keyword index up to date (gone means gone there too)."""
        with self._lock:
            self._content = None
            self._refresh()

    def reopened(self) -> None:
        """Note that another vector index serves."""
        with self._lock:
            self._content, self._checked, self.trouble = None, "", ""

    def forget_words(self) -> None:
        """Throw the keyword index away, to be made anew."""
        with self._lock:
            self._words.forget()

    def delete_vectors(self, index: str, keys: Sequence[str]) -> None:
        """Remove vectors; where the index is damaged a rebuild leaves them out anyway."""
        try:
            self._vectors.delete(index, keys)
        except DamagedError as error:
            self._out_of_service(error)

    def keyword(self, query: str, count: int) -> list[KeywordHit]:
        """Return the best chunks by BM25."""
        self._refresh()
        return self._words.search(query, count)

    def meaning(self, query: str, count: int) -> list[MeaningHit]:
        """Return the nearest chunks; none where the index is damaged or made by one that does not read the language."""
        record = self.record()
        if record is None or self.trouble:
            return []
        try:
            embedder = self._embedder(record.identity["embedder"]["name"])
            if language_of(query) not in embedder.identity.languages:
                return []
            if embedder.identity.to_dict() != record.identity["embedder"]:
                raise UsageError("the index was built with another version of the embedder; run `joyul docs rebuild`")
            self._check(record)
            found = self._vectors.search(record.vectors, embedder.embed([query], "query")[0], count)
        except JoyulError as error:
            self._out_of_service(error)
            return []
        span = max(1e-6, FULL * (1.0 - self._background))
        return [MeaningHit(key, cosine, min(1.0, max(0.0, cosine - self._background) / span)) for key, cosine in found]

    def chunks(self, keys: Sequence[str]) -> dict[str, StoredChunk]:
        """Return chunks by key; keys that are gone are left out."""
        return self._registry.find_chunks(keys)

    def _refresh(self) -> None:
        self._words.refresh(self.content(), lambda: self._registry.chunks(self.name))

    def _check(self, record: CollectionRecord) -> None:
        """Compare the vector index with the registry once: sweep what a kill left, notice what is missing."""
        with self._lock:
            if self._checked == record.vectors:
                return
            languages = set(record.identity["embedder"]["languages"])
            wanted = {c.key for c in self._registry.chunks(self.name) if language_of(c.text) in languages}
            have = self._vectors.keys(record.vectors)
            if wanted - have:
                raise DamagedError(f"{len(wanted - have)} of {len(wanted)} vectors are missing", DAMAGED)
            self._vectors.delete(record.vectors, sorted(have - wanted))
            self._background = self._mean_cosine(record.vectors)
            self._checked = record.vectors

    def _mean_cosine(self, vectors: str) -> float:
        """Return how alike any two chunks are: what a cosine means differs from embedder to embedder."""
        sample = self._vectors.sample(vectors, SAMPLE)
        count = len(sample)
        if count < 2:
            return 0.0
        total = sample @ sample.T
        return float((total.sum() - total.trace()) / (count * (count - 1)))

    def _out_of_service(self, error: JoyulError) -> None:
        log.warning("collection %r searches by keyword alone: %s", self.name, error.message)
        damaged = isinstance(error, DamagedError)
        self.trouble = DAMAGED if damaged else f"{error.message}; keyword search alone"
