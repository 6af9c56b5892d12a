"""An adapter folded into its base: a whole model that any tool can load, and proof that it is the same one."""

import json
import shutil
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

from assistant.adapters import Adapter, check_fits
from assistant.errors import InputError, ResourceError
from assistant.model_card import write_card
from assistant.models.hub import resolve
from assistant.models.local import load_weights
from assistant.settings import ModelSettings
from assistant.shelf import note_parity, refuse_other
from tuning.base import open_base
from tuning.parity import Parity, compare, remember

REPORT = "parity.json"
KEPT = frozenset({".json", ".jinja", ".txt", ".model"})


def merge(
    adapter: Adapter, settings: ModelSettings, target: Path, *, dtype: str = "float32", force: bool = False
) -> dict[str, Parity]:
    """Write base plus adapter as a Hugging Face folder, after comparing it, reloaded, with what it came from.

    Args:
        adapter: a LoRA adapter.
        settings: of its base.
        target: a folder that does not exist yet.
        dtype: number format of the written weights.
        force: write it even where the comparison fails; report and card in the folder say so.

    Returns:
        How alike the adapter's model is to the folded one in memory, and to what was written, read back; the
        adapter's manifest knows it too.

    Raises:
        InputError: the target exists, or the adapter does not fit or cannot be merged.
        RefusedError: the merged model answers otherwise than the adapter did.
        ResourceError: the disk is full.
    """
    if target.exists():
        raise InputError(f"{str(target)!r} exists", "choose a folder that does not exist yet")
    if adapter.manifest.kind != "adapter":
        raise InputError(f"{adapter.name!r} is a whole model already", "copy it out with: joyul adapters export")
    from peft import PeftModel

    plain = settings.model_copy(update={"dtype": "float32", "device": "cpu"})
    base = open_base(plain)
    config = check_fits(adapter, base.hash, shapes_of(base.model))
    # Beside LoRA's own arguments a "peft_type" names what adds nothing to weights: a soft prompt, a classifier.
    if config.get("peft_type", "IA3") != "IA3":
        hint = "copy it out as it is: joyul adapters export"
        raise InputError(f"adapter {adapter.name!r} ({adapter.manifest.method}) cannot be folded into weights", hint)
    model: Any = PeftModel.from_pretrained(base.model, str(adapter.path))
    reference = remember(model, base.encoder.prompt, base.encoder.tokenizer.eos_token_id)
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex[:6]}")
    try:
        whole = model.merge_and_unload()
        points = {"merge": compare(reference, whole)}
        _write(whole, resolve(settings), partial, dtype)
        del model, whole, base  # one model in memory at a time is enough
        points[f"written as {dtype}"] = compare(reference, load_weights(partial, plain))
        found = {key: parity.to_json() for key, parity in points.items()}
        refuse_other(adapter, found, force)
        _describe(adapter, partial, found, dtype)
        partial.rename(target)
        note_parity(adapter, found)
        return points
    except OSError as error:
        raise ResourceError(f"cannot write {str(target)!r}: {error.strerror or error}", "free some space") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def shapes_of(model: Any) -> dict[str, tuple[int, ...]]:
    """Return the weight shape of every module of a model."""
    return {
        name: tuple(module.weight.shape)
        for name, module in model.named_modules()
        if getattr(module, "weight", None) is not None
    }


def _describe(adapter: Adapter, folder: Path, points: dict[str, Any], dtype: str) -> None:
    report = {
        "adapter": adapter.name,
        "base": adapter.manifest.base,
        "dtype": dtype,
        "passes": all(each["passes"] for each in points.values()),
        "points": points,
    }
    (folder / REPORT).write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    merged = replace(adapter.manifest, parity={**adapter.manifest.parity, **points})
    write_card(Adapter(merged, adapter.path), folder)


def _write(whole: Any, source: Path, folder: Path, dtype: str) -> None:
    import torch

    folder.mkdir(parents=True)
    whole.to(getattr(torch, dtype)).save_pretrained(folder, max_shard_size="4GB")
    for path in source.iterdir():
        # The tokenizer and the template, as they were; weights and their index are new.
        kept = path.suffix in KEPT and not path.name.startswith("model.safetensors")
        if kept and path.is_file() and not (folder / path.name).exists():
            shutil.copyfile(path, folder / path.name)
