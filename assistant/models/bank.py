"""The adapters that live inside one model, and the forward pass in which every row has its own.

PEFT's modules are not thread-safe: everything here is called by the engine's thread alone.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from assistant.adapters import WEIGHTS, Adapter
from assistant.errors import InputError

if TYPE_CHECKING:
    import torch

_BASE = "__base__"  # PEFT's name for "no adapter on this row"


class AdapterBank:
    """One base model with any number of LoRA adapters beside each other.

    Args:
        model: the base as transformers loads it; adapters are injected into it in place.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self._peft: Any = None
        self._names: dict[str, str] = {}
        self._configs: dict[str, Mapping[str, Any]] = {}
        self._rows: list[str] | None = None  # the adapter of every row, during a mixed forward pass
        self._hooks: list[Any] = []
        self._mode: str | None = _BASE  # what a forward pass without names would use; None: not known

    def __contains__(self, key: str) -> bool:
        return key in self._names

    def add(self, key: str, adapter: Adapter, config: Mapping[str, Any]) -> None:
        """Load an adapter that has passed ``adapters.check_fits``, under ``key``.

        Raises:
            InputError: its numbers are not finite, or PEFT finds tensors that it cannot place; the
                model is then as before.
        """
        from peft import LoraConfig, get_peft_model
        from safetensors.torch import load_file

        tensors = load_file(str(adapter.path / WEIGHTS))
        broken = [name for name, tensor in tensors.items() if not bool(tensor.isfinite().all())]
        if broken:
            raise InputError(f"adapter {adapter.name!r}: {broken[0]} holds NaN or infinity", "train it again")
        name = f"adapter{len(self._configs)}"  # PEFT's module names allow no dots, ours may have some
        settings = LoraConfig(**config)
        self._mode = None
        try:
            if self._peft is None:
                self._peft = get_peft_model(self.model, settings, adapter_name=name)
            else:
                self._peft.add_adapter(name, settings)
            _fill(self._slots(name), tensors, adapter.name)
        except BaseException:
            if self._peft is not None and name in self._peft.peft_config:
                self._peft.delete_adapter(name)
            raise
        self._peft.eval()
        self._name_rows()
        self._names[key] = name
        self._configs[name] = config

    def mixable(self, key: str | None) -> bool:
        """Whether rows with this adapter may share a forward pass with rows that have another.

        PEFT's mixed batch is right for LoRA and rsLoRA, with trained tokens or modules too; it
        refuses DoRA, whose weights are no sum of base and update.
        """
        return key is None or not self._configs[self._names[key]]["use_dora"]

    def forward(self, keys: Sequence[str | None], **inputs: Any) -> "torch.Tensor":
        """Run the model on a batch and return its logits, shape ``(rows, positions, vocabulary)``.

        Args:
            keys: the adapter of every row, None for the base.
            inputs: what the model's own ``forward`` takes.
        """
        if self._peft is None:
            logits: torch.Tensor = self.model(**inputs).logits
            return logits
        names = [_BASE if key is None else self._names[key] for key in keys]
        if len(set(names)) == 1:
            self._switch(names[0])
            return self.model(**inputs).logits  # type: ignore[no-any-return]
        if self._mode in (_BASE, None):
            self._switch(next(iter(self._names.values())))  # only so that adapters are enabled
        self._rows = names
        try:
            return self.model(**inputs).logits  # type: ignore[no-any-return]
        finally:
            self._rows = None

    def _switch(self, name: str) -> None:
        if self._mode == name:
            return
        self._mode = None
        if name == _BASE:
            self._peft.base_model.disable_adapter_layers()
        else:
            self._peft.base_model.enable_adapter_layers()
            self._peft.set_adapter(name, inference_mode=True)
        self._mode = name

    def _slots(self, name: str) -> "dict[str, torch.Tensor]":
        """Return an adapter's parameters by the keys they have in a file.

        PEFT's own loader raises KeyError once another adapter in the model has trained tokens.
        """
        slots = {}
        for key, parameter in self._peft.named_parameters():
            if f".{name}" in key:
                key = key.replace("lora_magnitude_vector." + name + ".weight", "lora_magnitude_vector")
                slots[key.replace(f"modules_to_save.{name}.", "").replace(f".{name}", "")] = parameter
        return slots

    def _name_rows(self) -> None:
        """Let every adapter module ask for the rows' adapters.

        ``PeftModel.forward(adapter_names=...)`` does the same with hooks that it makes and removes at
        every step, and fails where a wrapper (of trained tokens, say) lacks one of the adapters.
        """
        from peft.tuners.lora import LoraLayer
        from peft.utils.other import AuxiliaryTrainingWrapper

        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        for module in self.model.modules():
            known = module._get_available_adapters() if isinstance(module, AuxiliaryTrainingWrapper) else None
            if known is not None or isinstance(module, LoraLayer):
                self._hooks.append(module.register_forward_pre_hook(self._hook(known), with_kwargs=True))

    def _hook(self, known: "set[str] | None") -> Any:
        def ask(module: Any, args: Any, kwargs: dict[str, Any]) -> Any:
            if self._rows is None:
                return None
            rows = self._rows if known is None else [name if name in known else _BASE for name in self._rows]
            return args, {**kwargs, "adapter_names": rows}

        return ask


def _fill(slots: "dict[str, torch.Tensor]", tensors: "dict[str, torch.Tensor]", name: str) -> None:
    """Copy a file's tensors into the model, each to its place and each place filled."""
    import torch

    astray = sorted(slots.keys() ^ tensors.keys())
    if astray:
        raise InputError(f"adapter {name!r}: {astray[0]!r:.120} has no counterpart in the model", "train it again")
    with torch.no_grad():
        for key, tensor in tensors.items():
            slots[key].copy_(tensor)
