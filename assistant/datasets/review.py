"""The review queue: candidates out of feedback, what people decided about them, and the version that follows.

A candidate is one judgement with its rows (see :mod:`assistant.datasets.feedback`), an answer that
somebody kept on the Compare page, or a row that a model made. Each reviewer's newest ``accept``, ``fix`` or
``reject`` counts; where two disagree, the candidate is ``disputed`` and stays out until one of them changes
their mind. A version follows from the decisions: later ones take rows out of the next version again,
earlier versions stay.
"""

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from assistant.collect import EXAMPLES, SYNTHETIC, read
from assistant.datasets.feedback import ORIGINS as JUDGED
from assistant.datasets.feedback import BuildOptions, rows_of
from assistant.datasets.personal import treat_row
from assistant.datasets.rows import Row, answer_of, content_digest, question_of, text_of
from assistant.datasets.store import DatasetStore, Draft, Version
from assistant.errors import InputError
from assistant.judgements import ACTIONS
from assistant.paths import Home
from assistant.records import Decision, Vote
from assistant.store import Store

ORIGINS = (*JUDGED, "kept", "synthetic")
DATASET = "reviewed"
SETTLING = tuple(action for action in ACTIONS if action != "tag")
State = Literal["open", "taken", "left", "disputed"]
_PROMPT = ("question", "history", "messages", "tools", "language", "passages")
_MARKS = ("group", "user", "message", "task", "reason", "comment", "synthetic")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One judgement: the rows it gives, who made it, and what was decided, oldest first."""

    id: str
    origin: str
    author: str
    rows: tuple[Row, ...]
    decisions: tuple[Decision, ...] = ()

    @property
    def question(self) -> str:
        """What was asked."""
        return question_of(self.rows[0])

    @property
    def answer(self) -> str:
        """The answer that a fix starts from."""
        return answer_of(self.rows[0])

    @property
    def settled(self) -> dict[str, Decision]:
        """Each reviewer's newest decision, tags aside; in the order they came."""
        newest = {each.reviewer: each for each in self.decisions if each.action in SETTLING}
        return dict(sorted(newest.items(), key=lambda pair: pair[1].number))

    @property
    def state(self) -> State:
        """What the decisions together say."""
        takes = {each.action != "reject" for each in self.settled.values()}
        return "open" if not takes else "disputed" if len(takes) > 1 else "taken" if True in takes else "left"

    @property
    def dataset(self) -> str:
        """The dataset it goes to: the newest decision's."""
        return next((each.dataset or DATASET for each in reversed(self.settled.values())), "")

    @property
    def fix(self) -> str:
        """The newest reviewer's own wording; empty where nobody wrote one."""
        return next((each.text for each in reversed(self.settled.values()) if each.action == "fix"), "")

    @property
    def tags(self) -> list[str]:
        """Every tag, of the person who judged and of the reviewers, once each."""
        given = [*self.rows[0].get("tags", ()), *(tag for each in self.decisions for tag in each.tags)]
        return list(dict.fromkeys(given))

    @property
    def number(self) -> int:
        """The newest decision's number; 0 where there is none."""
        return max((each.number for each in self.decisions), default=0)


def candidates(store: Store, votes: Iterable[Vote], home: Home) -> list[Candidate]:
    """Return every candidate there is, in the order of the judgements; none of people who said no.

    ``votes`` are those that count.
    """
    refusing = store.refusing()
    grouped: dict[str, list[Row]] = {}
    for row in rows_of(store, votes, BuildOptions(without=refusing)):
        grouped.setdefault(_candidate_of(row), []).append(row)
    made: dict[str, list[Decision]] = defaultdict(list)
    for decision in store.decisions():
        made[decision.candidate].append(decision)
    # A correction is kept as an example too: it is asked about once, unless somebody decided already.
    corrected = {_said(row) for rows in grouped.values() for row in rows if row["origin"] == "edit" and "answer" in row}
    kept = (row for row in _kept(home) if _said(row) not in corrected or row["id"] in made)
    for row in (*kept, *synthetic_rows(home)):
        if author_of(row) not in refusing:
            grouped[row["id"]] = [row]
    return [
        Candidate(key, rows[0]["origin"], author_of(rows[0]), tuple(rows), tuple(made.get(key, ())))
        for key, rows in grouped.items()
    ]


