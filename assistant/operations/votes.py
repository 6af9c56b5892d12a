"""Side-by-side votes: list, rank, export, import."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import RefusedError
from assistant.progress import Cancelled, Progress

if TYPE_CHECKING:
    from assistant.services import Services
    from eval.arena import Ranking

_SHOWN = ("id", "created", "author", "language", "task", "suite", "item", "blind", "question", "variants", "choice")


def list_votes(
    services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled
) -> dict[str, Any]:
    """Return the whole history without the answers; ``counts`` tells a vote from one that was replaced."""
    from eval.arena import counted

    votes = services.store.votes()
    latest = {vote.id for blind in (True, False) for vote in counted(votes, blind=blind)}
    rows = [{**{key: getattr(vote, key) for key in _SHOWN}, "counts": vote.id in latest} for vote in votes]
    return {"votes": rows}


def rank(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Rank all votes, each language and each task, or one slice of ``task`` and ``language``.

    Blind votes are ranked; with ``open`` those cast with names shown, apart.
    """
    from eval.arena import counted, rank, slices

    votes, blind = services.store.votes(), not params.get("open")
    task, language = params.get("task"), params.get("language")
    if task is None and language is None:
        found = slices(votes, blind=blind) or [rank(votes, blind=blind)]
    else:
        found = [rank(votes, task=task, language=language, blind=blind)]
    return {
        "blind": blind,
        "votes": len(counted(votes, blind=blind)),
        "left_out": len(counted(votes, blind=not blind)),
        "slices": [ranking_json(each) for each in found],
    }


def ranking_json(ranking: "Ranking") -> dict[str, Any]:
    """Return a ranking as ``--json`` prints it; a verdict also says what follows from its figures."""
    document = asdict(ranking)
    for row, verdict in zip(document["verdicts"], ranking.verdicts, strict=True):
        row |= {"settled": verdict.stop.settled, "ahead": verdict.ahead or None}
    return document


def export(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Write every vote to a new file (absolute ``path``, .jsonl or .csv).

    Raises:
        UsageError: another ending.
        RefusedError: a file is there already.
        ResourceError: it cannot be written.
    """
    from assistant.operations.vote_files import write_votes

    path = Path(str(params["path"]))
    if path.exists():
        raise RefusedError(f"{str(path)!r} is there already", "choose another name, or remove it first")
    votes = services.store.votes()
    write_votes(path, votes)
    return {"file": str(path), "votes": len(votes)}


def import_(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Add the votes of a file, all or none; those that are kept already are not doubled.

    Raises:
        UsageError: another ending than .jsonl or .csv.
        InputError: the file cannot be read or has bad rows.
    """
    from assistant.operations.vote_files import read_votes

    added, same = read_votes(Path(str(params["path"])), services.store.votes())
    services.store.add_votes(added)
    return {"added": len(added), "unchanged": same}
