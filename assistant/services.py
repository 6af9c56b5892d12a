"""The composition root: one state folder, opened."""

import threading
from pathlib import Path

from assistant.chat import ChatService
from assistant.demo import install_demo
from assistant.models.pool import ModelPool
from assistant.paths import Home, data_root
from assistant.retrieval.library import Library
from assistant.settings import Settings
from assistant.store import Store
from assistant.variants import VariantFactory


class Services:
    """Everything that works on one state folder; the caller holds the folder's lock."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.home = Home(settings.home).create()
        self.store = Store(self.home.database)
        self.library = Library(self.home, self.store, settings.retrieval)
        self.pool = ModelPool(settings)
        self.variants = VariantFactory(settings, self.home, self.pool, self.library)
        self.chat = ChatService(self.store, self.variants)
        self.closing = threading.Event()

    @classmethod
    def open(cls, settings: Settings) -> "Services":
        """Open the state folder, install the demo where it is empty, and settle what a crash left open.

        Raises:
            DamagedError: the database is damaged.
            ResourceError: the folder cannot be written.
        """
        services = cls(settings)
        services.store.interrupt_open_answers()
        install_demo(services.home, services.library)
        return services

    def suites(self) -> list[Path]:
        """Return the evaluation suites that ship, then those of the state folder."""
        shipped = data_root() / "demo" / "suites"
        own = self.home.root / "suites"
        return [path for folder in (shipped, own) if folder.is_dir() for path in sorted(folder.glob("*.yaml"))]

    def close(self) -> None:
        """Stop what runs and release files and memory."""
        self.closing.set()
        self.pool.close()
        self.library.close()
        self.store.close()
