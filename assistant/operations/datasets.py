"""Datasets out of what the state database holds: built at once, or reviewed one by one."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from assistant.errors import InputError, UsageError
from assistant.lazy import nearest
from assistant.progress import Cancelled, Progress

if TYPE_CHECKING:
    from assistant.datasets.review import Candidate
    from assistant.records import Vote
    from assistant.services import Services


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
    """Return the stored votes that count."""
    return counting(services.store.votes())


def counting(votes: "list[Vote]") -> "list[Vote]":
    """Return, of some votes, those that count: of each person and question the latest."""
    from eval.arena import counted

    latest = {vote.id for blind in (True, False) for vote in counted(votes, blind=blind)}
    return [vote for vote in votes if vote.id in latest]


def candidates(services: "Services") -> "list[Candidate]":
    """Return every candidate of the review queue, with what was decided."""
    from assistant.datasets.review import candidates as find

    return find(services.store, _counting(services), services.home)


def review_list(
    services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled
) -> dict[str, Any]:
    """Return the candidates that ``reviewer`` has not decided, what waits for a version, and the agreement.

    ``origin`` takes those of one origin only, ``decided`` lists the decided ones after them, too.

    Raises:
        UsageError: an origin that does not exist.
    """
    from assistant.datasets.agreement import agreement
    from assistant.datasets.review import ORIGINS, pending, queue
    from assistant.datasets.store import DatasetStore

    origin = str(params.get("origin") or "")
    if origin and origin not in ORIGINS:
        raise UsageError(f"unknown origin {origin!r}", nearest(origin, ORIGINS))
    found = candidates(services)
    waiting = queue(found, str(params.get("reviewer") or "local"), [origin] if origin else ORIGINS)
    known = {each.id for each in waiting}
    more = [each for each in found if each.id not in known and origin in ("", each.origin)]
    listed = [*waiting, *(more if params.get("decided") else ())]
    rows = [
        {"id": each.id, "origin": each.origin, "author": each.author, "state": each.state, "tags": each.tags}
        | {"question": each.question, "answer": each.fix or each.answer, "dataset": each.dataset}
        | {"rows": list(each.rows)}
        for each in listed[: int(params.get("limit") or 50)]
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
    """Keep a decision about ``candidate``, or about each of ``candidates``, or about none of them.

    ``action`` is accept, fix (with ``text``), reject, tag (with ``tags``) or assign: the reviewer's own verdict
    again, for another ``dataset``; acceptance where there is none.

    Raises:
        InputError: no such candidate, or a decision that says nothing.
    """
    from assistant.datasets.review import DATASET
    from assistant.datasets.versions import check_name

    keys = [str(key) for key in params.get("candidates") or [params.get("candidate") or ""]]
    reviewer, known = str(params.get("reviewer") or "local")[:64], {each.id: each for each in candidates(services)}
    if unknown := [key for key in keys if key not in known]:
        raise InputError(
            f"no candidate {unknown[0][:64]!r}", "what it came from may be deleted; look at the list again"
        )
    dataset = check_name(str(params.get("dataset") or DATASET))
    told, tags = str(params.get("text") or ""), [str(tag) for tag in params.get("tags") or ()]
    for key in keys:
        action, text = str(params.get("action")), told
        if action == "assign":
            before = known[key].settled.get(reviewer)
            kept = before if before is not None and before.action != "reject" else None
            action, text = (kept.action, kept.text) if kept else ("accept", "")
        services.store.add_decision(key, action, reviewer=reviewer, text=text, tags=tags, dataset=dataset)
    return {"candidates": keys, "action": params.get("action"), "reviewer": reviewer, "dataset": dataset}


def feedback(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Keep a thumb or a correction (``kind`` up, down or edit with ``text``) of the answer ``message``.

    Raises:
        InputError: there is no such answer, or the feedback says nothing.
    """
    stored = services.store.message(str(params.get("message") or ""))
    if stored.role != "assistant":
        raise InputError(f"{stored.id!r} is not an answer", "give the id of an answer")
    kind, tags = str(params.get("kind")), [str(tag) for tag in params.get("tags") or ()]
    text, reason = str(params.get("text") or ""), str(params.get("reason") or "")
    author = str(params.get("author") or "local")[:64]
    key = services.store.add_feedback(stored.id, kind, text=text, reason=reason, tags=tags, author=author)
    return {"feedback": key, "message": stored.id, "kind": kind}


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


def split(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Hold out parts of the version ``dataset`` for validation and test; rows of evaluation sets are left out.

    Raises:
        InputError: no such version, or all its rows are in evaluation sets.
    """
    from assistant.datasets.cleaning import evaluation_questions, suite_items
    from assistant.datasets.splitting import SHARES, SplitOptions
    from assistant.datasets.splitting import split as work
    from assistant.datasets.store import DatasetStore

    store = DatasetStore(services.home.datasets)
    version = store.get(str(params["dataset"]))
    known = evaluation_questions(suite_items(services.home.root))
    return work(store, version, SplitOptions(SHARES, leaking="drop"), known, progress)


def consent(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Keep whether what ``author`` does may be collected (``allowed``); without it only say who refuses."""
    if params.get("allowed") is not None:
        services.store.set_consent(str(params.get("author") or "local")[:64], bool(params["allowed"]))
    return {"refusing": sorted(services.store.refusing())}
