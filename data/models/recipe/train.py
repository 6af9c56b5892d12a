"""Train the model: ``python -m data.models.recipe.train --prepared FOLDER --out FOLDER``.

Runs on a CPU or one GPU, for a number of steps or of minutes, and goes on where it stopped when the
output folder holds a state. With ``--steps`` a stopped and resumed run equals a straight one.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import torch

from .batches import Batch, Loader, Source
from .export import export
from .mixture import START_SAMPLES
from .model import SHAPES, LanguageModel, load_weights, parameter_count
from .optimise import Optimiser

HERE = Path(__file__).parent
EMBEDDED = HERE.parent / "embedded"
# A step that seems to take longer was paused from outside; such time is not counted.
LONGEST_STEP = 60.0
# The running mean of weights takes in every tenth step and reaches back about 500 steps.
MEAN_EVERY, MEAN_KEEP = 10, 0.98


def arguments(line: list[str] | None = None) -> argparse.Namespace:
    """Return the options of a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--prepared", type=Path, required=True, help="folder written by prepare")
    add("--out", type=Path, required=True, help="folder for state, log and exported checkpoints")
    add("--tokenizer", type=Path, default=EMBEDDED, help="folder with tokenizer.json and the chat template")
    add("--init", type=Path, help="model folder to start from; without it weights are random")
    add("--size", choices=sorted(SHAPES), default="small")
    add("--minutes", type=float, default=0.0, help="wall-clock budget, over all resumed parts")
    add("--steps", type=int, default=0, help="number of steps; used when no minutes are given")
    add("--stop-after", type=float, default=0.0, help="minutes after which this part stops, to be resumed")
    add("--tokens", type=int, default=4096, help="padded tokens a batch")
    add("--limit", type=int, default=512, help="longest sample in tokens")
    add("--workers", type=int, default=1, help="data processes; 0 makes data in this process")
    add("--mix", default="main", help="main, or scratch for a model with random weights (see mixture.py)")
    add("--start-samples", type=int, default=START_SAMPLES, help="samples a scratch run takes from the easy mix")
    add("--muon-lr", type=float, default=0.01)
    add("--adam-lr", type=float, default=1e-3)
    add("--decay-from", type=float, default=0.25, help="share of the run after which rates fall linearly")
    add("--warm-steps", type=int, default=100)
    add("--seed", type=int, default=1)
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    add("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", "2")))
    add("--compile", action="store_true", help="compile the model: two minutes at the start, then about 1.3x on a CPU")
    add("--save-minutes", type=float, default=5.0, help="minutes between states")
    add("--export-minutes", type=float, default=0.0, help="minutes between exported checkpoints; 0: at the end only")
    return parser.parse_args(line)


