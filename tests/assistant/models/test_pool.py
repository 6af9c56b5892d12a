"""Each model is opened once, whoever asks and however often."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from assistant.errors import UnavailableError, UsageError
from assistant.models import open_model
from assistant.models.pool import ModelPool
from assistant.models.scripted import ScriptedBackend
from assistant.schema import Message, Sampling, collect
from assistant.settings import EngineSettings, ModelSettings, Settings


def _settings(home: Path, **models: ModelSettings) -> Settings:
    return Settings(home=home, model=ModelSettings(name="scripted"), models=models)


def test_one_backend_for_all_who_ask(tmp_path: Path) -> None:
    pool = ModelPool(
        _settings(tmp_path, twin=ModelSettings(name="scripted"), small=ModelSettings(name="scripted", window=9))
    )
    with ThreadPoolExecutor(8) as threads:
        backends = set(threads.map(lambda _: id(pool.get()), range(32)))
    assert len(backends) == 1
    assert pool.get("twin") is pool.get()
    assert pool.get("small") is not pool.get()
    assert pool.get("small").window == 9
    with pytest.raises(UsageError, match="no model 'other'"):
        pool.get("other")
    first = pool.get()
    pool.close()
    assert pool.get() is not first


def test_a_model_that_fails_to_open_is_tried_again(tmp_path: Path) -> None:
    pool = ModelPool(_settings(tmp_path, gone=ModelSettings(name="./nowhere")))
    for _ in range(2):
        with pytest.raises(UnavailableError, match="model folder not found"):
            pool.get("gone")


def open_outside(settings: ModelSettings, engine: EngineSettings) -> ScriptedBackend:
    return ScriptedBackend(rules=[("ping", "pong")])


def test_a_dotted_name_is_a_backend_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "outside_backend", sys.modules[__name__])
    backend = open_model(ModelSettings(name="outside_backend:open_outside"), EngineSettings())
    assert collect(backend.model().stream([Message("user", "ping?")], Sampling())).text == "pong"
    with pytest.raises(UsageError, match="cannot load"):
        open_model(ModelSettings(name="no.such:thing"), EngineSettings())


def test_the_scripted_model_reads_its_passage(tmp_path: Path) -> None:
    model = ScriptedBackend().model()
    ask = [Message("user", "[1] 방은 3층에 있어요. 승강기를 타세요.\n\n몇 층인가요?")]
    assert collect(model.stream(ask, Sampling())).text == "방은 3층에 있어요."
    assert collect(model.stream(ask, Sampling(stop=("층",)))).text == "방은 3"
    assert collect(model.stream(ask, Sampling(max_tokens=2))).finish == "length"
