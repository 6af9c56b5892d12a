"""Votes as pairs: who beat whom, counted once a person and item.

A vote on two to four answers becomes pairs: the winner beats each other answer (nothing is known
about the others among themselves), a tie is a tie among all, and "all bad" stays "all bad": it says
that neither answer will do, not that they are equally good, so it is no tie for a ranking.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from assistant.records import Vote
from assistant.schema import normalise

Outcome = Literal["first", "second", "tie", "bad"]
TIE, BAD = "tie", "both_bad"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to one question that a person compared; names are in alphabetical order.

    ``outcome`` says which was better, ``tie``, or ``bad`` where no answer of the vote would do.
    """

    vote: str
    author: str
    question: str
    language: str
    task: str
    suite: str
    item: str
    first: str
    second: str
    outcome: Outcome
    first_answer: str
    second_answer: str
    first_fingerprint: str
    second_fingerprint: str
    blind: bool


def ballot(vote: Vote) -> tuple[str, str, tuple[str, ...]]:
    """Return what makes two votes the same person's on the same thing: person, question, variants."""
    return vote.author, item_of(vote), tuple(sorted(vote.variants))


def item_of(vote: Vote) -> str:
    """Return the question as the name of its item; spacing and composition of Hangul do not count."""
    return " ".join(normalise(vote.question).split())


def counted(votes: Iterable[Vote], *, blind: bool = True) -> list[Vote]:
    """Return the votes that count, in time order: of each person and item the latest one.

    Args:
        votes: the whole history, in any order.
        blind: votes cast without seeing names, or those cast with names shown; never both.
    """
    return _once(votes, blind, latest=True)


def first_votes(votes: Iterable[Vote], *, blind: bool = True) -> list[Vote]:
    """Return each person's first vote on each item, for the stopping rule.

    A vote reveals who is who, so voting again on the same question is neither blind nor a new coin:
    thrown again until it lands right, a fair coin would settle everything.
    """
    return _once(votes, blind, latest=False)


def _once(votes: Iterable[Vote], blind: bool, latest: bool) -> list[Vote]:
    chosen: dict[tuple[str, str, tuple[str, ...]], Vote] = {}
    for vote in sorted(votes, key=lambda vote: (vote.created, vote.id)):
        if vote.blind == blind and (latest or ballot(vote) not in chosen):
            chosen[ballot(vote)] = vote
    return sorted(chosen.values(), key=lambda vote: (vote.created, vote.id))


def pairs_of(vote: Vote) -> list[Pair]:
    """Return what a vote says about each two of its variants."""
    fingerprints = [str(receipt.get("fingerprint") or "") for receipt in vote.receipts]
    seen = sorted(
        zip(vote.variants, _filled(vote.answers, vote), _filled(fingerprints, vote), strict=True),
        key=lambda row: row[0],
    )
    shared = (vote.id, vote.author, vote.question, vote.language, vote.task, vote.suite, vote.item)
    found = []
    for (first, one, mark), (second, other, other_mark) in combinations(seen, 2):
        outcome = _outcome(vote.choice, first, second)
        if outcome is not None:
            found.append(Pair(*shared, first, second, outcome, one, other, mark, other_mark, vote.blind))
    return found


def human_pairs(votes: Iterable[Vote], *, blind: bool = True) -> list[Pair]:
    """Return the pairs of the votes that count (:func:`counted`), for rankings and for the audit of a judge."""
    return [pair for vote in counted(votes, blind=blind) for pair in pairs_of(vote)]


def _outcome(choice: str, first: str, second: str) -> Outcome | None:
    if choice == TIE:
        return "tie"
    if choice == BAD:
        return "bad"
    return "first" if choice == first else "second" if choice == second else None


def _filled(values: list[str], vote: Vote) -> list[str]:
    return values if len(values) == len(vote.variants) else [""] * len(vote.variants)
