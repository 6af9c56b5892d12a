"""Whole models that tuning made: does a folder's model take the place of its base? Read without trust."""

from collections.abc import Mapping
from pathlib import Path

from assistant.errors import InputError, RefusedError
from assistant.lora_files import read_config, read_header

_MEND = "train it again on this base"


def check_whole(folder: Path, name: str, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Check a folder of the kind ``weights`` before anything of it is loaded.

    Layers may have been added, so every module of the base must be there in its shape, and more may be.

    Args:
        folder: with ``config.json`` and safetensors.
        name: the adapter's, for messages.
        shapes: weight shape of every module of the base.

    Raises:
        InputError: a file is damaged, or a module is missing or of another shape.
        RefusedError: the configuration names code of its own.
    """
    config = read_config(folder / "config.json")
    if "auto_map" in config:
        raise RefusedError(f"adapter {name!r}: config.json names code of its own", "train it with a known architecture")
    found: dict[str, tuple[int, ...]] = {}
    for file in sorted(folder.glob("model*.safetensors")):
        found |= read_header(file)
    tied = bool(config.get("tie_word_embeddings"))
    for module, shape in shapes.items():
        there = found.get(f"{module}.weight")
        if there is None and tied and module.endswith(("lm_head", "embed_tokens")):
            continue  # the embeddings are stored once
        if there != shape:
            raise InputError(f"adapter {name!r}: {module} expected {shape}, found {there or 'none'}", _MEND)
