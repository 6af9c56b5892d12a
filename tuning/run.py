"""One training run in this process: prepare, train, publish. Detached jobs do the same in two steps."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from assistant.errors import UsageError
from assistant.jobs.record import Wish
from assistant.jobs.worker import carry_out
from assistant.paths import Home
from assistant.progress import Cancelled, Progress
from assistant.settings import Settings
from tuning.prepare import RetrieverFor, prepare
from tuning.schema import TuneRecipe
from tuning.train import train


def run_recipe(
    recipe: TuneRecipe,
    *,
    home: Home,
    settings: Settings,
    retriever_for: RetrieverFor | None,
    progress: Progress,
    cancelled: Cancelled,
) -> dict[str, Any]:
    """Train one adapter here and install it; waits while another job has the device.

    Args:
        recipe: what to train.
        home: the state folder; only ``jobs/<id>`` and, at the end, ``adapters/<name>`` are written.
        settings: where the base model comes from.
        retriever_for: returns the retriever of a collection; needed where the recipe retrieves.
        progress: gets every event.
        cancelled: asked after every step; a run that it stops has the status ``cancelled``.

    Returns:
        The document of :func:`tuning.train.train`; ``adapter``, ``status`` and ``job`` alone where it was cancelled.

    Raises:
        UsageError, InputError, UnavailableError, ResourceError: see the parts; nothing is installed then.
    """
    if recipe.grid:
        raise UsageError("a grid is several runs, not one", "start it with joyul tune run, or take 'grid' out")
    with terminable():
        job = prepare(recipe, home=home, settings=settings, retriever_for=retriever_for, progress=progress)

        def wished() -> Wish | None:
            return "cancel" if cancelled() else job.wished()

        job.update(state="queued", queued=time.time())
        record = carry_out(job, lambda job: train(job, progress, wished))
    if record.state == "succeeded":
        return dict(record.result)
    progress({"status": record.state})
    return {"adapter": recipe.name, "status": record.state, "job": job.id}


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM unwind the run like Ctrl-C does, so that its leftovers go (exit status 143)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: Any) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
