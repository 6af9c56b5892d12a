"""Rows that take their steps together: left-padded prompts, one growing cache, rows that join and leave.

A key is stored with the rotary position it was made with, so moving a row to another place of the
cache changes nothing as long as its mask moves along. That is why two batches with plain caches
can become one (pad the shorter on the left), and why columns that are padding for every row can go.
What a model's rows may share is found out by ``probe.py``.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from assistant.models.bank import AdapterBank
from assistant.models.sampler import Chooser
from assistant.models.soft import new_cache

if TYPE_CHECKING:
    import torch


class Row:
    """One answer being written.

    Args:
        prompt: token ids.
        chooser: draws its tokens.
        adapter: key in the bank, None for the base.
        room: tokens it may still write.
        ends: token ids that end it.
    """

    def __init__(
        self, prompt: Sequence[int], chooser: Chooser, adapter: str | None, room: int, ends: frozenset[int]
    ) -> None:
        self.prompt = list(prompt)
        self.chooser = chooser
        self.adapter = adapter
        self.room = room
        self.ends = ends
        self.length = 0  # tokens of it that are in the cache
        self.token = -1  # chosen, not yet in the cache
        self.written: list[int] = []


class Batch:
    """A set of rows with one cache.

    Args:
        bank: the model and its adapters.
        rows: prompts that start now.
        plain: every layer's cache keeps all keys, so that columns may be added and cut off.
        restart: length at which a row is read again from the beginning, 0 for never; only for a
            row alone. Models with "longrope" turn their keys otherwise from there on.
    """

    def __init__(self, bank: AdapterBank, rows: Sequence[Row], plain: bool = True, restart: int = 0) -> None:
        self.rows = list(rows)
        self._bank = bank
        self._plain = plain
        self._restart = restart
        self._cache = new_cache(bank.model)
        self._columns = 0

    def start(self) -> "torch.Tensor":
        """Read the prompts; return the logits after each, shape ``(rows, vocabulary)``."""
        return self._read([row.prompt for row in self.rows])

    def _read(self, texts: Sequence[list[int]]) -> "torch.Tensor":
        import torch

        before = self._bank.begin(self._cache, [row.adapter for row in self.rows])
        longest = max(len(text) for text in texts)
        padded = [[0] * (longest - len(text)) + text for text in texts]
        for row, text in zip(self.rows, texts, strict=True):
            row.length = before + len(text)
        self._columns = before + longest
        ids = torch.tensor(padded, device=self._bank.model.device)
        places = torch.arange(before, self._columns, device=ids.device) - self._pads(ids.device)[:, None]
        return self._forward(ids, places.clamp(min=0))

    def step(self) -> "torch.Tensor":
        """Read the chosen token of every row; return the next logits, shape ``(rows, vocabulary)``."""
        import torch

        if self._restart and self.rows[0].length == self._restart:
            self._cache = new_cache(self._bank.model)
            return self._read([row.prompt + row.written for row in self.rows])
        ids = torch.tensor([[row.token] for row in self.rows], device=self._bank.model.device)
        places = torch.tensor([[row.length] for row in self.rows], device=ids.device)
        self._columns += 1
        for row in self.rows:
            row.length += 1
        return self._forward(ids, places)

    def _pads(self, device: Any) -> "torch.Tensor":
        import torch

        return torch.tensor([self._columns - row.length for row in self.rows], device=device)

    def _forward(self, ids: "torch.Tensor", places: "torch.Tensor") -> "torch.Tensor":
        import torch

        mask = None  # without padding the model's own causal mask is all there is, and faster
        if any(row.length < self._columns for row in self.rows):
            mask = (torch.arange(self._columns, device=ids.device) >= self._pads(ids.device)[:, None]).long()
        logits = self._bank.forward(
            [row.adapter for row in self.rows],
            input_ids=ids,
            attention_mask=mask,
            position_ids=places,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return logits[:, -1]

    def keep(self, rows: Sequence[Row]) -> None:
        """Drop every row that is not in ``rows``, and the padding that only they needed."""
        import torch

        if len(rows) == len(self.rows):
            return
        indices = [number for number, row in enumerate(self.rows) if row in rows]
        self.rows = [self.rows[number] for number in indices]
        if not self.rows:
            self._cache = None
            return
        self._cache.batch_select_indices(torch.tensor(indices, device=self._bank.model.device))
        spare = self._columns - max(row.length for row in self.rows)
        if spare and self._plain:
            for layer in self._cache.layers:
                layer.keys, layer.values = layer.keys[:, :, spare:], layer.values[:, :, spare:]
            self._columns -= spare

    def join(self, other: "Batch") -> None:
        """Take over the rows of another batch; only for plain caches, see the module's text."""
        import torch
        from torch.nn.functional import pad

        columns = max(self._columns, other._columns)

        def joined(mine: "torch.Tensor", theirs: "torch.Tensor") -> "torch.Tensor":
            left = pad(mine, (0, 0, columns - self._columns, 0))
            return torch.cat([left, pad(theirs, (0, 0, columns - other._columns, 0))])

        pairs = list(zip(self._cache.layers, other._cache.layers, strict=True))
        # Everything is made before anything is set: a failure for want of memory leaves this batch as it was.
        made = [(joined(mine.keys, new.keys), joined(mine.values, new.values)) for mine, new in pairs]
        for (layer, _), (keys, values) in zip(pairs, made, strict=True):
            layer.keys, layer.values = keys, values
        self.rows += other.rows
        self._columns = columns

    def memory(self) -> int:
        """Return the bytes of the cache."""
        layers = self._cache.layers if self._cache is not None else ()
        tensors = [t for layer in layers for t in (getattr(layer, "keys", None), getattr(layer, "values", None))]
        return sum(tensor.nbytes for tensor in tensors if tensor is not None)
