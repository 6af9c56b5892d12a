"""Training methods.

Adding one: write ``tuning/methods/<name>.py`` with a ``METHOD = Method(params=..., train=...)`` that
imports torch and its friends inside functions only, and add one line to ``METHODS``. The contract
test in ``tests/tuning/test_methods.py`` then trains it a few steps, saves, reloads and compares answers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from assistant.errors import UsageError
from assistant.lazy import lookup

if TYPE_CHECKING:
    from pydantic import BaseModel

    from tuning.methods.sft import Outcome, Task

METHODS = {
    "lora": "tuning.methods.lora:METHOD",
    "qlora": "tuning.methods.lora:QLORA",
    "ia3": "tuning.methods.soft:IA3",
    "prompt_tuning": "tuning.methods.soft:PROMPT_TUNING",
    "p_tuning": "tuning.methods.soft:P_TUNING",
    "prefix_tuning": "tuning.methods.soft:PREFIX_TUNING",
    "full": "tuning.methods.weights:FULL",
    "partial": "tuning.methods.weights:PARTIAL",
    "block_expansion": "tuning.methods.weights:BLOCK_EXPANSION",
    "dpo": "tuning.methods.preference:DPO",
    "kto": "tuning.methods.preference:KTO",
    "feature_extraction": "tuning.methods.classifier:METHOD",
}
Rows = Literal["answers", "pairs", "labels", "classes"]


@dataclass(frozen=True, slots=True)
class Method:
    """A way of training: the schema of a recipe's ``params``, and the function that does it.

    ``rates`` are the automatic learning rates of a small base and of a large one (see
    ``tuning.methods.auto``). ``rows`` says what a row teaches: an answer, a better and a worse one, an
    answer and whether it is good, or which of a few labels is the answer. ``result`` is the kind of
    thing that is installed: an adapter on its base, or weights that are a base of their own.
    ``shards``: its model can be spread over processes (:mod:`tuning.sharding`).
    ``four_bit`` trains on a base squeezed into four bits, for which a library has to be there that is
    none of our dependencies. ``reads_once``: the base reads every row in the first epoch only, so that
    further epochs cost next to nothing.
    """

    params: "type[BaseModel]"
    train: "Callable[[Task], Outcome]"
    rates: tuple[float, float] = (2e-3, 2e-4)
    rows: Rows = "answers"
    result: Literal["adapter", "weights"] = "adapter"
    four_bit: bool = False
    shards: bool = False
    reads_once: bool = False

    def refuse_missing(self) -> None:
        """Refuse a method whose library is not there.

        Raises:
            UsageError: it is not installed.
        """
        if self.four_bit and find_spec("bitsandbytes") is None:
            raise UsageError(
                "qlora needs the library bitsandbytes", "pip install 'bitsandbytes>=0.50,<0.51', or use lora"
            )


def load_method(name: str) -> Method:
    """Return a method by name.

    Raises:
        UsageError: there is none of that name.
    """
    method: Method = lookup(METHODS, name, "tuning method")
    return method
