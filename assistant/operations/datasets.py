"""Datasets out of what the state database holds."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from assistant.errors import UsageError
from assistant.lazy import nearest

if TYPE_CHECKING:
    from assistant.services import Services

Progress = Callable[[dict[str, Any]], None]
Cancelled = Callable[[], bool]


def build(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Make a dataset version of all feedback and of the votes that count.

    Raises:
        UsageError: an origin that does not exist.
        InputError: there is no feedback.
    """
    from assistant.datasets.feedback import ORIGINS, BuildOptions
    from assistant.datasets.feedback import build as work
    from assistant.datasets.store import DatasetStore
    from eval.arena import counted

    origins = list(params.get("origins") or ORIGINS)
    if unknown := [each for each in origins if each not in ORIGINS]:
        raise UsageError(f"unknown origin {unknown[0]!r}", nearest(unknown[0], ORIGINS))
    options = BuildOptions(
        name=str(params.get("name") or "feedback"), origins=origins, without=frozenset(params.get("without") or ())
    )
    votes = services.store.votes()
    latest = {vote.id for blind in (True, False) for vote in counted(votes, blind=blind)}
    counting = [vote for vote in votes if vote.id in latest]
    return work(DatasetStore(services.home.datasets), services.store, counting, options, progress, cancelled)