def _candidate_of(row: Row) -> str:
    key = str(row["id"])
    return key.rpartition("-")[0] if row["origin"] == "vote" else key.removesuffix("-pair")


def _said(row: Row) -> tuple[str, str]:
    return str(row["question"]).strip(), str(row["answer"]).strip()


def _kept(home: Home) -> Iterator[Row]:
    """Yield what was kept as a training example; a line that somebody broke by hand is left out."""
    for line in read(home, EXAMPLES).splitlines():
        try:
            row = json.loads(line)
            key = f"kept-{row['id']}"
            content = {"question": str(row["question"]), "answer": str(row["answer"])}
        except (ValueError, KeyError, TypeError):
            continue
        more = {name: row[name] for name in ("history", "language") if row.get(name)}
        yield {"id": key, **content, **more, "origin": "kept", "user": "local", "group": key}


def synthetic_rows(home: Home) -> Iterator[Row]:
    """Yield what a model made (see :mod:`assistant.datasets.synthetic`); a line that somebody broke is left out."""
    for line in read(home, SYNTHETIC).splitlines():
        try:
            row = json.loads(line)
            whole = row["origin"] == "synthetic" and row["synthetic"]["model"] and row["question"] and row["answer"]
        except (ValueError, KeyError, TypeError):
            continue
        if whole and str(row.get("id", "")).startswith("synthetic-"):
            yield row


def author_of(row: Row) -> str:
    """Return whose doing a row is: a person, or the model that made it."""
    made = row.get("synthetic")
    return str(made["model"]) if isinstance(made, dict) and made.get("model") else str(row.get("user", "local"))


def queue(found: Iterable[Candidate], reviewer: str, origins: Sequence[str] = ORIGINS) -> list[Candidate]:
    """Return what a reviewer has not decided yet: what nobody has comes first."""
    waiting = [each for each in found if each.origin in origins and reviewer not in each.settled]
    return sorted(waiting, key=lambda each: bool(each.settled))


def reviewed_rows(candidate: Candidate) -> list[Row]:
    """Return the rows of an accepted candidate; a fix is a target, and a pair over each answer it replaces."""
    marks: Row = {"candidate": candidate.id} | ({"tags": candidate.tags} if candidate.tags else {})
    if candidate.origin == "synthetic":  # until somebody looked, it must measure nothing
        marks["confirmed"] = [name for name, made in candidate.settled.items() if made.action != "reject"]
    text = candidate.fix
    if not text:
        return [row | marks for row in candidate.rows]
    first = candidate.rows[0]
    prompt = {key: first[key] for key in _PROMPT if key in first}
    marks |= {"origin": candidate.origin} | {key: first[key] for key in _MARKS if key in first}
    worse = [row[key] for row in candidate.rows for key in ("rejected", "completion") if key in row]
    worse += [row["chosen"] for row in candidate.rows if row.get("tie")]
    unlike = [
        each for each in {text_of(each).strip(): each for each in worse}.values() if text_of(each).strip() != text
    ]
    target = {"id": f"{candidate.id}-fixed"} | prompt | {"answer": text} | marks
    pairs = [
        {"id": f"{candidate.id}-fixed-{number}"} | prompt | {"chosen": text, "rejected": each} | marks
        for number, each in enumerate(unlike, 1)
    ]
    return [target, *pairs]


