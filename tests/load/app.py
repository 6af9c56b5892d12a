"""The app as a process of its own, which can be killed, started again on the same folder, and watched."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 120


class App:
    """``joyul serve`` on a state folder of its own.

    Args:
        folder: where home and log go.
        options: more ``--set`` values, e.g. ``model.base_url=...``.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self.home = folder / "home"
        self.log = folder / "server.log"
        self._options = [part for option in options for part in ("--set", option)]
        self.port = 0
        self.url = ""

    def start(self) -> float:
        """Start the process; return the seconds until it was ready."""
        begun = time.monotonic()
        kept = {key: value for key, value in os.environ.items() if not key.startswith("JOYUL_")}
        command = [sys.executable, "-m", "assistant", "serve", "--home", str(self.home), "--port", str(self.port)]
        with self.log.open("a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [*command, "--json", *self._options], stdout=subprocess.PIPE, stderr=log, text=True, env=kept, cwd=ROOT
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(self.log.read_text(encoding="utf-8")[-2000:])
        self.url = str(json.loads(line)["url"])
        self.port = int(self.url.rsplit(":", 1)[1])
        return time.monotonic() - begun

    def kill(self) -> None:
        """End the process as a power cut would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to end; return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def figures(self) -> dict[str, float]:
        """Return memory (MB), open files, threads and processor seconds of the process."""
        seen = psutil.Process(self.process.pid)
        spent = seen.cpu_times()
        return {
            "memory_mb": seen.memory_info().rss / 1e6,
            "files": seen.num_fds(),
            "threads": seen.num_threads(),
            "processor": spent.user + spent.system,
        }

    def complaints(self) -> list[str]:
        """Return what must not be in any log: tracebacks."""
        logs = [self.log, *self.home.glob("logs/*"), *self.home.glob("*.log*")]
        text = "".join(path.read_text(encoding="utf-8", errors="replace") for path in logs if path.is_file())
        return text.split("Traceback (most recent call last)")[1:]
