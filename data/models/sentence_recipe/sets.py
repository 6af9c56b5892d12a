"""The retrieval sets: queries, the passages they are asked of, and which passage is right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from data.models.recipe.words import stream

from .pairs import (
    TEST_DOCS,
    TEST_TASKS,
    VALIDATION_DOCS,
    VALIDATION_TASKS,
    Pair,
    documents,
    is_validation,
    reading,
    tasks,
    translations,
)

MOST = 1000  # questions of one set; all of its passages stay


@dataclass(frozen=True, slots=True)
class RetrievalSet:
    """Queries with the number of the passage each belongs to."""

    name: str
    queries: list[str]
    passages: list[str]
    right: list[int]


def make(name: str, pairs: Iterable[Pair], others: Iterable[str] = ()) -> RetrievalSet:
    """Return a set of distinct queries over all passages of ``pairs`` and ``others``, at most ``MOST`` queries."""
    every = list(pairs)
    passages = list(dict.fromkeys([*(pair.passage for pair in every), *others]))
    place = {passage: number for number, passage in enumerate(passages)}
    asked: dict[str, int] = {}
    for pair in every:
        if pair.query != pair.passage:
            asked.setdefault(pair.query, place[pair.passage])
    queries = list(asked)
    if len(queries) > MOST:
        queries = sorted(stream("set", name).sample(queries, MOST))
    return RetrievalSet(name, queries, passages, [asked[query] for query in queries])


def test_sets(corpus: Path) -> list[RetrievalSet]:
    """Return the sets that figures are reported on, once, at the end."""
    boolq = [pair for pair in reading(corpus, "kobest_boolq_ko") if pair.source.endswith("-dev")]
    crossing = list(translations(corpus, test=True))
    return [
        _sentences(corpus, "sentence, Korean", TEST_TASKS),
        make("statement to passage, Korean", boolq),
        _documents(corpus, "heading or question to section, Korean", TEST_DOCS["ko"], "ko"),
        make("question to passage, English", reading(corpus, "squad11_dev_en")),
        _documents(corpus, "heading or question to section, English", TEST_DOCS["en"], "en"),
        make("Korean to English translation", crossing),
        make("English to Korean translation", [Pair(p.passage, p.query, p.source) for p in crossing]),
    ]


def validation_sets(corpus: Path) -> list[RetrievalSet]:
    """Return the sets that settings are chosen on."""
    boolq = [p for p in reading(corpus, "kobest_boolq_ko") if p.source.endswith("-train") and is_validation(p.passage)]
    squad = [pair for pair in reading(corpus, "squad11_train_en") if is_validation(pair.passage)]
    return [
        _sentences(corpus, "sentence, Korean", VALIDATION_TASKS),
        make("statement to passage, Korean", boolq),
        _documents(corpus, "heading or question to section, Korean", VALIDATION_DOCS["ko"], "ko"),
        make("question to passage, English", squad),
        _documents(corpus, "heading or question to section, English", VALIDATION_DOCS["en"], "en"),
    ]


def _sentences(corpus: Path, name: str, wanted: tuple[str, ...]) -> RetrievalSet:
    rows = [row for row in tasks(corpus) if row.source in wanted]
    pairs = [Pair(row.second, row.first, row.source) for row in rows if row.holds]
    return make(name, pairs, (row.first for row in rows))


def _documents(corpus: Path, name: str, wanted: tuple[str, ...], language: str) -> RetrievalSet:
    return make(name, (pair for pair in documents(corpus, language) if pair.source in wanted))
