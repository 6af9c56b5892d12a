"""Documents: add, search, list, remove, rebuild."""

import time
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import InputError
from assistant.progress import Cancelled, Progress
from assistant.schema import normalise

if TYPE_CHECKING:
    from assistant.services import Services

DEFAULT_COLLECTION = "documents"
MOST_HITS = 200


def add(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Read files and folders (absolute ``paths``) into a collection."""

    def tell(message: str, done: int, total: int) -> None:
        if cancelled():
            raise InputError("adding was cancelled", "what was added before stays")
        progress({"message": message, "done": done, "total": total})

    paths = [Path(path) for path in params["paths"]]
    report = services.library.add(paths, _collection(params), tell)
    failed = [{"path": str(failure.path), "reason": failure.reason} for failure in report.failed]
    counts = {key: getattr(report, key) for key in ("added", "unchanged", "updated", "removed")}
    return {**counts, "failed": failed}


def search(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Find passages; ``full`` returns whole :class:`assistant.schema.Passage` values.

    Raises:
        InputError: an empty query, or ``k`` out of bounds.
    """
    query, k = str(params["query"]), int(params.get("k", 5))
    if not query.strip():
        raise InputError("the query is empty", "write something to search for")
    if not 1 <= k <= MOST_HITS:
        raise InputError(f"k is {k}", f"choose 1 to {MOST_HITS}")
    retriever = services.library.retriever(_collection(params))
    started = time.perf_counter()
    found = retriever.search(query, k)
    seconds = time.perf_counter() - started
    if params.get("full"):
        return {"passages": [asdict(passage) for passage in found], "seconds": seconds}
    hits = [{"document": p.document, "chunk": p.chunk, "text": p.text, "score": p.score} for p in found]
    return {"hits": hits, "seconds": seconds}


def list_documents(
    services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled
) -> dict[str, Any]:
    """Return what a collection holds."""
    return {"documents": [asdict(document) for document in services.library.documents(_collection(params))]}


def remove(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Remove documents by name or id, with their originals, passages and vectors.

    Raises:
        InputError: one of them is not there; the others are not touched then.
    """
    names, collection = [str(name) for name in params["names"]], _collection(params)
    documents = services.library.documents(collection)
    known = {normalise(document.name) for document in documents} | {document.id for document in documents}
    for name in names:
        if normalise(name) not in known:
            near = get_close_matches(name, known, n=1)
            mend = f"did you mean {near[0]!r}?" if near else "see `joyul docs list`"
            raise InputError(f"no document {name!r} in {collection!r}", mend, removed=0)
    return {"removed": services.library.remove(names, collection)}


def rebuild(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Build every index anew from the stored originals."""
    return dict(
        services.library.rebuild(lambda text, done, total: progress({"message": text, "done": done, "total": total}))
    )


def _collection(params: dict[str, Any]) -> str:
    return str(params.get("collection") or DEFAULT_COLLECTION)
