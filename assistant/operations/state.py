"""What is installed, and how the open parts are doing."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from assistant.errors import JoyulError, UsageError
from assistant.progress import Cancelled, Progress

if TYPE_CHECKING:
    from assistant.adapters import Adapter
    from assistant.services import Services


def list_installed(
    services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled
) -> dict[str, Any]:
    """Return the manifests of the installed adapters, each with its relative change of loss on general text."""
    from assistant.adapters import list_adapters
    from eval.forgetting import read_forgetting
    from eval.price import losses_of

    def lost(adapter: "Adapter") -> dict[str, float | None]:
        try:
            return losses_of(read_forgetting(adapter.path, adapter.manifest.weights_hash))
        except JoyulError:
            return losses_of(None)  # a damaged report is one that was not made

    found = list_adapters(services.home)
    return {"adapters": [adapter.manifest.to_json() | {"forgetting": lost(adapter)} for adapter in found]}


def import_adapter(
    services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled
) -> dict[str, Any]:
    """Install the adapter in ``folder`` (an absolute path) under ``name``, for the default base.

    Raises:
        InputError, RefusedError, ResourceError: see :func:`assistant.shelf.import_`.
    """
    from pathlib import Path

    from assistant.models.local import LocalBackend
    from assistant.shelf import import_

    backend = services.pool.get("default")
    if not isinstance(backend, LocalBackend):
        raise UsageError(f"{backend.base!r} takes no adapters from here", "choose a local base with --model")
    base = (backend.base, backend.base_hash)
    adapter = import_(services.home, Path(params["folder"]), str(params.get("name") or ""), base, backend.shapes)
    return adapter.manifest.to_json()


def inspect(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Open the model and the index and say what they are; what fails is reported, not raised."""

    def attempt(part: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        try:
            return {"ok": True, **part()}
        except JoyulError as error:
            return {"ok": False, **error.to_dict()}

    def model() -> dict[str, Any]:
        backend = services.pool.get("default")
        return {"base": backend.base, "window": backend.window, "memory_mb": round(backend.memory_mb(), 1)}

    def index() -> dict[str, Any]:
        documents = services.library.documents()
        return {"documents": len(documents), **services.library.identity("documents")}

    return {"model": attempt(model), "retrieval": attempt(index)}
