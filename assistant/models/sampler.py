"""Choosing the next token of every row; each row has its own rules and its own randomness."""

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant.schema import Sampling

if TYPE_CHECKING:
    import torch

_HEAD = 512  # a nucleus is nearly always inside the best few hundred tokens; sorting them all is slow


class Chooser:
    """How one answer draws its tokens.

    The seed fixes the answer whatever else is in the batch: one uniform number a token from an own
    generator, turned into a token by the inverse of the cumulative distribution.

    Args:
        sampling: temperature 0 is greedy; ``repetition_penalty`` as in Keskar et al. 2019
            (https://arxiv.org/abs/1909.05858), over prompt and answer as transformers applies it.
        prompt: token ids of the prompt.
    """

    def __init__(self, sampling: Sampling, prompt: Sequence[int]) -> None:
        self.temperature = sampling.temperature
        self.top_p = sampling.top_p
        self.penalty = sampling.repetition_penalty
        self.plain = self.temperature <= 0 and self.penalty == 1.0
        self._random = random.Random(sampling.seed)
        self._seen = set(prompt) if self.penalty != 1.0 else set()

    def choose(self, logits: "torch.Tensor") -> int:
        """Return the next token id from ``logits`` of shape ``(vocabulary,)``."""
        import torch

        if self.penalty != 1.0:
            logits = logits.float().clone()
            seen = torch.tensor(sorted(self._seen), device=logits.device)
            scores = logits[seen]
            logits[seen] = torch.where(scores < 0, scores * self.penalty, scores / self.penalty)
        token = int(logits.argmax()) if self.temperature <= 0 else self._draw(logits)
        if self.penalty != 1.0:
            self._seen.add(token)
        return token

    def _draw(self, logits: "torch.Tensor") -> int:
        import torch

        point = self._random.random()
        chances = torch.softmax(logits.double() / self.temperature, dim=-1)
        if self.top_p >= 1.0:
            total = chances.cumsum(-1)
            return min(int(torch.searchsorted(total, point * total[-1])), len(chances) - 1)
        best, ids = chances.topk(min(_HEAD, len(chances)))
        if float(best.sum()) < self.top_p:
            best, ids = chances.sort(descending=True)
        total = best.cumsum(-1)
        size = int(torch.searchsorted(total, self.top_p)) + 1  # the smallest set that reaches top_p
        total = total[:size]
        return int(ids[min(int(torch.searchsorted(total, point * total[-1])), len(total) - 1)])


def choose(logits: "torch.Tensor", choosers: Sequence[Chooser]) -> list[int]:
    """Return the next token id of every row of ``logits``, shape ``(rows, vocabulary)``."""
    tokens: list[int] = logits.argmax(-1).tolist()
    for number, chooser in enumerate(choosers):
        if not chooser.plain:
            tokens[number] = chooser.choose(logits[number])
    return tokens
