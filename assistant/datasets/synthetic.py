"""Rows that a model makes: questions with answers out of passages, paraphrases, and twins that nothing answers.

Every row says which model, which prompt and which passage it comes from. What the model says is not
trusted: an answer must stand in its passage word for word, a twin's must not; numbers of a paraphrase must
stay; what repeats a row, or a question of an evaluation set, is left out. The rows that are left go to the
review queue and nowhere else.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from assistant.dataset import plain_text
from assistant.datasets.cleaning import Evaluated, said
from assistant.datasets.rows import Row, answer_of, kind_of, language_in, question_of
from assistant.datasets.similar import NearIndex
from assistant.datasets.strict_json import Unreadable, clean
from assistant.prompts import is_refusal, refusal
from assistant.schema import Language, digest, language_of

KINDS = ("questions", "paraphrase", "unanswerable")
# Why something that a model said became no row; locale keys under ``synthetic.why_``.
REASONS = (
    *("empty", "prose", "malformed", "unsupported", "given_away", "copied"),
    *("language", "numbers", "repeated", "evaluated", "answerable"),
)
MOST_LISTED, _SHOWN = 20, 80
_MOST_STARTS = 50
_SLOT = re.compile(r"\{(passage|question|n)\}")
_OPENS = re.compile(r"[\[{]")
_NUMBER = re.compile(r"\d+")
_EDGE = " \t\r\n.,;:!?\"'“”‘’`。"


class Said(NamedTuple):
    """What a model answered, and which model that was (``name@hash``, ``+ adapter`` where it had one)."""

    text: str
    model: str


Ask = Callable[[str], Said]


@dataclass(frozen=True, slots=True)
class Source:
    """A passage of a document; ``start`` is where it stands in the document's text."""

    text: str
    document: str
    start: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """One prompt: its text by language, and the name that rows carry."""

    texts: Mapping[str, str]
    ref: str

    def filled(self, language: Language, **values: str) -> str:
        """Return the prompt; what is put in is never looked at for slots again."""
        return _SLOT.sub(lambda match: values.get(match[1], match[0]), self.texts[language]).strip()


@cache
def tasks() -> dict[str, Task]:
    """Return the prompts by name; ``NAME@VERSION:HASH`` is what a row says of them."""
    tree = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return {
        name: Task({"ko": each["ko"], "en": each["en"]}, f"{name}@{each['version']}:{digest(each, 8)}")
        for name, each in tree.items()
    }


@dataclass
class Workshop:
    """Makes rows and counts what became none.

    Args:
        ask: sends one prompt to the model.
        known: rows that are there already; nothing may repeat them.
        evaluated: questions of evaluation sets; nothing may come close to them.
        count: rows of each kind asked for a passage or a row.
    """

    ask: Ask
    known: Iterable[Row]
    evaluated: Evaluated
    count: int = 2
    left_out: Counter[str] = field(default_factory=Counter)
    listed: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._index, self._asked, self._made = NearIndex(), set[str](), 0
        for row in self.known:
            self._remember(row)

    def questions(self, source: Source) -> list[Row]:
        """Return questions that a passage answers, each with the words of the passage that do."""
        language = language_of(source.text)
        made = self._asked_for("questions", language, passage=source.text)
        rows = []
        for item in made.items[: self.count]:
            question, answer = _texts(item, "question", "answer")
            span = locate(answer, source.text) if answer else None
            why = "malformed" if not question or not answer else ""
            why = why or ("unsupported" if span is None else "")
            why = why or ("given_away" if plain_text(answer) in plain_text(question) else "")
            start, end = span or (0, 0)
            marks = {"document": source.document, "start": source.start + start, "end": source.start + end}
            row = _row(question, source.text[start:end], language, source.text, source.document)
            rows += self._judged(row, "questions", made, why, marks, language)
        return rows

    def paraphrases(self, row: Row) -> list[Row]:
        """Return a row asked in other words; the answer stays."""
        question, language = question_of(row), language_in(row)
        made = self._asked_for("paraphrase", language, question=question)
        rows = []
        for item in made.items[: self.count]:
            (asked,) = _texts(item, "question")
            why = "" if asked else "malformed"
            why = why or ("copied" if plain_text(asked) == plain_text(question) else "")
            why = why or ("numbers" if set(_NUMBER.findall(asked)) != set(_NUMBER.findall(question)) else "")
            fresh: Row = {key: row[key] for key in ("history", "passages", "reference", "document") if key in row}
            fresh = {"question": asked, "answer": answer_of(row), "language": language} | fresh
            fresh["group"] = str(row.get("group") or row.get("id") or digest(question))
            rows += self._judged(fresh, "paraphrase", made, why, _seed(row), language)
        return rows

    def twins(self, row: Row) -> list[Row]:
        """Return questions close to a row's that its passage does not answer; the model is asked twice."""
        passage, question = "\n\n".join(row.get("passages", ())), question_of(row)
        if not passage:
            return []
        language = language_in(row)
        made = self._asked_for("unanswerable", language, passage=passage, question=question)
        rows = []
        for item in made.items[: self.count]:
            (asked,) = _texts(item, "question")
            why = "" if asked else "malformed"
            why = why or ("copied" if plain_text(asked) == plain_text(question) else "")
            why = why or ("answerable" if self._answers(passage, asked, language) else "")
            fresh = _row(asked, refusal(language), language, passage, str(row.get("group", ""))) | {"reference": []}
            rows += self._judged(fresh, "unanswerable", made, why, _seed(row), language)
        return rows

    def _answers(self, passage: str, question: str, language: Language) -> bool:
        """Return whether the model finds an answer that stands in the passage."""
        answer = self.ask(tasks()["check"].filled(language, passage=passage, question=question)).text
        found = next(iter(items_in(answer) or ()), answer)
        (text,) = _texts(found, "answer")
        return bool(text) and not is_refusal(text) and locate(text, passage) is not None

    def _asked_for(self, kind: str, language: Language, **values: str) -> "_Made":
        answer = self.ask(tasks()[kind].filled(language, n=str(self.count), **values))
        items = items_in(answer.text)
        if items is None:
            self._leave("prose" if answer.text.strip() else "empty", answer.text)
        elif not items:
            self._leave("empty", answer.text)
        return _Made(answer.model, items or [])

    def _judged(
        self, row: Row, kind: str, made: "_Made", why: str, marks: Mapping[str, Any], language: Language
    ) -> list[Row]:
        """Return the row, marked, or nothing after noting why it is none."""
        question = row["question"]
        why = why or ("language" if language_of(question) != language else "")
        why = why or ("repeated" if self._repeats(row) else "")
        why = why or ("evaluated" if self.evaluated.find(question) else "")
        if why:
            self._leave(why, question)
            return []
        row["origin"] = "synthetic"
        row["synthetic"] = {"kind": kind, "model": made.model, "prompt": tasks()[kind].ref, **marks}
        row = {"id": f"synthetic-{digest([question, row['answer'], row.get('passages')])}"} | row
        self._remember(row)
        return [row]

    def _repeats(self, row: Row) -> bool:
        return plain_text(row["question"]) in self._asked or bool(self._index.find(said(row)))

    def _remember(self, row: Row) -> None:
        self._asked.add(plain_text(question_of(row)))
        self._made += 1
        self._index.add(self._made, said(row))

    def _leave(self, why: str, text: str) -> None:
        self.left_out[why] += 1
        if len(self.listed) < MOST_LISTED:
            self.listed.append({"why": why, "text": " ".join(text.split())[:_SHOWN]})


