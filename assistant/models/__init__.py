"""Models: anything that answers. A new kind of backend is one new file and one line of ``MODELS``."""

import re
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from assistant.lazy import lookup
from assistant.protocols import ChatModel
from assistant.settings import EngineSettings, ModelSettings

if TYPE_CHECKING:
    from assistant.adapters import Adapter

# name -> "module:function(settings, engine) -> Backend"
MODELS = {
    "local": "assistant.models.local:open_local",
    "openai": "assistant.models.openai_compatible:open_openai",
    "scripted": "assistant.models.scripted:open_scripted",
}


@runtime_checkable
class Backend(Protocol):
    """An opened base model; hands out answering objects, one per adapter.

    ``base`` is ``name@hash8`` (``host/model`` for a server), ``base_hash`` identifies the weights,
    ``window`` is the number of tokens the model can hold (0: unknown).
    """

    base: str
    base_hash: str
    window: int

    def model(self, adapter: "Adapter | None" = None) -> ChatModel:
        """Return the model, or the model with an adapter on it.

        Raises:
            InputError: the adapter does not fit this base.
        """
        ...

    def memory_mb(self) -> float:
        """Return the megabytes that weights, adapters and live answers hold."""
        ...

    def close(self) -> None:
        """Free everything; open streams end with an error."""
        ...


def kind_of(settings: ModelSettings) -> str:
    """Return the ``MODELS`` entry (or dotted ``module:function``) that opens these settings."""
    if settings.base_url:
        return "openai"
    if settings.name == "scripted" or re.fullmatch(r"[A-Za-z_][\w.]+:[A-Za-z_]\w*", settings.name):
        return settings.name
    return "local"


def open_model(settings: ModelSettings, engine: EngineSettings) -> Backend:
    """Open the model that the settings describe.

    Raises:
        UnavailableError: it cannot be found or reached.
        InputError, RefusedError: its files are damaged or unsafe.
    """
    opener = lookup(MODELS, kind_of(settings), "model kind")
    backend: Backend = opener(settings, engine)
    return backend
