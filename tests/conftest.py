"""Fixtures that every test may use: a temporary state folder and what opens on it."""

import json
import logging
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from assistant.paths import Home
from assistant.settings import ModelSettings, RetrievalSettings, Settings

hypothesis.settings.register_profile("thorough", max_examples=1000, deadline=None)  # make roundtrips
if "PYTEST_XDIST_WORKER" in os.environ:  # the cores are shared out already, and threads that spin steal them
    os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}

if TYPE_CHECKING:
    from assistant.models import Backend
    from assistant.services import Services


def pytest_configure() -> None:
    """Hear Ctrl+C again: a run in the background ignores it, and all that its tests start would inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def no_person_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test sees the settings, or touches the state folder, of the person who runs it."""
    for name in [name for name in os.environ if name.startswith("JOYUL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("JOYUL_HOME", str(tmp_path_factory.getbasetemp() / "state-of-nobody"))


@pytest.fixture(autouse=True)
def plain_logging() -> Iterator[None]:
    """Give the loggers back that a command line run in this process has sent to its log file."""
    yield
    from assistant.logs import LOGGER, PARTS

    for handler in list(LOGGER.handlers):
        for part in PARTS:
            logging.getLogger(part).removeHandler(handler)
        handler.close()
    for part in PARTS:
        logging.getLogger(part).propagate = True


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return an empty state folder."""
    return Home(tmp_path / "home").create()


@pytest.fixture
def settings(home: Home) -> Settings:
    """Return settings for ``home``: the scripted model and the hashing embedder, so nothing heavy is loaded."""
    return Settings(
        home=home.root, model=ModelSettings(name="scripted"), retrieval=RetrievalSettings(embedder="hashing")
    )


@pytest.fixture(scope="session")
def demo_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a state folder with the demo installed (hashing embedder), made once; copy it, never change it."""
    from assistant.services import Services

    root = tmp_path_factory.mktemp("demo") / "home"
    light = RetrievalSettings(embedder="hashing")
    Services.open(Settings(home=root, model=ModelSettings(name="scripted"), retrieval=light)).close()
    return root


@pytest.fixture
def demo_home(demo_template: Path, tmp_path: Path) -> Home:
    """Return a state folder of the test's own with the demo in it."""
    return Home(Path(shutil.copytree(demo_template, tmp_path / "home", dirs_exist_ok=True)))


@pytest.fixture
def services(demo_home: Home, settings: Settings) -> Iterator["Services"]:
    """Return the opened state folder with the demo in it."""
    from assistant.services import Services

    opened = Services.open(settings)
    yield opened
    opened.close()


@pytest.fixture
def long_suite(tmp_path: Path) -> Path:
    """Return an evaluation that is not over before somebody can stop it."""
    rows = [
        {"question": f"Where is car park number {n}?", "reference": ["here"], "group": str(n), "language": "en"}
        for n in range(3000)
    ]
    (tmp_path / "items.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    file = tmp_path / "long.yaml"
    file.write_text("suite: long\nitems: items.jsonl\nvariants: {zero-shot: , rag: }\n", encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def embedded() -> Iterator["Backend"]:
    """Return the embedded model, opened once."""
    from assistant.models import open_model
    from assistant.settings import EngineSettings

    backend = open_model(ModelSettings(), EngineSettings())
    yield backend
    backend.close()
