"""Adapters on the shelf and merged: real files of a real training on the embedded model."""

import json
import shutil
from pathlib import Path

import pytest

from assistant.adapters import get_adapter, list_adapters, verify
from assistant.errors import InputError, RefusedError
from assistant.model_card import card
from assistant.models import open_model
from assistant.paths import Home, data_root
from assistant.schema import Message, Sampling, collect
from assistant.settings import EngineSettings, ModelSettings, Settings, load_settings
from assistant.shelf import delete, export, import_, rename
from tuning import merge as merging
from tuning.merge import merge, shapes_of
from tuning.run import run_recipe
from tuning.schema import load_recipe

QUESTION = [Message("user", "What is the password of the tower?")]


@pytest.fixture
def trained(recipe_file, home: Home, settings: Settings) -> Home:
    recipe = load_recipe(recipe_file(epochs=20))
    run_recipe(
        recipe, home=home, settings=settings, retriever_for=None, progress=lambda _: None, cancelled=lambda: False
    )
    return home


def answer(settings: ModelSettings, adapter=None) -> str:
    backend = open_model(settings, EngineSettings())
    try:
        return collect(backend.model(adapter).stream(QUESTION, Sampling(max_tokens=12))).text
    finally:
        backend.close()


@pytest.fixture
def base() -> tuple[tuple[str, str], dict]:
    backend = open_model(ModelSettings(), EngineSettings())
    try:
        return (backend.base, backend.base_hash), dict(backend.shapes)
    finally:
        backend.close()


def test_a_merged_model_is_the_adapters_and_another_one_is_refused(trained, tmp_path, monkeypatch) -> None:
    adapter = get_adapter(trained, "tower")
    assert adapter.manifest.parity["reload"]["agreement"] == 1.0
    points = merge(adapter, ModelSettings(), tmp_path / "merged")
    assert list(points) == ["merge", "written as float32"]
    for parity in points.values():
        assert parity.passes and parity.agreement == 1.0 and parity.logit_difference < 1e-3 and parity.tokens > 100
    report = json.loads((tmp_path / "merged" / "parity.json").read_text("utf-8"))
    assert report["passes"] and report["adapter"] == "tower"
    assert "written as float32: 100.0 % of" in (tmp_path / "merged" / "README.md").read_text("utf-8")
    noted = get_adapter(trained, "tower")
    verify(noted)
    assert noted.manifest.parity == adapter.manifest.parity | report["points"]
    whole = answer(ModelSettings(name=str(tmp_path / "merged")))
    assert whole == answer(ModelSettings(), adapter) != answer(ModelSettings())
    with pytest.raises(InputError, match="exists"):
        merge(adapter, ModelSettings(), tmp_path / "merged")

    monkeypatch.setattr(merging, "_write", lambda whole, source, folder, dtype: shutil.copytree(source, folder))
    with pytest.raises(RefusedError, match="'tower' is another model after 'written as bfloat16'"):
        merge(adapter, ModelSettings(), tmp_path / "other", dtype="bfloat16")
    assert not (tmp_path / "other").exists() and not list(tmp_path.glob(".other*"))
    forced = merge(adapter, ModelSettings(), tmp_path / "other", dtype="bfloat16", force=True)
    assert forced["merge"].passes and not forced["written as bfloat16"].passes
    assert not json.loads((tmp_path / "other" / "parity.json").read_text("utf-8"))["passes"]
    assert "ANOTHER MODEL" in (tmp_path / "other" / "README.md").read_text("utf-8")
    export(trained, "tower", tmp_path / "itself")  # the adapter itself is what it was


def test_half_precision_is_measured_too(trained, tmp_path) -> None:
    points = merge(get_adapter(trained, "tower"), ModelSettings(), tmp_path / "half", dtype="bfloat16", force=True)
    exact, rounded = points["merge"], points["written as bfloat16"]
    assert exact.logit_difference < 1e-3 < rounded.logit_difference and rounded.agreement > 0.9


