"""The sets that evaluation asks: built here, always the same ones, none of them ever trained on."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .corpus import REPOSITORY, read_rows
from .frames import own_frame
from .names import Names
from .skills.documents import Author
from .words import LANGUAGES, Messages, squeeze, stream

HERE = Path(__file__).parent
ITEMS = HERE / "items"
DEMO = REPOSITORY / "data" / "demo"
PROSE = REPOSITORY / "data" / "models" / "evaluation"
# Longest passage put into a prompt, in characters: it has to fit the window of 512 tokens.
LONGEST = {"en": 1300, "ko": 620}


@dataclass(slots=True)
class Item:
    """One question: prompt, accepted answers (none: a refusal is right), and what else a score needs."""

    messages: Messages
    references: list[str]
    language: str
    extra: dict[str, Any] = field(default_factory=dict)


Sets = dict[str, list[Item]]


def _grounded(passages: list[str], question: str, language: str, labelled: bool) -> Messages:
    return [("user", own_frame(passages, question, language, labelled))]


def synthetic(count: int, labelled: bool = False) -> Sets:
    """Return answerable and unanswerable questions on one page with four distractor pages a language."""
    table = yaml.safe_load((ITEMS / "kinds.yaml").read_text("utf-8"))
    sets: Sets = {}
    for language in LANGUAGES:
        rng = stream("evaluation", "synthetic", language)
        author = Author(language, rng, Names(rng, ITEMS / "values.yaml"), table)
        answerable: list[Item] = []
        absent: list[Item] = []
        while len(answerable) < count or len(absent) < count // 2:
            pages = [author.page(rng.choice(sorted(table)), rng.randint(2, 3)) for _ in range(5)]
            texts = [page.text for page in pages]
            rng.shuffle(texts)
            fact = rng.choice(pages[0].facts)
            question = _plain_question(author, fact.questions, fact.thing, rng)
            answerable.append(Item(_grounded(texts, question, language, labelled), [fact.value], language))
            lacking = author.missing(pages[0])
            if lacking:
                question = _plain_question(author, lacking.questions, lacking.thing, rng)
                absent.append(Item(_grounded(texts, question, language, labelled), [], language))
        sets[f"synthetic_{language}"] = answerable[:count]
        sets[f"absent_synthetic_{language}"] = absent[: count // 2]
    return sets


def _plain_question(author: Author, questions: list[str], thing: str, rng: random.Random) -> str:
    from .words import fill

    return fill(rng.choice(questions), e=thing)


def prose(count: int, labelled: bool = False) -> Sets:
    """Return the natural-prose sets where they are there: answerable and unanswerable ones a language."""
    sets: Sets = {}
    for language in LANGUAGES:
        path = PROSE / f"prose_{language}.jsonl"
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
        stream("evaluation", "prose", language).shuffle(rows)
        items = [
            Item(_grounded([r["passage"]], r["question"], language, labelled), r["reference"], language) for r in rows
        ]
        sets[f"prose_{language}"] = [item for item in items if item.references][:count]
        sets[f"absent_prose_{language}"] = [item for item in items if not item.references][:count]
    return sets


def squad(corpus: Path | None, count: int, labelled: bool = False) -> Sets:
    """Return SQuAD development questions with passages that fit, answerable and not; empty without the corpus."""
    sets: Sets = {"squad_en": [], "absent_squad_en": []}
    for name, target in (("squad11_dev_en", "squad_en"), ("squad20_dev_unanswerable_en", "absent_squad_en")):
        path = corpus / "reading" / f"{name}.jsonl.xz" if corpus else None
        if path is None or not path.exists():
            continue
        rows = [row for row in read_rows(path) if len(row["context"]) < LONGEST["en"]]
        stream("evaluation", name).shuffle(rows)
        for row in rows[:count]:
            references = [squeeze(row["answer"])] if row["answer"] else []
            sets[target].append(
                Item(_grounded([squeeze(row["context"])], row["question"], "en", labelled), references, "en")
            )
    return sets


def _sections(text: str) -> Iterator[str]:
    """Yield the sections of a Markdown document, heading first, cut into pieces that fit."""
    for part in text.split("\n## ")[1:]:
        yield part.replace("\n\n", "\n").strip()


def _likeness(question: str, section: str) -> float:
    pairs = {question[i : i + 2] for i in range(len(question) - 1)}
    return sum(pair in section for pair in pairs) / max(1, len(pairs))


def handbook(split: str, count: int, labelled: bool = False) -> Sets:
    """Return the demo handbook's questions with the right section given, and its unanswerable ones."""
    sets: Sets = {f"{kind}_{language}": [] for kind in ("handbook", "absent_handbook") for language in LANGUAGES}
    path = DEMO / "handbook" / f"{split}.jsonl"
    for line in path.read_text("utf-8").splitlines() if path.exists() else []:
        row = json.loads(line)
        language, references = row["language"], row["reference"]
        name = row["document"] or f"{language}/{row['group']}.md"
        document = DEMO / "documents" / name
        if row["history"] or not document.exists():
            continue
        sections = [s[: LONGEST[language]] for s in _sections(document.read_text("utf-8"))]
        holding = [s for s in sections if any(reference in s for reference in references)] or sections
        best = max(holding, key=lambda s: _likeness(row["question"], s))
        kind = "handbook" if references else "absent_handbook"
        sets[f"{kind}_{language}"].append(
            Item(_grounded([best], row["question"], language, labelled), references, language)
        )
    return {name: items[:count] for name, items in sets.items()}


def follow() -> Sets:
    """Return the hand-written tasks with their examples, and the same questions without them."""
    labels = {"en": ("Message", "Answer"), "ko": ("메시지", "답")}
    sets: Sets = {"shots": [], "no_shots": []}
    for row in yaml.safe_load((ITEMS / "shots.yaml").read_text("utf-8")):
        asked, answered = labels[row["language"]]
        body = "".join(f"{asked}: {q}\n{answered}: {a}\n" for q, a in row["shots"])
        last = f"{asked}: {row['ask']}\n{answered}:"
        extra = {"kind": row["kind"], "shown": [a for _, a in row["shots"]]}
        for name, text in (("shots", body + last), ("no_shots", last)):
            sets[name].append(Item([("user", text)], [row["answer"]], row["language"], extra))
    return sets


def talk() -> Sets:
    """Return the talk probes; those of two turns are asked turn by turn."""
    rows = yaml.safe_load((ITEMS / "talk.yaml").read_text("utf-8"))
    items = [Item([("user", t) for t in r["turns"]], [], r["language"], {"fits": r["fits"]}) for r in rows]
    return {"talk": items}


def all_sets(corpus: Path | None, count: int, split: str, labelled: bool = False) -> Sets:
    """Return every set, each of at most ``count`` items; ``labelled`` as in ``own_frame``."""
    return {
        **synthetic(count, labelled),
        **prose(count, labelled),
        **squad(corpus, count, labelled),
        **handbook(split, count, labelled),
        **follow(),
        **talk(),
    }
