"""The LoRA family: small low-rank weights beside the frozen base, trained and saved by PEFT.

LoRA (Hu et al. 2021, arXiv 2106.09685); rsLoRA scales by alpha / sqrt(r) (Kalajdzievski 2023, arXiv
2312.03732); DoRA also learns each row's magnitude (Liu et al. 2024, arXiv 2402.09353); LoRA+ gives
the second matrix a higher learning rate (Hayou et al. 2024, arXiv 2402.12354).
"""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from assistant.errors import UsageError
from tuning.methods import Method
from tuning.methods.sft import Outcome, Task, train_sft

_RANGES = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*")


def _numbers(value: Any) -> Any:
    """Turn ``"0,4-7"`` into numbers; anything else is left to the schema."""
    if not isinstance(value, str):
        return value
    text = value.replace(" ", "")
    if not _RANGES.fullmatch(text):
        raise ValueError("layer numbers, such as 0,4-7")
    parts = [[int(end) for end in part.split("-")] for part in text.split(",")]
    return [number for part in parts for number in range(part[0], part[-1] + 1)]


class LoraParams(BaseModel):
    """LoRA's own settings.

    ``target_modules`` is ``all-linear`` or a list of module names; ``layers`` a list of layer numbers
    or a text like ``0,4-7``, empty for all; ``plus`` is LoRA+'s ratio of learning rates, 0 for plain.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    r: int = Field(16, ge=1, le=1024)
    alpha: int = Field(32, ge=1)
    dropout: float = Field(0.05, ge=0, lt=1)
    target_modules: Literal["all-linear"] | list[str] = "all-linear"
    layers: Annotated[list[int], BeforeValidator(_numbers)] = []
    rslora: bool = False
    dora: bool = False
    plus: float = Field(0, ge=0, le=1000)


def linear_modules(model: Any) -> dict[str, int]:
    """Return the last names of the linear layers LoRA can go on, each with the highest rank that makes sense.

    The output head is not one of them.
    """
    import torch

    head = model.get_output_embeddings()
    found: dict[str, int] = {}
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and module is not head:
            last = name.rpartition(".")[2]
            smaller = min(module.in_features, module.out_features)
            found[last] = min(smaller, found.get(last, smaller))
    return dict(sorted(found.items()))


def target_names(model: Any, wanted: Literal["all-linear"] | list[str], key: str = "target_modules") -> dict[str, int]:
    """Return the wanted modules and their ranks.

    Raises:
        UsageError: a module does not exist; the real ones are listed.
    """
    real = linear_modules(model)
    if wanted == "all-linear":
        return real
    unknown = [name for name in wanted if name not in real]
    if unknown or not wanted:
        shown = ", ".join(map(repr, unknown)) or "nothing"
        raise UsageError(f"params.{key}: the base has no {shown}", f"it has: {', '.join(real)}")
    return {name: real[name] for name in wanted}


def lora_config(model: Any, params: LoraParams) -> Any:
    """Return PEFT's configuration for a base.

    Raises:
        UsageError: a module or layer does not exist, or the rank is above the dimension.
    """
    from peft import LoraConfig

    targets = target_names(model, params.target_modules)
    largest = min(targets.values())
    if params.r > largest:
        name = min(targets, key=lambda each: targets[each])
        raise UsageError(f"params.r: {params.r} is above the dimension of {name!r}", f"the largest is {largest}")
    layers = model.config.get_text_config().num_hidden_layers
    if beyond := [number for number in params.layers if not 0 <= number < layers]:
        raise UsageError(f"params.layers: the base has no layer {beyond[0]}", f"it has 0 to {layers - 1}")
    return LoraConfig(
        r=params.r,
        lora_alpha=params.alpha,
        lora_dropout=params.dropout,
        # PEFT reads a layer range only beside names.
        target_modules=list(targets) if params.layers else params.target_modules,
        layers_to_transform=params.layers or None,
        use_rslora=params.rslora,
        use_dora=params.dora,
        task_type="CAUSAL_LM",
    )


def save_adapter(task: Task, model: Any) -> None:
    """Save what PEFT trained into the task's folder.

    The manifest names the base by content; a path of this machine has no business in an adapter.
    """
    model.peft_config["default"].base_model_name_or_path = ""
    model.peft_config["default"].tokenizer_name_or_path = None
    model.save_pretrained(str(task.folder))
    (task.folder / "README.md").unlink(missing_ok=True)


def train(task: Task) -> Outcome:
    """Train LoRA weights and save them into ``task.folder`` unless the run was cancelled.

    Raises:
        UsageError: see :func:`lora_config`; or LoRA+ with an optimizer that it is not made for.
        InputError, ResourceError: see :func:`tuning.methods.sft.fit`.
    """
    from peft import get_peft_model
    from transformers import set_seed

    params = LoraParams(**task.recipe.params)
    if params.plus and task.recipe.optimizer != "adamw":
        raise UsageError(f"params.plus: LoRA+ needs adamw, not {task.recipe.optimizer!r}", "set optimizer: adamw")
    config = lora_config(task.model, params)
    set_seed(task.recipe.seed)
    model: Any = get_peft_model(task.model, config)
    outcome = train_sft(task, model, _faster_second(task, model, params.plus) if params.plus else None)
    if outcome.to_save:
        save_adapter(task, outcome.model)
    return outcome


def _faster_second(task: Task, model: Any, ratio: float) -> Any:
    from peft.optimizers import create_loraplus_optimizer
    from torch.optim import AdamW

    return create_loraplus_optimizer(
        model,
        AdamW,
        lr=task.recipe.learning_rate,
        loraplus_lr_ratio=ratio,
        loraplus_weight_decay=task.recipe.weight_decay,
    )


METHOD = Method(params=LoraParams, train=train, shards=True)
# Dettmers et al. 2023, "QLoRA", arXiv 2305.14314; the base is read in four bits, the rest is LoRA.
QLORA = Method(params=LoraParams, train=train, four_bit=True)