def test_an_adapter_that_was_another_one_after_reload_leaves_only_by_force(trained: Home, tmp_path: Path) -> None:
    path = trained.adapters / "tower" / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    reload = {"agreement": 0.5, "logit_difference": 3.0, "tokens": 100, "passes": False}
    path.write_text(json.dumps(manifest | {"parity": {"reload": reload}}), "utf-8")
    with pytest.raises(RefusedError, match=r"another model after 'reload': 50\.0 % of next tokens agree"):
        export(trained, "tower", tmp_path / "out")
    with pytest.raises(RefusedError, match="after 'reload'"):
        merge(get_adapter(trained, "tower"), ModelSettings(), tmp_path / "merged")
    assert not list(tmp_path.glob("*out*")) and not list(tmp_path.glob("*merged*"))
    folder = export(trained, "tower", tmp_path / "out", force=True)
    assert "reload: 50.0 % of 100, 3, ANOTHER MODEL" in (folder / "README.md").read_text("utf-8")


def test_out_and_in_again_is_the_same_adapter(trained: Home, base, tmp_path: Path) -> None:
    before = get_adapter(trained, "tower").manifest
    folder = export(trained, "tower", tmp_path / "out" / "tower")
    assert json.loads((folder / "adapter_config.json").read_text("utf-8"))["base_model_name_or_path"] == "embedded"
    card_text = (folder / "README.md").read_text("utf-8")
    assert before.weights_hash in card_text and "기반 모델의 라이선스" in card_text and "](curve.svg)" in card_text
    steps = [step for step, _ in before.curve["loss"]]
    assert steps == list(range(1, 21)) and (folder / "curve.svg").read_text("utf-8").count("<polyline") == 1
    with pytest.raises(InputError, match="exists"):
        export(trained, "tower", folder)
    made = import_(trained, folder, "again", *base)
    assert made.manifest.weights_hash == before.weights_hash and made.manifest.data_hash == before.data_hash
    assert answer(ModelSettings(), made) == answer(ModelSettings(), get_adapter(trained, "tower"))
    with pytest.raises(InputError, match="exists"):
        import_(trained, folder, "again", *base)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["params"]["run"]["retrieval"] = {"k": 0}
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(InputError, match=r"again2\.k: expected at least 1 passage"):
        import_(trained, folder, "again2", *base)
    assert not list(trained.adapters.glob(".incoming*"))


def test_a_foreign_lora_is_checked_against_the_base(trained: Home, base, tmp_path: Path) -> None:
    folder = export(trained, "tower", tmp_path / "foreign")
    (folder / "manifest.json").unlink()
    (folder / "run_me.py").write_text("raise SystemExit")
    made = import_(trained, folder, "", *base)
    assert made.name == "foreign" and made.manifest.method == "imported"
    assert not (made.path / "run_me.py").exists() and "imported" in card(made, "en")
    name, shapes = base
    other = {key: (shape[0] + 1, *shape[1:]) for key, shape in shapes.items()}
    with pytest.raises(InputError):
        import_(trained, folder, "other", name, other)
    (folder / "adapter_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(RefusedError, match="only safetensors"):
        import_(trained, folder, "pickled", *base)
    with pytest.raises(InputError, match="no adapter folder"):
        import_(trained, tmp_path / "nothing", "", *base)
    assert {adapter.name for adapter in list_adapters(trained)} == {"tower", "foreign"}


def test_rename_and_delete(trained: Home) -> None:
    weights = get_adapter(trained, "tower").manifest.weights_hash
    assert rename(trained, "tower", "keep").manifest.weights_hash == weights
    assert [adapter.name for adapter in list_adapters(trained)] == ["keep"]
    with pytest.raises(InputError, match="no adapter 'tower'"):
        rename(trained, "tower", "other")
    with pytest.raises(InputError, match="exists"):
        rename(trained, "keep", "keep")
    with pytest.raises(InputError, match="cannot name an adapter"):
        rename(trained, "keep", "../up")
    delete(trained, "keep")
    assert list_adapters(trained) == [] and list(trained.adapters.iterdir()) == []


def test_shapes_are_those_of_the_served_model(base) -> None:
    from assistant.models.local import load_weights

    model = load_weights(data_root() / "models" / "embedded", load_settings(None).model)
    shapes = shapes_of(model)
    assert {key: shapes[key] for key in base[1]} == base[1]
