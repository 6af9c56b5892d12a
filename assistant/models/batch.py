"""Rows that take their steps together: left-padded prompts, one growing cache, rows that join and leave.

A key is stored with the rotary position it was made with, so moving a row to another place of the
cache changes nothing as long as its mask moves along. That is why two batches with plain caches
can become one (pad the shorter on the left), why columns that are padding for every row can go, and why
a row may take over the keys and values of another that begins alike. What a model's rows may share is
found out by ``probe.py``.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from assistant.models import cache as caches
from assistant.models.bank import AdapterBank
from assistant.models.sampler import Chooser

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
        self._cache = caches.new_cache(bank.model, plain)
        self._columns = 0

    def start(self, source: "Batch | None" = None, known: Sequence[tuple[Row, int]] = ()) -> "torch.Tensor":
        """Read the prompts; return the logits after each, shape ``(rows, vocabulary)``.

        Args:
            source: a batch with a plain cache whose rows begin like these; it stays as it is.
            known: for each row one of ``source`` with the same adapter, and how many first tokens both have
                in common: fewer than the prompt's.
        """
        prompts = [row.prompt for row in self.rows]
        filled = self._begin(prompts)
        if source is None or not any(tokens for _, tokens in known):
            return self._read(prompts, filled)
        # All rows read equally many tokens, so that what they take over ends in one column.
        unread = max(len(text) - tokens for text, (_, tokens) in zip(prompts, known, strict=True))
        taken = [max(0, len(text) - unread) for text in prompts]
        self._take_over(source, [row for row, _ in known], taken)
        return self._read([text[count:] for text, count in zip(prompts, taken, strict=True)], max(taken))

    def _begin(self, texts: Sequence[list[int]]) -> int:
        """Fill the empty cache with what comes before the texts and return how many columns that is."""
        before = self._bank.begin(self._cache, [row.adapter for row in self.rows])
        for row, text in zip(self.rows, texts, strict=True):
            row.length = before + len(text)
        return before

    def _take_over(self, source: "Batch", friends: Sequence[Row], taken: Sequence[int]) -> None:
        """Copy the keys and values of the first ``taken`` tokens of rows of another batch, right-aligned."""
        width = max(taken)
        places = [source.rows.index(row) if count else 0 for row, count in zip(friends, taken, strict=True)]
        starts = [source._columns - source.rows[place].length for place in places]

        def copied(theirs: "torch.Tensor") -> "torch.Tensor":
            made = theirs.new_zeros(len(taken), theirs.shape[1], width, theirs.shape[3])
            for row, (place, start, count) in enumerate(zip(places, starts, taken, strict=True)):
                made[row, :, width - count :] = theirs[place, :, start : start + count]
            return made

        for number, layer in enumerate(source._cache.layers):
            self._cache.update(copied(layer.keys), copied(layer.values), number)

    def _read(self, texts: Sequence[list[int]], filled: int) -> "torch.Tensor":
        """Read texts, padded on the left, behind columns that are filled."""
        import torch

        longest = max(len(text) for text in texts)
        self._columns = filled + longest
        ids = torch.tensor([[0] * (longest - len(text)) + text for text in texts], device=self._bank.model.device)
        places = torch.arange(filled, self._columns, device=ids.device) - self._pads(ids.device)[:, None]
        return self._forward(ids, places.clamp(min=0))

    def step(self) -> "torch.Tensor":
        """Read the chosen token of every row; return the next logits, shape ``(rows, vocabulary)``."""
        import torch

        if self._restart and self.rows[0].length == self._restart:
            self._cache = caches.new_cache(self._bank.model, self._plain)
            texts = [row.prompt + row.written for row in self.rows]
            return self._read(texts, self._begin(texts))
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
        """Drop every row that is not in ``rows``, and the padding that only they needed; the order may change."""
        import torch

        if len(rows) == len(self.rows):
            return
        kept = [number for number, row in enumerate(self.rows) if row in rows]
        if not kept:
            self.rows, self._cache = [], None
            return
        # The last rows go where one has left, so that few are moved.
        last = iter(sorted((place for place in kept if place >= len(kept)), reverse=True))
        staying = set(kept)
        places = [place if place in staying else next(last) for place in range(len(kept))]
        self.rows = [self.rows[place] for place in places]
        if not self._plain:
            self._cache.batch_select_indices(torch.tensor(places, device=self._bank.model.device))
            return
        caches.keep_rows(self._cache, places)
        if spare := self._columns - max(row.length for row in self.rows):
            caches.drop_columns(self._cache, spare)
            self._columns -= spare

    def join(self, other: "Batch") -> None:
        """Take over the rows of another batch; only for plain caches, see the module's text."""
        caches.add_rows(self._cache, other._cache)
        self.rows += other.rows
        self._columns = max(self._columns, other._columns)

    def memory(self) -> int:
        """Return the bytes of the cache."""
        return caches.size_of(self._cache)