class _Made(NamedTuple):
    model: str
    items: list[Any]


def _row(question: str, answer: str, language: Language, passage: str, group: str) -> Row:
    return {"question": question, "answer": answer, "language": language, "passages": [passage], "group": group}


def _seed(row: Row) -> dict[str, Any]:
    """Return where a row that is made of another comes from: that row, and the place its passage has."""
    marks = row.get("synthetic")
    place = {key: marks[key] for key in ("document", "start", "end") if key in marks} if marks else {}
    return place | {"seed": str(row.get("id", ""))}


def _texts(item: Any, *keys: str) -> list[str]:
    """Return the texts of an item; one that is a text alone is its only key's; "" for what is no text."""
    if isinstance(item, str) and len(keys) == 1:
        item = {keys[0]: item}
    values = [item.get(key) if isinstance(item, dict) else None for key in keys]
    return [value.strip() if isinstance(value, str) else "" for value in values]


def items_in(text: str) -> list[Any] | None:
    """Return the items of the JSON in an answer, fenced or amid prose, or None where it holds none.

    Small models write objects one after the other, or a list inside an object, where a list was asked for.
    """
    decoder, found, place, starts = json.JSONDecoder(), list[Any](), 0, 0
    any_json = False
    while (match := _OPENS.search(text, place)) and starts < _MOST_STARTS:
        starts += 1
        try:
            value, place = decoder.raw_decode(text, match.start())
            value = clean(value)
        except (ValueError, RecursionError, Unreadable):
            place = match.end()
            continue
        any_json = True
        found += list(_flat(value))
    return found if any_json else None


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        yield from value
    elif isinstance(value, dict) and len(value) == 1 and isinstance(next(iter(value.values())), list):
        yield from next(iter(value.values()))
    else:
        yield value


def locate(answer: str, passage: str) -> tuple[int, int] | None:
    """Return where an answer stands in a passage, as ``(start, end)``; white space and case may differ."""
    words = answer.strip(_EDGE).split()
    if not words:
        return None
    found = re.search(r"\s+".join(map(re.escape, words)), passage, re.IGNORECASE)
    return found.span() if found else None


def seeds(rows: Iterable[Row], most: int) -> list[Row]:
    """Return rows that others can be made of: supervised ones, at most ``most``, spread over all there are."""
    return spread([row for row in rows if kind_of(row) == "supervised" and question_of(row)], most)


def spread(items: Sequence[Any], most: int) -> list[Any]:
    """Return at most ``most`` items at even distances, in their order."""
    if len(items) <= most:
        return list(items)
    return [items[number * len(items) // most] for number in range(most)]
