"""The demo evaluation with its many streams beside one question at a time."""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

from assistant.bench import Figure
from assistant.services import Services
from assistant.settings import load_settings
from eval.runner import STREAMS, run_suite
from eval.schema import Item, Suite
from eval.suite import load_suite

ITEMS = 48
WARM = 12


def measure() -> list[Figure]:
    """Return the seconds of both ways over the same items of the demo's handbook suite, and the speed-up."""
    with tempfile.TemporaryDirectory() as folder:
        services = Services.open(load_settings(overrides={"home": Path(folder)}))
        suite = load_suite(next(path for path in services.suites() if path.stem == "handbook"))
        suite = replace(suite, items=_whole_groups(suite.items))
        # Enough items that statistics and reports have loaded all they need before anything is timed.
        _seconds(services, replace(suite, items=suite.items[:WARM]), Path(folder) / "warm", STREAMS)
        many = _seconds(services, suite, Path(folder) / "many", STREAMS)
        single = _seconds(services, suite, Path(folder) / "single", 1)
        services.close()
    answers = len(suite.items) * len(suite.variants)
    return [
        Figure("evaluation", f"{answers} answers, {STREAMS} streams", many, "s"),
        Figure("evaluation", f"{answers} answers, one at a time", single, "s"),
        Figure("evaluation", "speed-up", single / many, "x", floor=3.0),
    ]


def _whole_groups(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Return about ``ITEMS`` items: whole groups, evenly spread, as close to each other as in the whole suite."""
    groups = list(dict.fromkeys(item.group for item in items))
    chosen = set(groups[:: max(1, len(items) // ITEMS)])
    return tuple(item for item in items if item.group in chosen)


def _seconds(services: Services, suite: Suite, runs: Path, streams: int) -> float:
    runs.mkdir()
    started = time.perf_counter()
    run_suite(suite, variants=services.variants, library=services.library, runs=runs, streams=streams)
    return time.perf_counter() - started