def build_reviewed(
    datasets: DatasetStore, found: Sequence[Candidate], name: str = DATASET, refusing: Iterable[str] = ()
) -> dict[str, Any]:
    """Make the dataset's next version: its rows, less what was taken back, plus what was accepted since.

    Raises:
        InputError: nothing was accepted or taken back since the newest version.
    """
    as_of = time.time()
    with datasets.draft(name) as draft:
        versions = datasets.versions(draft.name)
        parent = versions[-1] if versions else None
        since = int(parent.manifest.notes.get("reviewed", 0)) if parent else 0
        taken = {each.id: each for each in found if each.state == "taken" and each.dataset == draft.name}
        fresh = {row["id"]: row for each in taken.values() for row in reviewed_rows(each)}
        seen: dict[bytes, str] = {}
        removed, changed = _carry_over(draft, parent, fresh, frozenset(refusing), seen)
        # What is not in the parent although it was accepted before, another operation has left out on purpose.
        new = [row for row in fresh.values() if taken[row["candidate"]].number > since]
        added = sum(_take(draft, row, taken[row["candidate"]], seen) for row in new)
        if not added and not removed and not changed:
            raise InputError(
                f"dataset {draft.name!r}: no decision is waiting", "accept or fix candidates first", rows=0
            )
        source = {"file": "review", "format": "joyul", "rows": added, "licence": "", "personal": "mask"}
        until = max((each.number for each in found), default=since)
        operation = {"name": "review", "since": since, "until": until, "as_of": as_of}
        version = draft.commit(operation, parent=parent, sources=[source] if added else [], notes={"reviewed": until})
    counts = {"added": added, "removed": removed, "changed": changed}
    return {"version": version.manifest.ref, "rows": version.manifest.rows, **counts}


def _carry_over(
    draft: Draft, parent: Version | None, fresh: dict[str, Row], refusing: frozenset[str], seen: dict[bytes, str]
) -> tuple[int, int]:
    """Copy the parent's rows that still hold; return how many were removed and how many say something else now."""
    removed = changed = 0
    for row in parent.rows() if parent else ():
        if "candidate" in row:
            newer = fresh.pop(row["id"], None)
            if newer is None:
                removed += 1
                draft.decide({"action": "left out", "reason": "taken back", "row": row["id"]})
                continue
            newer, _ = treat_row(newer)
            changed += content_digest(newer) != content_digest(row)
            row = row | newer  # keeps what later operations added, e.g. its split
        elif row.get("origin") in ORIGINS and author_of(row) in refusing:
            removed += 1
            draft.decide({"action": "left out", "reason": "no consent", "row": row["id"]})
            continue
        seen[content_digest(row)] = draft.add(row)
    return removed, changed


def _take(draft: Draft, row: Row, candidate: Candidate, seen: dict[bytes, str]) -> bool:
    """Add an accepted row unless one says the same; who decided goes to the version's decisions."""
    row, findings = treat_row(row)
    digest = content_digest(row)
    if digest in seen:
        draft.decide({"action": "left out", "reason": "duplicate", "row": row["id"], "of": seen[digest]})
        return False
    seen[digest] = key = draft.add(row, digest)
    for each in candidate.settled.values():
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(each.created))
        draft.decide({"action": each.action, "reason": "review", "row": key, "by": each.reviewer, "when": when})
    for finding in findings:
        draft.personal[f"{finding.kind}:{finding.action}"] += 1
        draft.decide({"action": finding.action, "reason": "personal data", "row": key, **finding.to_json()})
    return True


def pending(datasets: DatasetStore, found: Iterable[Candidate]) -> dict[str, int]:
    """Return, by dataset, how many candidates were decided since its newest version."""
    counts: dict[str, int] = defaultdict(int)
    since: dict[str, int] = {}
    for each in found:
        name = each.dataset
        if name and name not in since:
            versions = datasets.versions(name)
            since[name] = int(versions[-1].manifest.notes.get("reviewed", 0)) if versions else 0
        # A rejection changes a version only where there is one already.
        if name and each.number > since[name] and (each.state == "taken" or since[name]):
            counts[name] += 1
    return dict(counts)
