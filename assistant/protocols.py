"""The seams: one protocol a concept, one method each."""

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from assistant.schema import Delta, Message, Passage, Sampling

if TYPE_CHECKING:
    import numpy as np


@runtime_checkable
class ChatModel(Protocol):
    """Anything that answers a conversation; streaming is the primitive, see ``schema.collect``."""

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Generator[Delta, None, None]:
        """Yield deltas until a final one that carries ``finish`` and ``usage``.

        While nothing new is ready an empty ``Delta()`` comes at least every 200 ms, so that a
        caller's ``close()`` always lands; closing stops the work within one step.
        """
        ...


@runtime_checkable
class Retriever(Protocol):
    """Anything that finds passages for a question."""

    def search(self, query: str, k: int) -> list[Passage]:
        """Return at most ``k`` passages, best first; an empty list where nothing scores above the floor."""
        ...


@runtime_checkable
class Embedder(Protocol):
    """Anything that turns texts into vectors."""

    def embed(self, texts: Sequence[str], kind: Literal["query", "document"] = "document") -> "np.ndarray":
        """Return unit-length float32 vectors of shape ``(len(texts), dimension)``."""
        ...


@runtime_checkable
class Scorer(Protocol):
    """A model that can say how surprised it is by a text; serves forgetting and parity checks."""

    def losses(self, texts: Sequence[str]) -> list[float]:
        """Return the mean cross-entropy in nats per token of each text."""
        ...


@runtime_checkable
class Window(Protocol):
    """A model that knows how much it can read; optional beside ``ChatModel``."""

    window: int

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return the prompt length in tokens after the chat template."""
        ...
