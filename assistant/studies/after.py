"""After a tuning run: what the adapter made the model forget, stored beside it as ``forgetting.json``.

The base's own figures are kept by its weight hash, so that they are measured once for all adapters.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from assistant.adapters import Adapter, get_adapter, verify
from assistant.models import Backend, open_model
from assistant.paths import Home, data_root
from assistant.settings import Settings
from assistant.studies.files import read_json, write_json
from eval.forgetting import FILE, Figures, Forgetting, Sample, changes, load_sample, measure

if TYPE_CHECKING:
    from pathlib import Path

Progress = Callable[[dict[str, Any]], None]
Cancelled = Callable[[], bool]


def after_tuning(
    name: str,
    *,
    home: Home,
    settings: Settings,
    model: str = "default",
    full: bool = False,
    progress: Progress = lambda _: None,
    cancelled: Cancelled = lambda: False,
) -> Forgetting:
    """Open the base, measure one adapter on it, and free it again; see :func:`measure_adapter`."""
    backend = open_model(settings.model_named(model), settings.engine)
    try:
        return measure_adapter(
            get_adapter(home, name), backend, home=home, full=full, progress=progress, cancelled=cancelled
        )
    finally:
        backend.close()


def measure_adapter(
    adapter: Adapter,
    backend: Backend,
    *,
    home: Home,
    full: bool = False,
    progress: Progress = lambda _: None,
    cancelled: Cancelled = lambda: False,
) -> Forgetting:
    """Measure what an adapter changed on general text and probes, and store it beside the adapter.

    Args:
        adapter: an installed one.
        backend: its base, opened.
        home: where the base's own figures are kept.
        full: all texts, instead of a seeded part of them.
        progress: gets ``{"stage", "done", "total"}``.
        cancelled: asked after every small part.

    Raises:
        InputError: the adapter does not fit the base, or the shipped texts are damaged.
        CancelledError: ``cancelled()`` said so; nothing is stored then.
        ResourceError: the disk is full.
    """
    started = time.perf_counter()
    verify(adapter)
    sample = load_sample(data_root() / "forgetting", full=full)
    before = _base_figures(backend, sample, home.figures / f"{backend.base_hash[:32]}.json", progress, cancelled)
    after = measure(backend.model(adapter), sample, {}, progress, cancelled)
    loss, probes = changes(sample, before, after)
    found = Forgetting(
        adapter=adapter.name,
        base=backend.base,
        base_hash=backend.base_hash,
        weights_hash=adapter.manifest.weights_hash,
        full=full,
        seconds=round(time.perf_counter() - started, 2),
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        loss=loss,
        probes=probes,
    )
    write_json(adapter.path / FILE, found.to_json())
    return found


def _base_figures(
    backend: Backend, sample: Sample, file: "Path", progress: Progress, cancelled: Cancelled
) -> Figures:
    stored = read_json(file) or {}
    known = {key: float(value) for key, value in stored.items() if isinstance(value, float | int)}
    figures = measure(backend.model(), sample, known, progress, cancelled)
    if figures.values.keys() - known.keys():
        write_json(file, known | figures.values)
    return figures
