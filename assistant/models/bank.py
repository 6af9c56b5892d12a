"""The adapters that live inside one model, and the forward pass in which every row has its own.

PEFT's modules are not thread-safe: everything here is called by the engine's thread alone.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.adapters import WEIGHTS
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
        self._mode: str | None = _BASE  # what a forward pass without names would use; None: not known

    def __contains__(self, key: str) -> bool:
        return key in self._names

    def add(self, key: str, folder: Path, config: Mapping[str, Any]) -> None:
        """Load an adapter that has passed ``adapters.check_fits``, under ``key``.

        Raises:
            InputError: its numbers are not finite, or PEFT finds tensors that it cannot place; the
                model is then as before.
        """
        from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
        from safetensors.torch import load_file

        tensors = load_file(str(folder / WEIGHTS))
        broken = [name for name, tensor in tensors.items() if not bool(tensor.isfinite().all())]
        if broken:
            raise InputError(f"adapter {folder.name!r}: {broken[0]} holds NaN or infinity", "train it again")
        name = f"adapter{len(self._configs)}"  # PEFT's module names allow no dots, ours may have some
        settings = LoraConfig(**config)
        self._mode = None
        try:
            if self._peft is None:
                self._peft = get_peft_model(self.model, settings, adapter_name=name)
            else:
                self._peft.add_adapter(name, settings)
            result: Any = set_peft_model_state_dict(self._peft, tensors, adapter_name=name)
            lost = [item for item in result.missing_keys if f".{name}" in item]
            if lost or result.unexpected_keys:
                raise InputError(
                    f"adapter {folder.name!r}: {len(lost)} tensors missing, {len(result.unexpected_keys)} unexpected",
                    "train it again",
                )
        except BaseException:
            if self._peft is not None and name in self._peft.peft_config:
                self._peft.delete_adapter(name)
            raise
        self._peft.eval()
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
        self._enable()
        return self._peft(adapter_names=names, **inputs).logits  # type: ignore[no-any-return]

    def _switch(self, name: str) -> None:
        if self._mode == name:
            return
        if name == _BASE:
            self._peft.base_model.disable_adapter_layers()
        else:
            self._peft.base_model.enable_adapter_layers()
            self._peft.set_adapter(name, inference_mode=True)
        self._mode = name

    def _enable(self) -> None:
        if self._mode in (_BASE, None):
            name = next(iter(self._configs))
            self._mode = None
            self._switch(name)
