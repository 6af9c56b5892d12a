"""Shared parts: the embedded model opened once, and three random adapters made by PEFT itself."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.adapters import Adapter, Manifest, hash_weights, publish
from assistant.models.local import LocalBackend, open_local
from assistant.paths import Home, data_root
from assistant.settings import EngineSettings, ModelSettings

EMBEDDED = data_root() / "models" / "embedded"


@pytest.fixture(scope="session")
def backend() -> Iterator[LocalBackend]:
    opened = open_local(ModelSettings(), EngineSettings(max_rows=32, max_tokens=400))
    yield opened
    opened.close()


def load_plain(folder: Path) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32).eval()


def train_nothing(folder: Path, base: Path, seed: int, **config: Any) -> None:
    """Write a PEFT adapter whose weights are random (and not zero)."""
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(seed)
    settings = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "init_lora_weights": False, **config}
    model = get_peft_model(load_plain(base), LoraConfig(task_type="CAUSAL_LM", **settings))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_" in name or "trainable_tokens" in name:
                weight.mul_(1.5)
    model.save_pretrained(str(folder))


def install(home: Home, staging: Path, name: str, base: Path, **manifest: Any) -> Adapter:
    values = {"base": "embedded", "base_hash": hash_weights(base), "method": "lora", **manifest}
    return publish(staging, Manifest(name=name, **values), home)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("home")).create()


@pytest.fixture(scope="session")
def install_adapter(home: Home) -> Callable[..., Adapter]:
    """Return a function that installs what PEFT wrote: ``install(staging, name, base)``."""
    return lambda staging, name, base: install(home, staging, name, base)


@pytest.fixture(scope="session")
def make_adapter(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Adapter]:
    """Return a function that writes a random adapter and installs it: ``make(name, base=, seed=, **LoraConfig)``."""

    def make(name: str, base: Path = EMBEDDED, seed: int = 0, **config: Any) -> Adapter:
        staging = tmp_path_factory.mktemp("staging") / "adapter"
        train_nothing(staging, base, seed, **config)
        return install(home, staging, name, base)

    return make


@pytest.fixture(scope="session")
def adapters(make_adapter: Callable[..., Adapter]) -> list[Adapter]:
    """Three adapters of different shape: plain LoRA, rsLoRA on attention only, LoRA with trained tokens."""
    return [
        make_adapter("random.0", seed=0),
        make_adapter("random.1", seed=1, use_rslora=True, r=8, target_modules=["q_proj", "v_proj"]),
        make_adapter("random.2", seed=2, trainable_token_indices=[0, 4, 11], target_modules=["down_proj", "o_proj"]),
    ]


@pytest.fixture(scope="session")
def with_adapter() -> Callable[..., Any]:
    """Return a function that loads a base (the embedded one) with one adapter by PEFT's own means."""
    loaded: dict[str, Any] = {}

    def load(adapter: Adapter | None, base: Path = EMBEDDED, fresh: bool = False) -> Any:
        from peft import PeftModel

        if fresh:
            return load_plain(base)
        key = f"{base} {adapter.path if adapter else ''}"
        if key not in loaded:
            model = load_plain(base)
            loaded[key] = PeftModel.from_pretrained(model, str(adapter.path)).eval() if adapter else model
        return loaded[key]

    return load
