"""Answers under way: they can be stopped from any tab, and the screen is not updated too often."""

import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

UPDATE_SECONDS = 0.1
T = TypeVar("T")


class Running:
    """Which conversations are being answered, each with its stop signal."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stops: dict[str, threading.Event] = {}

    @contextmanager
    def started(self, key: str) -> Iterator[threading.Event]:
        """Announce an answer; an older one of the same key is told to stop."""
        event = threading.Event()
        with self._lock:
            if key in self._stops:
                self._stops[key].set()
            self._stops[key] = event
        try:
            yield event
        finally:
            with self._lock:
                if self._stops.get(key) is event:
                    del self._stops[key]

    def stop(self, key: str) -> bool:
        """Stop the answer of ``key``; return whether there was one."""
        with self._lock:
            event = self._stops.get(key)
        if event is not None:
            event.set()
        return event is not None

    def busy(self, key: str) -> bool:
        """Return whether an answer is under way."""
        with self._lock:
            return key in self._stops


class Paced(Generic[T]):
    """Iterates over a stream at most ten times a second and ends it when asked to stop.

    ``last`` is the newest value, also where it was not passed on; ``stopped`` says how it ended.
    """

    def __init__(
        self, stream: Generator[T, None, None], stop: threading.Event, seconds: float = UPDATE_SECONDS
    ) -> None:
        self._stream = stream
        self._stop = stop
        self._seconds = seconds
        self.last: T | None = None
        self.stopped = False

    def __iter__(self) -> Iterator[T]:
        shown = 0.0
        try:
            for value in self._stream:
                self.last = value
                if self._stop.is_set():
                    self.stopped = True
                    break
                if time.monotonic() - shown >= self._seconds:
                    yield value
                    shown = time.monotonic()
        finally:
            self._stream.close()
