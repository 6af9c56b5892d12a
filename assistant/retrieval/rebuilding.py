"""A collection's index made anew beside the old one, then swapped in by one transaction."""

from collections.abc import Callable
from dataclasses import replace

from assistant.errors import InputError
from assistant.retrieval.chroma import VectorStore
from assistant.retrieval.embeddings import LiveEmbedder
from assistant.retrieval.ingest import cut
from assistant.retrieval.originals import Originals
from assistant.retrieval.registry import Chunk, CollectionRecord, Record, Registry
from assistant.retrieval.vectors import embed_chunks

BATCH = 64


def rebuild_collection(
    fresh: CollectionRecord,
    registry: Registry,
    vectors: VectorStore,
    originals: Originals,
    embedder: LiveEmbedder,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[int, int]:
    """Cut and embed every document again under ``fresh``; return how many documents and passages it has."""
    rows = registry.documents(fresh.name)
    former: dict[str, list[Chunk]] = {}
    for stored in registry.chunks(fresh.name):
        former.setdefault(stored.document_id, []).append(Chunk(stored.number, stored.text, stored.start))
    vectors.create(fresh.vectors)
    entries: list[tuple[Record, list[Chunk]]] = []
    for number, row in enumerate(rows, 1):
        chunks: list[Chunk] = []
        if row.status == "ready":
            try:
                chunks, _ = cut(originals.path(row.version).read_bytes(), row.media, fresh.identity["chunking"])
            except (OSError, InputError):
                chunks = former.get(row.id, [])  # the original is lost: what was read of it is kept
        entries.append((replace(row, passages=len(chunks)), chunks))
        if number % BATCH == 0 or number == len(rows):
            embed_chunks(entries[(number - 1) // BATCH * BATCH :], embedder, vectors, fresh.vectors)
        if progress is not None:
            progress(row.name, number, len(rows))
    registry.swap(fresh, entries)
    return len(rows), sum(len(chunks) for _, chunks in entries)
