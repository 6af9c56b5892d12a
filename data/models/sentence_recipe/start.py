"""Starting vectors: what Kiwi knows of Korean words and MiniLM of English ones, in one space.

Both are packages that the app depends on anyway. Kiwi tells how alike two morphemes are (cosines of its
language model's vectors); a few hundred common ones as landmarks give every word's place (Nyström).
The Korean space is then turned onto the English one where translations say the same (Procrustes).
"""

from __future__ import annotations

import numpy as np
from kiwipiepy import Kiwi

from assistant.retrieval.embeddings import open_embedder

from .encode import HASHED, Encoded, kiwi_numbers

LANDMARKS = 700
DIMENSION = 256
HASHED_NORM = 0.15  # a pair of syllables says less than a word


def korean_places(words: list[str], dimension: int = DIMENSION) -> np.ndarray:
    """Return unit vectors ``(len(words), dimension)``; a word that Kiwi does not know gets zeros."""
    numbers = kiwi_numbers()
    kiwi = Kiwi(num_workers=1, load_multi_dict=False, load_typo_dict=False)
    marks = sorted(numbers[word] for word in words if word in numbers)[: LANDMARKS * 4 : 4]
    known = [place for place, word in enumerate(words) if word in numbers]
    alike = np.array([[kiwi.morpheme_similarity(numbers[words[k]], m) for m in marks] for k in known])
    core = np.array([[kiwi.morpheme_similarity(one, other) for one in marks] for other in marks])
    values, axes = np.linalg.eigh((core + core.T) / 2)
    keep = values > 1e-3 * values[-1]
    made = np.zeros((len(words), dimension))
    made[known] = principal(alike @ axes[:, keep] / np.sqrt(values[keep]), dimension)
    return made


def english_places(words: list[str], dimension: int = DIMENSION) -> np.ndarray:
    """Return unit vectors of stems as MiniLM sees each alone."""
    return principal(open_embedder("minilm").embed(words).astype(np.float64), dimension)


def principal(vectors: np.ndarray, dimension: int) -> np.ndarray:
    """Return unit vectors along the first principal axes, zeros beyond those there are."""
    centred = vectors - vectors.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    made: np.ndarray = np.zeros((len(vectors), dimension))
    count = min(dimension, len(axes))
    made[:, :count] = centred @ axes[:count].T
    return np.asarray(made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-9))


def rarity(encoded: Encoded) -> np.ndarray:
    """Return ln(1 + texts / texts with the row) of every row."""
    held = np.bincount(encoded.rows, minlength=len(encoded.words) + HASHED)
    return np.asarray(np.log1p((len(encoded.starts) - 1) / (held + 1.0)))


def turn(korean: np.ndarray, english: np.ndarray) -> np.ndarray:
    """Return the rotation that brings rows of ``korean`` nearest to rows of ``english``."""
    left, _, right = np.linalg.svd(korean.T @ english)
    return np.asarray(left @ right)


def bags(encoded: Encoded, table: np.ndarray, texts: np.ndarray) -> np.ndarray:
    """Return the weighted sum of each text's rows, unit length."""
    made = np.zeros((len(texts), table.shape[1]))
    for place, text in enumerate(texts):
        part = slice(encoded.starts[text], encoded.starts[text + 1])
        made[place] = encoded.weights[part].astype(np.float64) @ table[encoded.rows[part]]
    return np.asarray(made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-9))


def starting_table(encoded: Encoded, seed: int) -> np.ndarray:
    """Return float32 rows: words as above times their rarity, hashed rows small and random."""
    korean = encoded.korean
    random = np.random.default_rng(seed)
    table = np.zeros((len(encoded.words) + HASHED, DIMENSION))
    table[:korean] = korean_places(encoded.words[:korean])
    table[korean : len(encoded.words)] = english_places(encoded.words[korean:])
    lost = ~table.any(axis=1)
    table[lost] = random.standard_normal((int(lost.sum()), DIMENSION)) / np.sqrt(DIMENSION)
    rare = rarity(encoded)
    table *= (rare / rare.mean())[:, None]
    table[len(encoded.words) :] *= HASHED_NORM
    if "translation" in encoded.sources:
        own = encoded.pairs[encoded.pairs[:, 2] == encoded.sources.index("translation")]
        only = table.copy()
        only[korean:] = 0
        other = table.copy()
        other[:korean] = 0
        table[:korean] = table[:korean] @ turn(bags(encoded, only, own[:, 0]), bags(encoded, other, own[:, 1]))
    return table.astype(np.float32)
