"""Samples to token batches, drawn in pools that depend on (seed, worker, pool number) alone.

A pool's samples are sorted by length and cut into batches of about the same number of padded
tokens. Worker processes each fill a bounded queue; batches are taken from the workers in turn, so
the order, and the place to resume at, are known exactly.
"""

from __future__ import annotations

import multiprocessing
import queue
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .mixture import START_SAMPLES, Mixture
from .words import Sample, stream

END, PAD = 4, 0
ROLES = {"system": 1, "user": 2, "assistant": 3}
POOL = 320
LONG_ANSWER = 60
WEIGHTS = {"answer": 1.0, "long": 0.4, "prompt": 0.1, "plain": 0.25}
PROMPT_SHARE = 0.3


@dataclass(slots=True)
class Batch:
    """Token ids and the loss weight of each token, both (rows, length), and where the batch stands."""

    ids: Any
    weights: Any
    tokens: int
    pool: int
    index: int


def encode(tokenizer: Any, sample: Sample, rng: random.Random, limit: int) -> tuple[list[int], list[float]]:
    """Return token ids and loss weights of a sample, cut at ``limit`` tokens.

    Answers weigh most, long ones less a token; some prompt tokens get a little, so that the model
    also learns the language of the prompts.
    """
    if sample.is_plain:
        ids = [*tokenizer.encode(sample.messages[0][1]).ids[: limit - 1], PAD]
        return ids, [0.0] + [WEIGHTS["plain"]] * (len(ids) - 1)
    ids, weights = [], []
    for role, text in sample.messages:
        piece = tokenizer.encode(text).ids
        ids += [ROLES[role], *piece, END]
        if role == "assistant":
            weight = WEIGHTS["long"] if len(piece) > LONG_ANSWER else WEIGHTS["answer"]
            weights += [0.0] + [weight] * (len(piece) + 1)
        else:
            drawn = [WEIGHTS["prompt"] if rng.random() < PROMPT_SHARE else 0.0 for _ in piece]
            weights += [0.0, *drawn, 0.0]
    return ids[:limit], weights[:limit]


def usable(sample: Sample, weights: list[float], length: int, limit: int) -> bool:
    """Return whether a sample teaches anything: text always, else a whole first answer in the limit."""
    return sample.is_plain or (length < limit and max(weights) >= WEIGHTS["long"])


@dataclass(slots=True)
class Source:
    """What a worker needs to make its batches."""

    prepared: Path
    tokenizer: Path
    seed: int
    tokens: int
    limit: int
    mix: str = "main"
    workers: int = 1
    start: int = START_SAMPLES

    def batches(self, worker: int, pool: int, skip: int) -> Iterator[Batch]:
        """Yield a worker's batches without end, from batch ``skip`` of pool ``pool`` on."""
        from tokenizers import Tokenizer

        mixture = Mixture(self.prepared, self.mix, start=self.start)
        tokenizer = Tokenizer.from_file(str(self.tokenizer / "tokenizer.json"))
        while True:
            yield from make_pool(mixture, tokenizer, self, worker, pool)[skip:]
            pool, skip = pool + 1, 0


def make_pool(mixture: Mixture, tokenizer: Any, source: Source, worker: int, pool: int) -> list[Batch]:
    """Return the batches of one pool, in a drawn order."""
    rng = stream("pool", source.seed, worker, pool)
    size = max(POOL, source.tokens // 24)
    rows: list[tuple[list[int], list[float]]] = []
    while len(rows) < size:
        sample = mixture.sample(rng, pool * size * source.workers)
        ids, weights = encode(tokenizer, sample, rng, source.limit)
        if usable(sample, weights, len(ids), source.limit):
            rows.append((ids, weights))
    rows.sort(key=lambda row: len(row[0]) + rng.random() * 8)
    groups: list[list[tuple[list[int], list[float]]]] = [[]]
    for row in rows:
        if groups[-1] and _padded(len(row[0])) * (len(groups[-1]) + 1) > source.tokens:
            groups.append([])
        groups[-1].append(row)
    rng.shuffle(groups)
    return [_stack(group, pool, index) for index, group in enumerate(groups)]


def _padded(length: int) -> int:
    return (length + 15) // 16 * 16


def _stack(rows: list[tuple[list[int], list[float]]], pool: int, index: int) -> Batch:
    width = _padded(max(len(ids) for ids, _ in rows))
    ids = np.zeros((len(rows), width), np.int64)
    weights = np.zeros((len(rows), width), np.float32)
    for at, (row, weight) in enumerate(rows):
        ids[at, : len(row)] = row
        weights[at, : len(weight)] = weight
    return Batch(ids, weights, sum(len(row) for row, _ in rows), pool, index)


def _work(source: Source, worker: int, start: tuple[int, int], full: Any) -> None:
    parent = multiprocessing.parent_process()
    for batch in source.batches(worker, *start):
        while True:
            try:
                full.put(batch, timeout=5)
                break
            except queue.Full:
                if parent is not None and not parent.is_alive():  # a run that was killed ends nobody
                    full.cancel_join_thread()
                    return


class Loader:
    """Takes batches from workers in turn; ``position`` is where a later run goes on."""

    def __init__(self, source: Source, workers: int, position: list[list[int]] | None = None, depth: int = 24) -> None:
        count = max(1, workers)
        self.position = position or [[0, 0] for _ in range(count)]
        if len(self.position) != count:
            raise ValueError(f"the run was started with {len(self.position)} workers, not {count}")
        self.turn = 0
        self.processes: list[Any] = []
        starts = [(pool, index) for pool, index in self.position]
        if workers:
            context = multiprocessing.get_context("spawn")
            self.queues = [context.Queue(depth) for _ in range(workers)]
            for worker, full in enumerate(self.queues):
                process = context.Process(target=_work, args=(source, worker, starts[worker], full), daemon=True)
                process.start()
                self.processes.append(process)
        else:
            self.inline = source.batches(0, *starts[0])

    def next(self) -> Batch:
        """Return the next batch.

        Raises:
            RuntimeError: the worker whose turn it is has died.
        """
        batch = self._take(self.turn) if self.processes else next(self.inline)
        self.position[self.turn] = [batch.pool, batch.index + 1]
        self.turn = (self.turn + 1) % len(self.position)
        return batch

    def _take(self, worker: int) -> Batch:
        while True:
            try:
                batch: Batch = self.queues[worker].get(timeout=5)
                return batch
            except queue.Empty:
                if not self.processes[worker].is_alive():
                    raise RuntimeError(f"data worker {worker} died; see its message above") from None

    def close(self) -> None:
        """Stop the workers."""
        for process in self.processes:
            process.terminate()
            process.join()
