"""The base model of a training run: weights of its own, never those that chat is served from."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.adapters import hash_weights
from assistant.errors import UsageError
from assistant.lora_files import read_header
from assistant.models import kind_of
from assistant.models.chat_format import ChatFormat
from assistant.models.hub import resolve
from assistant.models.local import load_card, load_config, load_weights
from assistant.settings import ModelSettings
from tuning.formats import Encoder


@dataclass(frozen=True, slots=True)
class Base:
    """A freshly loaded model with what identifies it; ``name`` is ``name@hash8`` as in receipts.

    ``parameters`` is the number of its weights, ``shapes`` that of each tensor on disk, ``element`` the bytes
    of one in memory.
    """

    model: Any
    encoder: Encoder
    name: str
    hash: str
    cuda: bool
    parameters: int
    shapes: Mapping[str, tuple[int, ...]]
    element: int


def open_base(settings: ModelSettings, *, weights: bool = True, four_bit: bool = False) -> Base:
    """Load a base for training: bfloat16 on CUDA, float32 elsewhere unless the settings say a type.

    Args:
        settings: which model.
        weights: False leaves ``model`` None: enough to render rows, and quick.
        four_bit: squeeze the frozen weights into four bits.

    Raises:
        UsageError: the settings name a server or the scripted model, which cannot be trained.
        UnavailableError, RefusedError, DamagedError: the model is not there or cannot be loaded.
    """
    if kind_of(settings) != "local":
        what = settings.base_url or settings.name
        raise UsageError(f"{what!r} cannot be trained here", "take --model embedded, a folder or a hub id")
    import torch

    folder = resolve(settings)
    cuda = settings.device in ("auto", "cuda") and torch.cuda.is_available()
    plain = settings.model_copy(
        update={
            "device": "cuda" if cuda else "cpu",
            "dtype": settings.dtype if settings.dtype != "auto" else "bfloat16" if cuda else "float32",
        }
    )
    config = load_config(folder).get_text_config()
    positions = int(getattr(config, "max_position_embeddings", 0) or 4096)
    limits = [positions, int(load_card(folder).get("window") or 0), settings.window]
    content = hash_weights(folder)
    named = Path(settings.name).expanduser()
    name = named.resolve().name if named.is_dir() else settings.name
    window = min(limit for limit in limits if limit > 0)
    files = sorted(folder.glob("*.safetensors"))
    shapes = {name: shape for path in files for name, shape in read_header(path).items()}
    parameters = sum(map(math.prod, shapes.values()))
    element = 4 if plain.dtype == "float32" else 2
    model = None
    if weights:
        model = _four_bit(folder, plain) if four_bit else load_weights(folder, plain)
    encoder = Encoder(ChatFormat(folder), window)
    return Base(model, encoder, f"{name}@{content[:8]}", content, cuda, parameters, shapes, element)


def _four_bit(folder: Path, settings: ModelSettings) -> Any:
    """Load a base in NF4 with double quantisation (Dettmers et al. 2023, arXiv 2305.14314)."""
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    squeezed = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
        bnb_4bit_use_double_quant=True,
    )
    model = AutoModelForCausalLM.from_pretrained(
        str(folder),
        config=load_config(folder),
        quantization_config=squeezed,
        device_map=settings.device,
        dtype=torch.bfloat16,
        use_safetensors=True,
        trust_remote_code=False,
    )
    for module in model.modules():
        # After a pass without gradients the library packs weights for AVX512-BF16 processors, and gradients
        # that then flow through them are wrong, without an error.
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    return model
