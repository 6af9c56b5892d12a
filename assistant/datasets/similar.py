"""Texts that are nearly the same: MinHash candidates on character 3-grams, each checked exactly.

MinHash (Broder 1997) with bands (Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, 3.4), computed for
many texts at once. Not by datasketch: its index holds a million short texts in gigabytes and takes several
times as long, as each text and each band is an object of Python there.
"""

from collections.abc import Hashable, Sequence
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant.dataset import plain_text, trigrams

DEFAULT = 0.8
_HASHES = 128
_FOUND = 0.98  # so many of the pairs right at the threshold become candidates
_BATCH = 256  # texts at a time: a few thousand fit no core's cache, and a text takes half as long again
_BITS = 256
_FEW = 16  # texts of one key that are all held against each other at once
_pick = np.random.default_rng(97)
_ODD, _ADD, _MIX = (_pick.integers(1, 2**63, size, dtype=np.uint64) | np.uint64(1) for size in (_HASHES, _HASHES, 132))
_Keys = npt.NDArray[np.uint64]
_Numbers = npt.NDArray[np.int64]


def bands(threshold: float) -> tuple[int, int]:
    """Return how many bands of how many hashes: the longest ones that still find pairs at the threshold."""
    for rows in range(_HASHES, 0, -1):
        count = _HASHES // rows
        if 1 - (1 - threshold**rows) ** count >= _FOUND:
            return count, rows
    return _HASHES, 1


def band_keys(texts: Sequence[str], threshold: float) -> _Keys:
    """Return a key for each text and band, shape ``(texts, bands)``; near texts share at least one of them."""
    return _sketched(texts, threshold)[0].T


def _sketched(texts: Sequence[str], threshold: float) -> tuple[_Keys, _Keys, _Numbers]:
    """Return a row of keys for each band, the ``_BITS`` that their 3-grams set, and how many 3-grams they have."""
    count, rows = bands(threshold)
    keys = np.empty((count, len(texts)), np.uint64)
    bits = np.empty((len(texts), _BITS // 64), np.uint64)
    sizes = np.empty(len(texts), np.int64)
    for start in range(0, len(texts), _BATCH):
        batch = slice(start, start + _BATCH)
        grams, sizes[batch] = _grams(texts[batch])
        smallest = _smallest(grams, sizes[batch], count * rows).reshape(count, rows, -1)
        keys[:, batch] = (smallest * _MIX[:rows, None]).sum(axis=1, dtype=np.uint64)
        bits[batch] = _bits(grams, sizes[batch])
    return keys, bits, sizes


def _grams(texts: Sequence[str]) -> tuple[_Keys, _Numbers]:
    """Return a number for each 3-gram of texts, one text after the other, and how many each text has."""
    padded = [plain_text(text).ljust(3, "\0") for text in texts]
    letters = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    lengths = np.array([len(each) for each in padded])
    ends = np.cumsum(lengths)
    first = np.ones(len(letters), bool)  # where a 3-gram begins: not at a text's last two letters
    first[ends - 1] = first[ends - 2] = False
    at = np.flatnonzero(first)
    grams = letters[at] * _MIX[129] + letters[at + 1] * _MIX[130] + letters[at + 2] * _MIX[131]
    return grams ^ (grams >> np.uint64(29)), lengths - 2


def _smallest(grams: _Keys, sizes: _Numbers, hashes: int) -> _Keys:
    """Return the least value that each of the hashes gives to any 3-gram of a text, shape ``(hashes, texts)``."""
    starts = np.cumsum(sizes) - sizes
    made, hashed = np.empty((hashes, len(sizes)), np.uint64), np.empty_like(grams)
    for number in range(hashes):
        np.multiply(grams, _ODD[number], out=hashed)
        hashed += _ADD[number]
        np.minimum.reduceat(hashed, starts, out=made[number])
    return made


def _bits(grams: _Keys, sizes: _Numbers) -> _Keys:
    """Return a set of bits for each text, one that each of its 3-grams sets."""
    found = np.zeros((len(sizes), _BITS), bool)
    found[np.repeat(np.arange(len(sizes)), sizes), grams * _MIX[128] >> np.uint64(56)] = True
    return np.packbits(found, axis=1).view(np.uint64)


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

    Only keys that several texts share are held, so that a million texts need little more than themselves. The
    more texts there are, the more of them share a key with any one by chance. Their bits tell these apart at
    a fraction of what their 3-grams would cost, and never two that are near.
    """

    def __init__(self, texts: Sequence[str], threshold: float = DEFAULT) -> None:
        self._texts, self._threshold = texts, threshold
        keys, self._bits, self._sizes = _sketched(texts, threshold)
        self._shelves: list[list[int]] = []
        self._of: dict[int, list[int]] = {}
        for band in keys:
            order = self._worth_comparing(np.argsort(band, kind="stable"), band)
            edges = np.flatnonzero(np.diff(band[order])) + 1
            for shelf in np.split(order, edges):
                for text in shelf.tolist():
                    self._of.setdefault(text, []).append(len(self._shelves))
                self._shelves.append([])

    def _worth_comparing(self, order: _Numbers, band: _Keys) -> _Numbers:
        """Return texts in the order of their keys, without those near no other that has the same key.

        Where very many have it, all stay: there they are compared one by one, with those that were taken.
        """
        ranked = band[order]
        kept = np.zeros(len(order), bool)
        many = np.flatnonzero(ranked[_FEW:] == ranked[:-_FEW])
        for apart in range(_FEW + 1):
            kept[many + apart] = True
        few = ~kept
        for apart in range(1, _FEW):
            pairs = np.flatnonzero((ranked[apart:] == ranked[:-apart]) & few[apart:])
            alike = pairs[self._may_be_near(order[pairs], order[pairs + apart])]
            kept[alike] = kept[alike + apart] = True
        return order[kept]

    def near(self, number: int) -> list[tuple[int, float]]:
        """Return ``(number, similarity)`` of the texts taken so far that are near a text, nearest first."""
        met = list({each for shelf in self._of.get(number, ()) for each in self._shelves[shelf]})
        alike = list(compress(met, self._may_be_near(np.array(met), number))) if met else []
        grams = trigrams(self._texts[number]) if alike else frozenset[str]()
        scored = [(each, jaccard(grams, trigrams(self._texts[each]))) for each in alike]
        return sorted((each for each in scored if each[1] >= self._threshold), key=lambda each: (-each[1], each[0]))

    def take(self, number: int) -> None:
        """Have a text be found from now on."""
        for shelf in self._of.get(number, ()):
            self._shelves[shelf].append(number)

    def _may_be_near(self, ones: _Numbers, others: _Numbers | int) -> npt.NDArray[np.bool_]:
        """Return which pairs are not certainly below the threshold.

        A bit that only one text has is a 3-gram that only it has. Of s 3-grams of both texts with d that only
        one has, the share of common ones is (s - d) / (s + d): as many as it is at most with as many d as bits
        and with s that counts each 3-gram as often as it comes.
        """
        apart = np.bitwise_count(self._bits[ones] ^ self._bits[others]).sum(axis=1, dtype=np.int64)
        both = self._sizes[ones] + self._sizes[others]
        near: npt.NDArray[np.bool_] = both - apart >= self._threshold * (both + apart) - 1e-6
        return near


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
