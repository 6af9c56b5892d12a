"""Fixtures that every test may use: a temporary state folder and what opens on it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.paths import Home
from assistant.settings import ModelSettings, RetrievalSettings, Settings


@pytest.fixture(autouse=True)
def no_person_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test sees the settings, or touches the state folder, of the person who runs it."""
    for name in [name for name in os.environ if name.startswith("JOYUL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("JOYUL_HOME", str(tmp_path_factory.getbasetemp() / "state-of-nobody"))


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


@pytest.fixture
def services(settings: Settings) -> Iterator[object]:
    """Return the opened state folder with the demo in it."""
    from assistant.services import Services

    opened = Services.open(settings)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def embedded() -> Iterator[object]:
    """Return the embedded model, opened once."""
    from assistant.models import open_model
    from assistant.settings import EngineSettings

    backend = open_model(ModelSettings(), EngineSettings())
    yield backend
    backend.close()
