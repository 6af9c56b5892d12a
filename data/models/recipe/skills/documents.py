"""Questions about invented documents: things of many kinds, distractor passages, tables, follow-ups."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ..frames import grounded, roughen
from ..names import Names
from ..words import REFUSAL, Messages, Sample, fill

TEXTS = Path(__file__).parent.parent / "texts"
UNANSWERABLE = 0.08
# Values whose statements say different things; each is asked for by the question in the same place.
PAIRED = {
    "length",
    "reason",
    "manner",
    "amount",
    "percent",
    "code",
    "object",
    "animal",
    "people",
    "year",
    "time",
    "day",
    "money",
}
_POLITE = [
    ("이다.", "입니다."),
    ("있다.", "있습니다."),
    ("된다.", "됩니다."),
    ("한다.", "합니다."),
    ("했다.", "했습니다."),
]
_CASUAL = [("이다.", "이에요."), ("있다.", "있어요."), ("된다.", "돼요."), ("한다.", "해요."), ("했다.", "했어요.")]


@dataclass(slots=True)
class Fact:
    """One statement about a thing: where it says what, how it is asked for and the value."""

    thing: str
    kind: str
    index: int
    statement: str
    questions: list[str]
    value: str


@dataclass(slots=True)
class Page:
    """A passage about one thing and its facts."""

    thing: str
    kind: str
    text: str
    facts: list[Fact]


@cache
def kinds() -> dict[str, Any]:
    """Return the table of kinds of things."""
    content: dict[str, Any] = {}
    for name in ("facts", "services"):
        content |= yaml.safe_load((TEXTS / f"{name}.yaml").read_text("utf-8"))
    return content


@cache
def heads() -> dict[str, dict[str, str]]:
    """Return what a column of each value kind is called, by language."""
    content: dict[str, dict[str, str]] = yaml.safe_load((TEXTS / "heads.yaml").read_text("utf-8"))
    return content


class Author:
    """Writes pages and asks about them in one language."""

    def __init__(self, language: str, rng: random.Random, names: Names, table: dict[str, Any]) -> None:
        self.language, self.random, self.names, self.table = language, rng, names, table

    def thing(self, kind: str) -> str:
        """Return a new thing's name."""
        pattern = self.random.choice(self.table[kind][self.language])
        return re.sub(r"\{(\w+)\}", lambda m: self.names.value(m[1], self.language), pattern)

    def fact(self, kind: str, thing: str, index: int) -> Fact:
        """Return fact number ``index`` of a kind; a question goes with its own statement where they pair up."""
        entry = self.table[kind]["facts"][index]
        says, asks = entry[1:3] if self.language == "en" else entry[3:5]
        statements, questions = says.split("|"), asks.split("|")
        value = self.names.value(entry[0], self.language)
        at = self.random.randrange(len(statements))
        paired = entry[0] in PAIRED and len(questions) > at and not self.table[kind].get("free")
        chosen = [questions[at]] if paired else questions
        return Fact(thing, kind, index, fill(statements[at], e=thing, v=value), chosen, value)

    def page(self, kind: str, count: int) -> Page:
        """Return a passage of ``count`` facts (or all there are) about one new thing."""
        thing = self.thing(kind)
        order = list(range(len(self.table[kind]["facts"])))
        self.random.shuffle(order)
        facts = [self.fact(kind, thing, index) for index in order[:count]]
        said = [facts[0].statement]
        for fact in facts[1:]:
            said.append(self._refer(fact) if self.random.random() < 0.5 else fact.statement)
        text = " ".join(said)
        style = self.random.random()
        if self.language == "ko" and style < 0.65:
            text = _end(text, _POLITE if style < 0.4 else _CASUAL)
        if thing not in text or self.random.random() < 0.3:
            text = self.random.choice(["{}\n{}", "# {}\n{}", "{}: {}"]).format(thing, text)
        return Page(thing, kind, text, facts)

    def _refer(self, fact: Fact) -> str:
        """Return a statement without the thing's name: dropped in Korean, ``it`` in English."""
        text = fact.statement
        if self.language == "ko":
            return re.sub(rf"^{re.escape(fact.thing)}(은|는|의|에는|에서는) ", "", text)
        if fact.kind == "person" or not text.lower().startswith(fact.thing.lower() + " "):
            return text
        return "It" + text[len(fact.thing) :]

    def ask(self, fact: Fact, alone: bool) -> str:
        """Return a question about a fact; where its thing is not the only one of its kind, with the thing's name."""
        named = [question for question in fact.questions if "{e}" in question]
        questions = fact.questions if alone or not named else named
        return roughen(fill(self.random.choice(questions), e=fact.thing), self.language, self.random)

    def head(self, kind: str, index: int) -> str:
        """Return what a table column with a fact's values is called."""
        value: str = self.table[kind]["facts"][index][0]
        return heads()[self.language][value.split("/")[0]]

    def missing(self, page: Page) -> Fact | None:
        """Return a fact that the page's kind has and the page does not tell, or ``None``."""
        told = {fact.index for fact in page.facts}
        free = [i for i in range(len(self.table[page.kind]["facts"])) if i not in told]
        return self.fact(page.kind, page.thing, self.random.choice(free)) if free else None