class Run:
    """One training run: model, optimiser, data and log, all of which can be saved and taken up again."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        options.out.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(options.seed)
        torch.set_num_threads(options.threads)
        torch.set_float32_matmul_precision("high")
        self.device = torch.device(options.device)
        model = LanguageModel(SHAPES[options.size])
        if options.init:
            load_weights(model, options.init)
        self.model = model.to(self.device)
        self.optimiser = Optimiser(self.model, options.muon_lr, options.adam_lr, options.decay_from, options.warm_steps)
        # A running mean of the weights is what gets exported: it stands in for a decay not yet reached.
        self.mean = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.seconds, self.tokens, position, turn = 0.0, 0, None, 0
        if self.state_path.exists():
            saved = torch.load(self.state_path, map_location=self.device, weights_only=True)
            self.model.load_state_dict(saved["model"])
            self.mean = saved["mean"]
            self.optimiser.restore(saved["optimiser"])
            self.seconds, self.tokens = saved["seconds"], saved["tokens"]
            position, turn = saved["position"], saved["turn"]
        source = Source(
            options.prepared,
            options.tokenizer,
            options.seed,
            options.tokens,
            options.limit,
            options.mix,
            max(1, options.workers),
            options.start_samples,
        )
        self.loader = Loader(source, options.workers, position)
        self.loader.turn = turn
        self.step_of: Any = torch.compile(self.model, dynamic=True) if options.compile else self.model

    @property
    def state_path(self) -> Path:
        """Where the state for resuming lies."""
        path: Path = self.options.out / "state.pt"
        return path

    def progress(self) -> float:
        """Return the share of the budget that is spent."""
        if self.options.minutes:
            return self.seconds / (float(self.options.minutes) * 60)
        return self.optimiser.steps / max(1, int(self.options.steps))

    def save(self) -> None:
        """Write the state beside the old one, then put it in its place."""
        state = {
            "model": self.model.state_dict(),
            "mean": self.mean,
            "optimiser": self.optimiser.state(),
            "seconds": self.seconds,
            "tokens": self.tokens,
            "position": self.loader.position,
            "turn": self.loader.turn,
        }
        partial = self.state_path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.state_path)

    def export(self, folder: Path) -> None:
        """Write the mean weights as a model folder."""
        twin = LanguageModel(self.model.shape)
        twin.load_state_dict(self.mean)
        export(twin, self.options.tokenizer, folder)

    def learn(self, batch: Batch) -> tuple[float, float]:
        """Take one step; return the mean loss of answer tokens and of the others."""
        ids = torch.from_numpy(batch.ids).to(self.device)
        weights = torch.from_numpy(batch.weights).to(self.device)[:, 1:]
        length = ids.shape[1]
        at = weights.nonzero()
        where = at[:, 0] * length + at[:, 1]
        chosen = weights[at[:, 0], at[:, 1]]
        losses = self.step_of(ids, where, ids[at[:, 0], at[:, 1] + 1])
        ((losses * chosen).sum() / chosen.sum()).backward()
        self.optimiser.step(self.progress())
        if self.optimiser.steps % MEAN_EVERY == 0:
            keep = min(MEAN_KEEP, 1 - MEAN_EVERY / (self.optimiser.steps + MEAN_EVERY))
            for name, value in self.model.state_dict().items():
                self.mean[name].lerp_(value, 1 - keep)
        with torch.no_grad():
            answer = chosen >= 0.99
            return losses[answer].mean().item(), losses[~answer].mean().item()

    def note(self, values: dict[str, Any]) -> None:
        """Append a line to the log and print it."""
        line = json.dumps(values)
        print(line, flush=True)
        with (self.options.out / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(line + "\n")

    def train(self) -> None:
        """Run until the budget or this part's time is spent; save, log and export on the way."""
        options = self.options
        self.note({"event": "start", "parameters": parameter_count(self.model), "options": _plain(options)})
        started = last = saved = exported = time.monotonic()
        recent: list[tuple[float, float]] = []
        seen = self.tokens
        while self.progress() < 1:
            batch = self.loader.next()
            recent.append(self.learn(batch))
            self.tokens += batch.tokens
            now = time.monotonic()
            self.seconds += min(now - last, LONGEST_STEP)
            last = now
            if self.optimiser.steps % 50 == 0:
                self._report(recent, (self.tokens - seen) / max(1e-6, now - started))
                recent = []
            if now - saved > options.save_minutes * 60:
                self.save()
                saved = now
            if options.export_minutes and now - exported > options.export_minutes * 60:
                self.export(options.out / f"at-{self.optimiser.steps:06d}")
                exported = now
            if options.stop_after and now - started > options.stop_after * 60:
                break
        self.save()
        self.export(options.out / "last")
        self.loader.close()
        self.note({"event": "stop", "step": self.optimiser.steps, "tokens": self.tokens, "seconds": self.seconds})

    def _report(self, recent: list[tuple[float, float]], speed: float) -> None:
        answers = [a for a, _ in recent if a == a]
        others = [o for _, o in recent if o == o]
        self.note(
            {
                "step": self.optimiser.steps,
                "minutes": round(self.seconds / 60, 2),
                "rate": round(self.optimiser.scale(self.progress()), 3),
                "answer_loss": round(sum(answers) / max(1, len(answers)), 4),
                "other_loss": round(sum(others) / max(1, len(others)), 4),
                "tokens": self.tokens,
                "tokens_per_second": round(speed),
            }
        )


def _plain(options: argparse.Namespace) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in vars(options).items()}


def main() -> None:
    """Train as the command line says."""
    Run(arguments()).train()


if __name__ == "__main__":
    main()
