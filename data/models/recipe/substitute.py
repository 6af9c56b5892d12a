"""Replace names, numbers and dates alike in a passage, its questions and its answers.

A model that has seen the original text cannot answer from memory then: the answer is only in the
passage. A replaced Korean name keeps the kind of its final sound, so particles after it stay right.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from .names import Names
from .words import ends_in_rieul, has_final

Pairs = list[tuple[str, str]]
_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+|\d+\.\d+|\d+")
_MONTHS = ["January", "February", "March", "April", "May", "June", "July"]
_MONTHS += ["August", "September", "October", "November", "December"]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_LIMITS = {"월": 12, "일": 28, "시": 12, "분": 59, "세": 95, "%": 99}
Pool = dict[str, list[str]]


def sound_class(name: str) -> str:
    """Return how a Korean word ends for its particles: vowel, ㄹ or another consonant."""
    return "vowel" if not has_final(name) else "rieul" if ends_in_rieul(name) else "consonant"


def make_pool(names: Sequence[str], language: str) -> Pool:
    """Sort real names for drawing: Korean ones by their final sound, English ones in one list."""
    pool: Pool = {}
    for name in sorted(set(names)):
        pool.setdefault(sound_class(name) if language == "ko" else "any", []).append(name)
    return pool


class Substitution:
    """One consistent replacement; apply it to every text of an example."""

    def __init__(self, language: str, names: Sequence[str], pool: Pool, rng: random.Random, rate: float = 0.75) -> None:
        self.language, self.random, self.pool = language, rng, pool
        self.maker = Names(rng)
        self.numbers: dict[str, str] = {}
        taken: set[str] = set(names)
        self.names: dict[str, str] = {}
        for name in names:
            if rng.random() < rate:
                self.names[name] = self._name(name, taken)
                taken.add(self.names[name])
        edge = r"(?<![가-힣])" if language == "ko" else r"\b"
        ordered = sorted(self.names, key=len, reverse=True)
        close = "" if language == "ko" else r"\b"
        self.pattern = re.compile(edge + "(" + "|".join(map(re.escape, ordered)) + ")" + close) if ordered else None

    def _name(self, name: str, taken: set[str]) -> str:
        """Return another name of the same kind that no text of the example holds yet."""
        for months in (_MONTHS, _DAYS):
            if name in months:
                free = [m for m in months if m not in taken] or months
                return self.random.choice(free)
        choices = self.pool.get(sound_class(name) if self.language == "ko" else "any", [])
        for _ in range(20):
            invent = self.random.random() < 0.3 or not choices
            made = self.maker.word(self.language) if invent else self.random.choice(choices)
            if made not in taken and (self.language == "en" or sound_class(made) == sound_class(name)):
                return made
        return name

    def _number(self, match: re.Match[str]) -> str:
        old = match[0]
        if old not in self.numbers:
            following = match.string[match.end() : match.end() + 1]
            for _ in range(30):
                new = self._draw(old, following)
                if new not in self.numbers.values() and new not in self.numbers:
                    break
            self.numbers[old] = new
        return self.numbers[old]

    def _draw(self, old: str, following: str) -> str:
        rng = self.random
        if old.isdigit() and len(old) == 4 and old[0] in "12":
            return str(rng.randint(1100, 2040))
        if old.isdigit() and following in _LIMITS and len(old) <= 2:
            return str(rng.randint(1, _LIMITS[following]))
        return re.sub(r"\d", lambda m: str(rng.randint(1 if m.start() == 0 else 0, 9)), old)

    def apply(self, text: str) -> str:
        """Return ``text`` with everything replaced; equal words are replaced equally in every text."""
        text = _NUMBER.sub(self._number, text)
        return self.pattern.sub(lambda m: self.names[m[1]], text) if self.pattern else text


def substitute(
    context: str, pairs: Pairs, names: Sequence[str], language: str, pool: Pool, rng: random.Random
) -> tuple[str, Pairs]:
    """Return passage and pairs with names, numbers and dates replaced.

    Pairs whose answer was in the passage and is not in the new one are dropped; with none left the
    originals come back.
    """
    swap = Substitution(language, [name for name in names if name in context], pool, rng)
    changed = swap.apply(context)
    kept = []
    for question, answer in pairs:
        new_question, new_answer = swap.apply(question), swap.apply(answer)
        if answer not in context or new_answer in changed:
            kept.append((new_question, new_answer))
    return (changed, kept) if kept else (context, pairs)
