"""How surprised a model is by texts: mean cross-entropy, in batches between the engine's steps."""

from collections.abc import Sequence

from assistant.errors import InputError
from assistant.models.engine import Engine

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


def _score(engine: Engine, rows: Sequence[Sequence[int]], adapter: str | None) -> list[float]:
    """Return the summed loss of each row. Rows are padded on the right, which causal attention never sees."""

    def run() -> list[float]:
        import torch

        longest = max(len(row) for row in rows)
        device = engine.bank.model.device
        ids = torch.tensor([[*row, *([0] * (longest - len(row)))] for row in rows], device=device)
        with torch.inference_mode():
            logits = engine.bank.forward([adapter] * len(rows), input_ids=ids, use_cache=False)
            losses = torch.nn.functional.cross_entropy(
                logits[:, :-1].float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none"
            ).view(len(rows), -1)
        return [float(losses[number, : len(row) - 1].sum()) for number, row in enumerate(rows)]

    return engine.call(run)
