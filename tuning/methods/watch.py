"""What a person sees of a training run while it goes on, and what stops it."""

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from assistant.errors import InputError
from tuning import sharding
from tuning.checkpoints import Checkpoint, complete, prune
from tuning.methods.sft import Outcome, Task, peak_memory_mb
from tuning.processes import agree, leads, meet

# Checkpoints go back at most as far as this many better steps.
KEPT_BEST = 4
# What a preference trainer says beside its loss.
_REWARDS = {"reward_accuracy": "rewards/accuracies", "reward_margin": "rewards/margins"}


class Best:
    """The lowest validation loss so far, the weights it was measured with, and when to give up waiting.

    Args:
        task: the run; the weights lie among its checkpoints, so that a resumed run has them too.
        before: the facts of the checkpoint that the run goes on from.
    """

    def __init__(self, task: Task, before: Mapping[str, Any]) -> None:
        self._recipe = task.recipe
        self._folder = task.checkpoints
        self.loss = float(before.get("best_loss", math.inf))
        self.step = int(before.get("best_step", 0))
        self._stale = int(before.get("stale", 0))

    def facts(self) -> dict[str, Any]:
        """Return what a checkpoint must know to go on with this."""
        return {"best_loss": self.loss, "best_step": self.step, "stale": self._stale} if self.step else {}

    def stop(self, loss: float, step: int, model: Any) -> bool:
        """Take in a validation loss; return whether the patience is at its end."""
        if loss < self.loss:
            self.loss, self.step, self._stale = loss, step, 0
            if self._recipe.keep == "best":
                self._save(sharding.trained(model))
        else:
            self._stale += 1
        return 0 < self._recipe.patience <= self._stale

    def restore(self, model: Any) -> bool:
        """Put the best weights back; False where the last ones are to be kept."""
        from safetensors.torch import load_file

        if self._recipe.keep != "best" or not self.step:
            return False
        sharding.put_back(model, load_file(str(self._file())))
        return True

    def _file(self) -> Path:
        # One file a step: a checkpoint from before a better step still finds the one it knows.
        return self._folder / f"best-{self.step}.safetensors"

    def _save(self, weights: dict[str, Any]) -> None:
        from safetensors.torch import save_file

        if not leads():
            return
        partial = self._folder / ".best"
        save_file(weights, str(partial))
        partial.replace(self._file())
        for old in sorted(self._folder.glob("best-*.safetensors"), key=lambda file: file.stat().st_mtime)[:-KEPT_BEST]:
            old.unlink()


