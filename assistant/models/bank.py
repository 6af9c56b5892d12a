"""The adapters that live inside one model, and the forward pass in which every row has its own.

PEFT's modules are not thread-safe: everything here is called by the engine's thread alone.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from assistant.adapters import WEIGHTS, Adapter
from assistant.errors import InputError
from assistant.lora_files import PREFIX
from assistant.models.cache import new_cache
from assistant.models.classifier import Classifier
from assistant.models.soft import Scales, SoftPrompt
from assistant.soft_files import CLASSIFIER

if TYPE_CHECKING:
    import torch

_BASE = "__base__"  # PEFT's name for "no adapter on this row"


class AdapterBank:
    """One base model with any number of adapters beside each other.

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
        self._soft: dict[str, SoftPrompt] = {}
        self._scales: dict[str, Scales] = {}
        self._heads: dict[str, Classifier] = {}
        self._mode: str | None = _BASE  # what a forward pass without names would use; None: not known

    def __contains__(self, key: str) -> bool:
        return key in self._names or self._beside(key)

    def _beside(self, key: str | None) -> bool:
        """Whether an adapter has no layers of PEFT in the model."""
        return key in self._soft or key in self._scales or key in self._heads

    def add(self, key: str, adapter: Adapter, config: Mapping[str, Any]) -> None:
        """Load an adapter that has passed ``adapters.check_fits``, under ``key``.

        Raises:
            InputError: its numbers are not finite, or PEFT finds tensors that it cannot place; the
                model is then as before.
        """
        from safetensors.torch import load_file

        tensors = load_file(str(adapter.path / WEIGHTS))
        broken = [name for name, tensor in tensors.items() if not bool(tensor.isfinite().all())]
        if broken:
            raise InputError(f"adapter {adapter.name!r}: {broken[0]} holds NaN or infinity", "train it again")
        if config.get("peft_type") == "IA3":
            vectors = {name: tensors[f"{PREFIX}{name}.ia3_l"] for name in config["scales"]}
            self._scales[key] = Scales(self.model, config["scales"], vectors)
        elif config.get("peft_type") == CLASSIFIER:
            self._heads[key] = Classifier(self.model, dict(config), tensors, adapter.name)
        elif "peft_type" in config:
            self._soft[key] = SoftPrompt(self.model, config, tensors["prompt_embeddings"], adapter.name)
        else:
            self._add_lora(key, adapter, config, tensors)

    def _add_lora(
        self, key: str, adapter: Adapter, config: Mapping[str, Any], tensors: "dict[str, torch.Tensor]"
    ) -> None:
        from peft import LoraConfig, get_peft_model

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
        refuses DoRA, whose weights are no sum of base and update. IA3's scales are switched on for all
        rows, and a soft prompt is a part of the cache.
        """
        return key is None or (key in self._names and not self._configs[self._names[key]]["use_dora"])

    def prefix(self, key: str | None) -> int:
        """Return how many positions of the cache an adapter fills before the text; such rows are served alone."""
        return self._soft[key].tokens if key in self._soft else 0

    def begin(self, cache: Any, keys: Sequence[str | None]) -> int:
        """Fill an empty cache with what comes before the rows' text and return how many positions that is."""
        self._refuse_strangers(keys)
        key = keys[0]
        if key not in self._soft:
            return 0
        self._soft[key].fill(cache, len(keys), lambda **inputs: self._alone(None, inputs))
        return self._soft[key].tokens

    def memory(self) -> int:
        """Return the bytes of adapters that are not among the model's own parameters."""
        scales = [vector for each in self._scales.values() for vector in each.vectors.values()]
        tensors = [*scales, *(each.tensor for each in self._soft.values())]
        return sum(tensor.nbytes for tensor in tensors) + sum(head.memory() for head in self._heads.values())

    def classifies(self, key: str | None) -> bool:
        """Whether an adapter answers with a label instead of writing."""
        return key in self._heads

    def label(self, key: str, prompt: Sequence[int]) -> str:
        """Return the answer of an adapter that classifies; the base reads the prompt without any adapter."""
        if self._peft is not None:
            self._switch(_BASE)
        return self._heads[key].answer(self.model, prompt)

    def forward(self, keys: Sequence[str | None], **inputs: Any) -> "torch.Tensor":
        """Run the model on a batch and return its logits, shape ``(rows, positions, vocabulary)``.

        Args:
            keys: the adapter of every row, None for the base.
            inputs: what the model's own ``forward`` takes.
        """
        if len(set(keys)) == 1:
            return self._alone(keys[0], inputs)
        self._refuse_strangers(keys)
        names = [_BASE if key is None else self._names[key] for key in keys]
        if self._mode in (_BASE, None):
            self._switch(next(iter(self._names.values())))  # only so that adapters are enabled
        self._rows = names
        try:
            return self.model(**inputs).logits  # type: ignore[no-any-return]
        finally:
            self._rows = None

    def _alone(self, key: str | None, inputs: dict[str, Any]) -> "torch.Tensor":
        """Run rows that all have the same adapter."""
        if key in self._soft and inputs.get("past_key_values") is None:
            inputs = self._behind_prompt(key, inputs)
        name = _BASE if key is None or self._beside(key) else self._names[key]
        if self._peft is not None:
            self._switch(name)
        scales = self._scales.get(key) if key is not None else None
        if scales is None:
            return self.model(**inputs).logits  # type: ignore[no-any-return]
        scales.on = True
        try:
            return self.model(**inputs).logits  # type: ignore[no-any-return]
        finally:
            scales.on = False

    def _behind_prompt(self, key: str | None, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return the inputs of a pass without a cache so that the text follows its soft prompt."""
        import torch

        rows, columns = inputs["input_ids"].shape
        cache = new_cache(self.model)
        before = self.begin(cache, [key] * rows)
        places = torch.arange(before, before + columns, device=inputs["input_ids"].device).expand(rows, -1)
        return {**inputs, "past_key_values": cache, "position_ids": places, "use_cache": True}

    def _refuse_strangers(self, keys: Sequence[str | None]) -> None:
        """Stop rather than answer wrongly, should rows ever be put together that cannot be."""
        if len(set(keys)) > 1 and not all(self.mixable(key) for key in keys):
            raise RuntimeError("rows with DoRA, IA3 or a soft prompt share no batch with others")

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
