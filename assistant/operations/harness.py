"""Benchmarks in the harness' YAML format, asked of a variant's model."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import UsageError
from assistant.progress import Cancelled, Progress

if TYPE_CHECKING:
    from assistant.services import Services


def harness(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Run the tasks of the folder ``tasks`` on ``variant``'s model with its adapter, but without its prompt.

    Raises:
        UnavailableError: lm-evaluation-harness is not installed.
        InputError, RefusedError: a task cannot be used, or would run code.
        UsageError: an unknown variant, or a limit below 1.
    """
    from eval.harness import run_tasks

    limit = params.get("limit")
    if limit is not None and int(limit) < 1:
        raise UsageError(f"a limit of {limit}", "give a number of at least 1")
    live = services.variants.build(str(params.get("variant") or "zero-shot"))
    found = run_tasks(
        Path(str(params["tasks"])), live.model, limit=None if limit is None else int(limit), progress=progress
    )
    return {"variant": live.spec.name, "adapter": live.spec.adapter, **found}
