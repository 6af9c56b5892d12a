"""How surprised a model is by texts, and how likely it finds a continuation; in batches between the engine's steps."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from assistant.errors import InputError
from assistant.models.engine import Engine

if TYPE_CHECKING:
    import torch

BATCH_TOKENS = 4096


def mean_losses(engine: Engine, texts: Sequence[Sequence[int]], adapter: str | None, positions: int) -> list[float]:
    """Return the mean cross-entropy of each text in nats per token.

    Args:
        engine: runs the model; live answers go on between two batches.
        texts: token ids, the first of which is given and not scored.
        adapter: its key in the engine's bank.
        positions: longer texts are scored in pieces of this length.

    Raises:
        InputError: a text has no token to score.
    """
    pieces: list[tuple[int, Sequence[int]]] = []
    for number, ids in enumerate(texts):
        if len(ids) < 2:
            raise InputError(f"text {number + 1} is empty: nothing to score", "remove it")
        starts = range(0, len(ids) - 1, positions - 1)  # pieces share a token, so that each is scored once
        pieces += [(number, ids[start : start + positions]) for start in starts]
    pieces.sort(key=lambda piece: len(piece[1]))
    sums, counts = [0.0] * len(texts), [0] * len(texts)
    while pieces:
        longest = len(pieces[-1][1])
        size = max(1, min(len(pieces), BATCH_TOKENS // longest))
        chunk, pieces = pieces[-size:], pieces[:-size]
        for (number, ids), total in zip(chunk, _score(engine, [ids for _, ids in chunk], adapter), strict=True):
            sums[number] += total
            counts[number] += len(ids) - 1
    return [total / count for total, count in zip(sums, counts, strict=True)]


def continuation_scores(
    engine: Engine,
    encode: Callable[[str], list[int]],
    pairs: Sequence[tuple[str, str]],
    adapter: str | None,
    positions: int,
) -> list[tuple[float, bool]]:
    """Return the log probability in nats of each second text after the first, and whether greedy would write it.

    Args:
        engine: runs the model; live answers go on between two batches.
        encode: text to token ids, headed by one that stands for its beginning.
        pairs: what is given and what is scored.
        adapter: its key in the engine's bank.
        positions: of a longer text the front is left out.
    """
    texts = []
    for first, second in pairs:
        ids = encode(first + second)
        given = len(encode(first.rstrip()))  # a word's space belongs to the word
        texts.append((ids, max(1, min(given, len(ids) - 1))))
    order = sorted(range(len(texts)), key=lambda number: len(texts[number][0]))
    found = [(0.0, True)] * len(texts)
    while order:
        size = max(1, min(len(order), BATCH_TOKENS // min(positions, len(texts[order[-1]][0]))))
        chunk, order = order[-size:], order[:-size]
        cut = [(texts[number][0][-positions:], len(texts[number][0]) - texts[number][1]) for number in chunk]
        for number, scored in zip(chunk, _continue(engine, cut, adapter), strict=True):
            found[number] = scored
    return found


def _continue(
    engine: Engine, rows: Sequence[tuple[Sequence[int], int]], adapter: str | None
) -> list[tuple[float, bool]]:
    """Return the sum over the last tokens of each row, as many as its number says."""

    def run() -> list[tuple[float, bool]]:
        import torch

        logits, _ = _logits(engine, [ids for ids, _ in rows], adapter)
        found = []
        for row, (ids, count) in zip(logits, rows, strict=True):
            end = row[max(0, len(ids) - 1 - count) : len(ids) - 1].float()
            wanted = torch.tensor(ids[len(ids) - len(end) :], device=end.device)
            chances = torch.log_softmax(end, dim=-1).gather(1, wanted[:, None])
            found.append((float(chances.sum()), bool((end.argmax(-1) == wanted).all())))
        return found

    return engine.call(run)


def _logits(engine: Engine, rows: Sequence[Sequence[int]], adapter: str | None) -> "tuple[torch.Tensor, torch.Tensor]":
    """Return the logits of rows and their ids, padded on the right, which causal attention never sees."""
    import torch

    longest = max(len(row) for row in rows)
    ids = torch.tensor([[*row, *([0] * (longest - len(row)))] for row in rows], device=engine.bank.model.device)
    with torch.inference_mode():
        return engine.bank.forward([adapter] * len(rows), input_ids=ids, use_cache=False), ids


def _score(engine: Engine, rows: Sequence[Sequence[int]], adapter: str | None) -> list[float]:
    """Return the summed loss of each row."""

    def run() -> list[float]:
        import torch

        logits, ids = _logits(engine, rows, adapter)
        losses = torch.nn.functional.cross_entropy(
            logits[:, :-1].float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none"
        ).view(len(rows), -1)
        return [float(losses[number, : len(row) - 1].sum()) for number, row in enumerate(rows)]

    return engine.call(run)
