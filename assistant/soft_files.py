"""Files of adapters other than LoRA, read without trust: IA3 vectors, soft prompts, and classifiers of our own.

As in ``lora_files``: configuration keys by allow-list, tensors by their header; what would change the
arithmetic in a way that is not checked is refused rather than ignored.
"""

from pathlib import Path
from typing import Any

from assistant.errors import InputError
from assistant.lora_files import PREFIX, Shapes, read_config, read_header, read_lora

CLASSIFIER = "JOYUL_CLASSIFIER"  # not one of PEFT's
MOST_LABELS = 4096
SOFT = frozenset({"PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING"})
_IGNORED = frozenset(
    (
        *("peft_version", "auto_mapping", "base_model_name_or_path", "revision", "task_type", "inference_mode"),
        *("peft_type", "runtime_config", "init_ia3_weights", "init_weights", "prompt_tuning_init"),
        *("prompt_tuning_init_text", "tokenizer_name_or_path", "encoder_dropout", "encoder_hidden_size"),
        *("encoder_num_layers", "encoder_reparameterization_type", "prefix_projection"),
    )
)
_USED = frozenset(
    (
        *("target_modules", "feedforward_modules", "num_virtual_tokens", "num_layers", "num_attention_heads"),
        *("token_dim", "num_transformer_submodules"),
    )
)


def read_adapter(folder: Path, name: str, shapes: Shapes) -> dict[str, Any]:
    """Return what the bank needs to know of an adapter: LoRA's arguments for PEFT, or a dict with ``peft_type``.

    Raises:
        InputError: what was expected and what was found.
    """
    path = folder / "adapter_config.json"
    raw = read_config(path)
    kind = raw.get("peft_type")
    if kind == CLASSIFIER:
        return _classifier(raw, read_header(folder / "adapter_model.safetensors"), name, path)
    if kind != "IA3" and kind not in SOFT:
        return read_lora(folder, name, shapes)
    for key, value in raw.items():
        if value and key not in _USED and key not in _IGNORED:
            raise InputError(f"{path}: setting {key[:80]!r} is not supported", "train the adapter without it")
    found = read_header(folder / "adapter_model.safetensors")
    return _ia3(raw, found, name, shapes) if kind == "IA3" else _soft(raw, found, name, path)


def _ia3(raw: dict[str, Any], found: Shapes, name: str, shapes: Shapes) -> dict[str, Any]:
    """Return ``scales``: of every module whether its input is scaled (else its output)."""
    inputs = raw.get("feedforward_modules") or []
    if not isinstance(inputs, list) or not all(isinstance(item, str) for item in inputs):
        raise InputError(f"adapter {name!r}: feedforward_modules must be a list of names", "train the adapter again")
    scales: dict[str, bool] = {}
    for key, shape in sorted(found.items()):
        module = key.removeprefix(PREFIX).removesuffix(".ia3_l")
        if module == key or len(shapes.get(module, ())) != 2 or not key.endswith(".ia3_l"):
            raise InputError(f"adapter {name!r}: {key!r:.120} has no counterpart in this base", "train it again on it")
        before = module.rpartition(".")[2] in inputs
        expected = (1, shapes[module][1]) if before else (shapes[module][0], 1)
        if shape != expected:
            raise InputError(
                f"adapter {name!r}: {key} expected {expected}, found {shape}", "train it again on this base"
            )
        scales[module] = before
    if not scales:
        raise InputError(f"adapter {name!r}: the file holds no tensor", "train it again")
    return {"peft_type": "IA3", "scales": scales}


def _soft(raw: dict[str, Any], found: Shapes, name: str, path: Path) -> dict[str, Any]:
    """Return ``tokens`` and, of a prefix, ``layers``, ``heads`` and the ``width`` of all heads together."""
    numbers = {}
    for key in ("num_virtual_tokens", "num_layers", "num_attention_heads", "token_dim"):
        value = raw.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= 10**6:
            raise InputError(f"{path}: {key} must be a positive number, found {value!r:.80}", "train the adapter again")
        numbers[key] = value
    tokens, width = numbers["num_virtual_tokens"], numbers["token_dim"]
    columns = width if raw["peft_type"] != "PREFIX_TUNING" else 2 * numbers["num_layers"] * width
    if raw.get("num_transformer_submodules", 1) != 1 or dict(found) != {"prompt_embeddings": (tokens, columns)}:
        shown = ", ".join(f"{key} {shape}" for key, shape in sorted(found.items())[:3])
        raise InputError(
            f"adapter {name!r}: expected prompt_embeddings ({tokens}, {columns}), found {shown:.120}",
            "copy or train the adapter again",
        )
    return {
        "peft_type": raw["peft_type"],
        "tokens": tokens,
        "layers": numbers["num_layers"],
        "heads": numbers["num_attention_heads"],
        "width": width,
    }


def _classifier(raw: dict[str, Any], found: Shapes, name: str, path: Path) -> dict[str, Any]:
    """Return ``pool`` and ``fields``, each with its ``name`` and ``labels``."""
    known = {"peft_type", "pool", "fields", "base_model_name_or_path"}
    if strange := sorted(set(raw) - known):
        raise InputError(f"{path}: setting {strange[0][:80]!r} is not supported", "train the adapter without it")
    fields = raw.get("fields")
    plain = isinstance(fields, list) and all(
        isinstance(each, dict)
        and set(each) == {"name", "labels"}
        and isinstance(each["name"], str)
        and isinstance(each["labels"], list)
        and each["labels"]
        and all(label is None or isinstance(label, str | int | float) for label in each["labels"])
        for each in fields
    )
    if not plain or raw.get("pool") not in ("last", "mean"):
        raise InputError(f"{path}: expected 'pool' and 'fields' with a name and labels each", "train the adapter again")
    count = sum(len(each["labels"]) for each in raw["fields"])
    width = (*found.get("weight", ()), 0, 0)[1]
    if not 0 < count <= MOST_LABELS or dict(found) != {"weight": (count, width), "bias": (count,)}:
        shown = ", ".join(f"{key} {shape}" for key, shape in sorted(found.items())[:3])
        raise InputError(f"adapter {name!r}: expected {count} labels, found {shown:.120}", "train the adapter again")
    return {"peft_type": CLASSIFIER, "pool": raw["pool"], "fields": raw["fields"]}
