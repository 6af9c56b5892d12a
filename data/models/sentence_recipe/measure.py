"""Rankings and their figures: the product's BM25, any embedder, and both fused as the product fuses."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from assistant.retrieval.hybrid import CANDIDATES, fuse
from assistant.retrieval.keyword import KeywordIndex
from assistant.retrieval.registry import StoredChunk

from .sets import RetrievalSet

Rankings = list[list[str]]
Embed = Callable[[Sequence[str]], np.ndarray]
RESAMPLES = 2000


def by_keyword(one: RetrievalSet) -> Rankings:
    """Return the passages' numbers by the product's BM25, best first, at most ``CANDIDATES``."""
    with tempfile.TemporaryDirectory() as folder:
        index = KeywordIndex(Path(folder))
        chunks = [StoredChunk(str(n), str(n), str(n), 0, text, 0) for n, text in enumerate(one.passages)]
        number = {chunk.key: chunk.document for chunk in chunks}
        index.refresh("set", lambda: chunks)
        return [[number[hit.key] for hit in index.search(query, CANDIDATES)] for query in one.queries]


def by_meaning(one: RetrievalSet, embed: Embed) -> Rankings:
    """Return the passages' numbers by cosine, best first, at most ``CANDIDATES``."""
    cosines = embed(one.queries) @ embed(one.passages).T
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :CANDIDATES]
    return [[str(number) for number in row] for row in order]


def fused(*halves: Rankings) -> Rankings:
    """Return the reciprocal-rank fusion of several rankings."""
    return [fuse(list(rankings)) for rankings in zip(*halves, strict=True)]


def reciprocal_ranks(one: RetrievalSet, rankings: Rankings) -> np.ndarray:
    """Return 1 / rank of the right passage for each query; 0 where it is not among the candidates."""
    made = np.zeros(len(one.right))
    for number, (right, ranking) in enumerate(zip(one.right, rankings, strict=True)):
        if str(right) in ranking:
            made[number] = 1.0 / (ranking.index(str(right)) + 1)
    return made


def figures(ranks: np.ndarray) -> dict[str, float]:
    """Return hit@1, hit@5 and MRR in per cent."""
    return {
        "hit1": 100 * float((ranks == 1).mean()),
        "hit5": 100 * float((ranks >= 0.2).mean()),
        "mrr": 100 * float(ranks.mean()),
    }


def gain(ranks: np.ndarray, floor: np.ndarray, seed: int = 0) -> tuple[float, float, float]:
    """Return the mean gain in MRR over ``floor`` in points with its 95 % interval (paired bootstrap)."""
    difference = 100 * (ranks - floor)
    random = np.random.default_rng(seed)
    means = [difference[random.integers(0, len(difference), len(difference))].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(difference.mean()), float(low), float(high)
