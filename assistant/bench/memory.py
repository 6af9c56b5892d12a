"""Memory of the app at rest, and of each further adapter beside its own size."""

import tempfile
from pathlib import Path

import httpx
import psutil

from assistant.bench import Figure
from assistant.bench.server import serving


def measure() -> list[Figure]:
    """Return the resident memory in MB when ready, and after one answer of each variant (all adapters loaded)."""
    with tempfile.TemporaryDirectory() as home, serving(Path(home)) as server:
        process = psutil.Process(server.pid)
        ready = _megabytes(process)
        names = [row["id"] for row in httpx.get(f"{server.url}/v1/models", timeout=60).json()["data"]]
        for name in names:
            body = {"model": name, "messages": [{"role": "user", "content": "도서관은 몇 시에 여나요?"}]}
            httpx.post(f"{server.url}/v1/chat/completions", json=body, timeout=120).raise_for_status()
        used = _megabytes(process)
    return [
        Figure("memory", "app when ready", ready, "MB"),
        Figure("memory", f"app after an answer from each of {len(names)} variants", used, "MB", ceiling=1536),
    ]


def _megabytes(process: psutil.Process) -> float:
    return float(sum(each.memory_info().rss for each in [process, *process.children(recursive=True)])) / 2**20
