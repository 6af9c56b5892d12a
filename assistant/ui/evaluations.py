"""Evaluations started from the page: one at a time, in a thread that no browser tab can end."""

import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from assistant.errors import InputError, JoyulError
from assistant.operations import perform
from assistant.services import Services

logger = logging.getLogger(__name__)
Phase = Literal["idle", "running", "done", "cancelled", "failed"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an evaluation is; ``run`` names the finished one, ``error`` is a failure a person can mend."""

    phase: Phase = "idle"
    suite: str = ""
    stage: str = "waiting"
    variant: str = ""
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    run: str = ""
    error: JoyulError | None = None
    bug: str = ""


@dataclass
class _Current:
    progress: Progress = field(default_factory=Progress)
    cancel: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None


class Evaluations:
    """Runs suites for the page; what is finished lies in the runs folder like any other run."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._current = _Current()

    def suites(self) -> dict[str, str]:
        """Return every suite's name with its path."""
        return {path.stem: str(path) for path in self._services.suites()}

    @property
    def progress(self) -> Progress:
        """How far the current or last evaluation is."""
        return self._current.progress

    def start(self, suite: str, running: str) -> Progress:
        """Start a suite by its name.

        Args:
            suite: one of :meth:`suites`.
            running: what to say when one is under way already.

        Raises:
            InputError: there is no such suite, or one is running.
        """
        path = self.suites().get(suite)
        if path is None:
            raise InputError(f"no suite {suite!r}", "choose one of the list")
        return self._begin(suite, {"suite": path}, running)

    def resume(self, run: str, running: str) -> Progress:
        """Take up an unfinished run; what it has answered is not asked again.

        Args:
            run: its name.
            running: what to say when one is under way already.

        Raises:
            InputError: one is running.
        """
        return self._begin(run.rsplit("-", 2)[0], {"resume": run}, running)

    def _begin(self, suite: str, params: dict[str, Any], running: str) -> Progress:
        with self._lock:
            if self.progress.phase == "running":
                raise InputError(running, "")
            current = _Current(Progress("running", suite))
            current.thread = threading.Thread(
                target=self._work, args=(current, params), name="page-evaluation", daemon=True
            )
            self._current = current
            current.thread.start()
        return current.progress

    def cancel(self) -> None:
        """Ask the evaluation to end; what is finished is kept."""
        self._current.cancel.set()

    def wait(self, seconds: float) -> Progress:
        """Wait for the evaluation's end, for tests and shutdown."""
        thread = self._current.thread
        if thread is not None:
            thread.join(seconds)
        return self.progress

    def _work(self, current: _Current, params: dict[str, Any]) -> None:
        def tell(event: Mapping[str, Any]) -> None:
            known = {key: event[key] for key in ("stage", "variant", "done", "total", "seconds_left") if key in event}
            current.progress = replace(current.progress, **known)

        current.progress = replace(self._finish(params, tell, current), suite=current.progress.suite)

    def _finish(self, params: dict[str, Any], tell: Callable[[dict[str, Any]], None], current: _Current) -> Progress:
        try:
            result = perform(self._services, "eval.run", params, tell, current.cancel.is_set)
            return Progress("done", run=str(result["document"]["run"]))
        except JoyulError as error:
            if current.cancel.is_set() or self._services.closing.is_set():
                return Progress("cancelled")
            return Progress("failed", error=error)
        except Exception as error:  # a boundary: the page must not wait for ever
            number = secrets.token_hex(3)
            logger.error("evaluation error %s", number, exc_info=error)
            return Progress("failed", bug=number)
