"""Pairs of texts that belong together, out of the corpus folder, and which of them are kept apart.

Whole sources are kept apart, so that no document is on both sides; what any other evaluation of the
project uses is blocked sentence by sentence (``Blocklist``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.models.recipe.corpus import Blocklist, evaluation_texts, read_paragraphs, read_rows, sources
from data.models.recipe.words import sentences, squeeze, stream, text_hash

# Documents of these files are for the test or for validation; ms_history_ko repeats older pages of learn_pr_ko.
TEST_DOCS = {
    "ko": ("learn_pr_ko", "vue_ko"),
    "en": (
        *("ragas_en", "inspect_en", "trl_en", "torchtune_en", "llm_en", "litgpt_en"),
        *("httpx_en", "h2o_en", "lm_eval_en"),
    ),
}
VALIDATION_DOCS = {"ko": ("hf_course_ko", "interview_notes_ko"), "en": ("hf_course_en", "rust_book_en")}
APART = frozenset((*TEST_DOCS["ko"], *TEST_DOCS["en"], *VALIDATION_DOCS["ko"], *VALIDATION_DOCS["en"], "ms_history_ko"))
TEST_TASKS = ("KLUE-NLI-dev", "KLUE-STS-dev")
VALIDATION_TASKS = ("KorNLI-xnli-dev",)
VALIDATION_EVERY = 12  # one passage in so many of BoolQ train and SQuAD train is for validation
ONE_IN_TRANSLATIONS = 20  # one translated paragraph in so many is for the test
CLOZE = 3  # sentences of one paragraph that are asked for the rest of it
_NLI = (
    re.compile(r'^"(?P<p>.+)"라는 글로 볼 때 "(?P<h>.+)"는 사실인가요\?$', re.S),
    re.compile(r"^전제: (?P<p>.+)\n가설: (?P<h>.+)\n가설이 전제와 맞습니까\?$", re.S),
    re.compile(r"^다음 글을 읽고 문장이 맞는지 답하세요\.\n글: (?P<p>.+)\n문장: (?P<h>.+)$", re.S),
)
_ALIKE = re.compile(r"^두 문장의 뜻이 비슷한가요\?\n1\) (.+)\n2\) (.+)$", re.S)
_REWRITE = re.compile(r"^(?:뜻은 그대로 두고 문장을 다시 써 주세요|다음 문장을 다른 말로 바꿔 주세요)\.\n(.+)$", re.S)
_CAUSE = re.compile(r"^(.+)\n이 문장의 (?:원인|결과)로 알맞은", re.S)
_CONTINUE = re.compile(r"^다음 글에 이어질 문장을 써 주세요\.\n(.+)$", re.S)
_TRANSLATE = re.compile(r"^(?:Translate|다음 글을)[^\n]*\n(.+)$", re.S)


@dataclass(frozen=True, slots=True)
class Pair:
    """A query and the passage it belongs to; ``source`` says where both come from."""

    query: str
    passage: str
    source: str


@dataclass(frozen=True, slots=True)
class Task:
    """A row of ``korean_nlu_tasks_ko``: two texts, and whether the second says the same or follows."""

    first: str
    second: str
    holds: bool
    source: str


def tasks(corpus: Path) -> Iterator[Task]:
    """Yield the rows that hold two texts; sentiment rows and unknown wordings are left out."""
    for row in read_rows(corpus / "instruct" / "korean_nlu_tasks_ko.jsonl.xz"):
        asked, said = (squeeze_lines(message["content"]) for message in row["messages"][:2])
        source = row["source"]
        for pattern in _NLI:
            if found := pattern.match(asked):
                yield Task(found["p"], found["h"], said.startswith("예"), source)
                break
        else:
            if found := _ALIKE.match(asked):
                yield Task(found[1], found[2], said.startswith("네"), source)
            elif found := _REWRITE.match(asked) or _CAUSE.match(asked) or _CONTINUE.match(asked):
                yield Task(found[1], said, True, source)


def squeeze_lines(text: str) -> str:
    """Return the text with single spaces and its line ends kept."""
    return "\n".join(squeeze(line) for line in text.splitlines())


def documents(corpus: Path, language: str) -> Iterator[Pair]:
    """Yield question or heading with its section, out of documentation."""
    for kind in ("docs_questions", "docs_sections"):
        for row in read_rows(corpus / "instruct" / f"{kind}_{language}.jsonl.xz"):
            asked, said = (squeeze(message["content"]) for message in row["messages"][:2])
            if len(said) >= 40:
                yield Pair(asked, said, row["source"].removeprefix("docs:"))


def reading(corpus: Path, name: str) -> Iterator[Pair]:
    """Yield question with passage."""
    for row in read_rows(corpus / "reading" / f"{name}.jsonl.xz"):
        yield Pair(squeeze(row["question"]), squeeze(row["context"]), row["source"])


def translations(corpus: Path, test: bool) -> Iterator[Pair]:
    """Yield Korean with English; one in ``ONE_IN_TRANSLATIONS`` is for the test."""
    seen: set[int] = set()
    for row in read_rows(corpus / "instruct" / "translation_python_docs.jsonl.xz"):
        asked, said = (squeeze_lines(message["content"]) for message in row["messages"][:2])
        if not (found := _TRANSLATE.match(asked)):
            continue
        korean, english = (found[1], said) if row["lang"] == "en" else (said, found[1])
        key = text_hash(english)
        if key not in seen and (key % ONE_IN_TRANSLATIONS == 0) == test:
            seen.add(key)
            yield Pair(korean, english, "translation")


def is_validation(passage: str) -> bool:
    """Return whether a reading passage is for validation."""
    return text_hash(passage) % VALIDATION_EVERY == 0


def cloze(corpus: Path, name: str, about: dict[str, Any], every: int = 1) -> Iterator[Pair]:
    """Yield sentence with the rest of its paragraph; the sentence stays in it once in ten times."""
    for paragraph in read_paragraphs(corpus, name, about):
        parts = sentences(paragraph.text)
        if len(parts) < 2 or (every > 1 and text_hash(paragraph.text) % every):
            continue
        random = stream("cloze", paragraph.text)
        for place in random.sample(range(len(parts)), min(CLOZE, len(parts))):
            rest = parts if random.random() < 0.1 else parts[:place] + parts[place + 1 :]
            if len(parts[place]) >= 15:
                yield Pair(parts[place], " ".join(rest), f"cloze {name}")


def blocked(corpus: Path) -> Blocklist:
    """Return what training must not contain: this recipe's test and validation texts and the project's others."""
    block = Blocklist(evaluation_texts(corpus))
    for row in tasks(corpus):
        if row.source in TEST_TASKS + VALIDATION_TASKS:
            block.add(row.first)
            block.add(row.second)
    for pair in reading(corpus, "kobest_boolq_ko"):
        if pair.source.endswith("-dev") or is_validation(pair.passage):
            block.add(pair.passage)
    for language in ("ko", "en"):
        for pair in documents(corpus, language):
            if pair.source in APART:
                block.add(pair.passage)
    for pair in translations(corpus, test=True):
        block.add(pair.query)
        block.add(pair.passage)
    return block


def training(corpus: Path, prepared: Path) -> Iterator[Pair]:
    """Yield every pair that training may see; ``prepared`` is the folder of ``data.models.recipe.prepare``."""
    block = blocked(corpus)
    seen: set[tuple[int, int]] = set()
    for pair in _candidates(corpus, prepared):
        key = (text_hash(pair.query), text_hash(pair.passage))
        if key not in seen and block.allows(pair.query) and block.allows(pair.passage):
            seen.add(key)
            yield pair


def _candidates(corpus: Path, prepared: Path) -> Iterator[Pair]:
    for language in ("ko", "en"):
        for pair in documents(corpus, language):
            if pair.source not in APART:
                yield Pair(pair.query, pair.passage, f"docs {language}")
    for row in tasks(corpus):
        if row.holds and row.source not in TEST_TASKS + VALIDATION_TASKS:
            yield Pair(row.second, row.first, row.source.split("-")[0] + " " + row.source.split("-")[1])
    yield from _questions(corpus, prepared)
    for name, source in (("songys_chatbot_ko", "songys"), ("ms_support_ko", "docs ko")):
        for said in read_rows(corpus / "instruct" / f"{name}.jsonl.xz"):
            query, passage = (squeeze(message["content"]) for message in said["messages"][:2])
            yield Pair(query, passage, source)
    yield from translations(corpus, test=False)
    for name, about in sources()["text"].items():
        if name not in APART:
            yield from cloze(corpus, name, about, every=3 if name in ("wikipedia_squad_en", "gutenberg_en") else 1)


def _questions(corpus: Path, prepared: Path) -> Iterator[Pair]:
    for pair in reading(corpus, "kobest_boolq_ko"):
        if not pair.source.endswith("-dev") and not is_validation(pair.passage):
            yield Pair(pair.query, pair.passage, "boolq")
    for row in read_rows(prepared / "korean.jsonl.xz"):
        if row["source"] not in APART:
            for question, _ in row["qa"]:
                yield Pair(squeeze(question), squeeze(row["context"]), f"rule questions {row['source']}")
    for name in ("squad11_train_en", "qamr_en", "fairytaleqa_en"):
        for pair in reading(corpus, name):
            if name != "squad11_train_en" or not is_validation(pair.passage):
                yield Pair(pair.query, pair.passage, name)


def count_by_source(pairs: Iterable[Pair]) -> dict[str, int]:
    """Return how many pairs each source gives."""
    counts: dict[str, int] = {}
    for pair in pairs:
        counts[pair.source] = counts.get(pair.source, 0) + 1
    return counts
