"""LoRA: small low-rank weights beside the frozen base, trained and saved by PEFT."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from assistant.errors import UsageError
from tuning.methods import Method
from tuning.methods.sft import Outcome, Task, train_sft


class LoraParams(BaseModel):
    """LoRA's own settings; ``target_modules`` is ``all-linear`` or a list of module names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    r: int = Field(16, ge=1, le=1024)
    alpha: int = Field(32, ge=1)
    dropout: float = Field(0.05, ge=0, lt=1)
    target_modules: Literal["all-linear"] | list[str] = "all-linear"


def linear_modules(model: Any) -> list[str]:
    """Return the last names of the linear layers LoRA can go on; the output head is not one of them."""
    import torch

    head = model.get_output_embeddings()
    found = {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not head
    }
    return sorted(found)


def train(task: Task) -> Outcome:
    """Train LoRA weights and save them into ``task.folder`` unless the run was cancelled.

    Raises:
        UsageError: a target module does not exist; the real ones are listed.
        InputError, ResourceError: see :func:`tuning.methods.sft.train_sft`.
    """
    from peft import LoraConfig, get_peft_model
    from transformers import set_seed

    params = LoraParams(**task.recipe.params)
    real = linear_modules(task.model)
    if params.target_modules != "all-linear":
        unknown = [name for name in params.target_modules if name not in real]
        if unknown or not params.target_modules:
            shown = ", ".join(map(repr, unknown)) or "nothing"
            raise UsageError(f"params.target_modules: the base has no {shown}", f"it has: {', '.join(real)}")
    config = LoraConfig(
        r=params.r,
        lora_alpha=params.alpha,
        lora_dropout=params.dropout,
        target_modules=params.target_modules,
        task_type="CAUSAL_LM",
    )
    set_seed(task.recipe.seed)
    model: Any = get_peft_model(task.model, config)
    outcome = train_sft(task, model)
    if outcome.status == "succeeded":
        # The manifest names the base by content; a path of this machine has no business in an adapter.
        model.peft_config["default"].base_model_name_or_path = ""
        model.save_pretrained(str(task.folder))
        (task.folder / "README.md").unlink(missing_ok=True)
    return outcome


METHOD = Method(params=LoraParams, train=train)
