"""Looking at data and estimating a training from the page: one at a time, in a thread that no tab can end."""

import logging
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from assistant.errors import InputError, JoyulError
from assistant.operations import perform
from assistant.services import Services

logger = logging.getLogger(__name__)
Phase = Literal["idle", "running", "done", "cancelled", "failed"]


@dataclass(frozen=True, slots=True)
class Plan:
    """How far a plan is; ``report`` comes first, ``estimate`` after the trial steps, both are of ``document``."""

    phase: Phase = "idle"
    document: Mapping[str, Any] = field(default_factory=dict)
    stage: str = "reading"
    probe: bool = False
    report: Mapping[str, Any] | None = None
    estimate: Mapping[str, Any] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    busy: bool = False
    error: JoyulError | None = None
    bug: str = ""


class Plans:
    """The newest plan; all languages and tabs see the same one, so a reload loses nothing."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._cancel = threading.Event()
        self._thread: threading.Thread | None = None
        self.current = Plan()

    def start(self, document: Mapping[str, Any], text: str, probe: bool, running: str) -> Plan:
        """Start a plan of a recipe.

        Args:
            document: the recipe.
            text: the recipe as YAML.
            probe: also train ten steps, to estimate time and memory.
            running: what to say when one is under way already.

        Raises:
            InputError: one is running.
        """
        with self._lock:
            if self.current.phase == "running":
                raise InputError(running, "")
            self._cancel = threading.Event()
            same = dict(document) == self.current.document
            # What is known of these very settings stays on the page while it is looked at again.
            self.current = Plan("running", dict(document), probe=probe, report=self.current.report if same else None)
            target = (text, self._cancel)
            self._thread = threading.Thread(target=self._work, args=target, name="page-plan", daemon=True)
            self._thread.start()
        return self.current

    def cancel(self) -> None:
        """Ask the plan to end."""
        self._cancel.set()

    def wait(self, seconds: float) -> Plan:
        """Wait for the plan's end, for tests."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self.current

    def _work(self, text: str, cancel: threading.Event) -> None:
        def tell(event: Mapping[str, Any]) -> None:
            known = {key: event[key] for key in ("stage", "report") if key in event}
            self.current = replace(self.current, **known)

        def stopped() -> bool:
            return cancel.is_set() or self._services.closing.is_set()

        try:
            params = {"recipe": text, "probe": self.current.probe}
            found = perform(self._services, "tune.plan", params, tell, stopped)
            phase: Phase = "cancelled" if stopped() and found["estimate"] is None else "done"
            known = {key: found[key] for key in ("estimate", "busy", "settings", "reasons")}
            self.current = replace(self.current, phase=phase, report=found["data"], **known)
        except JoyulError as error:
            self.current = replace(self.current, phase="failed", error=error)
        except Exception as error:  # a boundary: the page must not wait for ever
            number = secrets.token_hex(3)
            logger.error("plan error %s", number, exc_info=error)
            self.current = replace(self.current, phase="failed", bug=number)
