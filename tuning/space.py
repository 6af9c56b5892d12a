"""What a run needs of memory and disk at least, worked out from the base's weight shapes before anything is loaded."""

import math
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from assistant.errors import ResourceError
from tuning.base import Base
from tuning.checkpoints import KEPT
from tuning.methods import load_method
from tuning.schema import TuneRecipe

# Beside what is trained: rendered rows, events, and room for others.
SPARE_BYTES = 20_000_000
# Bytes a trained parameter: itself in float32, its gradient, and what the optimizer keeps of it.
OWN, GRADIENT, KEEPS = 4, 4, {"adamw": 8, "adafactor": 0, "sgd": 0}
# NF4 with double quantisation, scales included (Dettmers et al. 2023, arXiv 2305.14314, section 3).
FOUR_BIT = 0.52
# Weights of better steps that a run keeps at a time, and the one that is being written.
BEST_FILES = 5
_LAYER = re.compile(r"\.(\d+)\.")
Shapes = Mapping[str, tuple[int, ...]]


def trained_parameters(recipe: TuneRecipe, shapes: Shapes) -> int:
    """Return about how many parameters a recipe trains on a base with these weights."""
    params = load_method(recipe.method).params(**recipe.params).model_dump()
    layers: dict[int, int] = {}
    for name, shape in shapes.items():
        if found := _LAYER.search(name):
            layers[int(found[1])] = layers.get(int(found[1]), 0) + math.prod(shape)
    each = sum(layers.values()) // max(1, len(layers))
    outside = {name: shape for name, shape in shapes.items() if not _LAYER.search(name) and len(shape) == 2}
    largest = max(outside.values(), key=math.prod, default=(0, 0))
    if recipe.method == "full":
        return sum(map(math.prod, shapes.values()))
    if "part" in params:
        return math.prod(largest) if params["part"] in ("embeddings", "head") else each * min(params["layers"], 10**6)
    if recipe.method == "block_expansion":
        return each * int(params["layers"])
    if "r" in params:
        return int(params["r"]) * _reach(params, shapes)
    if "tokens" in params:
        width = min(largest)
        own = int(params["tokens"]) * width * (2 * len(layers) if recipe.method == "prefix_tuning" else 1)
        return own + 3 * width * int(params.get("hidden", 0) or (width if recipe.method == "p_tuning" else 0))
    return 0


def _reach(params: Mapping[str, object], shapes: Shapes) -> int:
    """Return inputs plus outputs of all matrices that a LoRA goes on: its parameters a rank."""
    wanted, chosen = params["target_modules"], params.get("layers") or ()
    found = 0
    for name, shape in shapes.items():
        layer = _LAYER.search(name)
        module = name.removesuffix(".weight").rpartition(".")[2]
        named = wanted == "all-linear" or (isinstance(wanted, list) and module in wanted)
        if layer and len(shape) == 2 and named and (not chosen or int(layer[1]) in chosen):  # type: ignore[operator]
            found += sum(shape)
    return found


def memory_bytes(recipe: TuneRecipe, base: Base) -> int:
    """Return the least memory of a run: weights, gradients and optimizer, without what a batch adds."""
    method = load_method(recipe.method)
    trained = trained_parameters(recipe, base.shapes)
    element = FOUR_BIT if method.four_bit else base.element
    beside = OWN if method.result == "adapter" or recipe.method == "block_expansion" else OWN - base.element
    return round(base.parameters * element + trained * (beside + GRADIENT + KEEPS[recipe.optimizer]))


def disk_bytes(recipe: TuneRecipe, base: Base) -> int:
    """Return what a run needs on disk: checkpoints while it goes on, the best weights, and its result."""
    trained = trained_parameters(recipe, base.shapes)
    result = trained * OWN
    if load_method(recipe.method).result == "weights":
        new = trained if recipe.method == "block_expansion" else 0
        result = (base.parameters + new - (trained - new)) * base.element + (trained - new) * OWN
    checkpoint = result + trained * KEEPS[recipe.optimizer]
    best = BEST_FILES * trained * OWN if recipe.keep == "best" else 0
    return (KEPT + 1) * checkpoint + best + result + SPARE_BYTES


def refuse_full_disk(root: Path, needed: int = SPARE_BYTES) -> None:
    """Refuse what would not fit on the disk of a folder, which need not be there yet.

    Raises:
        ResourceError: less than ``needed`` bytes are free.
    """
    place = root
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < needed:
        raise ResourceError(
            f"disk full: training needs about {_size(needed)} in {root}, {_size(free)} are free",
            "free some space or choose another --home",
        )


def refuse_too_big(recipe: TuneRecipe, base: Base, free: int) -> None:
    """Refuse a run whose weights alone do not fit into memory.

    Args:
        recipe: with no automatic values left.
        base: needs no weights.
        free: bytes of memory.

    Raises:
        ResourceError: they do not; the hint names the first setting that would make them fit.
    """
    needed = memory_bytes(recipe, base)
    if needed > free:
        raise ResourceError(
            f"training {recipe.name!r} does not fit: it needs at least {_size(needed)} of memory, "
            f"{_size(free)} are free",
            _setting_that_fits(recipe, base, free),
        )


def _setting_that_fits(recipe: TuneRecipe, base: Base, free: int) -> str:
    method = load_method(recipe.method)
    tries: list[tuple[str, dict[str, object]]] = []
    if method.result == "weights":
        tries = [("optimizer: adafactor", {"optimizer": "adafactor"}), ("method: lora", {"method": "lora"})]
    if method.rows == "answers":
        tries.append(("method: qlora", {"method": "qlora"}))
    for said, change in tries:
        changed = recipe.model_copy(update=change | ({"params": {}} if "method" in change else {}))
        if memory_bytes(changed, base) <= free:
            return f"it would fit with {said} ({_size(memory_bytes(changed, base))})"
    return f"take a base of at most {max(1, int(free / 1e6 / base.element)):,} million parameters"


def free_memory(cuda: bool) -> int:
    """Return the bytes of memory that a run on this machine can have now."""
    import psutil
    import torch

    return int(torch.cuda.mem_get_info()[0]) if cuda else int(psutil.virtual_memory().available)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 10**9 else f"{count / 1e6:,.0f} MB"
