"""Small talk in both languages, facts a person tells and asks back, and conversations of the corpus."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

import yaml

from ..library import Library
from ..names import Names
from ..words import Messages, Sample, fill, language_of

TEXTS = Path(__file__).parent.parent / "texts"
SYSTEM = {
    "en": ["You are a helpful assistant.", "You are Joyul, a friendly assistant.", "Answer politely and briefly."],
    "ko": ["당신은 친절한 도우미입니다.", "당신은 조율이라는 도우미예요.", "짧고 공손하게 답하세요."],
}


@cache
def entries(language: str) -> list[tuple[list[str], list[str]]]:
    """Return the small-talk table: alternatives of what is said and of the answer."""
    content: dict[str, list[list[str]]] = yaml.safe_load((TEXTS / "talk.yaml").read_text("utf-8"))
    return [(row[0].split("|"), [a for part in row[1:] for a in part.split("|")]) for row in content[language]]


@cache
def stories() -> dict[str, list[list[str]]]:
    """Return what people tell about themselves: kind, saying, answer, later question, its answer."""
    content: dict[str, list[list[str]]] = yaml.safe_load((TEXTS / "told.yaml").read_text("utf-8"))
    return content


def _typed(text: str, rng: random.Random) -> str:
    draw = rng.random()
    if draw < 0.1:
        return text.rstrip("?.!")
    if draw < 0.15:
        return text.lower()
    return text + rng.choice(["!", "~", "..", "??"]) if draw < 0.2 and text[-1].isalpha() else text


def small(rng: random.Random, language: str) -> Sample:
    """Return one to three turns of small talk, at times with a system line."""
    messages: Messages = [("system", rng.choice(SYSTEM[language]))] if rng.random() < 0.15 else []
    for said, answers in rng.sample(entries(language), rng.choices([1, 2, 3], [5, 3, 1])[0]):
        messages += [("user", _typed(rng.choice(said), rng)), ("assistant", rng.choice(answers))]
    return Sample("talk", messages)


def told(rng: random.Random, language: str) -> Sample:
    """Return a talk where a person tells something and asks for it later."""
    kind, says, answer, asks, back = rng.choice(stories()[language])
    value = Names(rng).value(kind, language)
    messages: Messages = [
        ("user", fill(rng.choice(says.split("|")), v=value)),
        ("assistant", fill(answer, v=value)),
    ]
    if rng.random() < 0.4:
        said, answers = rng.choice(entries(language))
        messages += [("user", rng.choice(said)), ("assistant", rng.choice(answers))]
    messages += [("user", fill(rng.choice(asks.split("|")), v=value)), ("assistant", fill(back, v=value))]
    return Sample("told", messages)


def given(library: Library, rng: random.Random, language: str) -> Sample | None:
    """Return a conversation of the corpus, where it is short and Korean answers are polite."""
    messages = rng.choice(library.talk)
    if language_of(messages[0][1]) != language:
        return None
    if language == "ko" and not messages[-1][1].rstrip(".!?~ ").endswith(("요", "다", "죠")):
        return None
    return Sample("corpus talk", list(messages))


def unread(rng: random.Random, language: str) -> Sample:
    """Return a question about something no document was given for; the answer is the refusal."""
    from ..words import REFUSAL
    from .documents import Author, kinds

    author = Author(language, rng, Names(rng), kinds())
    page = author.page(rng.choice(sorted(author.table)), 1)
    return Sample("unread", [("user", author.ask(page.facts[0], alone=False)), ("assistant", REFUSAL[language])])
