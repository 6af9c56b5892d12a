"""Models that tuning made whole: opened when asked, and closed when others need the room.

A shelf holds them under a bound; what was used longest ago goes first, and never while it answers.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assistant.errors import ResourceError
from assistant.schema import Delta, Message, Sampling

if TYPE_CHECKING:
    from assistant.models.local import LocalBackend, LocalModel


@dataclass
class _Place:
    backend: "LocalBackend"
    size: int
    users: int = 0


class Shelf:
    """Opened models, at most ``limit`` bytes of weights."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._places: OrderedDict[str, _Place] = OrderedDict()  # the least recently used first
        self._lock = threading.Lock()

    @property
    def used(self) -> int:
        """Bytes of weights that are open now."""
        return sum(place.size for place in list(self._places.values()))

    @contextmanager
    def borrow(self, key: str, size: int, load: "Callable[[], LocalBackend]") -> "Iterator[LocalBackend]":
        """Yield a model, opening it where it is not open; while it is borrowed it stays.

        Args:
            key: identifies the weights.
            size: their bytes.
            load: opens the model.

        Raises:
            ResourceError: it does not fit, or not beside those that are answering.
        """
        with self._lock:
            place = self._places.get(key)
            if place is None:
                self._make_room(size)
                place = self._places[key] = _Place(load(), size)
            self._places.move_to_end(key)
            place.users += 1
        try:
            yield place.backend
        finally:
            with self._lock:
                place.users -= 1

    def _make_room(self, size: int) -> None:
        idle = [key for key, place in self._places.items() if not place.users]
        while self.used + size > self.limit and idle:
            self._places.pop(idle.pop(0)).backend.close()
        if self.used + size > self.limit:
            mend = "raise engine.weights_mb, or wait and ask again"
            if self._places:
                raise ResourceError(
                    f"a tuned model of {size / 1e6:.0f} MB has no room beside {len(self._places)} that are answering",
                    mend,
                )
            raise ResourceError(
                f"a tuned model of {size / 1e6:.0f} MB does not fit into {self.limit / 1e6:.0f} MB", mend
            )

    def close(self) -> None:
        """Close everything; open streams end with an error."""
        with self._lock:
            for place in self._places.values():
                place.backend.close()
            self._places.clear()


class WholeModel:
    """A whole tuned model as one more answering object of its base. Also a ``Window`` and a ``Scorer``.

    Args:
        shelf: where it is open, or not at the moment.
        key: identifies the weights.
        size: their bytes.
        load: opens the model.
        face: makes the answering object of the opened model.
    """

    def __init__(
        self,
        shelf: Shelf,
        key: str,
        size: int,
        load: "Callable[[], LocalBackend]",
        face: "Callable[[LocalBackend], LocalModel]",
    ) -> None:
        self._shelf, self._face = shelf, face
        self._what = (key, size, load)
        with self._shelf.borrow(*self._what) as backend:  # whatever is wrong with it shows now
            model = face(backend)
            self.window, self._format = model.window, backend.format

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return the prompt length in tokens after the chat template."""
        return len(self._format.encode(messages))

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Generator[Delta, None, None]:
        """Yield the answer; see ``protocols.ChatModel``.

        Raises:
            InputError: the conversation is empty or the system prompt fills the window.
            ResourceError: it was closed for others and does not fit beside them now.
            JoyulError: the engine failed or was closed.
        """
        yield Delta()
        with self._shelf.borrow(*self._what) as backend:
            yield from self._face(backend).stream(messages, sampling)

    def losses(self, texts: Sequence[str]) -> list[float]:
        """Return the mean cross-entropy in nats per token of each text.

        Raises:
            InputError: a text is empty.
        """
        with self._shelf.borrow(*self._what) as backend:
            return self._face(backend).losses(texts)

    def continuations(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, bool]]:
        """Return the log probability in nats of each second text after the first, and whether it is the likeliest."""
        with self._shelf.borrow(*self._what) as backend:
            return self._face(backend).continuations(pairs)
