"""The demo comes once, gives way to a newer one, and never undoes what a person did."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from assistant import demo
from assistant.adapters import Adapter, list_adapters, read_manifest
from assistant.errors import UsageError
from assistant.paths import Home, data_root
from assistant.retrieval.library import Library
from assistant.settings import Settings
from assistant.store import Store
from assistant.variant_files import as_trained


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a small copy of the shipped data that a test may change."""
    shipped, copy = data_root() / "demo", tmp_path / "data" / "demo"
    shutil.copytree(shipped / "adapters", copy / "adapters")
    (copy / "documents").mkdir()
    (copy / "documents" / "a.md").write_text("# 요금\n\n입장료는 없어요.\n", encoding="utf-8")
    (copy / "triage").mkdir()
    row = {"id": "t-1", "language": "ko", "question": "카드를 잃어버렸어요", "answer": "{}"}
    (copy / "triage" / "train.jsonl").write_text(json.dumps(row, ensure_ascii=False), encoding="utf-8")
    monkeypatch.setattr(demo, "data_root", lambda: copy.parent)
    return copy


@pytest.fixture
def library(home: Home, settings: Settings):
    store = Store(home.database)
    opened = Library(home, store, settings.retrieval)
    yield opened
    opened.close()
    store.close()


def newer(source: Path, name: str) -> None:
    manifest = source / "adapters" / name / "manifest.json"
    content = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps(content | {"weights_hash": "f" * 64}), encoding="utf-8")


def installed(home: Home) -> dict[str, str]:
    return {adapter.manifest.name: adapter.manifest.weights_hash for adapter in list_adapters(home)}


def test_the_demo_is_installed_once(source: Path, home: Home, library: Library):
    assert demo.install_demo(home, library)
    assert not demo.install_demo(home, library)
    assert [document.name for document in library.documents()] == ["a.md"]
    assert len(library.documents(demo.EXAMPLES)) == 1
    assert set(installed(home)) == {path.name for path in (source / "adapters").iterdir()}


def test_what_a_person_removed_or_replaced_stays_so(source: Path, home: Home, library: Library):
    demo.install_demo(home, library)
    gone, own, plain = sorted(installed(home))[:3]
    shutil.rmtree(home.adapters / gone)
    manifest = home.adapters / own / "manifest.json"
    content = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps(content | {"weights_hash": "a" * 64}), encoding="utf-8")
    for name in (gone, own, plain):
        newer(source, name)
    assert demo.install_demo(home, library)
    now = installed(home)
    assert gone not in now and now[own] == "a" * 64 and now[plain] == "f" * 64


@pytest.mark.parametrize("suite", ["handbook", "triage"])
def test_every_approach_gets_the_same_number_of_trials(suite: str) -> None:
    folder = data_root() / "demo"
    trials = yaml.safe_load((folder / "trials.yaml").read_text("utf-8"))[suite]
    variants = yaml.safe_load((folder / "suites" / f"{suite}.yaml").read_text("utf-8"))["variants"]
    assert trials.keys() == variants.keys() and {len(tried) for tried in trials.values()} == {3}
    for name, tried in trials.items():
        allowed = {"learning_rate", "epochs"} if "adapter" in (variants[name] or {}) else {"system", "shots", "k"}
        assert all(values.keys() <= allowed for values in tried), name
        assert len({str(values) for values in tried}) == len(tried), name


def test_an_adapter_answers_as_it_was_trained() -> None:
    folder = data_root() / "demo" / "adapters" / "triage-rag-tuned"
    adapter = Adapter(read_manifest(folder), folder)
    trained = yaml.safe_load((data_root() / "demo" / "tune" / "triage-rag-tuned.yaml").read_text("utf-8"))
    spec = as_trained(adapter)
    assert (spec.adapter, spec.recipe) == ("triage-rag-tuned", trained["recipe"])
    assert (spec.collection, spec.k) == (trained["retrieval"]["collection"], trained["retrieval"]["k"])
    run = {"retrieval": None, "system": {"ko": "짧게", "en": "Be short"}}
    bare = as_trained(Adapter(replace(adapter.manifest, recipe="", params={"run": run}), folder))
    assert (bare.recipe, bare.collection) == ("zero_shot", "documents") and bare.instruction("ko") == "짧게"
    with pytest.raises(UsageError, match=r"triage-rag-tuned\.k"):
        as_trained(Adapter(replace(adapter.manifest, params={"run": {"retrieval": {"k": "many"}}}), folder))
