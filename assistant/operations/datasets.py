"""Datasets out of what the state database holds: built at once, or reviewed one by one."""

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from assistant.errors import InputError, UsageError
from assistant.lazy import nearest

if TYPE_CHECKING:
    from assistant.datasets.review import Candidate
    from assistant.records import Vote
    from assistant.services import Services

Progress = Callable[[dict[str, Any]], None]
Cancelled = Callable[[], bool]


def build(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Make a dataset version of all feedback and of the votes that count.

    Raises:
        UsageError: an origin that does not exist.
        InputError: there is no feedback.
    """
    from assistant.datasets.feedback import ORIGINS, BuildOptions
    from assistant.datasets.feedback import build as work
    from assistant.datasets.store import DatasetStore

    origins = list(params.get("origins") or ORIGINS)
    if unknown := [each for each in origins if each not in ORIGINS]:
        raise UsageError(f"unknown origin {unknown[0]!r}", nearest(unknown[0], ORIGINS))
    without = services.store.refusing() | frozenset(params.get("without") or ())
    options = BuildOptions(name=str(params.get("name") or "feedback"), origins=origins, without=without)
    votes = _counting(services)
    return work(DatasetStore(services.home.datasets), services.store, votes, options, progress, cancelled)


def _counting(services: "Services") -> "list[Vote]":
    """Return the votes that count: of each person and question the latest."""
    from eval.arena import counted

    votes = services.store.votes()
    latest = {vote.id for blind in (True, False) for vote in counted(votes, blind=blind)}
    return [vote for vote in votes if vote.id in latest]


def candidates(services: "Services") -> "list[Candidate]":
    """Return every candidate of the review queue, with what was decided."""
    from assistant.datasets.review import candidates as find

    return find(services.store, _counting(services), services.home)


def review_list(
    services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled
) -> dict[str, Any]:
    """Return the candidates that ``reviewer`` has not decided, what waits for a version, and the agreement."""
    from assistant.datasets.review import agreement, pending, queue
    from assistant.datasets.store import DatasetStore

    found = candidates(services)
    waiting = queue(found, str(params.get("reviewer") or "local"))
    rows = [
        {"id": each.id, "origin": each.origin, "author": each.author, "state": each.state, "tags": each.tags}
        | {"question": each.question, "rows": list(each.rows)}
        for each in waiting[: int(params.get("limit") or 50)]
    ]
    return {
        "waiting": len(waiting),
        "candidates": rows,
        "pending": pending(DatasetStore(services.home.datasets), found),
        "agreement": [asdict(each) for each in agreement(found)],
        "refusing": sorted(services.store.refusing()),
    }


def review_decide(
    services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled
) -> dict[str, Any]:
    """Keep one decision: ``candidate``, ``action``, and ``reviewer``, ``text``, ``tags``, ``dataset`` where given.

    Raises:
        InputError: no such candidate, or a decision that says nothing.
    """
    from assistant.datasets.review import DATASET
    from assistant.datasets.versions import check_name

    key, reviewer = str(params.get("candidate") or ""), str(params.get("reviewer") or "local")[:64]
    if key not in {each.id for each in candidates(services)}:
        raise InputError(f"no candidate {key[:64]!r}", "what it came from may be deleted; look at the list again")
    dataset = check_name(str(params.get("dataset") or DATASET))
    text, tags = str(params.get("text") or ""), [str(tag) for tag in params.get("tags") or ()]
    services.store.add_decision(
        key, str(params.get("action")), reviewer=reviewer, text=text, tags=tags, dataset=dataset
    )
    return {"candidate": key, "action": params.get("action"), "reviewer": reviewer, "dataset": dataset}


def review_build(
    services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled
) -> dict[str, Any]:
    """Make the next version of ``name`` out of what was accepted.

    Raises:
        InputError: nothing was decided since its newest version.
    """
    from assistant.datasets.review import DATASET, build_reviewed
    from assistant.datasets.store import DatasetStore

    name = str(params.get("name") or DATASET)
    return build_reviewed(DatasetStore(services.home.datasets), candidates(services), name, services.store.refusing())


def consent(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Keep whether what ``author`` does may be collected (``allowed``); without it only say who refuses."""
    if params.get("allowed") is not None:
        services.store.set_consent(str(params.get("author") or "local")[:64], bool(params["allowed"]))
    return {"refusing": sorted(services.store.refusing())}
