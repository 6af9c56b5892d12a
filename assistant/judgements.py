"""What people said of answers: thumbs, corrections and votes; only ever added to."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, insert, select

from assistant.errors import InputError
from assistant.records import Feedback, Vote, new_id
from assistant.schema import normalise
from assistant.tables import feedback, votes

FEEDBACK_KINDS = ("up", "down", "edit")


class Judgements:
    """The feedback and vote half of :class:`assistant.store.Store`."""

    engine: Engine

    def _write(self, *statements: Any) -> None:
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
        """
        if kind not in FEEDBACK_KINDS or (kind == "edit" and not text.strip()):
            raise InputError(f"feedback {kind!r} cannot be kept", f"use one of {FEEDBACK_KINDS}; an edit needs text")
        key = new_id()
        row = {"id": key, "message": message, "kind": kind, "text": normalise(text), "reason": normalise(reason)}
        self._write(insert(feedback).values(**row, tags=list(tags), author=author, created=time.time()))
        return key

    def feedback(self, message: str | None = None) -> list[Feedback]:
        """Return feedback in the order it came, of one message or of all."""
        query = select(feedback).order_by(feedback.c.created)
        if message is not None:
            query = query.where(feedback.c.message == message)
        with self.engine.connect() as connection:
            return [Feedback(**row._mapping) for row in connection.execute(query)]

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
    ) -> str:
        """Keep a side-by-side vote, ties included.

        Raises:
            InputError: the choice is neither a compared variant nor ``tie`` nor ``both_bad``.
        """
        if choice not in (*variants, "tie", "both_bad"):
            raise InputError(f"vote for {choice!r} cannot be kept", "vote for a compared variant, tie or both_bad")
        key = new_id()
        row = {"id": key, "question": normalise(question), "variants": list(variants), "answers": list(answers)}
        more = {"receipts": [dict(r) for r in receipts], "choice": choice, "blind": blind, "language": language}
        self._write(insert(votes).values(**row, **more, author=author, created=time.time()))
        return key

    def votes(self) -> list[Vote]:
        """Return all votes in the order they came."""
        with self.engine.connect() as connection:
            return [Vote(**row._mapping) for row in connection.execute(select(votes).order_by(votes.c.created))]
