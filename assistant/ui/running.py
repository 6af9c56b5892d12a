"""Answers under way, each on a thread of its own: a closed tab ends none, Stop from any tab does."""

import logging
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)
UPDATE_SECONDS = 0.1
UPDATES_A_SECOND = 60  # of all answers together; a page that draws more has no time for questions
WAIT_SECONDS = 0.5
# More would only wait for the model behind these, so the person is told and keeps the text.
AT_ONCE = 64
T = TypeVar("T")


class BusyError(Exception):
    """No further answer can be started; ``ahead`` are under way, 0 where the same one already is."""

    def __init__(self, ahead: int) -> None:
        super().__init__(f"{ahead} answers are under way")
        self.ahead = ahead


class Live(Generic[T]):
    """One stream under way: ``value`` is its newest state, ``error`` what ended it where it failed."""

    def __init__(self, value: T) -> None:
        self.value = value
        self.error: Exception | None = None
        self.stopping = threading.Event()
        self.over = threading.Event()
        self._news = threading.Condition()
        self._number = 1

    def put(self, value: T) -> None:
        """Take in a newer state."""
        with self._news:
            self.value = value
            self._number += 1
            self._news.notify_all()

    def end(self, error: Exception | None) -> None:
        """Say that nothing more will come."""
        with self._news:
            self.error = error
            self.over.set()
            self._news.notify_all()

    def follow(
        self, going: Callable[[], bool] = lambda: True, pause: Callable[[], float] = lambda: UPDATE_SECONDS
    ) -> Iterator[T]:
        """Yield newer states, ``pause`` seconds apart, until the stream is over or ``going`` says no."""
        seen = 0
        while going():
            with self._news:
                if self._number == seen and not self.over.is_set():
                    self._news.wait(WAIT_SECONDS)
                number, value, over = self._number, self.value, self.over.is_set()
            if number > seen:
                seen = number
                yield value
            if over:
                return
            self.over.wait(pause())


class Running(Generic[T]):
    """What is being answered, by conversation or question; all tabs share it.

    Args:
        closing: set when the app goes down; every stream then ends at its next step.
        most: streams at a time.
    """

    def __init__(self, closing: threading.Event | None = None, most: int = AT_ONCE) -> None:
        self._closing = closing or threading.Event()
        self._most = most
        self._lock = threading.Lock()
        self._live: dict[str, Live[T]] = {}

    def start(self, key: str, stream: Generator[T, None, None], waiting: T) -> Live[T]:
        """Take the stream's first step here, so that its refusals reach the caller, and the rest on a thread.

        Raises:
            BusyError: ``key`` is being answered, or too many others are.
        """
        live = Live(waiting)
        with self._lock:
            if key in self._live:
                raise BusyError(0)
            if len(self._live) >= self._most:
                raise BusyError(len(self._live))
            self._live[key] = live
        try:
            live.put(next(stream))
        except BaseException:
            self._leave(key)
            raise
        threading.Thread(target=self._drain, args=(key, live, stream), name="answer", daemon=True).start()
        return live

    def live(self, key: str) -> Live[T] | None:
        """Return the stream of ``key`` while it is under way."""
        with self._lock:
            return self._live.get(key)

    def pause(self) -> float:
        """Return the seconds between two looks at a stream: ten a second, fewer where many are under way."""
        return max(UPDATE_SECONDS, len(self._live) / UPDATES_A_SECOND)

    def stop(self, key: str) -> bool:
        """Stop the stream of ``key`` at its next step; return whether there was one."""
        live = self.live(key)
        if live is not None:
            live.stopping.set()
        return live is not None

    def _drain(self, key: str, live: Live[T], stream: Generator[T, None, None]) -> None:
        failure: Exception | None = None
        try:
            for value in stream:
                live.put(value)
                if live.stopping.is_set() or self._closing.is_set():
                    break
            stream.close()
        except Exception as error:
            logger.error("an answer ended early", exc_info=error)
            failure = error
        finally:
            # First gone, then over: who was waiting for the end finds what is stored.
            self._leave(key)
            live.end(failure)

    def _leave(self, key: str) -> None:
        with self._lock:
            del self._live[key]
