"""Train the vectors: a query's sum must be nearer to its passage's than to the other passages of its batch."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from .batches import Bag, Batches, Settings
from .encode import Encoded, load
from .start import rarity, starting_table
from .vectors import SIGNS

SHARE = 0.75  # weight of the signs beside the learned part, chosen on the validation sets
UNSEEN = 4  # a word without a row counts as seen in so many texts
LOUD = 20.0  # what cosines are multiplied by before the softmax


class Vectors(torch.nn.Module):
    """Rows with a size each, and a matrix a language that moves the rarely seen words along with the others."""

    def __init__(self, table: np.ndarray, bounds: tuple[int, int]) -> None:
        super().__init__()
        self.bounds = (0, bounds[0], bounds[1], len(table))
        self.rows = torch.nn.Parameter(torch.from_numpy(table))
        self.sizes = torch.nn.Parameter(torch.zeros(len(table)))  # logarithms
        self.matrices = torch.nn.Parameter(torch.stack([torch.eye(table.shape[1])] * 2))

    def forward(self, bag: Bag) -> torch.Tensor:
        """Return one unit vector a text."""
        total = torch.zeros(())
        for place, (low, high) in enumerate(zip(self.bounds, self.bounds[1:], strict=False)):
            rows, offsets, weights = bag.part(low, high)
            weights = weights * self.sizes[rows].exp()
            made = torch.nn.functional.embedding_bag(rows, self.rows, offsets, mode="sum", per_sample_weights=weights)
            total = total + (made @ self.matrices[place] if place < 2 else made)
        return torch.nn.functional.normalize(total, dim=1)

    @torch.no_grad()
    def folded(self) -> np.ndarray:
        """Return the rows with sizes and matrices worked in."""
        _, korean, words, _ = self.bounds
        rows = self.rows * self.sizes.exp()[:, None]
        parts = [rows[:korean] @ self.matrices[0], rows[korean:words] @ self.matrices[1], rows[words:]]
        return torch.cat(parts).numpy()


def loss_of(queries: torch.Tensor, passages: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    """Return InfoNCE both ways (van den Oord et al. 2018); the same passage twice is no wrong answer."""
    logits = LOUD * queries @ passages.T
    same = numbers[:, None] == numbers[None, :]
    same.fill_diagonal_(False)
    logits = logits.masked_fill(same, -1e4)
    right = torch.arange(len(logits))
    cross = torch.nn.functional.cross_entropy
    return (cross(logits, right) + cross(logits.T, right)) / 2


def train(encoded: Encoded, table: np.ndarray, settings: Settings, log: Path) -> np.ndarray:
    """Return trained rows; the same settings give the same rows on the same machine."""
    torch.manual_seed(settings.seed)
    model = Vectors(table, (encoded.korean, len(encoded.words)))
    groups = [
        {"params": [model.rows], "lr": settings.rate},
        {"params": [model.matrices], "lr": settings.matrix_rate},
        {"params": [model.sizes], "lr": settings.size_rate},
    ]
    optimiser = torch.optim.Adam(groups, betas=(0.9, 0.99), fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / 100) * max(0.02, 1 - step / settings.steps)
    )
    batches, losses, began = Batches(encoded, settings), [], time.monotonic()
    with log.open("w", encoding="utf-8") as lines:
        for step in range(1, settings.steps + 1):
            queries, passages, numbers = batches.next()
            loss = loss_of(model(queries), model(passages), numbers)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
            if step % 100 == 0 or step == settings.steps:
                row = {"step": step, "loss": round(float(np.mean(losses)), 4), "s": round(time.monotonic() - began, 1)}
                lines.write(json.dumps(row) + "\n")
                lines.flush()
                losses.clear()
    return model.folded()


def export(table: np.ndarray, encoded: Encoded, folder: Path, note: dict[str, object], share: float = SHARE) -> None:
    """Write 8-bit rows with a scale each, every row's rarity, and the word list."""
    scales = (np.abs(table).max(axis=1) / 127).astype(np.float16)
    safe = np.maximum(scales.astype(np.float32), 1e-8)
    rows = np.clip(np.rint(table / safe[:, None]), -127, 127).astype(np.int8)
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {"rows": rows, "scales": scales, "rarity": rarity(encoded).astype(np.float16)}
    save_file(arrays, str(folder / "model.safetensors"), {"format": "np"})
    unknown = float(np.log1p((len(encoded.starts) - 1) / UNSEEN))
    config = {"dimension": table.shape[1] + SIGNS, "share": share, "unknown": round(unknown, 4), "made": note}
    config["words"] = encoded.words
    (folder / "config.json").write_text(json.dumps(config, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    """Train and export: ``python -m data.models.sentence_recipe.train --pairs DIR --out DIR --steps N``."""
    usual = Settings(steps=1000)
    parser = argparse.ArgumentParser(description="Train the bilingual sentence embedder.")
    parser.add_argument("--pairs", type=Path, required=True, help="folder of data.models.sentence_recipe.encode")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=usual.steps)
    parser.add_argument("--batch", type=int, default=usual.batch)
    parser.add_argument("--rate", type=float, default=usual.rate)
    parser.add_argument("--forget", type=float, default=usual.forget)
    parser.add_argument("--seed", type=int, default=usual.seed)
    options = parser.parse_args()
    torch.set_num_threads(1)
    encoded = load(options.pairs)
    settings = Settings(options.steps, options.batch, options.rate, forget=options.forget, seed=options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    table = starting_table(encoded, settings.seed)
    note: dict[str, object] = {"steps": settings.steps, "batch": settings.batch}
    note |= {"rate": settings.rate, "forget": settings.forget, "seed": settings.seed}
    note["data"] = json.loads((options.pairs / "pairs.json").read_text(encoding="utf-8"))["sha256"]
    trained = train(encoded, table, settings, options.out / "log.jsonl")
    export(trained, encoded, options.out, note)
    print(f"{options.out}: {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
