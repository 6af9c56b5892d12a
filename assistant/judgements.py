"""What people said of answers (thumbs, corrections, votes), what reviewers decided, and consent; only added to."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Engine, insert, select

from assistant.errors import InputError, UsageError
from assistant.records import Decision, Feedback, Vote, new_id
from assistant.schema import normalise
from assistant.tables import consents, decisions, feedback, messages, votes

FEEDBACK_KINDS = ("up", "down", "edit")
ACTIONS = ("accept", "fix", "reject", "tag")
NO_WINNER = ("tie", "both_bad")
MOST_COMPARED = 4
ROWS_A_STATEMENT = 1000
VOTE_HINT = "vote for one of two to four compared variants, for tie or for both_bad"


class Judgements:
    """The feedback and vote half of :class:`assistant.store.Store`."""

    engine: Engine

    def _write(self, *statements: Any, news: bool = True) -> None:
        raise NotImplementedError

    def _changed(self, message: str) -> None:
        """Tell the pages that show a message."""
        raise NotImplementedError

    def add_feedback(
        self,
        message: str,
        kind: str,
        *,
        text: str = "",
        reason: str = "",
        tags: Sequence[str] = (),
        author: str = "local",
    ) -> str:
        """Keep a thumb (``up``, ``down``) or a correction (``edit`` with the better ``text``).

        Raises:
            InputError: another kind, or an edit without text.
            UsageError: the author refused that anything of theirs is collected.
        """
        if kind not in FEEDBACK_KINDS or (kind == "edit" and not text.strip()):
            raise InputError(f"feedback {kind!r} cannot be kept", f"use one of {FEEDBACK_KINDS}; an edit needs text")
        self._refuse_unwilling([author])
        key = new_id()
        row = {"id": key, "message": message, "kind": kind, "text": normalise(text), "reason": normalise(reason)}
        self._write(insert(feedback).values(**row, tags=list(tags), author=author, created=time.time()))
        self._changed(message)
        return key

    def feedback(self, message: str | None = None) -> list[Feedback]:
        """Return feedback in the order it came, of one message or of all."""
        query = select(feedback).order_by(feedback.c.created)
        if message is not None:
            query = query.where(feedback.c.message == message)
        with self.engine.connect() as connection:
            return [Feedback(**row._mapping) for row in connection.execute(query)]

    def feedback_in(self, conversation: str) -> dict[str, list[Feedback]]:
        """Return the feedback on a conversation's messages, by message, in the order it came."""
        inside = select(messages.c.id).where(messages.c.conversation == conversation)
        query = select(feedback).where(feedback.c.message.in_(inside)).order_by(feedback.c.created)
        found: dict[str, list[Feedback]] = {}
        with self.engine.connect() as connection:
            for row in connection.execute(query):
                found.setdefault(row.message, []).append(Feedback(**row._mapping))
        return found

    def conversations_of(self, judged: Sequence[Feedback]) -> dict[str, str]:
        """Return for each judged message the conversation that it stands in."""
        wanted = sorted({each.message for each in judged})
        found: dict[str, str] = {}
        with self.engine.connect() as connection:
            for start in range(0, len(wanted), ROWS_A_STATEMENT):
                some = messages.c.id.in_(wanted[start : start + ROWS_A_STATEMENT])
                query = select(messages.c.id, messages.c.conversation).where(some)
                found.update({row.id: row.conversation for row in connection.execute(query)})
        return found

    def add_vote(
        self,
        question: str,
        variants: Sequence[str],
        answers: Sequence[str],
        receipts: Sequence[Mapping[str, Any]],
        choice: str,
        *,
        blind: bool,
        language: str,
        author: str = "local",
        task: str = "",
        suite: str = "",
        item: str = "",
    ) -> str:
        """Keep a side-by-side vote, ties included; ``task``, ``suite`` and ``item`` where they are known.

        Raises:
            InputError: it is no vote, e.g. for something that was not compared.
            UsageError: the author refused that anything of theirs is collected.
        """
        shown = (normalise(question), language, list(variants), list(answers), [dict(r) for r in receipts])
        vote = Vote(new_id(), *shown, choice, blind, author, time.time(), task, suite, item)
        self.add_votes([vote])
        return vote.id

    def add_votes(self, added: Sequence[Vote]) -> None:
        """Keep whole votes, e.g. imported ones, all or none.

        Raises:
            InputError: one of them is no vote.
            UsageError: one of the authors refused that anything of theirs is collected.
        """
        for vote in added:
            problem = vote_problem(vote)
            if problem:
                raise InputError(f"this vote cannot be kept: {problem}", VOTE_HINT)
        self._refuse_unwilling(vote.author for vote in added)
        rows = [asdict(vote) for vote in added]
        # In parts, as SQLite takes only so many values a statement; still one transaction.
        self._write(
            *(insert(votes).values(rows[at : at + ROWS_A_STATEMENT]) for at in range(0, len(rows), ROWS_A_STATEMENT))
        )

    def votes(self) -> list[Vote]:
        """Return all votes in the order they came."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(votes).order_by(votes.c.created, votes.c.id))
            return [Vote(**row._mapping) for row in rows]

    def add_decision(
        self,
        candidate: str,
        action: str,
        *,
        reviewer: str = "local",
        text: str = "",
        tags: Sequence[str] = (),
        dataset: str = "",
    ) -> None:
        """Keep what a reviewer decided about a candidate; an earlier decision of theirs stays on record.

        Raises:
            InputError: another action, a fix without text, or a tag without tags.
        """
        empty = (action == "fix" and not text.strip()) or (action == "tag" and not tags)
        if action not in ACTIONS or empty:
            raise InputError(f"decision {action!r} cannot be kept", f"use one of {ACTIONS}; fix needs text, tag tags")
        row: dict[str, Any] = {
            "candidate": candidate,
            "reviewer": reviewer,
            "action": action,
            "text": normalise(text.strip()),
        }
        row |= {"dataset": dataset, "tags": [normalise(tag) for tag in tags], "created": time.time()}
        self._write(insert(decisions).values(row), news=False)  # no chat looks different for it

    def decisions(self) -> list[Decision]:
        """Return every decision in the order it came."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(decisions).order_by(decisions.c.number))
            return [Decision(**row._mapping) for row in rows]

    def set_consent(self, author: str, allowed: bool) -> None:
        """Keep whether what a person does may become training data; the newest word counts."""
        self._write(insert(consents).values(author=author, allowed=allowed, created=time.time()))

    def refusing(self, moment: float | None = None) -> frozenset[str]:
        """Return the people of whom nothing may be collected, now or at a moment (seconds since 1970)."""
        query = select(consents).order_by(consents.c.number)
        with self.engine.connect() as connection:
            rows = connection.execute(query if moment is None else query.where(consents.c.created <= moment))
            newest = {row.author: row.allowed for row in rows}
        return frozenset(author for author, allowed in newest.items() if not allowed)

    def _refuse_unwilling(self, authors: Iterable[str]) -> None:
        if unwilling := sorted(self.refusing() & set(authors)):
            message = f"{unwilling[0]!r} refused that anything is collected; nothing was kept"
            raise UsageError(message, f"to collect again: joyul data review allow {unwilling[0]}")


def vote_problem(vote: Vote) -> str:
    """Return why a vote says nothing that can be counted; empty where it does."""
    names = vote.variants
    if not 2 <= len(set(names)) == len(names) <= MOST_COMPARED or set(names) & set(NO_WINNER):
        return f"variants: expected two to four different names, found {names!r:.80}"
    if not len(vote.answers) == len(vote.receipts) == len(names):
        return f"answers, receipts: expected one of each for {len(names)} variants"
    if vote.choice not in (*names, *NO_WINNER):
        return f"choice: {vote.choice!r:.80} was not compared"
    return "" if vote.question.strip() else "question: is empty"
