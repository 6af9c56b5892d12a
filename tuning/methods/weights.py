"""Methods whose result is a base of its own: all weights, some of them, or new layers in between."""

import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from assistant.errors import UsageError
from tuning.methods import Method
from tuning.methods.sft import Outcome, Task, train_sft

# The last matrices of a layer's two halves: with these at zero a new layer passes its input on unchanged.
_OUTPUTS = re.compile(r"(self_attn|mlp)\.(o_proj|down_proj)\.(weight|bias)")


class FullParams(BaseModel):
    """Every weight is trained; there is nothing to choose."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PartialParams(FullParams):
    """Which part is trained: the ``first`` or ``last`` n ``layers``, the ``embeddings`` or the ``head``."""

    part: Literal["first", "last", "embeddings", "head"] = "last"
    layers: int = Field(2, ge=1)


class ExpansionParams(FullParams):
    """``layers`` new ones, spread evenly over the base (Wu et al. 2024, "LLaMA Pro", arXiv 2401.02415)."""

    layers: int = Field(2, ge=1)


def decoder_layers(model: Any) -> Any:
    """Return the list of a model's layers.

    Raises:
        UsageError: the model does not have one list of equal layers.
    """
    import torch

    wanted = model.config.get_text_config().num_hidden_layers
    for module in model.modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == wanted and len({type(m) for m in module}) == 1:
            return module
    raise UsageError("this base has no plain list of layers", "train it with lora or full")


def _everything(task: Task, params: Any) -> None:
    task.model.requires_grad_(True)


def _part(task: Task, params: Any) -> None:
    model: Any = task.model
    model.requires_grad_(False)
    if params.part in ("embeddings", "head"):
        head = model.get_output_embeddings()
        # Tied to the embeddings, the head is the same matrix: either name trains both.
        (model.get_input_embeddings() if params.part == "embeddings" else head).requires_grad_(True)
        return
    layers = decoder_layers(model)
    if params.layers > len(layers):
        raise UsageError(f"params.layers: the base has {len(layers)}, not {params.layers}", f"at most {len(layers)}")
    chosen = layers[: params.layers] if params.part == "first" else layers[-params.layers :]
    for layer in chosen:
        layer.requires_grad_(True)


def _expand(task: Task, params: Any) -> None:
    """Insert copies of layers that pass their input on unchanged, and train only these."""
    model: Any = task.model
    model.requires_grad_(False)
    layers = decoder_layers(model)
    before = len(layers)
    if params.layers > before:
        raise UsageError(f"params.layers: {params.layers} new ones for {before}", f"at most {before}")
    config = model.config.get_text_config()
    kinds = list(getattr(config, "layer_types", None) or [])
    # From the back, so that earlier places stay where they are.
    for place in sorted(
        {round((number + 1) * before / params.layers) for number in range(params.layers)}, reverse=True
    ):
        fresh = deepcopy(layers[place - 1])
        silent = [weight for name, weight in fresh.named_parameters() if _OUTPUTS.fullmatch(name)]
        if len(silent) < 2:
            raise UsageError("this base's layers end in other matrices than o_proj and down_proj", "train it with lora")
        for weight in silent:
            weight.data.zero_()
        layers.insert(place, fresh.requires_grad_(True))
        if kinds:
            kinds.insert(place, kinds[place - 1])
    for number, layer in enumerate(layers):
        for module in layer.modules():
            if hasattr(module, "layer_idx"):
                module.layer_idx = number
    config.num_hidden_layers = len(layers)
    if kinds:
        config.layer_types = kinds


def _trainer(schema: type[FullParams], choose: Callable[[Task, Any], None]) -> Callable[[Task], Outcome]:
    def train(task: Task) -> Outcome:
        """Train and save the whole model, unless the run was cancelled.

        Raises:
            UsageError: the base does not have the part that is to be trained.
            InputError, ResourceError: see :func:`tuning.methods.sft.fit`.
        """
        import torch

        model: Any = task.model
        choose(task, schema(**task.recipe.params))
        for weight in model.parameters():
            if weight.requires_grad:
                # In 16 bits small updates would be rounded away; autocast computes in 16 all the same.
                weight.data = weight.data.to(torch.float32)
        model.train()
        outcome = train_sft(task, model)
        if outcome.to_save:
            save_weights(task, outcome.model)
        return outcome

    return train


def save_weights(task: Task, model: Any) -> None:
    """Save a model so that it is found again as a base of its own; no path of this machine goes along."""
    model.config._name_or_path = ""
    model.save_pretrained(str(task.folder))
    (task.folder / "README.md").unlink(missing_ok=True)


FULL = Method(FullParams, _trainer(FullParams, _everything), rates=(5e-4, 2e-5), result="weights", shards=True)
PARTIAL = Method(PartialParams, _trainer(PartialParams, _part), rates=(1.5e-3, 5e-5), result="weights", shards=True)
BLOCK_EXPANSION = Method(
    ExpansionParams, _trainer(ExpansionParams, _expand), rates=(2e-3, 2e-4), result="weights", shards=True
)