def _end(text: str, endings: list[tuple[str, str]]) -> str:
    for old, new in endings:
        text = text.replace(old, new)
    return text


def documents(rng: random.Random, language: str, most: int = 5, table: dict[str, Any] | None = None) -> Sample:
    """Return a conversation about one to ``most`` invented passages; some questions have no answer there."""
    author = Author(language, rng, Names(rng), table or kinds())
    shared = rng.choice(list(author.table)) if rng.random() < 0.4 else None
    pages = [
        author.page(shared or rng.choice(list(author.table)), rng.randint(2, 4)) for _ in range(rng.randint(1, most))
    ]
    facts = [fact for page in pages for fact in page.facts]
    rng.shuffle(facts)
    messages: Messages = []
    alone = len({page.kind for page in pages}) == len(pages)
    for fact in facts[: rng.randint(1, 5)]:
        question, answer = author.ask(fact, alone), fact.value
        if rng.random() < UNANSWERABLE:
            lacking = author.missing(rng.choice(pages))
            if lacking:
                question, answer = author.ask(lacking, alone), REFUSAL[language]
        if not messages:
            messages = grounded([page.text for page in pages], question, language, rng)
        else:
            messages.append(("user", question))
        messages.append(("assistant", answer))
    return Sample("documents", messages)


def table_of(rng: random.Random, language: str) -> Sample:
    """Return questions about a Markdown table or list of things of one kind."""
    author = Author(language, rng, Names(rng), kinds())
    kind = rng.choice(list(author.table))
    indices = rng.sample(range(len(author.table[kind]["facts"])), rng.randint(1, 3))
    things = list(dict.fromkeys(author.thing(kind) for _ in range(rng.randint(2, 5))))
    facts = {(t, i): author.fact(kind, t, i) for t in things for i in indices}
    columns = [author.head(kind, i) for i in indices]
    if rng.random() < 0.6:
        first = "이름" if language == "ko" else "Name"
        lines = ["| " + " | ".join([first, *columns]) + " |", "| --- " * (len(indices) + 1) + "|"]
        lines += ["| " + " | ".join([t, *(facts[t, i].value for i in indices)]) + " |" for t in things]
    else:
        pairs = list(zip(columns, indices, strict=True))
        lines = [f"- {t}: " + ", ".join(f"{h} {facts[t, i].value}" for h, i in pairs) for t in things]
    order = list(facts.values())
    rng.shuffle(order)
    messages: Messages = []
    for fact in order[: rng.randint(1, 2)]:
        head = author.head(kind, fact.index)
        direct = [f"{fact.thing}의 {head}[은/는]?", f"{fact.thing}[은/는] {head}[이/가] 어떻게 되나요?"]
        if language == "en":
            direct = [f"What is the {head.lower()} of {fact.thing}?", f"{fact.thing}: which {head.lower()}?"]
        question = roughen(fill(rng.choice(direct)), language, rng)
        if not messages:
            messages = grounded(["\n".join(lines)], question, language, rng)
        else:
            messages.append(("user", question))
        messages.append(("assistant", fact.value))
    return Sample("tables", messages)
