"""Which passages an answer rests on: the numbers it cites, checked, or else the passages it copied from."""

import re
from collections.abc import Sequence

from assistant.schema import Passage, normalise

_MARK = re.compile(r"\[(\d{1,2})\]")
_SPACE = re.compile(r"[\s\W_]+", re.UNICODE)


def cite(answer: str, passages: Sequence[Passage]) -> list[int]:
    """Return the 1-based numbers of the passages that an answer rests on, best first.

    Numbers that the answer itself cites count where such a passage exists. An answer without
    marks is attributed to every passage that contains it literally, after NFC and with case,
    spaces and punctuation set aside; a longer one to the passage that holds most of its words,
    if it holds at least half.
    """
    marked = [int(number) for number in _MARK.findall(answer)]
    known = [number for number in dict.fromkeys(marked) if 1 <= number <= len(passages)]
    if known:
        return known
    needle = _squeeze(answer)
    if not needle:
        return []
    literal = [number for number, passage in enumerate(passages, 1) if needle in _squeeze(passage.text)]
    return literal or _by_words(answer, passages)


def false_marks(answer: str, passages: Sequence[Passage]) -> list[int]:
    """Return the numbers an answer cites although no such passage was shown."""
    return sorted({int(number) for number in _MARK.findall(answer)} - set(range(1, len(passages) + 1)))


def _by_words(answer: str, passages: Sequence[Passage]) -> list[int]:
    words = [_squeeze(word) for word in answer.split()]
    words = [word for word in words if len(word) > 1]
    if not words:
        return []
    shares = [
        (sum(word in _squeeze(passage.text) for word in words) / len(words), -number)
        for number, passage in enumerate(passages, 1)
    ]
    best, number = max(shares, default=(0.0, 0))
    return [-number] if best >= 0.5 else []


def _squeeze(text: str) -> str:
    return _SPACE.sub("", normalise(text).casefold())
