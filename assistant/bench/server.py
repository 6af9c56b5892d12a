"""A real ``joyul serve`` in a child process, for benchmarks that need one."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from assistant.errors import UnavailableError
from assistant.paths import Home

PATIENCE_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running app: where it listens, its process id, and the seconds from start to ready."""

    url: str
    pid: int
    seconds: float


@contextmanager
def serving(home: Path, *flags: str) -> Iterator[Server]:
    """Start the app on a free port and stop it again.

    Raises:
        UnavailableError: it was not ready within three minutes.
    """
    started = time.perf_counter()
    command = [sys.executable, "-m", "assistant", "--home", str(home), "serve", "--port", "0", *flags]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = _ready(Home(home), child, started)
        yield Server(url, child.pid, time.perf_counter() - started)
    finally:
        child.terminate()
        child.wait(30)


def _ready(home: Home, child: "subprocess.Popen[bytes]", started: float) -> str:
    while time.perf_counter() - started < PATIENCE_SECONDS and child.poll() is None:
        try:
            owner = json.loads(home.owner.read_text(encoding="utf-8"))
            if owner["pid"] == child.pid and httpx.get(f"{owner['address']}/health", timeout=1).is_success:
                return str(owner["address"])
        except (OSError, ValueError, KeyError, httpx.HTTPError):
            pass
        time.sleep(0.02)
    raise UnavailableError("the app did not start for the benchmark", f"look into {home.log}")
