"""What people did with answers as typed rows: edits, votes, thumbs, and answers kept after another was refused.

=====================  =====================================================================================
edit                   a supervised row with the corrected answer, and a pair: the correction over the answer
vote                   a pair for every answer that lost; a tie stays a tie; ``both_bad`` labels each as bad
thumb                  a label for one answer, never a target
regenerated, kept      a pair marked ``weak``: the answer the chat went on with over one it did not
=====================  =====================================================================================

A person's newest judgement of an answer counts. ``group`` is the conversation and ``user`` the person, so
that a split can keep both together.
"""

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from assistant.datasets.personal import treat_row
from assistant.datasets.rows import Row, content_digest
from assistant.datasets.store import DatasetStore
from assistant.errors import CancelledError, InputError
from assistant.progress import Cancelled, Progress
from assistant.records import Feedback, StoredMessage, Vote
from assistant.schema import language_of
from assistant.store import Store

ORIGINS = ("edit", "vote", "thumb", "regenerate")


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What to build: ``origins`` out of :data:`ORIGINS`; nothing of the people in ``without`` is taken."""

    name: str = "feedback"
    origins: Sequence[str] = ORIGINS
    without: Collection[str] = ()
    mask: bool = True


def build(
    datasets: DatasetStore,
    store: Store,
    votes: Iterable[Vote],
    options: BuildOptions,
    progress: Progress = lambda _: None,
    cancelled: Cancelled = lambda: False,
) -> dict[str, Any]:
    """Make a version of all feedback there is; ``votes`` are those that count.

    What a person deleted meanwhile is not in the new version.

    Raises:
        InputError: there is no feedback to take.
        CancelledError: ``cancelled`` returned true; nothing is kept.
    """
    counts: dict[str, int] = dict.fromkeys(ORIGINS, 0)
    seen: dict[bytes, str] = {}
    as_of = time.time()
    with datasets.draft(options.name) as draft:
        for number, row in enumerate(rows_of(store, votes, options), 1):
            if number % 100 == 0:
                progress({"stage": "build", "done": number})
            if cancelled():
                raise CancelledError("building was stopped", "nothing was changed")
            row, findings = treat_row(row, mask=options.mask)
            digest = content_digest(row)
            if digest in seen:
                draft.decide({"action": "left out", "reason": "duplicate", "row": row["id"], "of": seen[digest]})
                continue
            seen[digest] = draft.add(row, digest)
            counts[row["origin"]] += 1
            for finding in findings:
                draft.personal[f"{finding.kind}:{finding.action}"] += 1
                draft.decide(
                    {"action": finding.action, "reason": "personal data", "row": row["id"], **finding.to_json()}
                )
        if not draft.rows:
            hint = "correct, rate or compare some answers first"
            if options.without:
                names = ", ".join(sorted(options.without))
                hint = f"nothing of {names} is collected; to allow it: joyul data review allow NAME"
            raise InputError("there is no feedback to build from", hint, rows=0)
        source = {"file": "feedback", "format": "joyul", "rows": draft.rows, "licence": "", "personal": "mask"}
        operation = {"name": "build", "origins": list(options.origins), "as_of": as_of}
        operation |= {"without": sorted(options.without)}
        versions = datasets.versions(draft.name)
        parent = versions[-1] if versions else None
        version = draft.commit(operation, parent=parent, sources=[source], inherit=False)
    return {
        "version": version.manifest.ref,
        "rows": version.manifest.rows,
        "origins": counts,
        "kinds": version.manifest.counts.get("kind", {}),
        "personal": version.manifest.personal,
    }


def rows_of(store: Store, votes: Iterable[Vote], options: BuildOptions) -> Iterator[Row]:
    """Yield every row that the feedback gives; the ids say which judgement each is of."""
    if {"edit", "thumb"} & set(options.origins):
        yield from _judged(store, options)
    if "vote" in options.origins:
        for vote in votes:
            if vote.author not in options.without:
                yield from vote_rows(vote)
    if "regenerate" in options.origins and "local" not in options.without:
        for conversation in sorted(store.conversations(), key=lambda each: (each.created, each.id)):
            yield from _regenerated(store, conversation.id)


def _judged(store: Store, options: BuildOptions) -> Iterator[Row]:
    """Yield rows of edits and thumbs; of one person and answer the newest of each sort."""
    newest: dict[tuple[str, str, bool], Feedback] = {}
    for each in store.feedback():
        if each.author not in options.without:
            newest[each.message, each.author, each.kind == "edit"] = each
    places = store.conversations_of(list(newest.values()))
    for each in newest.values():
        origin = "edit" if each.kind == "edit" else "thumb"
        branch = store.messages(places[each.message], each.message) if each.message in places else []
        if origin in options.origins and len(branch) > 1 and branch[-1].role == "assistant":
            yield from feedback_rows(each, branch, places[each.message])


def feedback_rows(judged: Feedback, branch: Sequence[StoredMessage], conversation: str) -> list[Row]:
    """Return the rows of one judgement; ``branch`` ends with the judged answer.

    An edit that changes nothing, and a judgement of an empty answer, give none.
    """
    answer = branch[-1].content
    prompt = _prompt(branch)
    if prompt is None or not answer.strip():
        return []
    marks: Row = {"group": conversation, "user": judged.author, "message": judged.message}
    marks |= {"reason": judged.reason} if judged.reason else {}
    marks |= {"tags": list(judged.tags)} if judged.tags else {}
    if judged.kind in ("up", "down"):
        marks |= {"comment": judged.text} if judged.text else {}
        label = {"completion": answer, "label": judged.kind == "up"}
        return [{"id": f"thumb-{judged.id}"} | prompt | label | {"origin": "thumb"} | marks]
    if judged.text.strip() == answer.strip():
        return []
    target = {"id": f"edit-{judged.id}"} | prompt | {"answer": judged.text, "origin": "edit"} | marks
    pair = {"chosen": judged.text, "rejected": answer, "origin": "edit"}
    return [target, {"id": f"edit-{judged.id}-pair"} | prompt | pair | marks]


def vote_rows(vote: Vote) -> list[Row]:
    """Return the pairs of one vote; a tie is a pair marked ``tie``, ``both_bad`` is a bad label for each."""
    answers = [(name, text) for name, text in zip(vote.variants, vote.answers, strict=False) if text.strip()]
    start: Row = {"question": vote.question}
    marks = {"origin": "vote", "user": vote.author, "group": vote.item or f"vote-{vote.id}"}
    marks |= {"task": vote.task} if vote.task else {}
    rows: list[Row] = []
    if vote.choice == "both_bad":
        for name, text in answers:
            rows.append(start | {"completion": text, "label": False} | marks | {"variant": name})
    elif vote.choice == "tie":
        for (one, first), (other, second) in combinations(answers, 2):
            rows.append(start | {"chosen": first, "rejected": second, "tie": True} | marks | {"variants": [one, other]})
    else:
        chosen = dict(answers).get(vote.choice)
        for name, text in answers if chosen is not None else ():
            if name != vote.choice and text != chosen:
                pair = {"chosen": chosen, "rejected": text}
                rows.append(start | pair | marks | {"variants": [vote.choice, name], "blind": vote.blind})
    return [{"id": f"vote-{vote.id}-{number}"} | row for number, row in enumerate(rows, 1)]


def _regenerated(store: Store, conversation: str) -> Iterator[Row]:
    """Yield pairs of an answer that the chat went on with and its siblings that it did not."""
    branch = store.messages(conversation)
    for place, message in enumerate(branch):
        kept = place + 1 < len(branch)  # somebody went on from here: that is what makes it kept
        if message.role != "assistant" or message.status != "done" or len(message.siblings) < 2 or not kept:
            continue
        prompt = _prompt(branch[: place + 1])
        for other in message.siblings if prompt is not None else ():
            refused = store.message(other)
            if (
                other == message.id
                or refused.status != "done"
                or refused.content.strip() in ("", message.content.strip())
            ):
                continue
            pair = {"chosen": message.content, "rejected": refused.content, "weak": True, "origin": "regenerate"}
            yield (
                {"id": f"again-{message.id}-{other}"} | (prompt or {}) | pair | {"group": conversation, "user": "local"}
            )


def _prompt(branch: Sequence[StoredMessage]) -> Row | None:
    """Return question, history and passages of the answer a branch ends with."""
    turns = [{"role": message.role, "content": message.content} for message in branch[:-1]]
    if not turns or turns[-1]["role"] != "user" or not all(turn["content"].strip() for turn in turns):
        return None
    row: Row = {"question": turns[-1]["content"], "language": language_of(turns[-1]["content"])}
    if len(turns) > 1:
        row["history"] = turns[:-1]
    if passages := [str(passage["text"]) for passage in branch[-1].passages if passage.get("text")]:
        row["passages"] = passages
    return row
