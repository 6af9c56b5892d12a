"""What each recipe of ``tuning/configs`` costs and reaches: the figures that stand in their first lines."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tuning.configs
from assistant.bench import Figure
from assistant.paths import Home


def recipes() -> list[Path]:
    """Return the shipped recipes, in order of their names."""
    return sorted(path for folder in tuning.configs.__path__ for path in Path(folder).glob("*.yaml"))


def measure() -> list[Figure]:
    """Return seconds, memory, size and held-out losses of every recipe, each run by a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        home = Home(Path(name) / "home").create()
        return [figure for path in recipes() for figure in _figures(home, path)]


def _figures(home: Home, path: Path) -> Iterator[Figure]:
    """Yield one recipe's figures; one that cannot run here (QLoRA without its library) has none."""
    run = ("run", str(path), "--no-forgetting")
    done = _command(home, *run)
    if done is None:
        return
    rows = list(done.get("grid", [])) or [done | {"values": {}}]
    for row in rows:
        job = row.get("job") or row["id"]
        topic = " ".join([path.stem, *(f"{key} {value}" for key, value in row["values"].items())])
        events = (_command(home, "logs", job) or {"events": []})["events"]
        yield from _of_job(topic, home, row["adapter"], events)


def _of_job(topic: str, home: Home, adapter: str, events: list[dict[str, Any]]) -> Iterator[Figure]:
    losses = [event["validation_loss"] for event in events if "validation_loss" in event]
    times = [event["time"] for event in events if "step" in event]
    memory = [event["memory_mb"] for event in events if "memory_mb" in event]
    size = sum(file.stat().st_size for file in (home.root / "adapters" / adapter).rglob("*.safetensors"))
    if times:
        yield Figure(topic, "training", times[-1] - times[0], "s")
    if memory:
        yield Figure(topic, "peak memory", max(memory), "MB")
    yield Figure(topic, "weights on disk", size / 1e6, "MB")
    if losses:
        yield Figure(topic, "held-out loss, first", losses[0])
        yield Figure(topic, "held-out loss, best", min(losses))


def _command(home: Home, *words: str) -> dict[str, Any] | None:
    """Run ``joyul tune`` on ``home`` and return its document, or None where it refuses."""
    command = [sys.executable, "-m", "assistant", "tune", *words, "--home", str(home.root), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    document: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return None if done.returncode else document
