"""Finding out whether a model may be batched with padding, by its configuration and by trying it."""

import math
from typing import TYPE_CHECKING, Any

from assistant.models.bank import AdapterBank
from assistant.models.batch import Batch, Row
from assistant.models.sampler import Chooser
from assistant.schema import Sampling

if TYPE_CHECKING:
    import torch

# Rotary kinds whose angles depend on the row alone. "dynamic" and "longrope" look at the longest row
# of the batch, so a neighbour would change an answer.
_FIXED_ROTARY = frozenset({"default", "linear", "llama3", "yarn"})


def new_cache(model: Any) -> Any:
    """Return an empty cache of the kind the model's configuration asks for."""
    from transformers import DynamicCache

    return DynamicCache(config=model.config)


def can_batch(bank: AdapterBank) -> bool:
    """Whether rows of different lengths may share a batch and join it later.

    The cache must be plain full attention in every layer, rotary angles must not depend on the
    neighbours, and a padded batch, a join and a step must give the logits of each row alone.
    """
    import torch
    from transformers.cache_utils import DynamicLayer

    config = bank.model.config.get_text_config(decoder=True)
    if any(kind not in _FIXED_ROTARY for kind in _rotary_kinds(getattr(config, "rope_parameters", None))):
        return False
    cache = new_cache(bank.model)
    if not cache.layers or any(type(layer) is not DynamicLayer for layer in cache.layers):
        return False
    if getattr(config, "attention_chunk_size", None) or getattr(config, "is_encoder_decoder", False):
        return False
    with torch.inference_mode():
        return _tried(bank, config.vocab_size)


def _rotary_kinds(parameters: Any) -> list[str]:
    if not isinstance(parameters, dict):
        return []
    if "rope_type" in parameters:
        return [str(parameters["rope_type"])]
    return [kind for value in parameters.values() for kind in _rotary_kinds(value)]


def _tried(bank: AdapterBank, vocabulary: int) -> bool:
    ids = [(7 * place + 5) % vocabulary for place in range(29)]
    prompts = [ids[:13], ids[13:17], ids[17:29]]

    def batch(chosen: list[list[int]]) -> Batch:
        rows = [Row(prompt, Chooser(Sampling(), prompt), None, 9, frozenset()) for prompt in chosen]
        return Batch(bank, new_cache(bank.model), rows)

    def stepped(made: Batch) -> "torch.Tensor":
        for row in made.rows:
            row.token = ids[row.length]
        return made.step()

    alone = []
    for prompt in prompts:
        single = batch([prompt])
        alone.append((single.start(), stepped(single), stepped(single)))
    together, late = batch(prompts[:2]), batch(prompts[2:])
    first = together.start()
    second = stepped(together)
    late.start()
    late_second = stepped(late)
    together.join(late)
    third = stepped(together)
    pairs = [(alone[n][0][0], first[n]) for n in (0, 1)] + [(alone[n][1][0], second[n]) for n in (0, 1)]
    pairs += [(alone[2][1][0], late_second[0])] + [(alone[n][2][0], third[n]) for n in (0, 1, 2)]
    exact = str(first.dtype) == "torch.float32"
    scale = max(float(one.float().std()) for one, _ in pairs)
    worst = max(float((one.float() - two.float()).abs().max()) for one, two in pairs)
    return math.isfinite(worst) and worst <= (1e-4 if exact else 0.1) * max(scale, 1.0)
