"""Training methods.

Adding one: write ``tuning/methods/<name>.py`` with a ``METHOD = Method(params=..., train=...)`` that
imports torch and its friends inside functions only, and add one line to ``METHODS``. The contract
test in ``tests/tuning`` then trains it two steps, saves, reloads and compares answers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assistant.lazy import lookup

if TYPE_CHECKING:
    from pydantic import BaseModel

    from tuning.methods.sft import Outcome, Task

METHODS = {
    "lora": "tuning.methods.lora:METHOD",
}


@dataclass(frozen=True, slots=True)
class Method:
    """A way of training: the schema of a recipe's ``params``, and the function that does it."""

    params: "type[BaseModel]"
    train: "Callable[[Task], Outcome]"


def load_method(name: str) -> Method:
    """Return a method by name.

    Raises:
        UsageError: there is none of that name.
    """
    method: Method = lookup(METHODS, name, "tuning method")
    return method
