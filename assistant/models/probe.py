"""Finding out what the rows of a model may share, by its configuration and by trying it."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from assistant.models.bank import AdapterBank
from assistant.models.batch import Batch, Row
from assistant.models.cache import new_cache
from assistant.models.sampler import Chooser
from assistant.schema import Sampling

if TYPE_CHECKING:
    import torch

# Rotary kinds whose angles depend on the row alone. "dynamic" and "longrope" look at the longest row
# of the batch, so a neighbour would change an answer.
_FIXED_ROTARY = frozenset({"default", "linear", "llama3", "yarn"})


@dataclass(frozen=True, slots=True)
class Sharing:
    """What a model allows.

    ``join``: rows of any length share one batch and enter it at any step. ``together``: rows that
    start at the same step share a batch, others get their own (sliding windows, whose caches
    forget). ``alone``: one row a batch. ``restart`` is explained in ``Batch``.
    """

    kind: Literal["join", "together", "alone"]
    restart: int = 0


def find_sharing(bank: AdapterBank) -> Sharing:
    """Return what the rows of a model may share.

    Whatever the configuration promises, a padded batch, steps, and a join where that is allowed
    must give the logits of each row alone.
    """
    import torch
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

    config = bank.model.config.get_text_config(decoder=True)
    kinds = _rotary_kinds(getattr(config, "rope_parameters", None))
    if any(kind not in _FIXED_ROTARY for kind in kinds):
        origin = int(getattr(config, "original_max_position_embeddings", 0) or 0)
        return Sharing("alone", origin if "longrope" in kinds else 0)
    layers = {type(layer) for layer in new_cache(bank.model).layers}
    if not layers or not layers <= {DynamicLayer, DynamicSlidingWindowLayer}:
        return Sharing("alone")
    join = layers == {DynamicLayer} and not getattr(config, "attention_chunk_size", None)
    with torch.inference_mode():
        if not _tried(bank, config.vocab_size, join):
            return Sharing("alone")
    return Sharing("join" if join else "together")


def _rotary_kinds(parameters: Any) -> list[str]:
    if not isinstance(parameters, dict):
        return []
    if "rope_type" in parameters:
        return [str(parameters["rope_type"])]
    return [kind for value in parameters.values() for kind in _rotary_kinds(value)]


def _tried(bank: AdapterBank, vocabulary: int, join: bool) -> bool:
    ids = [(7 * place + 5) % vocabulary for place in range(29)]
    prompts = [ids[:13], ids[13:17], ids[17:29]]

    def batch(chosen: list[list[int]]) -> Batch:
        rows = [Row(prompt, Chooser(Sampling(), prompt), None, 9, frozenset()) for prompt in chosen]
        return Batch(bank, rows, plain=join)

    def stepped(made: Batch) -> "torch.Tensor":
        for row in made.rows:
            row.token = ids[row.length]
        return made.step()

    alone = []
    for prompt in prompts:
        single = batch([prompt])
        alone.append((single.start(), stepped(single), stepped(single)))
    together, late = batch(prompts[:2]), batch(prompts[2:])
    pairs = list(zip(together.start(), (logits[0][0] for logits in alone), strict=False))
    pairs += zip(stepped(together), (logits[1][0] for logits in alone), strict=False)
    if join:
        late.start()
        pairs.append((stepped(late)[0], alone[2][1][0]))
        together.join(late)
    else:
        together.keep(together.rows[1:])
        alone = alone[1:]
    pairs += zip(stepped(together), (logits[2][0] for logits in alone), strict=False)
    exact = str(pairs[0][0].dtype) == "torch.float32"
    scale = max(float(one.float().std()) for one, _ in pairs)
    worst = max(float((one.float() - two.float()).abs().max()) for one, two in pairs)
    return math.isfinite(worst) and worst <= (1e-4 if exact else 0.1) * max(scale, 1.0)
