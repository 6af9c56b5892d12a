"""After a tuning run: what the adapter made the model forget, stored beside it as ``forgetting.json``.

The base's own figures are kept by its weight hash, so that they are measured once for all adapters.
"""

import logging
import time
from typing import TYPE_CHECKING, Any

from assistant.adapters import Adapter, get_adapter, verify
from assistant.errors import JoyulError
from assistant.jobs.record import JobFolder
from assistant.models import Backend, open_model
from assistant.paths import Home, data_root
from assistant.progress import Cancelled, Progress
from assistant.settings import EngineSettings, ModelSettings
from assistant.studies.files import read_json, write_json
from eval.forgetting import FILE, LANGUAGES, Figures, Forgetting, Sample, changes, load_sample, measure
from tuning.prepare import MODEL, RECIPE
from tuning.train import train

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)


def train_and_measure(job: JobFolder) -> dict[str, Any]:
    """Train a prepared job, then measure what its adapter forgot, unless the recipe says not to.

    The adapter is installed before anything is measured, and stays whatever happens here: the result's
    ``forgetting`` then holds the reason as ``error``. A wish to cancel or pause only ends the measuring.

    Raises:
        Cancelled, Paused, JoyulError: the training's own, see :func:`tuning.train.train`.
    """
    document = train(job)
    if not job.load(RECIPE).get("after", {}).get("forgetting", True):
        return document
    try:
        backend = open_model(ModelSettings(**job.load(MODEL)), EngineSettings())
        try:
            adapter = get_adapter(job.home, str(document["adapter"]))
            found = measure_adapter(
                adapter,
                backend,
                home=job.home,
                progress=_sparsely(job.event),
                cancelled=lambda: job.wished() is not None,
            )
        finally:
            backend.close()
    except (JoyulError, OSError, RuntimeError) as error:
        logger.warning("forgetting of %s was not measured: %s", document["adapter"], error)
        return document | {"forgetting": {"error": str(error)}}
    return document | {"forgetting": in_short(found)}


def in_short(found: Forgetting) -> dict[str, Any]:
    """Return the change of loss per language, for a result document or a list."""
    return {language: found.loss[language].change for language in LANGUAGES}


def _sparsely(event: Progress) -> Progress:
    """Return a listener that hears of ten steps at most: a job's events are kept in a file."""
    told = 0

    def tell(values: dict[str, Any]) -> None:
        nonlocal told
        tenth = values["done"] * 10 // max(values["total"], 1)
        if tenth != told:
            told = tenth
            event(values)

    return tell


def measure_adapter(
    adapter: Adapter,
    backend: Backend,
    *,
    home: Home,
    full: bool = False,
    sample: Sample | None = None,
    progress: Progress = lambda _: None,
    cancelled: Cancelled = lambda: False,
) -> Forgetting:
    """Measure what an adapter changed on general text and probes, and store it beside the adapter.

    Args:
        adapter: an installed one.
        backend: its base, opened.
        home: where the base's own figures are kept.
        full: all texts, instead of a seeded part of them.
        sample: other texts and probes than those that ship.
        progress: gets ``{"stage", "done", "total"}``.
        cancelled: asked after every small part.

    Raises:
        InputError: the adapter does not fit the base, or the shipped texts are damaged.
        CancelledError: ``cancelled()`` said so; nothing is stored then.
        ResourceError: the disk is full.
    """
    started = time.perf_counter()
    verify(adapter)
    tuned = backend.model(adapter)
    sample = sample or load_sample(data_root() / "forgetting", full=full)
    before = _base_figures(backend, sample, home.figures / f"{backend.base_hash[:32]}.json", progress, cancelled)
    after = measure(tuned, sample, {}, progress, cancelled)
    loss, probes = changes(sample, before, after)
    found = Forgetting(
        adapter=adapter.name,
        base=backend.base,
        base_hash=backend.base_hash,
        weights_hash=adapter.manifest.weights_hash,
        full=sample.full,
        seconds=round(time.perf_counter() - started, 2),
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        loss=loss,
        probes=probes,
    )
    write_json(adapter.path / FILE, found.to_json())
    return found


def _base_figures(backend: Backend, sample: Sample, file: "Path", progress: Progress, cancelled: Cancelled) -> Figures:
    stored = read_json(file) or {}
    known = {key: float(value) for key, value in stored.items() if isinstance(value, float | int)}
    figures = measure(backend.model(), sample, known, progress, cancelled)
    if figures.values.keys() - known.keys():
        write_json(file, known | figures.values)
    return figures
