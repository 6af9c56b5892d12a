"""Adapters that are no low-rank update: soft prompts, which fill a cache before the text, and IA3's scales.

A soft prompt is what every later token attends to, so it is put into the cache once and the text
goes on behind it. Rows with one are served alone; see ``AdapterBank.prefix``.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from assistant.errors import InputError

if TYPE_CHECKING:
    import torch


class SoftPrompt:
    """Learnt positions before the text: embeddings (prompt and p-tuning), or each layer's keys and values.

    Args:
        model: the base.
        config: from ``soft_files.read_adapter``.
        tensor: the file's ``prompt_embeddings``.
        name: the adapter's, for messages.

    Raises:
        InputError: the base has other layers, heads or widths.
    """

    def __init__(self, model: Any, config: Mapping[str, Any], tensor: "torch.Tensor", name: str) -> None:
        self.tokens: int = config["tokens"]
        self._layers: int = config["layers"] if config["peft_type"] == "PREFIX_TUNING" else 0
        base = model.config.get_text_config(decoder=True)
        heads = int(getattr(base, "num_key_value_heads", 0) or base.num_attention_heads)
        size = int(getattr(base, "head_dim", 0) or base.hidden_size // base.num_attention_heads)
        expected: tuple[int, ...] = (base.num_hidden_layers, heads, heads * size)
        found: tuple[int, ...] = (config["layers"], config["heads"], config["width"])
        if not self._layers:
            expected, found = (model.get_input_embeddings().weight.shape[1],), (config["width"],)
        if expected != found:
            raise InputError(
                f"adapter {name!r}: its soft prompt is {found}, this base needs {expected}",
                "train it again on this base",
            )
        self.tensor = tensor.to(model.device, model.dtype)
        self._shape = (self.tokens, 2 * self._layers, heads, size)

    def fill(self, cache: Any, rows: int, read: Callable[..., Any]) -> None:
        """Put the prompt into an empty cache of so many rows; ``read`` runs the base without any adapter."""
        if not self._layers:
            read(inputs_embeds=self.tensor.expand(rows, -1, -1), past_key_values=cache, use_cache=True)
            return
        halves = self.tensor.view(self._shape).permute(1, 2, 0, 3)  # (layer's key or value, head, token, size)
        for layer in range(self._layers):
            keys, values = (halves[2 * layer + half].expand(rows, -1, -1, -1).clone() for half in (0, 1))
            cache.update(keys, values, layer)


class Scales:
    """IA3: vectors that scale the inputs or outputs of some modules while they are switched on.

    Args:
        model: the base, with or without PEFT's layers in it.
        scales: of every module whether its input is scaled, from ``soft_files.read_adapter``.
        tensors: the file's vectors by module.
    """

    def __init__(self, model: Any, scales: Mapping[str, bool], tensors: "Mapping[str, torch.Tensor]") -> None:
        self.on = False
        self.vectors = {name: tensor.flatten().to(model.device) for name, tensor in tensors.items()}
        for name, before in scales.items():
            module = model.get_submodule(name)
            module = module.get_base_layer() if hasattr(module, "get_base_layer") else module
            if before:
                module.register_forward_pre_hook(self._before(self.vectors[name]))
            else:
                module.register_forward_hook(self._after(self.vectors[name]))

    def _before(self, vector: "torch.Tensor") -> Any:
        def scale(module: Any, args: tuple[Any, ...]) -> Any:
            return ((args[0] * vector).to(args[0].dtype), *args[1:]) if self.on else None

        return scale

    def _after(self, vector: "torch.Tensor") -> Any:
        def scale(module: Any, args: Any, output: "torch.Tensor") -> Any:
            return (output * vector).to(output.dtype) if self.on else None

        return scale
