"""How a text becomes a vector: vectors of words, added up; no network to run.

Words are the search terms of the keyword index, so particles and endings are gone. A text's vector has two
parts: learned ones say what a word is near to; fixed signs, drawn by its spelling, tell it from every
other, also where it was never seen in training.
"""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from assistant.retrieval.keyword import BIGRAM_WEIGHT
from assistant.retrieval.terms import Terms, terms

SIGNS = 512
PIECE = 4  # letters of an unknown word that are looked up together
BATCH = 256


def features(found: Terms, words: Mapping[str, int], buckets: int) -> dict[int, float]:
    """Return row numbers with their weight, 1 + ln(count): known words first, then ``buckets`` hashed rows."""
    counts: Counter[int] = Counter()
    for word in found.words:
        row = words.get(word)
        if row is not None:
            counts[row] += 1
        elif not "가" <= word[0] <= "힣":  # an unknown Korean word is in the bigrams
            marked = f"<{word}>"
            for place in range(max(1, len(marked) - PIECE + 1)):
                counts[len(words) + _bucket(marked[place : place + PIECE], buckets)] += 1
    for pair in found.bigrams:
        counts[len(words) + _bucket(pair, buckets)] += 1
    return {row: 1.0 + math.log(count) for row, count in counts.items()}


def _bucket(piece: str, buckets: int) -> int:
    return zlib.crc32(piece.encode("utf-8", "replace")) % buckets


def signs(terms_: Sequence[str]) -> np.ndarray:
    """Return ``SIGNS`` times -1 or 1 for each term, drawn by a hash: any two are all but orthogonal (float32)."""
    drawn = b"".join(hashlib.shake_128(term.encode("utf-8", "replace")).digest(SIGNS // 8) for term in terms_)
    bits = np.unpackbits(np.frombuffer(drawn, dtype=np.uint8)).reshape(len(terms_), SIGNS)
    return bits.astype(np.float32) * 2 - 1


@dataclass(frozen=True, slots=True)
class Table:
    """The vectors in memory: 8-bit rows with one scale each, about as large as their file.

    ``rarity`` is ln(1 + texts / texts with it) for each row, ``unknown`` that of a word without one, and
    ``share`` how much the signs weigh in a cosine beside the learned part, which weighs 1.
    """

    words: dict[str, int]
    rows: np.ndarray
    scales: np.ndarray
    rarity: np.ndarray
    unknown: float
    share: float

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return unit-length float32 vectors; a text without a single term gets a fixed one."""
        half = self.rows.shape[1]
        vectors = np.zeros((len(texts), half + SIGNS), dtype=np.float32)
        for begin in range(0, len(texts), BATCH):
            for number, found in enumerate(terms(texts[begin : begin + BATCH]), begin):
                vectors[number, :half] = self.learned(found)
                vectors[number, half:] = self.share**0.5 * self.spelled(found)
        vectors[~vectors.any(axis=1), 0] = 1.0
        made: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return made

    def learned(self, found: Terms) -> np.ndarray:
        """Return the unit sum of the rows, or zeros."""
        weights = features(found, self.words, len(self.rows) - len(self.words))
        places = sorted(weights)  # one order of adding up, whatever the text's
        weight = np.array([weights[place] for place in places], dtype=np.float32) * self.scales[places]
        return _unit(weight @ self.rows[places].astype(np.float32))

    def spelled(self, found: Terms) -> np.ndarray:
        """Return the unit sum of the terms' signs by rarity, or zeros."""
        first, buckets = len(self.words), len(self.rows) - len(self.words)
        weights: dict[str, float] = {}
        for word, count in Counter(found.words).items():
            row = self.words.get(word)
            rare = self.unknown if row is None else float(self.rarity[row])
            weights[word] = rare * (1 + math.log(count))
        for pair, count in Counter(found.bigrams).items():
            rare = float(self.rarity[first + _bucket(pair, buckets)])
            weights[f"\u0002{pair}"] = BIGRAM_WEIGHT * rare * (1 + math.log(count))
        pieces = sorted(weights)
        return _unit(np.array([weights[piece] for piece in pieces], dtype=np.float32) @ signs(pieces))


def _unit(vector: np.ndarray) -> np.ndarray:
    length = float((vector @ vector) ** 0.5)
    return vector / length if length else vector


def open_table(folder: Path) -> Table:
    """Return the vectors of a folder with ``model.safetensors`` and ``config.json``."""
    arrays = load_file(str(folder / "model.safetensors"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    words = {word: row for row, word in enumerate(config["words"])}
    scales, rarity = (arrays[name].astype(np.float32) for name in ("scales", "rarity"))
    return Table(words, arrays["rows"], scales, rarity, config["unknown"], config["share"])
