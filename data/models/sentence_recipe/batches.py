"""Batches of training pairs: each of one source, queries thinned of the words that their passage holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from .encode import Encoded

# A source's share of the batches: its size to this power, so that large ones do not drown the rest.
POWER = 0.6
LARGEST = 30_000
OFTEN = {"songys": 0.25}  # an answer in small talk is hardly about the same matter
KOREAN_SHARE = 1.6  # Korean sources count so much more: the English half starts from a good teacher


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run depends on; ``forget`` is the chance that a word shared with the passage leaves the query."""

    steps: int
    batch: int = 768
    rate: float = 7e-4
    matrix_rate: float = 1e-3
    size_rate: float = 5e-3
    forget: float = 0.4
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Bag:
    """Rows of many texts in a line; ``owner`` says whose each is."""

    rows: np.ndarray
    weights: np.ndarray
    owner: np.ndarray
    count: int

    def part(self, low: int, high: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return rows, offsets and weights of the rows from ``low`` up to ``high``, as EmbeddingBag wants them."""
        keep = (self.rows >= low) & (self.rows < high)
        counts = np.bincount(self.owner[keep], minlength=self.count)
        offsets = np.concatenate([[0], np.cumsum(counts)[:-1]])
        weights = self.weights[keep].astype(np.float32)
        return torch.from_numpy(self.rows[keep].astype(np.int64)), torch.from_numpy(offsets), torch.from_numpy(weights)


class Batches:
    """Batches of one source each: the other passages of a source are the hardest wrong ones to be had for free."""

    def __init__(self, encoded: Encoded, settings: Settings) -> None:
        self.encoded, self.settings = encoded, settings
        self.random = np.random.default_rng(settings.seed)
        groups = [_group(source) for source in encoded.sources]
        self.names = sorted(set(groups))
        number = np.array([self.names.index(group) for group in groups])[encoded.pairs[:, 2]]
        self.members = [np.flatnonzero(number == place) for place in range(len(self.names))]
        shares = [
            OFTEN.get(n, 1.0) * min(len(m), LARGEST) ** POWER for n, m in zip(self.names, self.members, strict=True)
        ]
        korean = [self._is_korean(m) for m in self.members]
        weights = np.array([s * (KOREAN_SHARE if k else 1.0) for s, k in zip(shares, korean, strict=True)])
        self.shares = weights / weights.sum()

    def _is_korean(self, members: np.ndarray) -> bool:
        rows = np.concatenate([self._text(text)[0] for text in self.encoded.pairs[members[:50], 1]])
        return bool((rows < self.encoded.korean).sum() > len(rows) / 10)

    def _text(self, text: int) -> tuple[np.ndarray, np.ndarray]:
        part = slice(self.encoded.starts[text], self.encoded.starts[text + 1])
        return self.encoded.rows[part], self.encoded.weights[part]

    def next(self) -> tuple[Bag, Bag, torch.Tensor]:
        """Return queries, passages and the passages' numbers."""
        members = self.members[self.random.choice(len(self.members), p=self.shares)]
        count = min(self.settings.batch, len(members))
        pairs = self.encoded.pairs[self.random.choice(members, count, replace=False)]
        queries, passages = self._bag(pairs[:, 0]), self._bag(pairs[:, 1])
        return self._thin(queries, passages), passages, torch.from_numpy(pairs[:, 1].copy())

    def _bag(self, texts: np.ndarray) -> Bag:
        parts = [self._text(text) for text in texts]
        owner = np.repeat(np.arange(len(parts)), [len(rows) for rows, _ in parts])
        return Bag(np.concatenate([r for r, _ in parts]), np.concatenate([w for _, w in parts]), owner, len(texts))

    def _thin(self, queries: Bag, passages: Bag) -> Bag:
        """Take shared words out of every other query: what is left must be found by meaning."""
        size = int(max(queries.rows.max(initial=0), passages.rows.max(initial=0))) + 1
        shared = np.isin(queries.owner * size + queries.rows, passages.owner * size + passages.rows)
        drawn = self.random.random(len(shared)) < self.settings.forget
        keep = ~(shared & drawn & (self.random.random(queries.count) < 0.5)[queries.owner])
        return Bag(queries.rows[keep], queries.weights[keep], queries.owner[keep], queries.count)


def _group(source: str) -> str:
    return "rule questions docs" if source.startswith("rule") and "general" not in source else source
