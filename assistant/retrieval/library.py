"""The documents of one state folder: added, searched, read, removed; the only door to retrieval.

The state database is the truth. Originals and vectors are written under keys of their exact content
before one transaction makes them count, and what no row names is swept: a kill at any moment leaves
the old version or the new one.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from assistant.errors import InputError, UnavailableError, UsageError
from assistant.lazy import lookup, nearest
from assistant.paths import Home
from assistant.retrieval.chroma import DAMAGED, VectorStore
from assistant.retrieval.collection import Collection
from assistant.retrieval.embeddings import LiveEmbedder, open_embedder
from assistant.retrieval.hybrid import RETRIEVERS, HybridRetriever
from assistant.retrieval.ingest import Failure, Prepared, cut, explain, new_record, read_bytes, walk
from assistant.retrieval.keyword import KeywordIndex
from assistant.retrieval.loaders import load
from assistant.retrieval.originals import Originals
from assistant.retrieval.rebuilding import rebuild_collection
from assistant.retrieval.registry import CollectionRecord, Record, Registry
from assistant.retrieval.reports import AddReport, DocumentInfo, DocumentText, LibraryStatus, info, stale_message
from assistant.retrieval.splitting import SPLITTING_VERSION
from assistant.retrieval.vectors import embed_chunks, new_index_name
from assistant.schema import digest, normalise
from assistant.settings import RetrievalSettings
from assistant.store import Store

Progress = Callable[[str, int, int], None]
SEARCH_VERSION = 2
EXAMPLES = "-examples"
NO_IDENTITY: dict[str, Any] = {"embedder": {"name": "none", "dimension": 0, "languages": []}}
BATCH_DOCUMENTS = 64
BATCH_BYTES = 32_000_000
__all__ = ["AddReport", "DocumentInfo", "DocumentText", "Failure", "Library", "LibraryStatus"]


class Library:
    """Documents in collections; safe to use from many threads of one process."""

    def __init__(self, home: Home, store: Store, settings: RetrievalSettings) -> None:
        self._home, self._settings = home, settings
        self._registry = Registry(store.engine)
        self._originals = Originals(home.originals)
        self._vectors = VectorStore(home.index / "vectors")
        self._lock = threading.RLock()
        self._embedders: dict[str, LiveEmbedder] = {}
        self._collections: dict[str, Collection] = {}
        self._originals.sweep({record.version for record in self._registry.documents()})

    def add(self, paths: Sequence[Path], collection: str = "documents", progress: Progress | None = None) -> AddReport:
        """Add files and folders; a file that cannot be read is reported and never stops the others.

        A folder that was added before is brought up to date: what vanished from it is removed.
        ``progress`` gets (name, done, total).

        Raises:
            UsageError: the collection's index was made by an embedder that is no longer there.
            ResourceError: the disk is full.
        """
        report = AddReport()
        found = walk([Path(path) for path in paths])
        report.failed += found.failed
        with self._lock:
            record = self._opened(collection)
            known = {row.name: row for row in self._registry.documents(collection)}
            batch: list[Prepared] = []
            for number, source in enumerate(found.sources, 1):
                former = known.get(source.name)
                try:
                    data = read_bytes(source.path, self._settings.file_megabytes)
                    made = new_record(source, collection, data, former)
                    if former is not None and former.status == "ready" and former.sha256 == made.sha256:
                        report.unchanged += 1
                    else:
                        chunks, language = cut(data, made.media, record.identity["chunking"])
                        made = replace(made, status="ready", passages=len(chunks), language=language)
                        batch.append(Prepared(made, chunks, data, former))
                except InputError as error:
                    report.failed.append(Failure(str(source.path), explain(error)))
                    self._note_failure(source, collection, explain(error), former)
                if len(batch) >= BATCH_DOCUMENTS or sum(len(one.data) for one in batch) > BATCH_BYTES:
                    self._commit(record, batch, report)
                    batch = []
                if progress is not None:
                    progress(source.name, number, len(found.sources))
            self._commit(record, batch, report)
            names = {source.name for source in found.sources}
            gone = [
                row.id
                for row in known.values()
                if any(Path(row.source).is_relative_to(folder) for folder in found.whole) and row.name not in names
            ]
            report.removed = self._drop(gone, collection)
            self._collection(collection).changed()
        return report

    def remove(self, names_or_ids: Sequence[str], collection: str = "documents") -> int:
        """Remove documents everywhere, for good; return how many there were. Unknown names are ignored."""
        wanted = {normalise(name) for name in names_or_ids}
        with self._lock:
            ids = [row.id for row in self._registry.documents(collection) if wanted & {row.id, row.name}]
            count = self._drop(ids, collection)
            if count:
                self._collection(collection).changed()
        return count

    def documents(self, collection: str = "documents") -> list[DocumentInfo]:
        """Return a collection's documents by name, those that could not be read included."""
        return [info(row) for row in self._registry.documents(collection)]

    def collections(self) -> list[str]:
        """Return the names of all collections."""
        return sorted(record.name for record in self._registry.collections())

    def read(self, document_id: str) -> DocumentText:
        """Return a document's text, read again from its original.

        Raises:
            InputError: there is no such document.
        """
        row = self._found(document_id)
        return DocumentText(row.name, load(self._originals.path(row.version).read_bytes(), row.media).text)

    def original(self, document_id: str) -> Path:
        """Return the file as it was added.

        Raises:
            InputError: there is no such document.
        """
        return self._originals.path(self._found(document_id).version)

    def retriever(self, collection: str = "documents", kind: str = "hybrid") -> HybridRetriever:
        """Return a retriever that always searches the collection as it is now; it may still be empty.

        A collection whose name ends in ``-examples`` holds solved examples: the nearest are always worth
        showing, so it has no floor.

        Raises:
            UsageError: there is no such kind.
        """
        made: HybridRetriever = lookup(RETRIEVERS, kind, "retriever")(
            self._collection(collection), self._floor(collection)
        )
        return made

    def rebuild(self, progress: Progress | None = None) -> dict[str, Any]:
        """Make every index anew from the originals, with the embedder and chunking now set.

        The old index serves until the new one is complete; a kill leaves the old one.
        Returns ``{"documents", "passages", "embedder", "seconds"}``.
        """
        started = time.perf_counter()
        with self._lock:
            identity = self._wanted()
            embedder = self._embedder(self._settings.embedder)
            self._vectors.reset_if_damaged()
            documents = passages = 0
            for record in self._registry.collections():
                fresh = CollectionRecord(record.name, new_index_name(record.name), identity)
                counts = rebuild_collection(fresh, self._registry, self._vectors, self._originals, embedder, progress)
                documents, passages = documents + counts[0], passages + counts[1]
                collection = self._collection(record.name)
                collection.reopened()
                collection.forget_words()
                collection.changed()
            self._vectors.keep({record.vectors for record in self._registry.collections()})
        seconds = round(time.perf_counter() - started, 3)
        return {
            "documents": documents,
            "passages": passages,
            "embedder": identity["embedder"]["name"],
            "seconds": seconds,
        }

    def identity(self, collection: str = "documents") -> dict[str, Any]:
        """Return everything that search results depend on, for fingerprints: embedder, chunking, documents, floor."""
        record = self._registry.collection(collection)
        made = record.identity if record else self._wanted()
        content = self._collection(collection).content()
        return {**made, "content": content, "search": SEARCH_VERSION, "floor": self._floor(collection)}

    def status(self, collection: str = "documents") -> LibraryStatus:
        """Return how a collection can be searched, with one line for a banner where not everything is well."""
        record = self._registry.collection(collection)
        trouble = self._collection(collection).trouble
        try:
            wanted = self._wanted()
        except UnavailableError as error:
            wanted, trouble = record.identity if record else NO_IDENTITY, error.message
        made = record.identity if record else wanted
        stale = made != wanted
        message = trouble or (stale_message(made, wanted) if stale else "")
        embedder = made["embedder"]
        return LibraryStatus(trouble == DAMAGED, stale, message, embedder["name"], tuple(embedder["languages"]))

    def close(self) -> None:
        """Release files; the next use opens them again."""
        self._vectors.close()

    def _floor(self, collection: str) -> float:
        return 0.0 if collection.endswith(EXAMPLES) else self._settings.floor

    def _opened(self, collection: str) -> CollectionRecord:
        """Return a collection's record with an index that the recorded embedder can still write to."""
        record = self._registry.collection(collection)
        if record is None:
            record = CollectionRecord(collection, new_index_name(collection), self._wanted())
            self._vectors.create(record.vectors)
            self._registry.set_collection(record)
        recorded = record.identity["embedder"]
        if self._embedder(recorded["name"]).identity.to_dict() != recorded:
            raise UsageError(
                f"the index of {collection!r} was built with another version of the embedder {recorded['name']!r}",
                "rebuild with `joyul docs rebuild`",
            )
        return record

    def _commit(self, record: CollectionRecord, batch: Sequence[Prepared], report: AddReport) -> None:
        """Make a batch count: originals, then vectors, then one transaction; old versions' remains go last."""
        if not batch:
            return
        for one in batch:
            self._originals.write(one.record.version, one.data)
        embedder = self._embedder(record.identity["embedder"]["name"])
        entries = [(one.record, one.chunks) for one in batch]
        embed_chunks(entries, embedder, self._vectors, record.vectors)
        self._registry.put(entries)
        former = [one.former for one in batch if one.former is not None and one.former.status == "ready"]
        self._clear(former, record)
        report.updated += len(former)
        report.added += len(batch) - len(former)

    def _drop(self, ids: Sequence[str], collection: str) -> int:
        rows = [row for row in self._registry.documents(collection) if row.id in set(ids)]
        if rows:
            self._registry.drop([row.id for row in rows])
            record = self._registry.collection(collection)
            if record is not None:
                self._clear([row for row in rows if row.status == "ready"], record)
        return len(rows)

    def _clear(self, rows: Sequence[Record], record: CollectionRecord) -> None:
        """Remove the vectors and originals of versions that no row names any more."""
        keys = [f"{row.version}-{number}" for row in rows for number in range(row.passages)]
        self._collection(record.name).delete_vectors(record.vectors, keys)
        for row in rows:
            self._originals.delete(row.version)

    def _note_failure(self, source: Any, collection: str, reason: str, former: Record | None) -> None:
        """Keep a row for a new file that could not be read, so that lists can say why; a good version stays."""
        if former is None or former.status == "failed":
            row = new_record(source, collection, b"", former)
            self._registry.put([(replace(row, reason=reason), ())])

    def _found(self, document_id: str) -> Record:
        row = self._registry.find(document_id)
        if row is None or row.status != "ready":
            names = [one.id for one in self._registry.documents()]
            raise InputError(f"no document {document_id!r}", nearest(document_id, names) if len(names) < 20 else "")
        return row

    def _collection(self, name: str) -> Collection:
        with self._lock:
            if name not in self._collections:
                words = KeywordIndex(self._home.index / "words" / digest(name))
                self._collections[name] = Collection(name, self._registry, self._vectors, words, self._embedder)
            return self._collections[name]

    def _embedder(self, name: str) -> LiveEmbedder:
        with self._lock:
            if name not in self._embedders:
                self._embedders[name] = open_embedder(name)
            return self._embedders[name]

    def _wanted(self) -> dict[str, Any]:
        """Return the identity that an index made with the present settings would have."""
        characters, overlap = self._settings.chunk_characters, self._settings.chunk_overlap
        chunking = {"characters": characters, "overlap": overlap, "version": SPLITTING_VERSION}
        return {"embedder": self._embedder(self._settings.embedder).identity.to_dict(), "chunking": chunking}
