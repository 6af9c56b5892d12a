"""``joyul docs``: the documents that answers are looked up in."""

from pathlib import Path
from typing import Annotated, Any

import typer

from assistant.cli.screen import table
from assistant.cli.shared import Run, command
from assistant.errors import InputError

Collection = Annotated[str, typer.Option("--collection", help="Which collection of documents.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Add, search, list and remove documents.", no_args_is_help=True)
    for name, function in (("add", add), ("search", search), ("list", list_), ("remove", remove), ("rebuild", rebuild)):
        command(group, name, f"docs {name}")(function)
    app.add_typer(group, name="docs")


def add(
    run: Run,
    paths: Annotated[list[Path], typer.Argument(help="Files or folders: md, txt, pdf, docx, html.")],
    collection: Collection = "documents",
) -> None:
    """Read files and folders into the search index; a folder added again is brought up to date."""
    missing = [str(path) for path in paths if not path.exists()]
    nothing: dict[str, Any] = {"added": 0, "unchanged": 0, "updated": 0, "removed": 0}
    if missing:
        failed = [{"path": path, "reason": "no such file or folder"} for path in missing]
        raise InputError(f"nothing at {missing[0]!r}", "check the path", **nothing, failed=failed)
    with run.peer() as peer:
        params = {"paths": [str(path.absolute()) for path in paths], "collection": collection}
        report = peer.call("docs.add", params, run.screen.progress)
    failed = report["failed"]
    if failed:
        if not run.as_json:
            run.screen.document(report, _counts(report))
            for each in failed[1:]:
                run.screen.note(f"failed: {each['path']}: {each['reason']}")
        first = failed[0]
        raise InputError(
            f"{len(failed)} not read, first {first['path']}: {first['reason']}",
            "mend or leave out these files; the others are in",
            **report,
        )
    run.screen.document(report, _counts(report))


def _counts(report: dict[str, Any]) -> str:
    return ", ".join(f"{report[key]} {key}" for key in ("added", "unchanged", "updated", "removed"))


def search(
    run: Run,
    query: Annotated[str, typer.Argument(help="What to look for.")],
    k: Annotated[int, typer.Option("-k", min=1, max=200, help="How many passages at most.")] = 5,
    collection: Collection = "documents",
) -> None:
    """Find passages, best first."""
    with run.peer() as peer:
        found = peer.call("docs.search", {"query": query, "k": k, "collection": collection})
    lines = [f"{hit['score']:.3f}  {hit['document']} #{hit['chunk']}\n       {hit['text']}" for hit in found["hits"]]
    run.screen.document(found, "\n".join(lines) or "nothing found: the documents do not answer this")


def list_(run: Run, collection: Collection = "documents") -> None:
    """List the documents of a collection."""
    with run.peer() as peer:
        found = peer.call("docs.list", {"collection": collection})
    run.screen.document(found, table(found["documents"], ("id", "name", "status", "passages", "language", "bytes")))


def remove(
    run: Run,
    names: Annotated[list[str], typer.Argument(help="Names or ids of documents.")],
    collection: Collection = "documents",
) -> None:
    """Remove documents for good: original, text and index entries."""
    with run.peer() as peer:
        done = peer.call("docs.remove", {"names": names, "collection": collection})
    run.screen.document(done, f"{done['removed']} removed")


def rebuild(run: Run) -> None:
    """Build the search index anew from the stored originals."""
    with run.peer() as peer:
        done = peer.call("docs.rebuild", {}, run.screen.progress)
    run.screen.document(done, "  ".join(f"{key} {value}" for key, value in done.items()))
