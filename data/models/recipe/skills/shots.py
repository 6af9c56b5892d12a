"""Tasks shown by examples: labels, JSON fields and small conversions, in the app's frames and others.

Labels are often renamed to invented words, so that only the examples can tell what they mean, and
the classes of examples and question are drawn evenly, so that neither the commonest nor the last
label is a safe guess.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ..library import Library
from ..names import Names
from ..words import Messages, Sample, fill

TEXTS = Path(__file__).parent.parent / "texts"
Example = tuple[str, str]
LABELS = {
    "en": [
        ("Message", "Answer"),
        ("Message", "Answer"),
        ("Question", "Answer"),
        ("Text", "Label"),
        ("Input", "Output"),
    ],
    "ko": [("메시지", "답"), ("메시지", "답"), ("질문", "답"), ("문장", "라벨"), ("입력", "출력"), ("내용", "분류")],
}
ORDERS = {
    "en": [
        "Classify the message.",
        "Give the label.",
        "Answer in the same form as the examples.",
        "Follow the examples.",
    ],
    "ko": ["메시지를 분류하세요.", "라벨을 붙이세요.", "예시와 같은 형식으로 답하세요.", "예시를 따라 하세요."],
}


@cache
def groups(language: str) -> list[dict[str, list[str]]]:
    """Return the groups of classes: each a table from class to messages."""
    content: dict[str, list[dict[str, dict[str, list[str]]]]] = yaml.safe_load(
        (TEXTS / "labels.yaml").read_text("utf-8")
    )
    return [next(iter(group.values())) for group in content[language]]


def _filled(text: str, language: str, names: Names) -> str:
    return fill(re.sub(r"\{(\w+)\}", lambda m: names.value(m[1], language), text))


def _renamed(classes: list[str], language: str, rng: random.Random, names: Names) -> dict[str, str]:
    """Return what each class is called in this task: its own name, an invented word, a letter or a number."""
    draw = rng.random()
    if draw < 0.5:
        return {c: c for c in classes}
    if draw < 0.75:
        return {c: names.word(language).lower() for c in classes}
    if draw < 0.9:
        return dict(zip(classes, rng.choice(["ABCDEF", "123456", "UVWXYZ"]), strict=False))
    return {c: names.code(language) for c in classes}


def classified(library: Library, rng: random.Random, language: str) -> tuple[list[Example], Example]:
    """Return worked examples of a labelling task and one to solve."""
    names = Names(rng)
    if language == "en" and len(library.titles) >= 5 and rng.random() < 0.4:
        table = {title: library.titles[title] for title in rng.sample(sorted(library.titles), 5)}
    else:
        table = rng.choice(groups(language))
    classes = rng.sample(sorted(table), min(len(table), rng.randint(2, 5)))
    called = _renamed(classes, language, rng, names)
    stocks = {c: rng.sample(table[c], len(table[c])) for c in classes}
    key, form = _keys(language, rng)

    def solve(name: str) -> Example:
        message = _filled(stocks[name].pop(), language, names)
        return message, form(called[name], message) if key else called[name]

    order = list(classes)
    while len(order) < 6 and rng.random() < 0.5:
        order.append(rng.choice(classes))
    rng.shuffle(order)
    shots = [solve(name) for name in order if len(stocks[name]) > 1]
    return shots, solve(rng.choice([name for name in classes if stocks[name]]))


def _keys(language: str, rng: random.Random) -> tuple[str, Callable[[str, str], str]]:
    """Return a JSON key and a formatter for labels; an empty key means that the bare label is the answer."""
    if rng.random() < 0.5:
        return "", lambda label, message: label
    native = rng.random() < 0.4 and language == "ko"
    key = rng.choice(["분류", "라벨", "주제"] if native else ["label", "topic", "class", "type"])
    second = rng.choice(["", "", "form", "number"])

    def form(label: str, message: str) -> str:
        row = {key: label}
        if second == "form":
            row["form"] = "question" if "?" in message else "statement"
        if second == "number":
            row["number"] = "yes" if re.search(r"\d", message) else "no"
        return json.dumps(row, ensure_ascii=False)

    return key, form


@cache
def fields() -> dict[str, dict[str, tuple[str, list[str]]]]:
    """Return, by language and value kind, a field's name and the ways a sentence mentions it."""
    content: dict[str, dict[str, tuple[str, list[str]]]] = yaml.safe_load((TEXTS / "fields.yaml").read_text("utf-8"))
    return content


