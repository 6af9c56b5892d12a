"""Supervised training with TRL, shared by every method that learns answers: settings, start, resume.

The loop is TRL's; what a person watches and what stops a run is in ``tuning.methods.watch``.
"""

import math
import resource
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import ResourceError
from tuning.checkpoints import newest, prune
from tuning.formats import TrainingRow
from tuning.schema import TuneRecipe

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from assistant.jobs.record import Wish

WARMUP_SHARE = 0.05
# Above this a bigger GPU batch pays for recomputing activations; below, the time is lost for nothing.
CHECKPOINTING_PARAMETERS = 500_000_000


@dataclass(frozen=True)
class Task:
    """What a method gets: a base of its own (never the served one), rendered rows, and where to save.

    ``folder`` is for the adapter, ``checkpoints`` for what a resumed run needs; ``wished`` is asked
    after every step and says whether to stop, for good or for now.
    """

    model: "PreTrainedModel"
    tokenizer: Any
    rows: Sequence[TrainingRow]
    validation: Sequence[TrainingRow]
    recipe: TuneRecipe
    folder: Path
    checkpoints: Path
    progress: Callable[[dict[str, Any]], None]
    wished: "Callable[[], Wish | None]"


@dataclass
class Outcome:
    """What a training run came to, resumed parts included.

    ``status`` is ``succeeded``, ``cancelled`` or ``paused``; the first and final loss are means over the
    first and last twentieth of the steps.
    """

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
    """Train ``model`` (base with whatever is trainable on it) on the task's rows, from the newest checkpoint on.

    Raises:
        InputError: the loss became non-finite or exploded; names step and rows.
        ResourceError: memory ran out.
    """
    import torch
    from transformers import PrinterCallback, set_seed
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling, SFTTrainer

    from tuning.methods.order import RowOrder
    from tuning.methods.watch import watcher

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
    task.checkpoints.mkdir(mode=0o700, parents=True, exist_ok=True)
    start = newest(task.checkpoints)
    prune(task.checkpoints)
    outcome = Outcome()
    lengths = [len(row.input_ids) for row in task.rows]

    class Trainer(SFTTrainer):  # type: ignore[misc]  # the base class is untyped
        def _get_train_sampler(self, *_: Any) -> RowOrder:
            return RowOrder(lengths, task.recipe.batch_size, task.recipe.seed)

    trainer = Trainer(
        model=model,
        args=_arguments(task, cuda, model),
        train_dataset=_dataset(task.rows),
        eval_dataset=_dataset(task.validation) if task.validation else None,
        processing_class=task.tokenizer,
        data_collator=collate,
        callbacks=[watcher(task, outcome, batches, start, math.log(model.config.get_text_config().vocab_size))],
    )
    # The trainer's own printing goes: standard output belongs to the command's JSON document.
    trainer.remove_callback(PrinterCallback)
    try:
        trainer.train(resume_from_checkpoint=str(start.path) if start else None)
    except (torch.OutOfMemoryError, MemoryError):
        raise _out_of_memory(task.recipe) from None
    except RuntimeError as error:
        if "not enough memory" in str(error) or "out of memory" in str(error):
            raise _out_of_memory(task.recipe) from None
        raise
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
        output_dir=str(task.checkpoints),
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
        save_strategy="no",  # the watcher says when
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
    )


def _out_of_memory(recipe: TuneRecipe) -> ResourceError:
    return ResourceError(
        f"training {recipe.name!r} ran out of memory at batch_size {recipe.batch_size}",
        "lower batch_size or max_length, or take a smaller base model; nothing was saved",
    )
