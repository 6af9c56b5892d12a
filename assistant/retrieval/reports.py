"""What the library tells: reports, rows of lists, texts, states."""

from dataclasses import dataclass, field
from typing import Any

from assistant.retrieval.ingest import Failure
from assistant.retrieval.registry import Record
from assistant.retrieval.splitting import body_span
from assistant.schema import Passage


@dataclass
class AddReport:
    """What one call of :meth:`Library.add` did; every file is counted once."""

    added: int = 0
    unchanged: int = 0
    updated: int = 0
    removed: int = 0
    failed: list[Failure] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """One document as lists show it; ``added`` is seconds since 1970."""

    id: str
    name: str
    collection: str
    status: str
    passages: int
    language: str
    bytes: int
    added: float
    reason: str


@dataclass(frozen=True, slots=True)
class DocumentText:
    """A document's name and its text as it was cut (NFC)."""

    name: str
    text: str

    def span(self, passage: Passage) -> tuple[int, int]:
        """Return where a passage's own text stands in ``text``; an empty span if it is not there (any more)."""
        return body_span(self.text, passage.text, passage.start)


@dataclass(frozen=True, slots=True)
class LibraryStatus:
    """How a collection can be searched; ``message`` is empty when all is well."""

    damaged: bool
    rebuild_needed: bool
    message: str
    embedder: str
    languages: tuple[str, ...]


def info(row: Record) -> DocumentInfo:
    """Return a registry row as lists show it."""
    return DocumentInfo(
        row.id, row.name, row.collection, row.status, row.passages, row.language, row.bytes, row.added, row.reason
    )


def stale_message(made: dict[str, Any], wanted: dict[str, Any]) -> str:
    """Return one line on an index that was made with other settings than the present ones."""
    old, new = made["embedder"], wanted["embedder"]
    mend = "rebuild with `joyul docs rebuild`, or switch back"
    if old == new:
        return f"index built with other chunk sizes: {mend}"
    return f"index built with {old['name']} ({old['dimension']}), now {new['name']} ({new['dimension']}): {mend}"