def extracted(rng: random.Random, language: str) -> tuple[list[Example], Example]:
    """Return examples that take fields out of a sentence, as JSON or another fixed form, and one to solve."""
    names = Names(rng)
    kinds = rng.sample(sorted(fields()[language]), rng.randint(1, 3))
    keys = {kind: fields()[rng.choice([language, "en"])][kind][0] for kind in kinds}
    if rng.random() < 0.2:
        keys = {kind: names.word(language).lower() for kind in kinds}
    style = rng.choice(["json", "json", "json", "pairs", "bar", "tag"])

    def solve() -> Example:
        values = {kind: names.value(kind, language) for kind in kinds}
        parts = [fill(rng.choice(fields()[language][kind][1]), v=values[kind]) for kind in kinds]
        rng.shuffle(parts)
        text = ", ".join(parts) + "."
        row = {keys[kind]: values[kind] for kind in kinds}
        return text[0].upper() + text[1:], _written(row, style)

    return [solve() for _ in range(rng.randint(1, 4))], solve()


def _written(row: dict[str, str], style: str) -> str:
    if style == "json":
        return json.dumps(row, ensure_ascii=False)
    if style == "pairs":
        return "; ".join(f"{key}={value}" for key, value in row.items())
    if style == "bar":
        return " | ".join(row.values())
    return "".join(f"<{key}>{value}</{key}>" for key, value in row.items())


CONVERSIONS: list[Callable[[list[str]], str]] = [
    lambda items: items[0],
    lambda items: items[-1],
    lambda items: str(len(items)),
    lambda items: " / ".join(items),
    lambda items: ", ".join(reversed(items)),
    lambda items: f'"{items[0]}"',
    lambda items: f"[{items[-1]}]",
    lambda items: items[0][0],
]


def converted(rng: random.Random, language: str) -> tuple[list[Example], Example]:
    """Return examples of one small rule on a list of words, and one to solve."""
    names = Names(rng)
    rule = rng.choice(CONVERSIONS)
    kind = rng.choice(["person", "place", "plant", "animal", "food", "colour", "word"])

    def solve() -> Example:
        items = [names.value(kind, language) for _ in range(rng.randint(2, 4))]
        return ", ".join(items), rule(items)

    return [solve() for _ in range(rng.randint(2, 4))], solve()


def shots(library: Library, rng: random.Random, language: str) -> Sample:
    """Return a task shown by examples: in one user turn, as the app sends it, or as earlier turns."""
    draw = rng.random()
    if draw < 0.6:
        examples, last = classified(library, rng, language)
    elif draw < 0.88:
        examples, last = extracted(rng, language)
    else:
        examples, last = converted(rng, language)
    asked, answered = rng.choice(LABELS[language])
    order = rng.choice(ORDERS[language]) if rng.random() < 0.3 else ""
    if rng.random() < 0.15:
        head: Messages = [("system", order)] if order else []
        turns = [turn for q, a in examples for turn in (("user", q), ("assistant", a))]
        return Sample("shots", [*head, *turns, ("user", last[0]), ("assistant", last[1])])
    joiner = "\n" if rng.random() < 0.75 else "\n\n"
    body = joiner.join(f"{asked}: {q}\n{answered}: {a}" for q, a in examples)
    text = "\n".join(part for part in (order, body) if part)
    return Sample("shots", [("user", f"{text}{joiner}{asked}: {last[0]}\n{answered}:"), ("assistant", last[1])])


def labelled(rng: random.Random, language: str) -> Sample:
    """Return a message to label where the classes are named in the prompt."""
    names = Names(rng)
    table = rng.choice(groups(language))
    classes = rng.sample(sorted(table), min(len(table), rng.randint(2, 6)))
    wanted = rng.choice(classes)
    message = _filled(rng.choice(table[wanted]), language, names)
    lead = "Choose one of: " if language == "en" else "다음 중 하나를 고르세요: "
    asked, answered = rng.choice(LABELS[language])
    text = f"{lead}{', '.join(classes)}\n{asked}: {message}\n{answered}:"
    as_json = rng.random() < 0.3
    answer = json.dumps({"label": wanted}, ensure_ascii=False) if as_json else wanted
    return Sample("labelled", [("user", ("JSON. " if as_json else "") + text), ("assistant", answer)])


def given(library: Library, rng: random.Random) -> Any:
    """Return a task of the Korean language-understanding sets as it stands."""
    return Sample("tasks", list(rng.choice(library.tasks)))
