"""The opened models of one process: each once, on first use."""

import threading

from assistant.models import Backend, open_model
from assistant.models.local import LocalBackend
from assistant.models.whole import Shelf
from assistant.settings import Settings


class ModelPool:
    """Opens models by their configured name and keeps them.

    Two names with equal settings share one backend, so one base is in memory once. Configured models stay;
    models that tuning made whole share one shelf, bounded by ``engine.weights_mb`` (see ``whole.py``).
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._open: dict[str, Backend] = {}
        self._shelf = Shelf(settings.engine.weights_mb * 1_000_000)

    def get(self, name: str = "default") -> Backend:
        """Return the backend of a configured model, opening it at first use.

        Raises:
            UsageError: no model of that name is configured.
            UnavailableError: it cannot be found or reached.
        """
        settings = self._settings.model_named(name)
        key = repr((settings, settings.api_key.get_secret_value()))
        with self._lock:
            if key not in self._open:
                backend = open_model(settings, self._settings.engine)
                if isinstance(backend, LocalBackend):
                    backend.shelf = self._shelf
                self._open[key] = backend
            return self._open[key]

    def close(self) -> None:
        """Close every backend; the pool may be used again afterwards."""
        with self._lock:
            for backend in self._open.values():
                backend.close()
            self._open.clear()
