"""Texts that are nearly the same: MinHash candidates on character 3-grams, each checked exactly.

MinHash (Broder 1997) with bands (Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, 3.4), computed for
many texts at once. Not by datasketch: its index holds a million short texts in gigabytes and takes several
times as long, as each text and each band is an object of Python there.
"""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant.dataset import plain_text, trigrams

DEFAULT = 0.8
_HASHES = 128
_FOUND = 0.98  # so many of the pairs right at the threshold become candidates
_BATCH = 2048
_pick = np.random.default_rng(97)
_ODD, _ADD, _MIX = (_pick.integers(1, 2**63, size, dtype=np.uint64) | np.uint64(1) for size in (_HASHES, _HASHES, 132))
_Keys = npt.NDArray[np.uint64]


def bands(threshold: float) -> tuple[int, int]:
    """Return how many bands of how many hashes: the longest ones that still find pairs at the threshold."""
    for rows in range(_HASHES, 0, -1):
        count = _HASHES // rows
        if 1 - (1 - threshold**rows) ** count >= _FOUND:
            return count, rows
    return _HASHES, 1


def band_keys(texts: Sequence[str], threshold: float) -> _Keys:
    """Return a key for each text and band, shape ``(texts, bands)``; near texts share at least one of them."""
    count, rows = bands(threshold)
    keys = np.empty((len(texts), count), np.uint64)
    for start in range(0, len(texts), _BATCH):
        smallest = _smallest(texts[start : start + _BATCH])[:, : count * rows].reshape(-1, count, rows)
        keys[start : start + _BATCH] = (smallest * _MIX[:rows]).sum(axis=2, dtype=np.uint64)
    return keys


def _smallest(texts: Sequence[str]) -> _Keys:
    """Return the least value that each of the hashes gives to any 3-gram of a text, shape ``(texts, hashes)``."""
    padded = [plain_text(text).ljust(3, "\0") for text in texts]
    letters = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    ends = np.cumsum([len(each) for each in padded])
    first = np.ones(len(letters), bool)  # where a 3-gram begins: not at a text's last two letters
    first[ends - 1] = first[ends - 2] = False
    at = np.flatnonzero(first)
    grams = letters[at] * _MIX[129] + letters[at + 1] * _MIX[130] + letters[at + 2] * _MIX[131]
    grams ^= grams >> np.uint64(29)
    starts = np.concatenate([[0], np.cumsum([len(each) - 2 for each in padded])[:-1]])
    made = np.empty((len(texts), _HASHES), np.uint64)
    for number in range(_HASHES):
        made[:, number] = np.minimum.reduceat(grams * _ODD[number] + _ADD[number], starts)
    return made


class NearIndex:
    """Texts that can be asked for near duplicates, one after the other."""

    def __init__(self, threshold: float = DEFAULT) -> None:
        self._threshold = threshold
        self._texts: dict[Hashable, str] = {}
        self._shelves: dict[tuple[int, int], list[Hashable]] = {}

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, key: Hashable, text: str) -> None:
        """Put a text in under a key of its own."""
        for shelf in self._keys(text):
            self._shelves.setdefault(shelf, []).append(key)
        self._texts[key] = text

    def find(self, text: str) -> list[tuple[Any, float]]:
        """Return ``(key, similarity)`` of the texts that are near, nearest first."""
        met = {key for shelf in self._keys(text) for key in self._shelves.get(shelf, ())}
        grams = trigrams(text) if met else frozenset[str]()
        scored = [(key, jaccard(grams, trigrams(self._texts[key]))) for key in met]
        near = (each for each in scored if each[1] >= self._threshold)
        return sorted(near, key=lambda each: (-each[1], str(each[0])))

    def _keys(self, text: str) -> list[tuple[int, int]]:
        return list(enumerate(band_keys([text], self._threshold)[0].tolist()))


class Neighbours:
    """All texts of a set, to be gone through in their order: which of those taken before are near each?

    Only keys that several texts share are held, so that a million texts need little more than themselves.
    """

    def __init__(self, texts: Sequence[str], threshold: float = DEFAULT) -> None:
        self._texts, self._threshold = texts, threshold
        keys = band_keys(texts, threshold)
        self._shelves: list[list[int]] = []
        self._of: dict[int, list[int]] = {}
        for band in range(keys.shape[1]):
            order = np.argsort(keys[:, band], kind="stable")
            ranked = keys[order, band]
            breaks = np.flatnonzero(ranked[1:] != ranked[:-1]) + 1
            edges = np.concatenate([[0], breaks, [len(order)]])
            for place in np.flatnonzero(np.diff(edges) > 1).tolist():
                for text in order[edges[place] : edges[place + 1]].tolist():
                    self._of.setdefault(text, []).append(len(self._shelves))
                self._shelves.append([])

    def near(self, number: int) -> list[tuple[int, float]]:
        """Return ``(number, similarity)`` of the texts taken so far that are near a text, nearest first."""
        met = {each for shelf in self._of.get(number, ()) for each in self._shelves[shelf]}
        grams = trigrams(self._texts[number]) if met else frozenset[str]()
        scored = [(each, jaccard(grams, trigrams(self._texts[each]))) for each in met]
        return sorted((each for each in scored if each[1] >= self._threshold), key=lambda each: (-each[1], each[0]))

    def take(self, number: int) -> None:
        """Have a text be found from now on."""
        for shelf in self._of.get(number, ()):
            self._shelves[shelf].append(number)


def jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    """Return the share of common 3-grams."""
    shared = len(left & right)
    return shared / (len(left) + len(right) - shared)


class Unions:
    """Sets that grow together (union-find)."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def root(self, item: int) -> int:
        """Return the smallest member of an item's set."""
        while self._parent[item] != item:
            self._parent[item] = self._parent[self._parent[item]]
            item = self._parent[item]
        return item

    def join(self, one: int, other: int) -> None:
        """Make one set of two."""
        low, high = sorted((self.root(one), self.root(other)))
        self._parent[high] = low
