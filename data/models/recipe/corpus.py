"""Read the corpus folder, keep apart what must not be trained on, and write the forgetting samples.

The folder holds ``text/*.txt.xz`` (documents parted by a line ``<|doc|>``), ``reading/*.jsonl.xz``
(context, question, answer) and ``instruct/*.jsonl.xz`` (messages). Which files are read, and under
which licence, is listed in ``texts/sources.yaml``.
"""

from __future__ import annotations

import argparse
import json
import lzma
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from .words import LANGUAGES, language_of, sentences, squeeze, stream, text_hash

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[2]
FORGETTING = REPOSITORY / "data" / "forgetting"
# One paragraph in this many is held out of all training.
HELD_OUT_EVERY = 40
# Sentences shorter than this are too common to prove that a text is the same one.
SHORTEST_PROOF = 30
_MARKUP = re.compile(r"[`<>{}|\\]|https?:|^\s*([#*>-]+|\d+\.)\s|\[\^|={3}|_{3}|\$\S")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph of running text and where it comes from."""

    text: str
    source: str
    kind: str
    language: str


@cache
def sources() -> dict[str, dict[str, dict[str, Any]]]:
    """Return the table of files: ``text``, ``reading``, ``instruct`` and ``out``."""
    table: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load((HERE / "texts" / "sources.yaml").read_text("utf-8"))
    return table


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the JSON rows of an xz-compressed JSONL file."""
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def is_held_out(text: str) -> bool:
    """Return whether a paragraph belongs to the held-out part; layout and case do not matter."""
    return text_hash(text) % HELD_OUT_EVERY == 0


def is_prose(text: str) -> bool:
    """Return whether a paragraph is running text: no markup, no code, ends like a sentence."""
    if not 60 <= len(text) <= 2500 or _MARKUP.search(text) or text.rstrip()[-1] not in ".!?\"'”’)":
        return False
    letters = sum(c.isalpha() or c.isspace() for c in text)
    return letters / len(text) > 0.8


def read_paragraphs(corpus: Path, name: str, about: dict[str, Any]) -> Iterator[Paragraph]:
    """Yield the prose paragraphs of one text file, in order, without repeats inside it."""
    seen: set[int] = set()
    with lzma.open(corpus / "text" / f"{name}.txt.xz", "rt", encoding="utf-8") as file:
        whole = file.read()
    for document in whole.split("<|doc|>"):
        for block in re.split(r"\n\s*\n", document):
            text = squeeze(block)
            key = text_hash(text)
            if key not in seen and is_prose(text) and language_of(text) == about["language"]:
                seen.add(key)
                yield Paragraph(text, name, about["kind"], about["language"])


class Blocklist:
    """Sentences that training must not contain: evaluation sets and forgetting samples."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._hashes: set[int] = set()
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        """Block every sentence of ``text`` that is long enough to be telling."""
        self._hashes.update(text_hash(part) for part in sentences(squeeze(text)) if len(part) >= SHORTEST_PROOF)

    def allows(self, text: str) -> bool:
        """Return whether no sentence of ``text`` is blocked."""
        return not any(text_hash(part) in self._hashes for part in sentences(squeeze(text)))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def evaluation_texts(corpus: Path) -> Iterator[str]:
    """Yield every text that evaluation uses: SQuAD dev passages, our own sets, the demo domain."""
    for name in sources()["out"]["reading"]:
        path = corpus / "reading" / f"{name}.jsonl.xz"
        if path.exists():
            yield from {row["context"] for row in read_rows(path)}
    data = REPOSITORY / "data"
    for folder in (data / "models" / "evaluation", data / "demo", FORGETTING):
        for path in sorted(folder.rglob("*.jsonl")):
            for line in path.read_text("utf-8").splitlines():
                yield from _strings(json.loads(line))
    for path in sorted((data / "demo" / "documents").rglob("*.md")):
        yield path.read_text("utf-8")
    for path in sorted((HERE / "items").glob("*.yaml")):
        yield from _strings(yaml.safe_load(path.read_text("utf-8")))


def choose_forgetting(corpus: Path, language: str, limit: int) -> list[dict[str, str]]:
    """Return held-out paragraphs for measuring forgetting, at most ``limit`` bytes of text.

    Texts that reading sets are made of (SQuAD's Wikipedia, the fairy tales) stay out, so that one
    list of sentences suffices to keep the samples apart.
    """
    picked: list[Paragraph] = []
    for name, about in sources()["text"].items():
        if about["language"] == language and name not in ("wikipedia_squad_en", "fairytales_en"):
            picked += [p for p in read_paragraphs(corpus, name, about) if is_held_out(p.text) and len(p.text) >= 120]
    stream("forgetting", language).shuffle(picked)
    picked.sort(key=lambda p: p.kind != "prose")
    rows: list[dict[str, str]] = []
    size = 0
    for paragraph in picked:
        weight = len(paragraph.text.encode())
        if size + weight > limit * (0.7 if paragraph.kind == "prose" else 1.0):
            continue
        size += weight
        licence = sources()["text"][paragraph.source]["licence"]
        number = f"fg-{language}-{len(rows):04d}"
        rows.append({"id": number, "text": paragraph.text, "source": paragraph.source, "licence": licence})
    return rows


def write_forgetting(corpus: Path, folder: Path = FORGETTING, limit: int = 120_000) -> None:
    """Write ``ko.jsonl`` and ``en.jsonl``, at most ``limit`` bytes of text each."""
    folder.mkdir(parents=True, exist_ok=True)
    for language in LANGUAGES:
        rows = choose_forgetting(corpus, language, limit)
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{language}.jsonl").write_text(lines, encoding="utf-8")


def main() -> None:
    """Write the forgetting samples: ``python -m data.models.recipe.corpus --corpus DIR``."""
    parser = argparse.ArgumentParser(description="Write the samples for measuring forgetting.")
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=FORGETTING)
    options = parser.parse_args()
    write_forgetting(options.corpus, options.out)


if __name__ == "__main__":
    main()
