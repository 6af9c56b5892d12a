"""What the state database knows of documents; it is the truth, every index is a cache of it.

A document's change is one transaction: whoever looks, or crashes, sees the old version with all
its chunks or the new one with all of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Engine, and_, delete, func, insert, or_, select
from sqlalchemy.dialects.sqlite import insert as upsert

from assistant.schema import digest
from assistant.tables import chunks, collections, documents

QUERY_ROWS = 400  # SQLite limits how many values one statement may carry


@dataclass(frozen=True, slots=True)
class Record:
    """One document's row; ``status`` is ``ready`` or ``failed``, then ``reason`` says why."""

    id: str
    collection: str
    name: str
    source: str
    sha256: str
    media: str
    bytes: int
    language: str
    status: str
    reason: str
    passages: int
    added: float

    @property
    def version(self) -> str:
        """Return a key of this very content; another content of the same document has another."""
        return f"{self.id}-{self.sha256[:16]}"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document: ``text`` as it is searched and shown, ``start`` where its own text begins."""

    number: int
    text: str
    start: int


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk with the document it belongs to."""

    document_id: str
    document: str
    version: str
    number: int
    text: str
    start: int

    @property
    def key(self) -> str:
        """Return the chunk's id in every index."""
        return chunk_key(self.version, self.number)


@dataclass(frozen=True, slots=True)
class CollectionRecord:
    """Which vector index serves a collection, and what made it."""

    name: str
    vectors: str
    identity: dict[str, Any]


def chunk_key(version: str, number: int) -> str:
    """Return the id of a chunk in the vector and keyword indexes."""
    return f"{version}-{number}"


class Registry:
    """Documents, their chunks and their collections in the state database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def documents(self, collection: str | None = None) -> list[Record]:
        """Return a collection's documents (or all), by name."""
        query = select(documents).order_by(documents.c.collection, documents.c.name)
        if collection is not None:
            query = query.where(documents.c.collection == collection)
        with self._engine.connect() as connection:
            return [Record(**row._mapping) for row in connection.execute(query)]

    def find(self, document_id: str) -> Record | None:
        """Return one document, or None."""
        with self._engine.connect() as connection:
            row = connection.execute(select(documents).where(documents.c.id == document_id)).first()
        return None if row is None else Record(**row._mapping)

    def put(self, entries: Sequence[tuple[Record, Sequence[Chunk]]]) -> None:
        """Write documents with their chunks in one transaction; a former version's rows go with it.

        Raises:
            ResourceError: the disk is full or the database is busy.
        """
        ids = [record.id for record, _ in entries]
        statements: list[Any] = []
        for part in _parts(ids):
            statements.append(delete(documents).where(documents.c.id.in_(part)))
        self._write(statements, entries)

    def swap(self, record: CollectionRecord, entries: Sequence[tuple[Record, Sequence[Chunk]]]) -> None:
        """Replace a collection's chunks and point it at another vector index, in one transaction."""
        statements = [delete(documents).where(documents.c.collection == record.name), _pointer(record)]
        self._write(statements, entries)

    def drop(self, ids: Sequence[str]) -> None:
        """Remove documents with their chunks, and their text from the database file too."""
        self._write([delete(documents).where(documents.c.id.in_(part)) for part in _parts(ids)], ())

    def collection(self, name: str) -> CollectionRecord | None:
        """Return a collection's record, or None where nothing was ever indexed in it."""
        with self._engine.connect() as connection:
            row = connection.execute(select(collections).where(collections.c.name == name)).first()
        return None if row is None else CollectionRecord(**row._mapping)

    def collections(self) -> list[CollectionRecord]:
        """Return every collection's record."""
        with self._engine.connect() as connection:
            return [CollectionRecord(**row._mapping) for row in connection.execute(select(collections))]

    def set_collection(self, record: CollectionRecord) -> None:
        """Write a collection's record."""
        self._write([_pointer(record)], ())

    def chunks(self, collection: str) -> Iterator[StoredChunk]:
        """Yield every chunk of a collection, document by document."""
        with self._engine.connect() as connection:
            for row in connection.execute(_chunk_query().where(documents.c.collection == collection)):
                yield _stored(row)

    def chunk_count(self, collection: str) -> int:
        """Return how many chunks a collection has."""
        query = select(func.coalesce(func.sum(documents.c.passages), 0)).where(documents.c.collection == collection)
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def find_chunks(self, keys: Sequence[str]) -> dict[str, StoredChunk]:
        """Return chunks by key; a key of a document or version that is gone is left out."""
        found: dict[str, StoredChunk] = {}
        pairs = [key.split("-") for key in keys]
        with self._engine.connect() as connection:
            for part in _parts(pairs):
                same = [and_(chunks.c.document_id == one[0], chunks.c.number == int(one[-1])) for one in part]
                for row in connection.execute(_chunk_query().where(or_(*same))):
                    chunk = _stored(row)
                    found[chunk.key] = chunk
        return {key: found[key] for key in keys if key in found}

    def content(self, collection: str) -> str:
        """Return a hash of what a collection holds: names and contents, not ids or times."""
        return digest([(record.name, record.sha256) for record in self.documents(collection) if record.passages])

    def _write(self, statements: Sequence[Any], entries: Sequence[tuple[Record, Sequence[Chunk]]]) -> None:
        rows = [{"document_id": record.id, **asdict(chunk)} for record, pieces in entries for chunk in pieces]
        with self._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA secure_delete=ON")  # deleted text is overwritten with zeros
            connection.commit()
            with connection.begin():
                for statement in statements:
                    connection.execute(statement)
                if entries:
                    connection.execute(insert(documents), [asdict(record) for record, _ in entries])
                if rows:
                    connection.execute(insert(chunks), rows)
            if statements:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")  # nor does it stay in the log


def with_passages(record: Record, pieces: Sequence[Chunk]) -> Record:
    """Return the record with its number of chunks."""
    return replace(record, passages=len(pieces))


def _pointer(record: CollectionRecord) -> Any:
    values = {"vectors": record.vectors, "identity": record.identity}
    statement = upsert(collections).values(name=record.name, **values)
    return statement.on_conflict_do_update(index_elements=["name"], set_=values)


def _chunk_query() -> Any:
    columns = (documents.c.id, documents.c.name, documents.c.sha256, chunks.c.number, chunks.c.text, chunks.c.start)
    joined = chunks.join(documents, chunks.c.document_id == documents.c.id)
    return select(*columns).select_from(joined).order_by(documents.c.name, chunks.c.number)


def _stored(row: Any) -> StoredChunk:
    version = f"{row.id}-{row.sha256[:16]}"
    return StoredChunk(row.id, row.name, version, row.number, row.text, row.start)


def _parts(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for begin in range(0, len(items), QUERY_ROWS):
        yield items[begin : begin + QUERY_ROWS]
