"""Running ``joyul`` in this process and as a real process of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from assistant.cli.app import run
from assistant.paths import Home

LIGHT = ("--model", "scripted", "--set", "retrieval.embedder=hashing")
ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Outcome:
    """What a command left: exit code and both streams."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value


@pytest.fixture
def joyul(demo_home: Home, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Return a function that runs a command line in this process on a state folder with the demo."""

    def call(*arguments: str, light: bool = True) -> Outcome:
        code = run(["--home", str(demo_home.root), *(LIGHT if light else ()), *arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return Outcome(code, captured.out, captured.err)

    return call


@dataclass(frozen=True)
class Server:
    """A running ``joyul serve``."""

    process: "subprocess.Popen[str]"
    home: Home
    url: str

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(15)


class Processes:
    """Starts ``joyul`` as processes of their own and leaves none behind."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[str]] = []

    def start(self, home: Home, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command."""
        command = [sys.executable, "-m", "assistant", "--home", str(home.root), *arguments]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self._started.append(subprocess.Popen(command, text=True, env=environment, **pipes))
        return self._started[-1]

    def run(self, home: Home, *arguments: str) -> Outcome:
        """Run a command to its end."""
        process = self.start(home, *arguments)
        out, err = process.communicate(timeout=120)
        assert "Traceback" not in out + err
        return Outcome(process.returncode, out, err)

    def serve(self, home: Home, *arguments: str) -> Server:
        """Start the app without its page and wait for the line that says it is ready."""
        process = self.start(home, *LIGHT, "serve", "--port", "0", "--no-page", "--json", *arguments)
        assert process.stdout is not None and process.stderr is not None
        line = process.stdout.readline()
        assert line, process.stderr.read()
        return Server(process, home, json.loads(line)["url"])

    def end(self) -> None:
        """Kill what still runs and close the pipes."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture
def processes() -> Iterator[Processes]:
    """Return a way to start ``joyul`` as a process."""
    started = Processes()
    yield started
    started.end()
