"""An adapter folded into its base: a whole model that any tool can load, and proof that it is the same one."""

import json
import shutil
import uuid
from pathlib import Path
from typing import Any

from assistant.adapters import Adapter, check_fits
from assistant.errors import InputError, RefusedError, ResourceError
from assistant.models.hub import resolve
from assistant.models.local import load_weights
from assistant.settings import ModelSettings
from tuning.base import open_base
from tuning.parity import Parity, compare, references

REPORT = "parity.json"
KEPT = frozenset({".json", ".jinja", ".txt", ".model"})


def merge(
    adapter: Adapter, settings: ModelSettings, target: Path, *, dtype: str = "float32", force: bool = False
) -> Parity:
    """Write base plus adapter as a Hugging Face folder, after comparing it, reloaded, with what it came from.

    Args:
        adapter: a LoRA adapter.
        settings: of its base.
        target: a folder that does not exist yet.
        dtype: number format of the written weights.
        force: write it even where the comparison fails; the report in the folder says so.

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
    check_fits(adapter, base.hash, shapes_of(base.model))
    model: Any = PeftModel.from_pretrained(base.model, str(adapter.path)).eval()
    if model.peft_config["default"].is_prompt_learning or not hasattr(model, "merge_and_unload"):
        hint = "copy it out as it is: joyul adapters export"
        raise InputError(f"adapter {adapter.name!r} ({adapter.manifest.method}) cannot be folded into weights", hint)
    texts = references(model, base.encoder.prompt, [base.encoder.tokenizer.eos_token_id])
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex[:6]}")
    try:
        _write(model, resolve(settings), partial, dtype)
        # Merging changed the model in memory, so what was measured in chat is loaded once more.
        measured = PeftModel.from_pretrained(open_base(plain).model, str(adapter.path)).eval()
        parity = compare(measured, load_weights(partial, plain), texts)
        if not parity.passes and not force:
            raise RefusedError(
                f"the merged model is another one: {100 * parity.agreement:.1f} % of next tokens agree, "
                f"logits differ by up to {parity.logit_difference:.3g}",
                "take --dtype float32, or --force to write it marked as such",
            )
        report = parity.to_json() | {"adapter": adapter.name, "base": adapter.manifest.base, "dtype": dtype}
        (partial / REPORT).write_text(json.dumps(report, indent=1) + "\n", "utf-8")
        partial.rename(target)
        return parity
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


def _write(model: Any, source: Path, folder: Path, dtype: str) -> None:
    import torch

    whole = model.merge_and_unload()
    folder.mkdir(parents=True)
    whole.to(getattr(torch, dtype)).save_pretrained(folder, max_shard_size="4GB")
    for path in source.iterdir():
        # The tokenizer and the template, as they were; weights and their index are new.
        kept = path.suffix in KEPT and not path.name.startswith("model.safetensors")
        if kept and path.is_file() and not (folder / path.name).exists():
            shutil.copyfile(path, folder / path.name)
