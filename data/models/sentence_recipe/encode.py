"""Training pairs as numbers: the word list, and each text as rows with weights."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from kiwipiepy import Kiwi

from assistant.retrieval.terms import Terms, terms
from data.models.recipe.words import sentences

from .pairs import Pair, training
from .vectors import features

KOREAN, ENGLISH, HASHED = 15_000, 9_000, 6_400  # rows of each kind
KIWI_KNOWN = 24_000  # Kiwi numbers morphemes by frequency; below this its vectors mean something
CONTENT = ("NNG", "NNP", "VV", "VA", "XR", "MAG", "NNB", "NR")
CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Encoded:
    """Texts as rows and weights (text t: ``starts[t]`` to ``starts[t + 1]``), pairs as (query, passage, source)."""

    rows: np.ndarray
    weights: np.ndarray
    starts: np.ndarray
    pairs: np.ndarray
    sources: list[str]
    words: list[str]
    korean: int


def is_korean(word: str) -> bool:
    """Return whether a term is a Korean morpheme."""
    return "가" <= word[0] <= "힣"


def kiwi_numbers() -> dict[str, int]:
    """Return Kiwi's number of every common content morpheme, the most frequent sense of each form."""
    kiwi = Kiwi(num_workers=1, load_multi_dict=False, load_typo_dict=False)
    found: dict[str, int] = {}
    for number in range(KIWI_KNOWN):
        token = kiwi.morpheme(number)
        if token.form and token.tag.split("-")[0] in CONTENT:
            found.setdefault(token.form.lower(), number)
    return found


def choose_words(counts: Mapping[str, int], known: Iterable[str]) -> tuple[list[str], int]:
    """Return the word list, Korean first, and how many Korean ones: frequent here, or common in Korean at large.

    Words of the corpus come by frequency; from the fourth rarest on, those Kiwi knows fill the rest.
    """
    often = sorted((word for word in counts if is_korean(word) and counts[word] >= 4), key=lambda w: -counts[w])
    korean = list(dict.fromkeys([*often[: KOREAN * 2 // 3], *(w for w in known if is_korean(w)), *often]))[:KOREAN]
    english = sorted((word for word in counts if not is_korean(word)), key=lambda w: (-counts[w], w))
    return [*korean, *english[:ENGLISH]], len(korean)


def analyse(texts: Iterable[str]) -> dict[str, Terms]:
    """Return the terms of every distinct sentence of the texts."""
    pieces = sorted(set(chain.from_iterable(sentences(text) for text in texts)))
    found: dict[str, Terms] = {}
    for begin in range(0, len(pieces), CHUNK):
        part = pieces[begin : begin + CHUNK]
        found.update(zip(part, terms(part), strict=True))
    return found


def encode(pairs: list[Pair]) -> Encoded:
    """Return the pairs as numbers, with a word list made of them."""
    texts = list(dict.fromkeys(chain.from_iterable((pair.query, pair.passage) for pair in pairs)))
    found = analyse(texts)
    counts = Counter(word for one in found.values() for word in one.words)
    words, korean = choose_words(counts, kiwi_numbers())
    places = {word: row for row, word in enumerate(words)}
    rows, weights, starts = [], [], [0]
    for text in texts:
        parts = [found[piece] for piece in sentences(text)]
        whole = Terms([w for part in parts for w in part.words], [b for part in parts for b in part.bigrams])
        made = sorted(features(whole, places, HASHED).items())
        rows.append(np.array([row for row, _ in made], dtype=np.int32))
        weights.append(np.array([weight for _, weight in made], dtype=np.float16))
        starts.append(starts[-1] + len(made))
    number = {text: place for place, text in enumerate(texts)}
    sources = sorted({pair.source for pair in pairs})
    table = [(number[p.query], number[p.passage], sources.index(p.source)) for p in pairs]
    return Encoded(
        np.concatenate(rows), np.concatenate(weights), np.array(starts), np.array(table), sources, words, korean
    )


def save(encoded: Encoded, folder: Path) -> str:
    """Write ``pairs.npz`` and ``pairs.json``; return the hash of the data."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {name: getattr(encoded, name) for name in ("rows", "weights", "starts", "pairs")}
    total = hashlib.sha256(json.dumps([encoded.sources, encoded.words, encoded.korean]).encode())
    for array in arrays.values():
        total.update(array.tobytes())
    np.savez(folder / "pairs.npz", **arrays)
    note = {"sources": encoded.sources, "words": encoded.words, "korean": encoded.korean, "sha256": total.hexdigest()}
    (folder / "pairs.json").write_text(json.dumps(note, ensure_ascii=False), encoding="utf-8")
    return total.hexdigest()


def load(folder: Path) -> Encoded:
    """Return what ``save`` wrote."""
    arrays = np.load(folder / "pairs.npz")
    note = json.loads((folder / "pairs.json").read_text(encoding="utf-8"))
    lists = (note["sources"], note["words"], note["korean"])
    return Encoded(arrays["rows"], arrays["weights"], arrays["starts"], arrays["pairs"], *lists)


def main() -> None:
    """Write the training pairs: ``python -m data.models.sentence_recipe.encode``."""
    parser = argparse.ArgumentParser(description="Write the training pairs as numbers.")
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--prepared", type=Path, required=True, help="folder of data.models.recipe.prepare")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    encoded = encode(list(training(options.corpus, options.prepared)))
    print(f"{len(encoded.pairs)} pairs, {len(encoded.words)} words, sha256 {save(encoded, options.out)}")


if __name__ == "__main__":
    main()
