"""The prepared files in memory: passages with questions, text, talk, and pools of real names."""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .corpus import read_rows, sources
from .substitute import Pool, make_pool


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage of real text, the names in it and its questions with answers."""

    text: str
    names: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    source: str
    language: str
    title: str = ""
    # Other wordings of questions, by question.
    again: dict[str, tuple[str, ...]] = field(default_factory=dict)


class Library:
    """Everything ``prepare`` wrote, grouped the way the skills draw from it."""

    def __init__(self, folder: Path) -> None:
        self.reading: dict[str, list[Passage]] = {}
        for row in self._rows(folder, "reading"):
            passage = _passage(row, row["language"])
            if passage.pairs:
                self.reading.setdefault(row["source"], []).append(passage)
        self.korean = [_passage(row, "ko") for row in self._rows(folder, "korean")]
        self.plain: dict[str, list[str]] = {"ko": [], "en": []}
        kinds = {name: about["kind"] for name, about in sources()["text"].items()}
        for row in self._rows(folder, "plain"):
            # Prose counts three times: it is what people's own documents are like.
            self.plain[row["language"]] += [row["text"]] * (3 if kinds.get(row["source"]) == "prose" else 1)
        self.talk = [[(r, c) for r, c in row["messages"]] for row in self._rows(folder, "talk")]
        self.tasks = [[(r, c) for r, c in row["messages"]] for row in self._rows(folder, "tasks")]
        self.titles: dict[str, list[str]] = {}
        for passages in self.reading.values():
            for passage in passages:
                if 0 < len(passage.title) < 25:
                    self.titles.setdefault(passage.title, []).extend(q for q, _ in passage.pairs if len(q) < 90)
        self.pools: dict[str, Pool] = {}
        for language in ("ko", "en"):
            names = [n for p in self._passages() if p.language == language for n in p.names]
            self.pools[language] = make_pool(names, language)

    @staticmethod
    def _rows(folder: Path, name: str) -> Iterator[dict[str, Any]]:
        try:
            yield from read_rows(folder / f"{name}.jsonl.xz")
        except (FileNotFoundError, lzma.LZMAError) as error:
            raise FileNotFoundError(f"{folder / name}.jsonl.xz: run prepare first ({error})") from error

    def _passages(self) -> Iterator[Passage]:
        for passages in self.reading.values():
            yield from passages
        yield from self.korean


def _passage(row: dict[str, Any], language: str) -> Passage:
    pairs = tuple((q, a) for q, a in row["qa"] if a)
    again = {q: tuple(others) for (q, _), others in zip(row["qa"], row.get("again", ()), strict=False) if others}
    return Passage(row["context"], tuple(row["names"]), pairs, row["source"], language, row.get("title", ""), again)
