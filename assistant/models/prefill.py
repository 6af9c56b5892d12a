"""In which parts new prompts are read, so that no beginning is read twice and little padding at all.

Reading a prompt is arithmetic that no larger batch makes cheaper. What several prompts have in common
(instructions, worked examples, a passage that several questions found) need only be read once: a row goes
on from the keys and values of a live row that begins alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from assistant.models.batch import Row

WORTH = 32  # fewer tokens in common are read again
OVERHEAD = 32  # tokens that could be read in the time a part of its own costs


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that start together; ``known`` holds for each the live row that begins alike, and how many tokens that is.

    With 0 tokens the row is read whole.
    """

    rows: list[Row] = field(default_factory=list)
    known: list[tuple[Row, int]] = field(default_factory=list)


def plan(waiting: Sequence[Row], live: Sequence[Row]) -> tuple[list[Part], list[Row]]:
    """Return the parts to read now, and the rows that had better wait until those are live.

    Args:
        waiting: rows of one lane; the first of them is never told to wait.
        live: the rows they will join.
    """
    now: list[tuple[int, Row, Row, int]] = []
    later: list[Row] = []
    for row in waiting:
        friend, tokens = most_alike(row, live)
        if most_alike(row, [each for _, each, _, _ in now])[1] >= tokens + WORTH:
            later.append(row)
        else:
            now.append((len(row.prompt) - tokens, row, friend, tokens))
    return _alike_in_length(now), later


def _alike_in_length(found: list[tuple[int, Row, Row, int]]) -> list[Part]:
    """Put rows together whose unread parts are about as long: a shorter one is padded."""
    parts: list[Part] = []
    longest = 0
    for unread, row, friend, tokens in sorted(found, key=lambda each: -each[0]):
        if not parts or 2 * unread + OVERHEAD < longest:
            parts.append(Part())
            longest = unread
        parts[-1].rows.append(row)
        parts[-1].known.append((friend, tokens))
    return parts


def most_alike(row: Row, others: Sequence[Row]) -> tuple[Row, int]:
    """Return the row of the same adapter that begins most like this one, and the tokens that both begin with.

    At least one token is left to be read: it gives the first logits. 0 tokens where it is not worth it.
    """
    best, most = row, 0
    for other in others:
        if other.adapter == row.adapter and other.prompt[:WORTH] == row.prompt[:WORTH]:
            tokens = min(in_common(row.prompt, other.prompt), len(row.prompt) - 1)
            if tokens > most:
                best, most = other, tokens
    return (best, most) if most >= WORTH else (row, 0)


def in_common(first: Sequence[int], second: Sequence[int]) -> int:
    """Return how many tokens both begin with."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
