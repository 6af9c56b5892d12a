"""How answers are scored: exact match, F1 of words and of letters, refusals, loops."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence

from .words import REFUSAL

_REFUSING = re.compile(
    r"찾을 수 없|알 수 없|모르겠|정보가 없|not sure"
    r"|(can't|cannot|could not|don't) (find|know|tell)|(do not|don't) have any",
    re.IGNORECASE,
)


def normal(text: str) -> str:
    """Return text without case, punctuation and English articles, as SQuAD's evaluation compares it."""
    text = re.sub(r"\b(a|an|the)\b", " ", text.casefold())
    return " ".join(re.sub(r"[\"'.,!?()\[\]‘’“”]", "", text).split())


def exact(answer: str, references: Sequence[str]) -> float:
    """Return 1.0 where the answer equals a reference after ``normal``."""
    return float(any(normal(answer) == normal(reference) for reference in references))


def _overlap(left: Sequence[str], right: Sequence[str]) -> float:
    shared = sum((Counter(left) & Counter(right)).values())
    return 2 * shared / (len(left) + len(right)) if shared else 0.0


def letter_f1(answer: str, references: Sequence[str]) -> float:
    """Return the best F1 by characters without spaces, the usual measure of Korean reading sets."""
    return max(_overlap(normal(answer).replace(" ", ""), normal(r).replace(" ", "")) for r in references)


def word_f1(answer: str, references: Sequence[str], language: str) -> float:
    """Return the best F1 by content words; Korean by morphemes without particles, as the product's own metric."""
    from eval.metrics.text import tokens

    code = "ko" if language == "ko" else "en"
    words = tokens(answer, code)
    return max(_overlap(words, tokens(r, code)) for r in references)


def refuses(answer: str) -> bool:
    """Return whether an answer says that it has none."""
    return answer.strip() in REFUSAL.values() or bool(_REFUSING.search(answer))


def loops(answer: str) -> bool:
    """Return whether the end of an answer repeats itself: a piece of 2 to 40 letters three times in a row."""
    return bool(re.search(r"(.{2,40}?)\1\1$", " " + answer.strip())) or bool(re.search(r"(\S+)( \1){3}", answer))


def valid_form(answer: str, kind: str, shown: Sequence[str]) -> bool:
    """Return whether an answer has the form of the examples: one of their labels, or JSON with their keys."""
    if kind == "label":
        return answer.strip() in shown
    try:
        row = json.loads(answer)
        return isinstance(row, dict) and set(row) == set(json.loads(shown[0]))
    except json.JSONDecodeError:
        return False
