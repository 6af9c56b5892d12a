"""A request on its way through the engine."""

import queue
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.errors import JoyulError
from assistant.schema import Finish, Sampling


@dataclass(frozen=True, slots=True)
class Request:
    """What one stream wants: prompt ids, how to draw, the adapter's key, and how far it may go."""

    prompt: Sequence[int]
    sampling: Sampling
    adapter: str | None = None
    room: int = 128
    ends: frozenset[int] = frozenset()


class Ticket:
    """A request on its way; the stream reads it, the engine writes it."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.cancelled = False
        self.finish: Finish | None = None
        self.error: JoyulError | None = None
        self.ended = False  # the reader has seen the end
        self._queue: queue.SimpleQueue[int | None] = queue.SimpleQueue()

    def read(self, timeout: float) -> list[int]:
        """Return the tokens that are ready, waiting at most ``timeout`` seconds for the first.

        An empty list means nothing yet; after the last token ``ended`` is set.

        Raises:
            JoyulError: the engine could not go on with this answer.
        """
        tokens: list[int] = []
        try:
            item = self._queue.get(timeout=timeout)
            while item is not None:
                tokens.append(item)
                item = self._queue.get_nowait()
            self.ended = True
        except queue.Empty:
            return tokens
        if self.error is not None:
            raise self.error
        return tokens

    def cancel(self) -> None:
        """Give the answer up; its row leaves before the next step."""
        self.cancelled = True

    def put(self, token: int) -> None:
        """Engine side: hand over one token."""
        self._queue.put(token)

    def end(self, finish: Finish, error: JoyulError | None = None) -> None:
        """Engine side: nothing more will come."""
        self.finish, self.error = finish, error
        self._queue.put(None)
