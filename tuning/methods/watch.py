"""What a person sees of a training run while it goes on, and what stops it."""

import math
import time
from typing import TYPE_CHECKING, Any

from assistant.errors import InputError
from tuning.checkpoints import Checkpoint, complete, prune
from tuning.methods.sft import Outcome, Task, peak_memory_mb

if TYPE_CHECKING:
    from transformers import TrainerCallback


def watcher(
    task: Task, outcome: Outcome, batches: list[list[str]], start: Checkpoint | None, uniform: float
) -> "TrainerCallback":
    """Return the callback that reports progress, keeps checkpoints, and stops what should not go on.

    Args:
        task: the run.
        outcome: filled in as it goes.
        batches: the sources of every batch so far, for naming rows.
        start: the checkpoint that the run goes on from.
        uniform: loss of guessing every token; beyond twice that and thrice the first one a loss has
            exploded: the weights no longer say anything.
    """
    from transformers import TrainerCallback

    before = dict(start.facts) if start else {}

    class Watcher(TrainerCallback):
        started = saved = time.perf_counter()

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.started = self.saved = time.perf_counter()
            outcome.losses = [float(entry["loss"]) for entry in state.log_history if "loss" in entry]
            outcome.tokens = int(before.get("tokens", 0))

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            wish = task.wished()
            if wish is not None:
                outcome.status = "cancelled" if wish == "cancel" else "paused"
                control.should_training_stop = True
            every = task.recipe.save_steps
            due = (
                state.global_step % every == 0 if every else time.perf_counter() - self.saved > task.recipe.save_seconds
            )
            # The last step needs none: the adapter itself follows.
            control.should_save = wish == "pause" or (due and wish is None and state.global_step < state.max_steps)

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            path = task.checkpoints / f"checkpoint-{state.global_step}"
            complete(path, {"tokens": outcome.tokens, "seconds": self._seconds()})
            prune(task.checkpoints)
            self.saved = time.perf_counter()
            task.progress({"step": state.global_step, "checkpoint": path.name})

        def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            outcome.seconds = self._seconds()

        def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            logs: dict[str, Any] = kwargs["logs"]
            if "eval_loss" in logs:
                outcome.validation_loss = float(logs["eval_loss"])
                task.progress({"step": state.global_step, "validation_loss": outcome.validation_loss})
            if "loss" not in logs:
                return
            loss = float(logs["loss"])
            self._guard(state.global_step, args.logging_steps, loss, float(logs.get("grad_norm", 0.0)))
            outcome.losses.append(loss)
            outcome.tokens = int(before.get("tokens", 0)) + int(logs.get("num_tokens", 0))
            spent = self._seconds()
            task.progress(
                {
                    "step": state.global_step,
                    "steps": state.max_steps,
                    "loss": round(loss, 6),
                    "learning_rate": float(logs.get("learning_rate", 0.0)),
                    "tokens_per_second": round(outcome.tokens / spent, 1),
                    "seconds_left": round(spent / state.global_step * (state.max_steps - state.global_step), 1),
                    "memory_mb": round(peak_memory_mb(), 1),
                }
            )

        def _due(self, step: int) -> bool:
            if task.recipe.save_steps:
                return step % task.recipe.save_steps == 0
            return time.perf_counter() - self.saved > task.recipe.save_seconds

        def _seconds(self) -> float:
            return float(before.get("seconds", 0.0)) + time.perf_counter() - self.started

        def _guard(self, step: int, span: int, loss: float, norm: float) -> None:
            exploded = loss > 2 * uniform and loss > 3 * (outcome.losses or [loss])[0]
            if math.isfinite(loss) and math.isfinite(norm) and not exploded:
                return
            first = start.step if start else 0
            rows = [row for batch in batches[max(0, step - span - first) : step - first] for row in batch]
            what = "exploded" if math.isfinite(loss) and exploded else "is not a number any more"
            shown = ", ".join(rows[:8]) + (" ..." if len(rows) > 8 else "")
            raise InputError(
                f"training stopped at step {step}: the loss {what} ({loss:.4g}); its rows were {shown}",
                f"lower learning_rate (now {task.recipe.learning_rate:g}) or look at these rows; nothing was saved",
                step=step,
                rows=rows,
            )

    return Watcher()
