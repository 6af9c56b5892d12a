"""Reading real text: passages with questions people asked, or that were made by rule for Korean."""

from __future__ import annotations

import random

from ..corpus import sources
from ..frames import grounded, roughen
from ..library import Library, Passage
from ..substitute import Pairs, substitute
from ..words import REFUSAL, Messages, Sample, sentences, window

SWAP, DISTRACT, UNANSWERABLE, MORE_TURNS, REWORD = 0.6, 0.35, 0.08, 0.8, 0.45
# Characters of passage that fit the window with question and answer: tokens carry fewer in Korean.
ROOM = {"en": 1250, "ko": 560}
# Characters of a whole conversation. A further question costs a tenth of its passage, so as many as fit are asked.
WHOLE = {"en": 1550, "ko": 700}
LONGEST_ANSWER = 90


def _without(text: str, answer: str) -> str:
    """Return the passage without every sentence that holds the answer."""
    return " ".join(part for part in sentences(text) if answer not in part)


def _distractors(passage: Passage, others: list[Passage], answer: str, room: int, rng: random.Random) -> list[str]:
    """Return parts of other passages that do not hold the answer, in all at most ``room`` characters."""
    found: list[str] = []
    for _ in range(rng.randint(1, 4)):
        other = rng.choice(others)
        size = min(room, rng.randint(80, 400 if passage.language == "en" else 180))
        text = window(other.text, other.pairs[0][1], size, rng)
        if other.text != passage.text and answer not in text and len(text) <= room:
            found.append(text)
            room -= len(text)
    return found


def _in_other_words(question: str, passage: Passage, rng: random.Random) -> str:
    others = passage.again.get(question)
    return rng.choice(others) if others and rng.random() < REWORD else question


def read(passage: Passage, others: list[Passage], library: Library, rng: random.Random, skill: str) -> Sample | None:
    """Return a conversation on one passage, or ``None`` where no question of it can be used."""
    language = passage.language
    pairs: Pairs = [(q, a) for q, a in passage.pairs if len(a) <= LONGEST_ANSWER]
    if not pairs:
        return None
    rng.shuffle(pairs)
    room = int(ROOM[language] * rng.uniform(0.35, 1.0))
    spread = rng.random() < DISTRACT
    text = window(passage.text, pairs[0][1], int(room * (0.55 if spread else 1.0)), rng)
    first = pairs[0]
    pairs = [first] + [(q, a) for q, a in pairs[1:] if a in text and a != first[1]]
    pairs = [(_in_other_words(q, passage, rng), a) for q, a in pairs]
    if rng.random() < SWAP:
        text, pairs = substitute(text, pairs, passage.names, language, library.pools[language], rng)
    question, answer = pairs[0]
    extractive = answer in text
    if extractive and rng.random() < UNANSWERABLE:
        reduced = _without(text, answer)
        if len(reduced) >= 40 and answer not in reduced:
            text, answer, pairs = reduced, REFUSAL[language], pairs[:1]
    texts = [text, *(_distractors(passage, others, answer, room - len(text), rng) if spread else [])]
    rng.shuffle(texts)
    messages = grounded(texts, roughen(question, language, rng), language, rng)
    messages.append(("assistant", answer))
    if rng.random() < MORE_TURNS:
        left = WHOLE[language] - sum(len(text) for _, text in messages)
        for question, answer in pairs[1:7]:
            left -= len(question) + len(answer) + 8
            if left > 0:
                messages += [("user", roughen(question, language, rng)), ("assistant", answer)]
    return Sample(skill, messages)


def reading(library: Library, rng: random.Random, language: str) -> Sample | None:
    """Return a sample from the reading sets, by their weights."""
    table = sources()["reading"]
    names = [name for name in library.reading if table[name]["language"] == language]
    name = rng.choices(names, [table[n]["weight"] for n in names])[0]
    passages = library.reading[name]
    return read(rng.choice(passages), passages, library, rng, "reading")


def korean(library: Library, rng: random.Random) -> Sample | None:
    """Return a sample with a question made by rule from Korean prose."""
    return read(rng.choice(library.korean), library.korean, library, rng, "korean")


def with_history(library: Library, rng: random.Random, language: str) -> Sample | None:
    """Return an earlier exchange without its passages, then a grounded question, as the app sends it."""

    def draw() -> Sample | None:
        own = language == "ko" and rng.random() < 0.6
        return korean(library, rng) if own else reading(library, rng, language)

    before, now = draw(), draw()
    if before is None or now is None:
        return None
    asked = before.messages[-2][1].split("\n")[-1]
    for label in ("질문: ", "Question: "):
        asked = asked.removeprefix(label)
    earlier: Messages = [("user", asked[:160]), ("assistant", before.messages[-1][1])]
    at = 1 if now.messages[0][0] == "system" else 0
    return Sample("history", now.messages[:at] + earlier + now.messages[at:])
