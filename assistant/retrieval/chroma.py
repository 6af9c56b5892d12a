"""Vectors in embedded Chroma, through LangChain's store; a cache that can be rebuilt at any time.

Chroma never sees a document's text (what is deleted must be gone from disk) and never embeds
anything itself: it keeps our vectors under our chunk keys.
"""

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import DamagedError, ResourceError
from assistant.retrieval import seal

if TYPE_CHECKING:
    import numpy as np

# Chroma's defaults miss half of the neighbours at 100,000 vectors; these found 98 % at 10,000.
HNSW: Any = {"space": "cosine", "ef_construction": 200, "ef_search": 200, "max_neighbors": 32}
BATCH = 5_000  # below the client's own limit
PAGE = 10_000
DAMAGED = "search index damaged; rebuild with `joyul docs rebuild`"


class VectorStore:
    """Every collection's vectors in one folder; opened at first use, safe to use from many threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seal = folder.with_name(f"{folder.name}.seal.json")
        self._lock = threading.RLock()
        self._client: Any = None
        self._stores: dict[str, Any] = {}

    def create(self, name: str) -> None:
        """Make an empty index, in place of one of that name.

        Raises:
            DamagedError: the folder cannot be used.
        """
        self.delete_index(name)
        self._store(name, create=True)

    def upsert(self, name: str, keys: Sequence[str], vectors: "np.ndarray") -> None:
        """Write vectors under their keys.

        Raises:
            DamagedError: the index cannot be written.
        """
        self._store(name)  # makes sure that it is there
        with self._guard("write"), self._changing(name):
            collection = self._open().get_collection(name, embedding_function=None)
            for begin in range(0, len(keys), BATCH):
                part = list(keys[begin : begin + BATCH])
                # The "document" is the key: LangChain drops results without one, and text stays out of the cache.
                collection.upsert(ids=part, embeddings=vectors[begin : begin + BATCH], documents=part)

    def delete(self, name: str, keys: Sequence[str]) -> None:
        """Remove vectors; keys that are not there are ignored."""
        if not keys:
            return
        store = self._store(name)
        with self._guard("write"), self._changing(name):
            for begin in range(0, len(keys), BATCH):
                store.delete(ids=list(keys[begin : begin + BATCH]))

    def search(self, name: str, vector: "np.ndarray", count: int) -> list[tuple[str, float]]:
        """Return the nearest keys with their cosine similarity, best first.

        Raises:
            DamagedError: the index cannot be read.
        """
        store = self._store(name)
        with self._guard("read"):
            found = store.similarity_search_by_vector_with_relevance_scores(vector.tolist(), k=count)
        return [(str(document.id), 1.0 - float(distance)) for document, distance in found]

    def keys(self, name: str) -> set[str]:
        """Return every key of an index."""
        store = self._store(name)
        found: set[str] = set()
        with self._guard("read"):
            while True:
                page = store.get(include=[], limit=PAGE, offset=len(found))["ids"]
                found.update(page)
                if len(page) < PAGE:
                    return found

    def sample(self, name: str, count: int) -> "np.ndarray":
        """Return the vectors of some chunks, shape (at most ``count``, dimension)."""
        import numpy as np

        store = self._store(name)
        with self._guard("read"):
            return np.asarray(store.get(include=["embeddings"], limit=count)["embeddings"], dtype=np.float32)

    def indexes(self) -> list[str]:
        """Return the names of all indexes in the folder."""
        client = self._open()
        with self._guard("read"):
            return [collection.name for collection in client.list_collections()]

    def delete_index(self, name: str) -> None:
        """Remove one index whole, if it is there."""
        if name in self.indexes():
            with self._guard("write"):
                self._open().delete_collection(name)
        self._stores.pop(name, None)

    def keep(self, names: set[str]) -> None:
        """Remove every index but these."""
        for name in self.indexes():
            if name not in names:
                self.delete_index(name)

    def reset_if_damaged(self) -> None:
        """Throw the folder away if it cannot even be listed."""
        try:
            self.indexes()
        except DamagedError:
            self.reset()

    def reset(self) -> None:
        """Throw the whole folder away, damaged or not, and start an empty one."""
        with self._lock:
            self.close()
            shutil.rmtree(self._folder, ignore_errors=True)
            self._seal.unlink(missing_ok=True)

    def close(self) -> None:
        """Release the files; the next use opens them again."""
        with self._lock:
            client, self._client = self._client, None
            self._stores.clear()
            if client is not None:
                client.close()

    @contextmanager
    def _changing(self, name: str) -> Iterator[None]:
        """Break the seal while an index is written; Chroma writes its files at the search that follows."""
        self._seal.unlink(missing_ok=True)
        yield
        collection = self._open().get_collection(name, embedding_function=None)
        one = collection.get(limit=1, include=["embeddings"])["embeddings"]
        if len(one):
            collection.query(query_embeddings=one, n_results=1, include=[])
        seal.make(self._folder, self._seal)

    def _open(self) -> Any:
        with self._lock:
            if self._client is None:
                if broken := seal.broken_file(self._folder, self._seal):
                    raise DamagedError(f"the vector index in {self._folder} is damaged: {broken}", DAMAGED)
                with self._guard("open"):
                    import chromadb
                    from chromadb.config import Settings

                    self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                    self._client = chromadb.PersistentClient(
                        str(self._folder), settings=Settings(anonymized_telemetry=False)
                    )
            return self._client

    def _store(self, name: str, create: bool = False) -> Any:
        with self._lock:
            if name not in self._stores:
                from langchain_chroma import Chroma

                client = self._open()
                if not create and name not in self.indexes():
                    raise DamagedError(f"the vector index {name!r} is missing", DAMAGED)
                with self._guard("open"):
                    self._stores[name] = Chroma(
                        collection_name=name,
                        client=client,
                        embedding_function=None,
                        collection_configuration={"hnsw": HNSW},
                    )
            return self._stores[name]

    def _guard(self, doing: str) -> "_Guard":
        return _Guard(f"cannot {doing} the vector index in {self._folder}")


class _Guard:
    """Turns whatever a damaged Chroma folder raises into one kind of error."""

    def __init__(self, message: str) -> None:
        self._message = message

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        # Chroma's Rust core panics with a BaseException of its own on some damages.
        stop = (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError)
        if error is not None and not isinstance(error, stop):
            if "full" in str(error) or "No space" in str(error):
                raise ResourceError(f"{self._message}: the disk is full", "free some space") from error
            cause = str(error).splitlines()[0] if str(error) else repr(error)
            raise DamagedError(f"{self._message}: {cause}", DAMAGED) from error
