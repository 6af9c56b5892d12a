"""Korean sentences taken apart for questions: noun phrases with particles, and their question words.

Morphemes are Kiwi's (tags of the Sejong set). Offsets are characters of the analysed sentence.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
NOUNS = {"NNG", "NNP", "NNB", "NR", "SN", "SL", "SH", "XSN", "XPN", "MM", "SW"}
CASES = {"JKS", "JKO", "JKB", "JX"}


@dataclass(frozen=True, slots=True)
class Morpheme:
    """One morpheme: form, tag, character offsets and the number of its space-separated word."""

    form: str
    tag: str
    start: int
    end: int
    word: int


@dataclass(frozen=True, slots=True)
class Phrase:
    """A noun phrase and its particle: words ``first`` to ``last``, its text and its nouns."""

    first: int
    last: int
    start: int
    text: str
    nouns: tuple[Morpheme, ...]
    particle: str
    tag: str


@cache
def lists() -> dict[str, Any]:
    """Return the word lists of ``texts/korean.yaml``."""
    content: dict[str, Any] = yaml.safe_load((HERE / "texts" / "korean.yaml").read_text("utf-8"))
    return content


def morphemes(sentence: str, tokens: Any) -> list[Morpheme]:
    """Return Kiwi's tokens as plain values; a new word begins where a space parts two tokens."""
    parts: list[Morpheme] = []
    word = 0
    for token in tokens:
        if parts and " " in sentence[parts[-1].end : token.start]:
            word += 1
        parts.append(Morpheme(token.form, str(token.tag), token.start, token.start + token.len, word))
    return parts


def words_of(parts: list[Morpheme]) -> list[list[Morpheme]]:
    """Group morphemes by their space-separated word; words Kiwi skips stay empty."""
    groups: list[list[Morpheme]] = [[] for _ in range(parts[-1].word + 1)]
    for part in parts:
        groups[part.word].append(part)
    return groups


def _bare(word: list[Morpheme]) -> bool:
    return bool(word) and all(p.tag in NOUNS for p in word)


def _genitive(word: list[Morpheme]) -> bool:
    return len(word) > 1 and word[-1].tag == "JKG" and all(p.tag in NOUNS for p in word[:-1])


def phrase_at(sentence: str, words: list[list[Morpheme]], index: int, rng: random.Random) -> Phrase | None:
    """Return the noun phrase whose particle closes word ``index``, with its modifiers to the left.

    ``None`` where the word is no noun with one particle, or the phrase is an empty word.
    """
    word = words[index]
    cut = next((i for i, p in enumerate(word) if p.tag not in NOUNS), len(word))
    tail = word[cut:]
    if not cut or not tail or tail[0].tag not in CASES or any(p.tag not in CASES for p in tail):
        return None
    first, nouns = index, word[:cut]
    genitives = 0
    while first > 0 and index - first < 4:
        before = words[first - 1]
        if _genitive(before) and genitives < 1 and rng.random() < 0.8:
            genitives += 1
        elif not _bare(before) or before[-1].form in lists()["time_ends"] or before[-1].form in lists()["dull"]:
            break
        nouns = [p for p in before if p.tag in NOUNS] + nouns
        first -= 1
    text = sentence[words[first][0].start : word[cut - 1].end]
    particle = "".join(p.form for p in tail[:1]) if len(tail) == 1 else sentence[word[cut - 1].end : word[-1].end]
    if nouns[-1].form == "적" or (nouns[0].tag == "MM" and nouns[0].form in ("이", "그", "저")):
        return None
    if first and words[first - 1] and (words[first - 1][-1].tag == "JC" or words[first - 1][-1].form in ("및", "또는")):
        return None
    if not 2 <= len(text) <= 32 or nouns[-1].form in lists()["dull"] or text.count("(") != text.count(")"):
        return None
    return Phrase(first, index, words[first][0].start, text, tuple(nouns), particle, tail[0].tag)


def is_person(phrase: Phrase) -> bool:
    """Guess whether a phrase names a person: a title noun, or a Korean name of three syllables."""
    last = phrase.nouns[-1] if phrase.nouns[-1].form != "들" or len(phrase.nouns) < 2 else phrase.nouns[-2]
    if last.form in lists()["person_nouns"]:
        return True
    name = last.form
    shaped = last.tag == "NNP" and len(name) == 3 and name[-1] not in "시도군구산강역국"
    return shaped and name[0] in lists()["surnames"]


def is_time(phrase: Phrase) -> bool:
    """Return whether the head noun is a time, as ``1934년`` or ``여름``."""
    head = phrase.nouns[-1].form
    return head in lists()["time_ends"] and (len(head) > 1 or len(phrase.nouns) > 1)


def is_place(phrase: Phrase) -> bool:
    """Return whether the head noun ends like a place name."""
    head = phrase.nouns[-1].form
    return any(head.endswith(end) and (len(head) > len(end) or len(end) > 1) for end in lists()["place_ends"])


def amount_word(phrase: Phrase) -> str:
    """Return the question word for a number with a unit (``몇 명``, ``얼마``), or an empty string."""
    numbers = [p for p in phrase.nouns if p.tag in ("SN", "NR") or (p.tag == "MM" and p.form in _NUMERALS)]
    if not numbers or len(phrase.nouns) < 2:
        return ""
    unit = phrase.nouns[-1].form
    if unit in lists()["amount_units"] or phrase.nouns[-1].tag == "SW":
        return "얼마"
    return f"몇 {unit}" if unit in lists()["count_units"] else ""


_NUMERALS = {"한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉", "열", "스무", "몇십", "수십"}


def question_word(phrase: Phrase, predicate: str, rng: random.Random) -> str:
    """Return the word that asks for a phrase: who, where, when, how many, which kind, what."""
    amount = amount_word(phrase)
    if is_time(phrase):
        return rng.choice(["언제", amount]) if amount.endswith(("년", "시", "월")) else "언제"
    if amount:
        return amount
    if is_person(phrase) or phrase.particle in ("에게", "한테", "에게서"):
        return "누구"
    if phrase.particle in ("에서", "에") and (is_place(phrase) or predicate in ("있", "위치", "살", "거주")):
        return "어디"
    if is_place(phrase) and phrase.particle in ("으로", "로", "까지", "부터") and rng.random() < 0.8:
        return "어디"
    head = phrase.nouns[-1]
    if len(phrase.nouns) > 1 and head.tag == "NNG" and len(head.form) > 1 and rng.random() < 0.45:
        return f"{rng.choice(['어떤', '무슨', '어느'])} {head.form}"
    return "무엇"
