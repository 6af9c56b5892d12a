"""Turn the corpus into the few files that training reads; run once, in minutes, on a CPU.

``python -m data.models.recipe.prepare --corpus DIR --out FOLDER`` writes ``reading``, ``korean``,
``plain``, ``talk`` and ``tasks`` (``.jsonl.xz``) and ``manifest.json``. Held-out paragraphs and
everything an evaluation reads stay out. The result depends on the corpus and the seed alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .corpus import Blocklist, Paragraph, evaluation_texts, is_held_out, read_paragraphs, read_rows, sources
from .korean_questions import Asker
from .rewording import Rewording
from .words import sentences, squeeze, stream

Row = dict[str, Any]
FILES = ("reading", "korean", "plain", "talk", "tasks")
_CAPITAL = re.compile(r"(?<=[a-z0-9,;] )[A-Z][a-z]{2,}(?:-[A-Z][a-z]+)?")


def english_names(text: str) -> list[str]:
    """Return capitalised words that stand inside a sentence and never in lower case."""
    found = set(_CAPITAL.findall(text))
    return sorted(name for name in found if not re.search(rf"\b{name.lower()}\b", text))


def _clean(paragraphs: Iterable[Paragraph], blocked: Blocklist) -> Iterator[Paragraph]:
    for paragraph in paragraphs:
        if not is_held_out(paragraph.text) and blocked.allows(paragraph.text):
            yield paragraph


def reading_rows(corpus: Path, blocked: Blocklist, asker: Asker) -> Iterator[Row]:
    """Yield one row a passage: its names, its question/answer pairs and the questions in other words."""
    rewording = Rewording(asker.kiwi, stream("reworded", "reading"))
    for name, about in sources()["reading"].items():
        grouped: dict[str, list[tuple[str, str]]] = {}
        titles: dict[str, str] = {}
        for row in read_rows(corpus / "reading" / f"{name}.jsonl.xz"):
            context = squeeze(row["context"])
            titles[context] = row.get("title", "").replace("_", " ")
            grouped.setdefault(context, []).append((squeeze(row["question"]), squeeze(row["answer"])))
        for context, pairs in grouped.items():
            if is_held_out(context) or not blocked.allows(context) or len(context) > 2500:
                continue
            names = english_names(context) if about["language"] == "en" else asker.names(context)
            row = {"source": name, "language": about["language"], "title": titles[context], "context": context}
            again = rewording.all(pairs, context, about["language"]) if about.get("reword", True) else []
            yield {**row, "names": names, "qa": pairs, "again": again}


def korean_rows(corpus: Path, blocked: Blocklist, asker: Asker, docs: int) -> Iterator[Row]:
    """Yield Korean passages with questions made by rule: all general prose, ``docs`` paragraphs of documentation."""
    rewording = Rewording(asker.kiwi, stream("reworded", "korean"))
    prose: list[Paragraph] = []
    technical: list[Paragraph] = []
    for name, about in sources()["text"].items():
        if about["language"] == "ko":
            clean = _clean(read_paragraphs(corpus, name, about), blocked)
            (prose if about["kind"] == "prose" else technical).extend(clean)
    rng = stream("korean", "docs")
    technical = [p for p in technical if len(p.text) > 110 and not re.search(r"[A-Za-z]{3,}.*[A-Za-z]{3,}", p.text)]
    for paragraph in prose + rng.sample(technical, min(docs, len(technical))):
        parts = sentences(paragraph.text)
        pairs = [pair for part in parts if 15 <= len(part) <= 200 for pair in asker.questions(part)]
        pairs = [(q, a) for q, a in pairs if paragraph.text.count(a) <= 3]
        if pairs:
            names = asker.names(paragraph.text)
            again = rewording.all(pairs, paragraph.text, "ko")
            yield {"source": paragraph.source, "context": paragraph.text, "names": names, "qa": pairs, "again": again}


def plain_rows(corpus: Path, blocked: Blocklist, limit: int) -> Iterator[Row]:
    """Yield general text, at most ``limit`` characters a file, long paragraphs before short ones left out."""
    for name, about in sources()["text"].items():
        paragraphs = [p for p in _clean(read_paragraphs(corpus, name, about), blocked) if len(p.text) > 120]
        stream("plain", name).shuffle(paragraphs)
        size = 0
        for paragraph in paragraphs:
            size += len(paragraph.text)
            if size > limit:
                break
            yield {"source": name, "language": about["language"], "text": paragraph.text}


def message_rows(corpus: Path, kind: str, limit: int) -> Iterator[Row]:
    """Yield conversations of one kind (``talk`` or ``tasks``), at most ``limit`` a file."""
    for name, about in sources()["instruct"].items():
        if about["kind"] != kind:
            continue
        rows = [row["messages"] for row in read_rows(corpus / "instruct" / f"{name}.jsonl.xz")]
        rows = [row for row in rows if sum(len(m["content"]) for m in row) < 900]
        stream(kind, name).shuffle(rows)
        for row in rows[:limit]:
            yield {"source": name, "messages": [(m["role"], m["content"]) for m in row]}


def write(folder: Path, name: str, rows: Iterable[Row]) -> Row:
    """Write rows to ``name.jsonl.xz``; return count, sources and hash of the rows."""
    digest, count = hashlib.sha256(), Counter[str]()
    with lzma.open(folder / f"{name}.jsonl.xz", "wt", encoding="utf-8", preset=3) as file:
        for row in rows:
            line = json.dumps(row, ensure_ascii=False) + "\n"
            digest.update(line.encode())
            count[row["source"]] += 1
            file.write(line)
    return {"rows": sum(count.values()), "sources": dict(count), "sha256": digest.hexdigest()}


def prepare(corpus: Path, out: Path, docs: int, plain: int, talk: int, only: Sequence[str] = FILES) -> Row:
    """Write the files named in ``only``; return the manifest, in which other entries stay as they were."""
    out.mkdir(parents=True, exist_ok=True)
    blocked = Blocklist(evaluation_texts(corpus))
    path = out / "manifest.json"
    manifest: Row = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for name in only:
        # Each file has an analyser of its own, so that files can be made again one by one.
        asker = Asker(stream("korean", name)) if name in ("reading", "korean") else None
        if name == "plain":
            rows = plain_rows(corpus, blocked, plain)
        elif asker is None:
            rows = message_rows(corpus, name, talk)
        elif name == "reading":
            rows = reading_rows(corpus, blocked, asker)
        else:
            rows = korean_rows(corpus, blocked, asker, docs)
        manifest[name] = write(out, name, rows)
        path.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return manifest


def main() -> None:
    """Read the command line and prepare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with text/, reading/ and instruct/")
    parser.add_argument("--out", type=Path, required=True, help="where the prepared files go")
    parser.add_argument("--docs", type=int, default=6000, help="paragraphs of Korean documentation to ask about")
    parser.add_argument("--plain", type=int, default=1_500_000, help="characters of general text a file")
    parser.add_argument("--talk", type=int, default=6000, help="conversations a file")
    parser.add_argument("--only", nargs="*", choices=FILES, default=FILES, help="make only these files again")
    options = parser.parse_args()
    manifest = prepare(options.corpus, options.out, options.docs, options.plain, options.talk, options.only)
    print(json.dumps({name: about["rows"] for name, about in manifest.items()}))


if __name__ == "__main__":
    main()