class Watcher(TrainerCallback):
    """Reports progress, keeps checkpoints, and stops what should not go on.

    Args:
        task: the run.
        outcome: filled in as it goes.
        batches: the sources of every batch so far, for naming rows.
        start: the checkpoint that the run goes on from.
        uniform: loss of guessing every token; beyond twice that and twice the first one a loss has
            exploded: the weights no longer say anything.
    """

    def __init__(
        self, task: Task, outcome: Outcome, batches: list[list[str]], start: Checkpoint | None, uniform: float
    ) -> None:
        self._task, self._outcome, self._batches = task, outcome, batches
        self._start, self._uniform = start, uniform
        self._before = dict(start.facts) if start else {}
        self._best = Best(task, self._before)
        self.started = self.saved = time.perf_counter()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take over what the resumed checkpoint knows."""
        self.started = self.saved = time.perf_counter()
        weights = kwargs["model"].parameters()
        self._outcome.parameters = sum(each.numel() for each in weights if each.requires_grad)
        self._outcome.losses = [float(entry["loss"]) for entry in state.log_history if "loss" in entry]
        self._outcome.tokens = int(self._before.get("tokens", 0))

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Stop where somebody wishes it, and say whether a checkpoint is due."""
        late = time.perf_counter() - self.saved > self._task.recipe.save_seconds
        wish, late = agree((self._task.wished(), late))
        if wish is not None:
            self._outcome.status = "cancelled" if wish == "cancel" else "paused"
            control.should_training_stop = True
        every = self._task.recipe.save_steps
        due = state.global_step % every == 0 if every else late
        # The last step needs none: the adapter itself follows.
        last = state.global_step >= state.max_steps
        control.should_evaluate = control.should_evaluate or (last and bool(self._task.validation) and wish is None)
        control.should_save = wish == "pause" or (due and wish is None and not last)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Declare the checkpoint complete and drop old ones."""
        path = self._task.checkpoints / f"checkpoint-{state.global_step}"
        meet()  # every process has its own random numbers in there
        if leads():
            facts = {"tokens": self._outcome.tokens, "seconds": self._seconds(), "sharded": sharding.asked()}
            complete(path, facts | self._best.facts())
            prune(self._task.checkpoints)
        self.saved = time.perf_counter()
        self._task.progress({"step": state.global_step, "checkpoint": path.name})

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Put the best weights back, where these are to be kept."""
        self._outcome.seconds = self._seconds()
        meet()  # the best weights are written by one and read by all
        if self._outcome.status == "succeeded" and self._best.restore(kwargs["model"]):
            self._outcome.validation_loss = self._best.loss
            self._task.progress({"step": self._best.step, "kept": "best"})

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Tell what the trainer measured, and act on it."""
        logs: dict[str, Any] = kwargs["logs"]
        if "eval_loss" in logs:
            self._outcome.validation_loss = float(logs["eval_loss"])
            self._task.progress({"step": state.global_step, "validation_loss": self._outcome.validation_loss})
            if self._best.stop(self._outcome.validation_loss, state.global_step, kwargs["model"]):
                control.should_training_stop = True
                # Nothing is left to go on with, so there is nothing to pause at, and a checkpoint would be taken
                # for one with steps to come.
                control.should_save = False
                if self._outcome.status == "paused":
                    self._outcome.status = "succeeded"
                self._task.progress({"step": state.global_step, "stopped_early": self._task.recipe.patience})
        if "loss" not in logs:
            return
        loss = float(logs["loss"])
        self._guard(state.global_step, args.logging_steps, loss, float(logs.get("grad_norm", 0.0)))
        self._outcome.losses.append(loss)
        self._outcome.tokens = int(self._before.get("tokens", 0)) + int(logs.get("num_tokens", 0))
        spent = self._seconds()
        self._task.progress(
            {
                "step": state.global_step,
                "steps": state.max_steps,
                "loss": round(loss, 6),
                "learning_rate": float(logs.get("learning_rate", 0.0)),
                "tokens_per_second": round(self._outcome.tokens / spent, 1),
                "seconds_left": round(spent / state.global_step * (state.max_steps - state.global_step), 1),
                "memory_mb": round(peak_memory_mb(), 1),
            }
            | {name: round(float(logs[key]), 4) for name, key in _REWARDS.items() if key in logs}
        )

    def _seconds(self) -> float:
        return float(self._before.get("seconds", 0.0)) + time.perf_counter() - self.started

    def _guard(self, step: int, span: int, loss: float, norm: float) -> None:
        exploded = loss > 2 * self._uniform and loss > 2 * (self._outcome.losses or [loss])[0]
        if math.isfinite(loss) and math.isfinite(norm) and not exploded:
            return
        first = self._start.step if self._start else 0
        each = self._task.recipe.accumulate  # batches a step
        seen = self._batches[max(0, step - span - first) * each : (step - first) * each]
        rows = [row for batch in seen for row in batch]
        what = "exploded" if math.isfinite(loss) and exploded else "is not a number any more"
        shown = ", ".join(rows[:8]) + (" ..." if len(rows) > 8 else "")
        raise InputError(
            f"training stopped at step {step}: the loss {what} ({loss:.4g}); its rows were {shown}",
            f"lower learning_rate (now {self._task.recipe.learning_rate:g}) or look at these rows; nothing was saved",
            step=step,
            rows=rows,
        )
