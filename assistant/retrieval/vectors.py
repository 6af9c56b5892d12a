"""Chunks to vectors in an index: only those in a language that the embedder reads."""

import secrets
from collections.abc import Sequence

from assistant.retrieval.chroma import VectorStore
from assistant.retrieval.embeddings import LiveEmbedder
from assistant.retrieval.registry import Chunk, Record, chunk_key
from assistant.schema import digest, language_of


def new_index_name(collection: str) -> str:
    """Return a fresh name for a collection's vector index; Chroma allows ASCII only, collections any name."""
    return f"c-{digest(collection)}-{secrets.token_hex(4)}"


def embed_chunks(
    entries: Sequence[tuple[Record, Sequence[Chunk]]], embedder: LiveEmbedder, vectors: VectorStore, index: str
) -> int:
    """Embed the chunks of documents and write them to an index; return how many.

    A chunk in a language that the embedder does not read would only be noise among its neighbours.
    """
    languages = embedder.identity.languages
    wanted = [
        (chunk_key(record.version, chunk.number), chunk.text)
        for record, chunks in entries
        for chunk in chunks
        if language_of(chunk.text) in languages
    ]
    if wanted:
        keys, texts = zip(*wanted, strict=True)
        vectors.upsert(index, keys, embedder.embed(texts, "document"))
    return len(wanted)
