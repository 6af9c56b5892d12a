"""Feature extraction: the base reads a prompt, a linear head says which label its hidden states stand for.

The base stays as it is and writes nothing, so an answer costs one pass over the prompt. Training
(``tuning/methods/classifier.py``) and answering take their features from the one function in here.
"""

import json
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from assistant.errors import InputError
from assistant.schema import Delta

if TYPE_CHECKING:
    from concurrent.futures import Future

    import torch

Pool = Literal["last", "mean"]


@dataclass(frozen=True, slots=True)
class LabelField:
    """What one part of the answer is chosen from: a key of a JSON answer, or (``name`` empty) the answer itself."""

    name: str
    labels: tuple[Any, ...]


def said(fields: Sequence[LabelField], chosen: Sequence[int]) -> str:
    """Return the answer for one chosen label a field."""
    values = {field.name: field.labels[at] for field, at in zip(fields, chosen, strict=True)}
    return str(values[""]) if "" in values else json.dumps(values, ensure_ascii=False)


def features(model: Any, prompts: Sequence[Sequence[int]], pool: Pool) -> "torch.Tensor":
    """Return what a frozen base knows of prompts: its last hidden states as one vector each, mean 0 and variance 1.

    Args:
        model: a causal language model of transformers.
        prompts: token ids, none empty.
        pool: the state after the ``last`` token, from which the base would go on writing, or the ``mean`` over all.

    Returns:
        float32, shape ``(prompts, width)``.
    """
    import torch

    longest, device = max(map(len, prompts)), model.device
    ids = torch.tensor([[*prompt, *([0] * (longest - len(prompt)))] for prompt in prompts], device=device)
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=device)
    mask = torch.arange(longest, device=device) < lengths[:, None]
    states = model.base_model(input_ids=ids, attention_mask=mask.long(), use_cache=False).last_hidden_state.float()
    if pool == "last":
        taken = states[torch.arange(len(prompts), device=device), lengths - 1]
    else:
        taken = (states * mask[..., None]).sum(1) / lengths[:, None]
    # A few directions of a language model's states are huge; on one scale the head learns in few steps.
    return torch.nn.functional.layer_norm(taken, taken.shape[-1:])


class Classifier:
    """A trained head.

    Args:
        model: the base.
        config: from ``soft_files.read_adapter``.
        tensors: ``weight`` of shape ``(labels, width)`` and ``bias``.
        name: the adapter's, for messages.

    Raises:
        InputError: the base has another width.
    """

    def __init__(self, model: Any, config: dict[str, Any], tensors: "dict[str, torch.Tensor]", name: str) -> None:
        width = model.config.get_text_config(decoder=True).hidden_size
        if tensors["weight"].shape[1] != width:
            found = tensors["weight"].shape[1]
            raise InputError(
                f"adapter {name!r}: its classifier is {found} wide, this base {width}", "train it again on this base"
            )
        self._fields = [LabelField(each["name"], tuple(each["labels"])) for each in config["fields"]]
        self._pool: Pool = config["pool"]
        self._weight, self._bias = (tensors[key].float().to(model.device) for key in ("weight", "bias"))

    def memory(self) -> int:
        """Return the head's bytes."""
        return self._weight.nbytes + self._bias.nbytes

    def answer(self, model: Any, prompt: Sequence[int]) -> str:
        """Return the likeliest label of every field, in the form of the training answers."""
        import torch

        with torch.inference_mode():
            logits = features(model, [prompt], self._pool)[0] @ self._weight.T + self._bias
        parts = torch.split(logits, [len(field.labels) for field in self._fields])
        return said(self._fields, [int(part.argmax()) for part in parts])


def told(ask: "Callable[[], Future[str]]", silent_seconds: float) -> Generator[Delta, None, None]:
    """Yield a label as one delta, and empty ones while it is not there yet.

    Args:
        ask: starts the work.
        silent_seconds: the longest time without a delta.

    Raises:
        JoyulError: the model failed.
    """
    from assistant.models.engine import explain

    future = ask()
    while not wait([future], silent_seconds).done:
        yield Delta()
    try:
        text = future.result()
    except Exception as error:
        raise explain(error) from error
    yield Delta(text=text)
