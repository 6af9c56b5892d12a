"""Everything that can be asked of an open state folder, by the command line or through the running app.

Each operation is ``function(services, params, progress, cancelled) -> dict``: plain JSON values in
and out. ``progress`` takes dictionaries (``message``, ``done``, ``total``, ``seconds_left``, or
``text`` for a streamed answer); ``cancelled`` is asked between steps.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from assistant.lazy import lookup

if TYPE_CHECKING:
    from assistant.services import Services

OPERATIONS = {
    "ask": "assistant.operations.answers:ask",
    "replay": "assistant.operations.answers:replay",
    "variants.list": "assistant.operations.answers:list_variants",
    "docs.add": "assistant.operations.documents:add",
    "docs.search": "assistant.operations.documents:search",
    "docs.list": "assistant.operations.documents:list_documents",
    "docs.remove": "assistant.operations.documents:remove",
    "docs.rebuild": "assistant.operations.documents:rebuild",
    "adapters.list": "assistant.operations.state:list_installed",
    "doctor": "assistant.operations.state:inspect",
    "eval.run": "assistant.operations.evaluation:run",
}


def perform(
    services: "Services",
    operation: str,
    params: dict[str, Any],
    progress: Callable[[dict[str, Any]], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Carry out one operation.

    Raises:
        UsageError: there is no such operation.
        JoyulError: whatever the operation reports.
    """
    if ":" in operation:  # a dotted target is for tables in files, never for a request
        operation = operation.replace(":", ".")
    result: dict[str, Any] = lookup(OPERATIONS, operation, "operation")(services, params, progress, cancelled)
    return result
