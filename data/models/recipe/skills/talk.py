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
# What a person says about themselves, what is answered, the later question and its answer.
TOLD = {
    "en": [
        ("person", "My name is {v}.|I'm {v}.|Call me {v}.", "Nice to meet you, {v}!", "What's my name?|Do you remember my name?", "Your name is {v}."),
        ("place", "I live in {v}.|I come from {v}.", "I'd like to hear more about {v}.", "Where do I live?|Where am I from?", "You told me {v}."),
        ("food", "I love {v}.|I had {v} for lunch.", "That sounds tasty!", "What did I say I like?|What did I eat?", "You said {v}."),
        ("animal", "I saw a {v} today.|I have a tame {v}.", "How lovely!", "Which animal did I mention?", "You mentioned a {v}."),
        ("day", "My holiday starts on {v}.|I'm leaving on {v}.", "I hope you enjoy it.", "When do I leave?|On which day does it start?", "On {v}."),
    ],
    "ko": [
        ("person", "제 이름은 {v}[이에요/예요].|나는 {v}[이야/야].|{v}[이라고/라고] 불러 주세요.", "반가워요, {v} 님!", "제 이름이 뭐라고 했죠?|내 이름 기억해?", "{v} 님이라고 하셨어요."),
        ("place", "저는 {v}에 살아요.|{v}에서 왔어요.", "{v}[은/는] 어떤 곳인지 궁금해요.", "제가 어디 산다고 했죠?|내가 어디서 왔게?", "{v}[이라고/라고] 하셨어요."),
        ("food", "저는 {v}[을/를] 좋아해요.|점심에 {v}[을/를] 먹었어.", "맛있었겠어요!", "제가 뭘 좋아한다고 했죠?|내가 뭐 먹었다고 했지?", "{v}[이라고/라고] 하셨어요."),
        ("animal", "오늘 {v}[을/를] 봤어요.|우리 집에는 {v}[이/가] 있어.", "정말 신기하네요!", "제가 무슨 동물 이야기를 했죠?", "{v} 이야기를 하셨어요."),
        ("day", "{v}에 휴가를 떠나요.|{v}부터 쉬어.", "즐거운 시간 보내세요!", "제가 언제 떠난다고 했죠?|언제부터 쉰다고 했지?", "{v}[이라고/라고] 하셨어요."),
    ],
}  # fmt: skip


@cache
def entries(language: str) -> list[tuple[list[str], list[str]]]:
    """Return the small-talk table: alternatives of what is said and of the answer."""
    content: dict[str, list[list[str]]] = yaml.safe_load((TEXTS / "talk.yaml").read_text("utf-8"))
    return [(row[0].split("|"), [a for part in row[1:] for a in part.split("|")]) for row in content[language]]


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
    kind, says, answer, asks, back = rng.choice(TOLD[language])
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
    return Sample("unread", [("user", author.ask(page.facts[0])), ("assistant", REFUSAL[language])])
