"""LoRA files from disk, read without trust: configuration keys by allow-list, tensors by their header.

The configuration of ``peft.LoraConfig`` (https://huggingface.co/docs/peft) has dozens of keys; those
that name other models or classes are never passed on, and those that would change the arithmetic in
a way the shape check does not cover are refused rather than ignored.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assistant.errors import InputError

PREFIX = "base_model.model."
_IGNORED = frozenset(
    (
        "peft_version",
        "auto_mapping",
        "base_model_name_or_path",
        "revision",
        "task_type",
        "inference_mode",
        "lora_dropout",
        "peft_type",
        "loftq_config",
        "eva_config",
        "corda_config",
        "lora_ga_config",
        "runtime_config",
        "megatron_core",
        "qalora_group_size",
        "ensure_weight_tying",
        "init_lora_weights",
        "bias",
        "layers_pattern",
    )
)
_USED = frozenset(
    (
        "r",
        "lora_alpha",
        "target_modules",
        "exclude_modules",
        "layers_to_transform",
        "rank_pattern",
        "alpha_pattern",
        "use_rslora",
        "use_dora",
        "modules_to_save",
        "trainable_token_indices",
    )
)
_PLAIN = re.compile(r"[A-Za-z0-9_.]+")
Shapes = Mapping[str, tuple[int, ...]]


def read_lora(folder: Path, name: str, shapes: Shapes) -> dict[str, Any]:
    """Return the arguments for ``peft.LoraConfig`` after every check of ``adapters.check_fits``.

    Raises:
        InputError: what was expected and what was found.
    """
    path = folder / "adapter_config.json"
    config = _checked(read_config(path), path)
    found = read_header(folder / "adapter_model.safetensors")
    targets = _targets(config, shapes, found, name)
    expected = _expected(config, shapes, targets, name)
    _compare(expected, found, name)
    return {
        "r": config["r"],
        "lora_alpha": config["lora_alpha"],
        "target_modules": sorted(targets),
        "rank_pattern": config["rank_pattern"],
        "alpha_pattern": config["alpha_pattern"],
        "use_rslora": config["use_rslora"],
        "use_dora": config["use_dora"],
        "modules_to_save": config["modules_to_save"] or None,
        "trainable_token_indices": config["trainable_token_indices"] or None,
        "lora_dropout": 0.0,
        "bias": "none",
        "inference_mode": True,
        "task_type": "CAUSAL_LM",
    }


def read_header(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor in a safetensors file, reading only its header.

    Raises:
        InputError: the file is missing, truncated or not safetensors.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="numpy") as file:
            return {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError) as error:
        reason = str(error).splitlines()[0][:120]
        raise InputError(f"{path}: damaged or incomplete ({reason})", "copy or train the adapter again") from error


def read_config(path: Path) -> dict[str, Any]:
    """Return an adapter's configuration as it is in the file, nothing of it checked.

    Raises:
        InputError: it is missing or not a JSON object.
    """
    try:
        raw = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable JSON ({error!s:.80})", "copy or train the adapter again") from error
    if not isinstance(raw, dict):
        raise InputError(f"{path}: expected peft_type, found a {type(raw).__name__}", "copy or train the adapter again")
    return raw


def _checked(raw: dict[str, Any], path: Path) -> dict[str, Any]:
    if raw.get("peft_type") != "LORA":
        found = raw.get("peft_type")
        raise InputError(f"{path}: expected peft_type 'LORA', found {found!r:.80}", "train it as a LoRA adapter")
    init = raw.get("init_lora_weights", True)
    if raw.get("bias", "none") != "none" or not (isinstance(init, bool) or init in ("gaussian", "orthogonal", None)):
        key = "bias" if raw.get("bias", "none") != "none" else "init_lora_weights"
        raise InputError(
            f"{path}: {key} {raw[key]!r:.80} changes the base model", "train it with bias 'none' and a plain init"
        )
    for key, value in raw.items():
        if value and key not in _USED and key not in _IGNORED:
            raise InputError(f"{path}: setting {key[:80]!r} is not supported", "train the adapter without it")
    return _typed(raw, path)


def _typed(raw: dict[str, Any], path: Path) -> dict[str, Any]:
    def wrong(key: str, wanted: str) -> InputError:
        return InputError(f"{path}: {key} must be {wanted}, found {raw.get(key)!r:.80}", "train the adapter again")

    config: dict[str, Any] = {}
    for key in ("r", "lora_alpha"):
        value = raw.get(key, 8)
        if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0 or (key == "r" and value > 4096):
            raise wrong(key, "a positive number")
        config[key] = value
    for key in ("use_rslora", "use_dora"):
        config[key] = bool(raw.get(key, False))
    for key in ("rank_pattern", "alpha_pattern"):
        value = raw.get(key) or {}
        fits = isinstance(value, dict) and all(
            _PLAIN.fullmatch(k) and isinstance(v, int | float) for k, v in value.items()
        )
        if not fits:
            raise wrong(key, "a table of module names and numbers")
        config[key] = value
    for key in ("target_modules", "exclude_modules", "modules_to_save"):
        value = raw.get(key) or []
        named = isinstance(value, list) and all(isinstance(item, str) and _PLAIN.fullmatch(item) for item in value)
        if not named and not (key == "target_modules" and value == "all-linear"):
            raise wrong(key, "a list of module names")
        config[key] = value
    layers = raw.get("layers_to_transform")
    layers = [layers] if isinstance(layers, int) else layers or []
    if not isinstance(layers, list) or not all(isinstance(item, int) for item in layers):
        raise wrong("layers_to_transform", "a list of layer numbers")
    config["layers_to_transform"] = layers
    config["trainable_token_indices"] = _token_indices(raw, path)
    return config


def _token_indices(raw: dict[str, Any], path: Path) -> dict[str, list[int]]:
    value = raw.get("trainable_token_indices") or {}
    value = {"embed_tokens": value} if isinstance(value, list) else value
    fits = isinstance(value, dict) and all(
        _PLAIN.fullmatch(key) and isinstance(ids, list) and all(isinstance(i, int) and i >= 0 for i in ids)
        for key, ids in value.items()
    )
    if not fits:
        raise InputError(f"{path}: trainable_token_indices must be lists of token numbers", "train the adapter again")
    return dict(value)


def _named(module: str, names: list[str]) -> bool:
    return any(module == name or module.endswith(f".{name}") for name in names)


def _targets(config: dict[str, Any], shapes: Shapes, found: Shapes, name: str) -> list[str]:
    """Return the full names of the modules that carry LoRA weights."""
    wanted = config["target_modules"]
    if wanted == "all-linear":
        wanted = sorted({key.removeprefix(PREFIX).split(".lora_")[0] for key in found if ".lora_" in key})
    for item in wanted:
        if not any(_named(module, [item]) for module in shapes):
            last = sorted({module.rpartition(".")[2] for module, shape in shapes.items() if len(shape) == 2})
            raise InputError(
                f"adapter {name!r}: target module {item!r} is not in this base (found {', '.join(last)})",
                "choose the base it was trained on",
            )
    layers = config["layers_to_transform"]
    targets = []
    for module in shapes:
        number = re.search(r"\.(\d+)\.", module)
        in_layers = not layers or (number is not None and int(number[1]) in layers)
        if _named(module, wanted) and in_layers and not _named(module, config["exclude_modules"]):
            targets.append(module)
    if not targets and not config["trainable_token_indices"]:
        raise InputError(f"adapter {name!r}: no target module of it is in this base", "train it again on this base")
    return targets


def _expected(config: dict[str, Any], shapes: Shapes, targets: list[str], name: str) -> dict[str, tuple[int, ...]]:
    expected: dict[str, tuple[int, ...]] = {}
    for module in targets:
        if len(shapes[module]) != 2:
            raise InputError(f"adapter {name!r}: {module!r} cannot carry LoRA weights", "choose linear modules")
        rows, columns = shapes[module]
        rank = next((r for key, r in config["rank_pattern"].items() if _named(module, [key])), config["r"])
        if _named(module, ["embed_tokens", "wte"]):
            expected[f"{module}.lora_embedding_A"] = (rank, rows)
            expected[f"{module}.lora_embedding_B"] = (columns, rank)
        else:
            expected[f"{module}.lora_A.weight"] = (rank, columns)
            expected[f"{module}.lora_B.weight"] = (rows, rank)
        if config["use_dora"]:
            expected[f"{module}.lora_magnitude_vector"] = (rows,)
    for module, shape in shapes.items():
        if _named(module, config["modules_to_save"]):
            expected[f"{module}.weight"] = shape
        for key, ids in config["trainable_token_indices"].items():
            if _named(module, [key]):
                if ids and max(ids) >= shape[0]:
                    raise InputError(
                        f"adapter {name!r}: token {max(ids)} is outside the vocabulary of {shape[0]}", "train it again"
                    )
                expected[f"{module}.token_adapter.trainable_tokens_delta"] = (len(ids), *shape[1:])
    return expected


def _compare(expected: Shapes, found: Shapes, name: str) -> None:
    seen = {key.removeprefix(PREFIX): shape for key, shape in found.items()}
    for key in sorted(expected.keys() & seen.keys()):
        if expected[key] != seen[key]:
            raise InputError(
                f"adapter {name!r}: {key} expected {expected[key]}, found {seen[key]}",
                "rank, vocabulary or width differ from this base: train it again on it",
            )
    for what, keys in (("missing", expected.keys() - seen.keys()), ("unexpected", seen.keys() - expected.keys())):
        if keys:
            raise InputError(
                f"adapter {name!r}: {len(keys)} {what} tensors, first {min(keys)!r:.120} "
                f"(expected {len(expected)}, found {len(seen)})",
                "copy or train the adapter again",
            )
