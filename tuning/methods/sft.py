"""Training with TRL, shared by every method: start, resume, end; and the supervised kind, which learns answers.

The loop is TRL's; settings are in ``tuning.methods.auto``, what a person watches and what stops a run
in ``tuning.methods.watch``.
"""

import math
import re
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import ResourceError
from assistant.progress import Progress
from tuning import sharding
from tuning.checkpoints import newest, prune
from tuning.formats import TrainingRow
from tuning.schema import TuneRecipe

# Tokens of a packed sequence where the recipe's ``max_length`` does not say.
PACKED_TOKENS = 512
# Up to this many tokens plain products beat the fused attention kernel on a CPU, whose backward pass is slow; their
# memory grows with the square of it.
PLAIN_ATTENTION = 256

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from assistant.jobs.record import Wish


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
    progress: Progress
    wished: "Callable[[], Wish | None]"


@dataclass
class Outcome:
    """What a training run came to, resumed parts included.

    ``status`` is ``succeeded``, ``cancelled`` or ``paused``; the first and final loss are means over the
    first and last twentieth of the steps; ``parameters`` counts the trained ones. ``model`` is the trained
    one, as it is in memory; None in a process that only helped with a sharded one.
    """

    status: str = "succeeded"
    steps: int = 0
    seconds: float = 0.0
    tokens: int = 0
    first_loss: float = math.nan
    final_loss: float = math.nan
    validation_loss: float | None = None
    losses: list[float] = field(default_factory=list)
    parameters: int = 0
    model: Any = None

    @property
    def to_save(self) -> bool:
        """Whether training came to its end and the whole model is here."""
        return self.status == "succeeded" and self.model is not None

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
    status = Path("/proc/self/status")
    # A process inherits getrusage's figure from the one that started it, be that a server with models open.
    own = re.search(r"^VmHWM:\s*(\d+) kB", status.read_text(), re.MULTILINE) if status.is_file() else None
    if own:
        return int(own[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


@dataclass
class Loop:
    """What every trainer is made with.

    ``batches`` collects the sources of each batch, so that a failure can name its rows.
    """

    callback: Any
    arguments: dict[str, Any]
    batches: list[list[str]]


def fit(task: Task, lengths: Sequence[int], make: Callable[[Loop], Any]) -> Outcome:
    """Train from the newest checkpoint on with the trainer that ``make`` returns.

    Args:
        task: the run.
        lengths: tokens of every sequence of an epoch.
        make: builds the trainer of TRL.

    Raises:
        InputError: the loss became non-finite or exploded; names step and rows.
        ResourceError: memory ran out.
        UsageError: it goes on from checkpoints of a sharded model without sharding, or the other way round.
    """
    import torch
    from transformers import PrinterCallback, set_seed

    from tuning.methods.auto import arguments
    from tuning.methods.samples import Samples
    from tuning.methods.watch import Watcher

    set_seed(task.recipe.seed)
    task.checkpoints.mkdir(mode=0o700, parents=True, exist_ok=True)
    start = newest(task.checkpoints)
    sharding.refuse_another(start)
    prune(task.checkpoints)
    outcome, batches = Outcome(), list[list[str]]()
    callback = Watcher(task, outcome, batches, start, math.log(task.model.config.get_text_config().vocab_size))
    first = next(task.model.parameters())
    trainer = make(Loop(callback, arguments(task, lengths, first.is_cuda, task.model.num_parameters()), batches))
    # The trainer's own printing goes: standard output belongs to the command's JSON document.
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Samples(task))
    outline = sharding.outline(trainer.model) if trainer.is_fsdp_enabled else None
    plain = not first.is_cuda and max(lengths) <= PLAIN_ATTENTION and not task.recipe.packing
    try:
        with scoring_answers_only(), plain_attention(task.model) if plain else nullcontext():
            trainer.train(resume_from_checkpoint=str(start.path) if start else None)
    except (torch.OutOfMemoryError, MemoryError):
        raise _out_of_memory(task.recipe) from None
    except RuntimeError as error:
        if "not enough memory" in str(error) or "out of memory" in str(error):
            raise _out_of_memory(task.recipe) from None
        raise
    outcome.steps = trainer.state.global_step
    # Without the wrapper that makes it compute in the precision of the training.
    model = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    outcome.model = sharding.fill(outline, model) if outline is not None else model
    return outcome.settle()


@contextmanager
def scoring_answers_only() -> Iterator[None]:
    """Have TRL multiply only trained positions by the vocabulary on a CPU too, as it does on a GPU.

    It scores every position elsewhere, for compilers that want constant shapes. Prompts are most of our rows, so
    that was half of the time of a training step. The losses are the same.
    """
    from trl.trainer import utils

    original = utils._use_triton
    utils._use_triton = lambda _: True
    try:
        yield
    finally:
        utils._use_triton = original


@contextmanager
def plain_attention(model: "PreTrainedModel") -> Iterator[None]:
    """Have a model compute attention by plain matrix products for a while."""
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def in_order(trainer: type, lengths: Sequence[int], recipe: TuneRecipe) -> type:
    """Return the trainer's class with our order of rows, which a resumed run sees again, and our way of sharding."""
    from tuning.methods.order import RowOrder

    class Ordered(trainer):
        def _get_train_sampler(self, *_: Any) -> RowOrder:
            return RowOrder(lengths, recipe.batch_size, recipe.seed)

        def create_accelerator_and_postprocess(self) -> None:
            if sharding.asked():
                sharding.set_up()
            super().create_accelerator_and_postprocess()

    return Ordered


def padding(tokenizer: Any) -> int:
    """Return the token that fills batches up; masked, so any will do where a tokenizer has none for it."""
    pad: int | None = tokenizer.pad_token_id
    return int(tokenizer.eos_token_id) if pad is None else pad


def train_sft(task: Task, model: Any, optimizer: Any = None) -> Outcome:
    """Train ``model`` (base with whatever is trainable on it) on the answers of the task's rows.

    Args:
        task: the run.
        model: the task's base, or what PEFT made of it.
        optimizer: instead of the one that the recipe names.

    Raises:
        InputError, ResourceError: see :func:`fit`.
    """
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling, SFTTrainer

    packed = task.recipe.packing
    stack = DataCollatorForLanguageModeling(pad_token_id=padding(task.tokenizer), padding_free=packed)
    wanted = ("input_ids", "labels", "seq_lengths") if packed else ("input_ids", "labels")
    dataset = _dataset(task.rows)
    dataset = _packed(dataset, task) if packed else dataset
    lengths = [len(ids) for ids in dataset["input_ids"]]
    # Without the column that names rows: a batch is told from a held-out one by it, since what comes next is
    # read ahead while the model is still measured.
    validation = _dataset(task.validation).remove_columns("row") if task.validation else None

    def make(loop: Loop) -> Any:
        def collate(features: list[dict[str, Any]]) -> dict[str, Any]:
            if "row" in features[0]:
                loop.batches.append([task.rows[at].source for each in features for at in dict.fromkeys(each["row"])])
            kept = [{key: each[key] for key in wanted if key in each} for each in features]
            batch: dict[str, Any] = stack(kept)
            return batch

        return in_order(SFTTrainer, lengths, task.recipe)(
            model=model,
            args=SFTConfig(
                **loop.arguments,
                dataset_kwargs={"skip_prepare_dataset": True},
                neftune_noise_alpha=task.recipe.neftune or None,
            ),
            train_dataset=dataset,
            eval_dataset=validation,
            processing_class=task.tokenizer,
            data_collator=collate,
            callbacks=[loop.callback],
            optimizers=(optimizer, None),
        )

    return fit(task, lengths, make)


def _dataset(rows: Sequence[TrainingRow]) -> Any:
    from datasets import Dataset

    columns = {
        "input_ids": [row.input_ids for row in rows],
        "labels": [row.labels for row in rows],
        # One number a token, so that packing carries along which rows a sequence holds.
        "row": [[number] * len(row.input_ids) for number, row in enumerate(rows)],
    }
    return Dataset.from_dict(columns)


def _packed(dataset: Any, task: Task) -> Any:
    """Return rows packed into sequences; attention stays within a row, because positions start again there."""
    from datasets.utils.logging import disable_progress_bar
    from trl import pack_dataset

    disable_progress_bar()
    longest = max(len(ids) for ids in dataset["input_ids"])
    return pack_dataset(dataset, max(longest, task.recipe.max_length or PACKED_TOKENS), "bfd")


def _out_of_memory(recipe: TuneRecipe) -> ResourceError:
    return ResourceError(
        f"training {recipe.name!r} ran out of memory at batch_size {recipe.batch_size}",
        "lower batch_size or max_length, or take a smaller base model; nothing was saved",
        out_of_memory=True,
    )
