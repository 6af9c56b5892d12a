"""Texts that are nearly the same: MinHash candidates on character 3-grams, each checked exactly."""

import zlib
from collections.abc import Hashable
from typing import Any

from datasketch import MinHash, MinHashLSH

from assistant.dataset import trigrams

DEFAULT = 0.8
_PERMUTATIONS = 128
_SLACK = 0.15  # MinHash misses pairs right at its own threshold, so candidates are asked for below it


class NearIndex:
    """Texts that can be asked for near duplicates; time and memory grow with the number of texts."""

    def __init__(self, threshold: float = DEFAULT) -> None:
        self._threshold = threshold
        self._lsh = MinHashLSH(threshold=max(0.1, threshold - _SLACK), num_perm=_PERMUTATIONS)
        self._texts: dict[Hashable, str] = {}
        self._blank = MinHash(num_perm=_PERMUTATIONS, hashfunc=_hash)

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, key: Hashable, text: str) -> None:
        """Put a text in under a key of its own."""
        self.find_and_add(key, text, find=False)

    def find(self, text: str) -> list[tuple[Any, float]]:
        """Return ``(key, similarity)`` of the texts that are near, nearest first."""
        grams = trigrams(text)
        return self._near(grams, self._sketch(grams))

    def find_and_add(self, key: Hashable, text: str, find: bool = True) -> list[tuple[Any, float]]:
        """Return what is near a text, then put it in."""
        grams = trigrams(text)
        sketch = self._sketch(grams)
        found = self._near(grams, sketch) if find else []
        self._lsh.insert(key, sketch, check_duplication=False)
        self._texts[key] = text
        return found

    def _sketch(self, grams: frozenset[str]) -> Any:
        sketch = self._blank.copy()
        sketch.update_batch([gram.encode("utf-8", "surrogatepass") for gram in grams])
        return sketch

    def _near(self, grams: frozenset[str], sketch: Any) -> list[tuple[Any, float]]:
        scored = [(key, jaccard(grams, trigrams(self._texts[key]))) for key in self._lsh.query(sketch)]
        return sorted(
            (each for each in scored if each[1] >= self._threshold), key=lambda each: (-each[1], str(each[0]))
        )


def jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    """Return the share of common 3-grams."""
    shared = len(left & right)
    return shared / (len(left) + len(right) - shared)


def _hash(data: bytes) -> int:
    return zlib.crc32(data)


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
