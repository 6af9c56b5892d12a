"""BM25 over the chunks of one collection: bm25s on search terms, kept in memory and cached on disk.

The index knows the content it was made of; where that differs from the registry it is brought up to
date, and only new documents are analysed again.
"""

import json
import os
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.retrieval.registry import StoredChunk
from assistant.retrieval.terms import TERMS_VERSION, Terms, terms
from assistant.schema import digest

if TYPE_CHECKING:
    import numpy as np

# A bigram repeats what a morpheme says, so it weighs less; chosen on the demo's validation questions.
BIGRAM_WEIGHT = 0.3
# Coverage counts as full when it reaches the weight of a query's so many rarest terms: nobody repeats the
# words of a document in full, and a long question would otherwise never be covered.
RAREST = 5
K1, B = 0.9, 0.4
FORMAT = f"2.{TERMS_VERSION}"


@dataclass(frozen=True, slots=True)
class KeywordHit:
    """A chunk with its BM25 score and how much of the query's rarest terms it holds (``RAREST``), 0..1."""

    key: str
    score: float
    coverage: float


class KeywordIndex:
    """One collection's BM25; safe to use from many threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._live: _Live | None = None

    def refresh(self, content: str, chunks: Callable[[], Iterable[StoredChunk]]) -> None:
        """Bring the index to ``content``; ``chunks`` is only asked where it is not there already."""
        with self._lock:
            if self._live is not None and self._live.content == content:
                return
            self._live = self._stored(content) or self._build(content, list(chunks()))

    def search(self, query: str, count: int) -> list[KeywordHit]:
        """Return the best chunks that share at least one term with the query, best first.

        A query of courtesies and question words alone (안녕하세요, 뭘 할 수 있어요?) asks for no document,
        though the bigrams of its endings stand in nearly every one.
        """
        live, found = self._live, terms([query])[0]
        return [] if live is None or not found.words else live.search(found, count)

    def forget(self) -> None:
        """Remove the index from memory and disk."""
        with self._lock:
            self._live = None
            shutil.rmtree(self._folder, ignore_errors=True)

    def _stored(self, content: str) -> "_Live | None":
        import bm25s

        try:
            note = json.loads((self._folder / "note.json").read_text(encoding="utf-8"))
            if (note["format"], note["content"]) != (FORMAT, content):
                return None
            folder = self._folder / note["folder"]
            index = bm25s.BM25.load(str(folder), mmap=True)
            keys = json.loads((folder / "keys.json").read_text(encoding="utf-8"))
            return _Live(content, index, keys)
        except (OSError, ValueError, KeyError, TypeError):
            return None  # never made, or damaged: it is a cache

    def _build(self, content: str, chunks: list[StoredChunk]) -> "_Live":
        import bm25s

        known = self._known_terms()
        fresh = [chunk for chunk in chunks if chunk.key not in known]
        for chunk, found in zip(fresh, terms([chunk.text for chunk in fresh]), strict=True):
            known[chunk.key] = [found.words, found.bigrams]
        kept = {chunk.key: known[chunk.key] for chunk in chunks}
        index = bm25s.BM25(method="lucene", k1=K1, b=B)
        bags = [words + [_bigram(pair) for pair in bigrams] for words, bigrams in kept.values()]
        if any(bags):
            index.index(bags, show_progress=False)
        live = _Live(content, index if any(bags) else None, list(kept))
        self._save(live, kept)
        return live

    def _known_terms(self) -> dict[str, list[list[str]]]:
        try:
            stored = json.loads((self._folder / "terms.json").read_text(encoding="utf-8"))
            return dict(stored["terms"]) if stored["format"] == FORMAT else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _save(self, live: "_Live", kept: dict[str, list[list[str]]]) -> None:
        """Write the new index beside the old one, then point at it; what is no longer used is removed."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"bm25-{digest([live.content, FORMAT])}"
        if live.index is not None:
            shutil.rmtree(self._folder / name, ignore_errors=True)
            live.index.save(str(self._folder / name))
            _write(self._folder / name / "keys.json", live.keys)
            _write(self._folder / "note.json", {"format": FORMAT, "content": live.content, "folder": name})
        else:
            (self._folder / "note.json").unlink(missing_ok=True)
        _write(self._folder / "terms.json", {"format": FORMAT, "terms": kept})
        for old in self._folder.glob("bm25-*"):
            if old.name != name or live.index is None:
                shutil.rmtree(old, ignore_errors=True)


class _Live:
    """A BM25 in memory with the chunk keys of its rows."""

    def __init__(self, content: str, index: Any, keys: list[str]) -> None:
        self.content, self.index, self.keys = content, index, keys

    def search(self, query: Terms, count: int) -> list[KeywordHit]:
        import numpy as np

        if self.index is None:
            return []
        total = np.zeros(len(self.keys), dtype=np.float32)
        covered = np.zeros(len(self.keys), dtype=np.float32)
        rarities = []
        wanted = [(word, float(times)) for word, times in Counter(query.words).items()]
        wanted += [(_bigram(pair), BIGRAM_WEIGHT * times) for pair, times in Counter(query.bigrams).items()]
        for term, weight in wanted:
            scores = self._scores(term)
            holds = scores > 0
            rarity = weight * float(np.log1p((len(self.keys) - holds.sum() + 0.5) / (holds.sum() + 0.5)))
            total += weight * scores
            covered += rarity * holds
            rarities.append(rarity)
        possible = sum(sorted(rarities, reverse=True)[:RAREST]) or 1.0
        order = np.argsort(-total, kind="stable")[:count]
        return [
            KeywordHit(self.keys[row], float(total[row]), min(1.0, float(covered[row] / possible)))
            for row in order
            if total[row] > 0
        ]

    def _scores(self, term: str) -> "np.ndarray":
        import numpy as np

        if term not in self.index.vocab_dict:
            return np.zeros(len(self.keys), dtype=np.float32)
        return np.asarray(self.index.get_scores([term]), dtype=np.float32)


def _bigram(pair: str) -> str:
    return f"\u0002{pair}"  # never equal to a word of two syllables


def _write(path: Path, value: Any) -> None:
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
