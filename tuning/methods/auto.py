"""What a recipe leaves to us: numbers for every ``auto``, each with its reason, and the trainer's settings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuning.methods import Rows, load_method
from tuning.processes import world
from tuning.schema import AUTO, TuneRecipe

if TYPE_CHECKING:
    from tuning.methods.sft import Task

# Below this a base learns little from the small rates that suit large ones.
LARGE_PARAMETERS = 100_000_000
# Above this a bigger GPU batch pays for recomputing activations; below, the time is lost for nothing.
CHECKPOINTING_PARAMETERS = 500_000_000
MOST_ROWS, FEWEST_STEPS, ENOUGH_UPDATES, FEWEST_EPOCHS, MOST_EPOCHS = 8, 8, 100, 3, 10
_OPTIMIZERS = {"adamw": "adamw_torch", "adafactor": "adafactor", "sgd": "sgd"}
_SCHEDULES = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What automatic values depend on: rows to train on, parameters of the base, whether a GPU trains,
    and whether the processor computes in bfloat16 by itself.
    """

    rows: int
    parameters: int
    cuda: bool
    bfloat16: bool = False


def native_bfloat16() -> bool:
    """Return whether this processor has instructions for bfloat16; without them it is slower than float32."""
    from torch import cpu

    found: dict[str, Any] = getattr(cpu, "get_capabilities", dict)()  # older versions of torch do not tell
    return any(found.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


def settle(recipe: TuneRecipe, facts: Facts) -> tuple[TuneRecipe, dict[str, Any]]:
    """Return the recipe with a number for every ``auto``, and an event that says why it is that one.

    The event holds ``settings`` (every hyper-parameter as it will be used) and ``reasons`` (for each
    automatic one a sentence).
    """
    chosen: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    if recipe.batch_size == AUTO:
        least = _least_rows(load_method(recipe.method).rows)
        chosen["batch_size"] = max(least, min(MOST_ROWS, facts.rows // FEWEST_STEPS))
        reasons["batch_size"] = f"at most {MOST_ROWS}, and {FEWEST_STEPS} batches or more from {facts.rows} rows"
    if recipe.epochs == AUTO and not recipe.steps:
        batch = chosen.get("batch_size", recipe.batch_size) * recipe.accumulate
        wanted = math.ceil(ENOUGH_UPDATES / math.ceil(facts.rows / batch))
        chosen["epochs"] = float(max(FEWEST_EPOCHS, min(MOST_EPOCHS, wanted)))
        reasons["epochs"] = f"about {ENOUGH_UPDATES} updates, but {FEWEST_EPOCHS} to {MOST_EPOCHS} epochs"
    if recipe.learning_rate == AUTO:
        small, large = load_method(recipe.method).rates
        big = facts.parameters >= LARGE_PARAMETERS
        chosen["learning_rate"] = large if big else small
        limit = LARGE_PARAMETERS // 10**6
        over = f"usual for {recipe.method} on a base of over {limit} million parameters"
        under = f"usual for {recipe.method} on a base of under {limit} million parameters"
        reasons["learning_rate"] = over if big else under
    if recipe.precision == "auto":
        chosen["precision"] = "bfloat16" if facts.cuda or facts.bfloat16 else "float32"
        device = "GPU" if facts.cuda else "processor"
        exact = "exact, and nothing shorter is faster on this processor"
        fast = chosen["precision"] == "bfloat16"
        reasons["precision"] = f"this {device} computes in it about twice as fast" if fast else exact
    settled = recipe.model_copy(update=chosen)
    shown = (
        *("epochs", "steps", "learning_rate", "schedule", "warmup", "batch_size", "accumulate", "optimizer"),
        *("weight_decay", "clip", "neftune", "packing", "precision", "patience", "keep", "max_length", "seed"),
    )
    event = {
        "phase": "settings",
        "method": recipe.method,
        "settings": {key: getattr(settled, key) for key in shown},
        "reasons": reasons,
    }
    return settled, event


def automatic_span(key: str, method: str) -> tuple[float, float]:
    """Return the least and the most that ``auto`` can become for a key, whatever the rows and the base are."""
    known = load_method(method)
    return {
        "batch_size": (_least_rows(known.rows), MOST_ROWS),
        "epochs": (FEWEST_EPOCHS, MOST_EPOCHS),
        "learning_rate": (min(known.rates), max(known.rates)),
    }[key]


def _least_rows(rows: Rows) -> int:
    """Return the smallest batch that rows of a kind can be learnt in: KTO compares the rows of a batch."""
    return 2 if rows == "labels" else 1


def steps_of(recipe: TuneRecipe, sequences: int) -> tuple[int, int]:
    """Return the updates of the whole run and of one epoch."""
    epoch = math.ceil(math.ceil(sequences / recipe.batch_size) / recipe.accumulate)
    return recipe.steps or math.ceil(epoch * recipe.epochs), epoch


def arguments(task: "Task", sequences: Sequence[Any], cuda: bool, parameters: int) -> dict[str, Any]:
    """Return the keyword arguments that every trainer of TRL takes alike.

    Args:
        task: the run.
        sequences: what one epoch goes through; rows, or packed ones.
        cuda: whether a GPU trains.
        parameters: of the base.
    """
    recipe = task.recipe
    steps, epoch = steps_of(recipe, len(sequences))
    return {
        "output_dir": str(task.checkpoints),
        "num_train_epochs": recipe.epochs or 1,
        "max_steps": recipe.steps or -1,
        "learning_rate": recipe.learning_rate,
        "per_device_train_batch_size": recipe.batch_size // world(),
        "per_device_eval_batch_size": recipe.batch_size // world(),
        "gradient_accumulation_steps": recipe.accumulate,
        "lr_scheduler_type": _SCHEDULES[recipe.schedule],
        "warmup_steps": max(1, round(steps * recipe.warmup)) if recipe.warmup else 0,
        "optim": _OPTIMIZERS[recipe.optimizer],
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.clip,
        "seed": recipe.seed,
        "bf16": recipe.precision == "bfloat16",
        "use_cpu": not cuda,
        # A prefix is a cache, and recomputing has none.
        "gradient_checkpointing": cuda and parameters > CHECKPOINTING_PARAMETERS and recipe.method != "prefix_tuning",
        # Reading the loss waits for the GPU, so it is read less often there; a CPU has nothing to wait for.
        "logging_steps": 5 if cuda else 1,
        "logging_nan_inf_filter": False,
        # By steps, not by epochs: an evaluation then precedes the checkpoint of the same step, so that
        # a resumed run neither repeats nor misses one.
        "eval_strategy": "steps" if task.validation else "no",
        "eval_steps": recipe.evaluate_steps or epoch,
        "prediction_loss_only": True,
        "save_strategy": "no",  # the watcher says when
        "report_to": "none",
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "max_length": None,
    }
