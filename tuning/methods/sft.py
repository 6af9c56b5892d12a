"""Supervised training with TRL, shared by every method that learns answers: loop, progress, guards.

The loop is TRL's; here are only its settings, the events a person watches, and the stops: cancel,
a loss that is no number or explodes, and running out of memory.
"""

import math
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import InputError, ResourceError
from tuning.formats import TrainingRow
from tuning.schema import TuneRecipe

if TYPE_CHECKING:
    from transformers import PreTrainedModel, TrainerCallback

WARMUP_SHARE = 0.05
# Above this a bigger GPU batch pays for recomputing activations; below, the time is lost for nothing.
CHECKPOINTING_PARAMETERS = 500_000_000


@dataclass(frozen=True)
class Task:
    """What a method gets: a base of its own (never the served one), rendered rows, and where to save."""

    model: "PreTrainedModel"
    tokenizer: Any
    rows: Sequence[TrainingRow]
    validation: Sequence[TrainingRow]
    recipe: TuneRecipe
    folder: Path
    progress: Callable[[dict[str, Any]], None]
    cancelled: Callable[[], bool]


@dataclass
class Outcome:
    """What a training run came to; losses are means over the first and last twentieth of its steps."""

    status: str = "succeeded"
    steps: int = 0
    seconds: float = 0.0
    tokens: int = 0
    first_loss: float = math.nan
    final_loss: float = math.nan
    validation_loss: float | None = None
    losses: list[float] = field(default_factory=list)

    @property
    def tokens_per_second(self) -> float:
        """Prompt and answer tokens, without padding, per second of training."""
        return self.tokens / self.seconds if self.seconds else 0.0

    def settle(self) -> "Outcome":
        """Fill in the summary losses from the curve."""
        if self.losses:
            window = max(1, len(self.losses) // 20)
            self.first_loss = sum(self.losses[:window]) / window
            self.final_loss = sum(self.losses[-window:]) / window
        return self


def peak_memory_mb() -> float:
    """Return the most memory this process has held so far, in MB; on CUDA, the device's."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return float(torch.cuda.max_memory_allocated()) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def train_sft(task: Task, model: Any) -> Outcome:
    """Train ``model`` (base with whatever is trainable on it) on the task's rows.

    Raises:
        InputError: the loss became non-finite or exploded; names step and rows.
        ResourceError: memory ran out.
    """
    import torch
    from transformers import set_seed
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling, SFTTrainer

    cuda = next(model.parameters()).is_cuda
    pad = task.tokenizer.pad_token_id
    stack = DataCollatorForLanguageModeling(pad_token_id=task.tokenizer.eos_token_id if pad is None else pad)
    batches: list[list[str]] = []

    def collate(features: list[dict[str, Any]]) -> dict[str, Any]:
        if model.training:
            batches.append([feature["source"] for feature in features])
        kept = [{key: feature[key] for key in ("input_ids", "labels")} for feature in features]
        batch: dict[str, Any] = stack(kept)
        return batch

    set_seed(task.recipe.seed)
    outcome = Outcome()
    trainer = SFTTrainer(
        model=model,
        args=_arguments(task, cuda, model),
        train_dataset=_dataset(task.rows),
        eval_dataset=_dataset(task.validation) if task.validation else None,
        processing_class=task.tokenizer,
        data_collator=collate,
        callbacks=[_watcher(task, outcome, batches, math.log(model.config.get_text_config().vocab_size))],
    )
    _only_our_callbacks(trainer)
    started = time.perf_counter()
    try:
        trainer.train()
    except (torch.OutOfMemoryError, MemoryError):
        raise _out_of_memory(task.recipe) from None
    except RuntimeError as error:
        if "not enough memory" in str(error) or "out of memory" in str(error):
            raise _out_of_memory(task.recipe) from None
        raise
    outcome.seconds = time.perf_counter() - started
    outcome.steps = trainer.state.global_step
    return outcome.settle()


def _dataset(rows: Sequence[TrainingRow]) -> Any:
    from datasets import Dataset

    columns = {
        "input_ids": [row.input_ids for row in rows],
        "labels": [row.labels for row in rows],
        "source": [row.source for row in rows],
    }
    return Dataset.from_dict(columns)


def _arguments(task: Task, cuda: bool, model: Any) -> Any:
    from trl.trainer.sft_config import SFTConfig

    recipe = task.recipe
    steps = math.ceil(math.ceil(len(task.rows) / recipe.batch_size) * recipe.epochs)
    return SFTConfig(
        output_dir=str(task.folder.parent / "trainer"),
        num_train_epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        per_device_train_batch_size=recipe.batch_size,
        per_device_eval_batch_size=recipe.batch_size,
        lr_scheduler_type="linear",
        warmup_steps=max(1, round(steps * WARMUP_SHARE)),
        weight_decay=0.0,
        max_grad_norm=1.0,
        seed=recipe.seed,
        bf16=cuda,
        use_cpu=not cuda,
        gradient_checkpointing=cuda and model.num_parameters() > CHECKPOINTING_PARAMETERS,
        # Reading the loss waits for the GPU, so it is read less often there; a CPU has nothing to wait for.
        logging_steps=5 if cuda else 1,
        logging_nan_inf_filter=False,
        eval_strategy="epoch" if task.validation else "no",
        prediction_loss_only=True,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        train_sampling_strategy="group_by_length",
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
    )


def _only_our_callbacks(trainer: Any) -> None:
    """Drop the trainer's own printing: standard output belongs to the command's JSON document."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)


def _watcher(task: Task, outcome: Outcome, batches: list[list[str]], uniform: float) -> "TrainerCallback":
    """Return the callback that reports progress and stops what should not go on.

    A loss beyond twice ``uniform`` (that of guessing every token) and thrice the first one has
    exploded: the weights no longer say anything.
    """
    from transformers import TrainerCallback

    class Watcher(TrainerCallback):
        started = time.perf_counter()

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.started = time.perf_counter()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if task.cancelled():
                outcome.status = "cancelled"
                control.should_training_stop = True

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
            outcome.tokens = int(logs.get("num_tokens", outcome.tokens))
            spent = time.perf_counter() - self.started
            task.progress(
                {
                    "step": state.global_step,
                    "steps": state.max_steps,
                    "loss": round(loss, 4),
                    "learning_rate": float(logs.get("learning_rate", 0.0)),
                    "tokens_per_second": round(outcome.tokens / spent, 1),
                    "seconds_left": round(spent / state.global_step * (state.max_steps - state.global_step), 1),
                    "memory_mb": round(peak_memory_mb(), 1),
                }
            )

        def _guard(self, step: int, span: int, loss: float, norm: float) -> None:
            exploded = loss > 2 * uniform and loss > 3 * (outcome.losses or [loss])[0]
            if math.isfinite(loss) and math.isfinite(norm) and not exploded:
                return
            rows = [row for batch in batches[max(0, step - span) : step] for row in batch]
            what = "exploded" if math.isfinite(loss) and exploded else "is not a number any more"
            shown = ", ".join(rows[:8]) + (" ..." if len(rows) > 8 else "")
            raise InputError(
                f"training stopped at step {step}: the loss {what} ({loss:.4g}); its rows were {shown}",
                f"lower learning_rate (now {task.recipe.learning_rate:g}) or look at these rows; nothing was saved",
                step=step,
                rows=rows,
            )

    return Watcher()


def _out_of_memory(recipe: TuneRecipe) -> ResourceError:
    return ResourceError(
        f"training {recipe.name!r} ran out of memory at batch_size {recipe.batch_size}",
        "lower batch_size or max_length, or take a smaller base model; nothing was saved",
    )
