"""One run: a stub, the app, people, and what was measured meanwhile."""

import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from app import App
from page import Layout
from stub import Stub
from users import Ledger, User, audit

FIGURES_SECONDS = 2.0


class World:
    """The parts of a run."""

    def __init__(self, app: App, stub: Stub, client: httpx.AsyncClient) -> None:
        self.app, self.stub, self.client = app, stub, client
        self.ledger = Ledger()
        self.health: list[float] = []
        self.unhealthy = 0
        self.figures: list[dict[str, float]] = []
        self.server_errors = 0
        self.layout: Layout

    def users(self, count: int, **habits: Any) -> list[User]:
        """Return people who have not begun yet."""
        return [User(number, self.client, self.layout, self.ledger, **habits) for number in range(count)]

    async def watch(self) -> None:
        """Ask for health and look at the process for ever."""
        asking = [sys.executable, str(Path(__file__).with_name("health.py")), f"{self.app.url}/health"]
        looks = await asyncio.create_subprocess_exec(*asking, stdout=asyncio.subprocess.PIPE)
        assert looks.stdout is not None
        looked = 0.0
        try:
            async for line in looks.stdout:
                seconds = float(line)
                if seconds < 0:
                    self.unhealthy += 1
                else:
                    self.health.append(seconds)
                if time.monotonic() - looked > FIGURES_SECONDS:
                    looked = time.monotonic()
                    with suppress(Exception):  # the process may be between two lives
                        self.figures.append(self.app.figures())
        finally:
            looks.kill()
            await looks.wait()

    def report(self) -> dict[str, Any]:
        """Return everything as plain values."""
        half = max(1, len(self.figures) // 4)
        memory = [each["memory_mb"] for each in self.figures] or [0.0]
        spent = [each["processor"] for each in self.figures] or [0.0]
        own = 0.0 if not self.stub.rate else self.stub.tokens / self.stub.rate
        return {
            "acknowledged": len(self.ledger.acknowledged),
            "answered": len(self.ledger.total),
            "refused": len(self.ledger.refused),
            "refusals": sorted({text[:160] for text in self.ledger.refused}),
            "failed": self.ledger.failed[:5],
            "lost_contact": self.ledger.lost_contact,
            "server_errors": self.server_errors,
            "first_token_p50_p95": spread(self.ledger.first),
            "total_p50_p95": spread(self.ledger.total),
            "stub_own_seconds": own,
            "health_p50_p99_ms": [
                round(1000 * each, 1) for each in (share(self.health, 0.5), share(self.health, 0.99))
            ],
            "unhealthy": self.unhealthy,
            "memory_mb_begin_end_growth": [round(memory[0]), round(memory[-1]), round(memory[-1] - memory[half - 1])],
            "files_threads": [[each["files"], each["threads"]] for each in (self.figures[:1] + self.figures[-1:])],
            "processor_seconds": round(max(spent) - spent[0], 1),
            "store": audit(self.app.home / "joyul.sqlite", self.ledger),
            "tracebacks": len(self.app.complaints()),
            "log": str(self.app.log),
        }


def share(values: Sequence[float], part: float) -> float:
    """Return the value under which ``part`` of all lie; 0 for none."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(part * len(ranked)))] if ranked else 0.0


def spread(values: Sequence[float]) -> list[float]:
    """Return median and 95th percentile in seconds."""
    return [round(statistics.median(values), 3), round(share(values, 0.95), 3)] if values else []


@asynccontextmanager
async def world(
    rate: float = 20.0, tokens: int = 100, *options: str, model: str = "", home: Path | None = None
) -> AsyncIterator[World]:
    """Start everything, on a copy of ``home`` if given; at the end nothing is left running."""
    folder = Path(tempfile.mkdtemp(prefix="joyul-load-"))
    if home is not None:
        shutil.copytree(home, folder / "home")
    with Stub(rate, tokens) as stub:
        base = [f"model.name={model}"] if model else ["model.name=stub", f"model.base_url={stub.url}"]
        common = ("retrieval.embedder=hashing", "engine.max_tokens=256", "model.timeout_seconds=20")
        app = App(folder, *base, *common, *options)
        app.start()
        no_limit = httpx.Limits(max_connections=None, max_keepalive_connections=100)
        try:
            async with httpx.AsyncClient(base_url=app.url, limits=no_limit, timeout=90, trust_env=False) as client:
                made = World(app, stub, client)

                async def counted(answer: httpx.Response) -> None:
                    made.server_errors += answer.status_code >= 500

                client.event_hooks["response"].append(counted)
                made.layout = await Layout.read(client)
                watching = asyncio.create_task(made.watch())
                try:
                    yield made
                finally:
                    watching.cancel()
                    await asyncio.gather(watching, return_exceptions=True)
        finally:
            if app.process.poll() is None:
                app.kill()
