"""Rows of the state database as frozen values."""

import secrets
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Conversation:
    """One chat in the sidebar; times are seconds since 1970."""

    id: str
    title: str
    variant: str
    created: float
    updated: float


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message of a branch; ``siblings`` are the ids that share its parent, oldest first."""

    id: str
    parent: str | None
    role: str
    content: str
    status: str
    receipt: dict[str, Any] | None
    passages: list[dict[str, Any]]
    notices: list[dict[str, Any]]
    created: float
    siblings: list[str]


@dataclass(frozen=True, slots=True)
class Feedback:
    """A thumb or a correction of one answer; never changed, only added to."""

    id: str
    message: str
    kind: str
    text: str
    reason: str
    tags: list[str]
    author: str
    created: float


@dataclass(frozen=True, slots=True)
class Vote:
    """One side-by-side vote; ``choice`` is a variant's name, ``tie`` or ``both_bad``.

    ``task``, ``suite`` and ``item`` (its id there) are empty for a question nobody has filed.
    """

    id: str
    question: str
    language: str
    variants: list[str]
    answers: list[str]
    receipts: list[dict[str, Any]]
    choice: str
    blind: bool
    author: str
    created: float
    task: str = ""
    suite: str = ""
    item: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a reviewer decided about a candidate; ``number`` counts decisions in the order they came.

    ``action`` is ``accept``, ``fix`` (``text`` is the better answer), ``reject`` or ``tag``.
    """

    number: int
    candidate: str
    reviewer: str
    action: str
    text: str
    tags: list[str]
    dataset: str
    created: float


def new_id() -> str:
    """Return a fresh random id that is safe as a file name."""
    return secrets.token_hex(8)
