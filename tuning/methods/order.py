"""The order of training rows: a function of (seed, epoch) alone, so that a resumed run sees the same one.

Rows of about equal length share a batch, which saves padding: a shuffled order is cut into stretches
of fifty batches, each sorted by length (the usual bucketing). The longest row comes first, so that
memory runs out at once or not at all.
"""

import random
from collections.abc import Iterator, Sequence

from torch.utils.data import Sampler

STRETCH_BATCHES = 50


class RowOrder(Sampler[int]):
    """Indices of rows, epoch by epoch.

    Args:
        lengths: tokens of each row.
        batch: rows a batch.
        seed: of the run.
    """

    def __init__(self, lengths: Sequence[int], batch: int, seed: int) -> None:
        self._lengths = lengths
        self._batch = batch
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next; the trainer calls it."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        rng = random.Random(f"{self._seed}/{self._epoch}")
        rows = list(range(len(self._lengths)))
        rng.shuffle(rows)
        size = self._batch * max(1, min(STRETCH_BATCHES, len(rows) // (self._batch * 4)))
        stretches = [rows[at : at + size] for at in range(0, len(rows), size)]
        ordered = [row for part in stretches for row in sorted(part, key=lambda at: -self._lengths[at])]
        if ordered:
            longest = max(range(len(ordered)), key=lambda at: self._lengths[ordered[at]])
            ordered[0], ordered[longest] = ordered[longest], ordered[0]
        return iter(ordered)
