"""Adapters on disk: publishing, finding, and refusing what does not fit."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assistant import adapters as module
from assistant.adapters import (
    CONFIG,
    MANIFEST,
    WEIGHTS,
    Adapter,
    Manifest,
    check_fits,
    get_adapter,
    hash_weights,
    list_adapters,
    publish,
)
from assistant.errors import DamagedError, InputError, JoyulError, RefusedError, ResourceError
from assistant.models.local import LocalBackend
from assistant.paths import Home
from assistant.schema import Message, Sampling, collect


@pytest.fixture
def staging(adapters: list[Adapter], tmp_path: Path) -> Path:
    return shutil.copytree(adapters[0].path, tmp_path / "staging")


@pytest.fixture
def own(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").create()


def _tensors(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    from safetensors.torch import load_file, save_file

    save_file(change(load_file(folder / WEIGHTS)), folder / WEIGHTS)


def _config(folder: Path, **values: Any) -> None:
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**config, **values}))


def _first(tensors: dict[str, Any]) -> str:
    return min(key for key in tensors if "lora_A" in key)


def _cut(path: Path, share: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def _drop(folder: Path) -> None:
    _tensors(folder, lambda found: {key: value for key, value in found.items() if key != _first(found)})


def _extra(folder: Path) -> None:
    _tensors(folder, lambda found: {**found, "base_model.model.other.lora_A.weight": found[_first(found)].clone()})


def _wide(folder: Path) -> None:
    _tensors(folder, lambda found: {**found, _first(found): found[_first(found)].repeat(1, 2)})


def _nan(folder: Path) -> None:
    _tensors(folder, lambda found: {**found, _first(found): found[_first(found)] * float("nan")})


BAD: list[tuple[str, Callable[[Path], Any], type[JoyulError], list[str]]] = [
    ("rank", lambda f: _config(f, r=16), InputError, ["expected (16, ", "found (4, "]),
    ("rank of a module", lambda f: _config(f, rank_pattern={"q_proj": 9}), InputError, ["expected (9, ", "found (4, "]),
    ("target missing", lambda f: _config(f, target_modules=["q_proj"]), InputError, ["unexpected tensors"]),
    ("target unknown", lambda f: _config(f, target_modules=["wq"]), InputError, ["'wq'", "q_proj"]),
    ("vocabulary", lambda f: _config(f, trainable_token_indices=[90000]), InputError, ["90000", "8192"]),
    ("missing tensor", _drop, InputError, ["1 missing", "expected 112, found 111"]),
    ("extra tensor", _extra, InputError, ["1 unexpected", "other"]),
    ("other width", _wide, InputError, ["expected (4, 768)", "found (4, 1536)"]),
    ("not a number", _nan, InputError, ["NaN"]),
    ("cut short", lambda f: _cut(f / WEIGHTS, 0.7), InputError, ["damaged or incomplete"]),
    ("cut in the header", lambda f: _cut(f / WEIGHTS, 0.001), InputError, ["damaged or incomplete"]),
    ("empty weights", lambda f: _cut(f / WEIGHTS, 0), InputError, ["damaged or incomplete"]),
    ("other method", lambda f: _config(f, peft_type="LOHA"), InputError, ["expected peft_type 'LORA'", "LOHA"]),
    ("not JSON", lambda f: (f / CONFIG).write_text("{"), InputError, ["not readable JSON"]),
    ("a list", lambda f: (f / CONFIG).write_text("[]"), InputError, ["expected peft_type"]),
    ("pattern", lambda f: _config(f, target_modules="(a+)+$"), InputError, ["target_modules must be a list"]),
    ("evil pattern", lambda f: _config(f, rank_pattern={"(a+)+$": 4}), InputError, ["rank_pattern"]),
    ("huge rank", lambda f: _config(f, r=10**9), InputError, ["r must be"]),
    ("changed base", lambda f: _config(f, init_lora_weights="pissa"), InputError, ["pissa"]),
    ("bias", lambda f: _config(f, bias="all"), InputError, ["bias"]),
    ("another model", lambda f: _config(f, arrow_config={"x": 1}), InputError, ["'arrow_config' is not supported"]),
    ("pickle beside", lambda f: (f / "optimizer.pt").write_bytes(b"\x80\x04."), RefusedError, ["only safetensors"]),
    ("old weights", lambda f: (f / "adapter_model.bin").write_bytes(b"PK"), RefusedError, ["only safetensors"]),
    ("disguised zip", lambda f: (f / WEIGHTS).write_bytes(b"PK\x03\x04" + bytes(90)), RefusedError, ["only safetens"]),
    ("disguised pickle", lambda f: (f / WEIGHTS).write_bytes(b"\x80\x04\x95" + bytes(90)), RefusedError, ["only safe"]),
    ("link out", lambda f: (f / "x.json").symlink_to("/etc/passwd"), RefusedError, ["x.json"]),
]


@pytest.mark.parametrize(("change", "error", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_what_does_not_fit_never_touches_the_live_model(
    staging: Path,
    backend: LocalBackend,
    adapters: list[Adapter],
    change: Any,
    error: type[JoyulError],
    words: list[str],
) -> None:
    backend.model(adapters[0])
    before = {name: value.clone() for name, value in backend.engine.bank.model.state_dict().items()}
    ask = [Message("user", "안녕하세요")]
    spoken = collect(backend.model(adapters[0]).stream(ask, Sampling(max_tokens=8))).text
    change(staging)
    manifest = replace(adapters[0].manifest, name="bad", weights_hash="")
    with pytest.raises(error) as caught:
        backend.model(Adapter(manifest, staging))
    for word in words:
        assert word in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == (8 if error is RefusedError else 3)
    after = backend.engine.bank.model.state_dict()
    assert after.keys() == before.keys()
    assert all(bool((after[name] == value).all()) for name, value in before.items())
    assert collect(backend.model(adapters[0]).stream(ask, Sampling(max_tokens=8))).text == spoken


def test_an_adapter_for_another_base_is_refused_by_name(backend: LocalBackend, adapters: list[Adapter]) -> None:
    manifest = replace(adapters[0].manifest, base="Qwen/Qwen3-0.6B", base_hash="ab" * 32)
    with pytest.raises(InputError, match=r"'Qwen/Qwen3-0.6B' \(expected abababab, found " + backend.base_hash[:8]):
        backend.model(Adapter(manifest, adapters[0].path))


def test_weights_that_changed_after_training_are_damage(
    backend: LocalBackend, adapters: list[Adapter], staging: Path
) -> None:
    _tensors(staging, lambda found: {key: value + 1 for key, value in found.items()})
    with pytest.raises(DamagedError, match="differ from its manifest"):
        backend.model(Adapter(adapters[0].manifest, staging))


def test_keys_that_name_other_code_are_not_passed_on(
    staging: Path, backend: LocalBackend, adapters: list[Adapter]
) -> None:
    _config(staging, auto_mapping={"base_model_class": "Evil", "parent_library": "evil"}, base_model_name_or_path="/x")
    config = check_fits(Adapter(adapters[0].manifest, staging), backend.base_hash, backend.shapes)
    assert not {"auto_mapping", "base_model_name_or_path", "revision", "runtime_config"} & config.keys()


def test_a_replaced_adapter_is_another_one(
    backend: LocalBackend, make_adapter: Callable[..., Adapter], home: Home, tmp_path: Path
) -> None:
    ask = [Message("user", "Hello")]
    first = make_adapter("twice", seed=31)
    one = backend.model(first)
    text = collect(one.stream(ask, Sampling(max_tokens=12))).text
    other = make_adapter("other", seed=32)
    staging = shutil.copytree(other.path, tmp_path / "again")
    second = publish(staging, replace(other.manifest, name="twice"), home, replace=True)
    assert collect(backend.model(second).stream(ask, Sampling(max_tokens=12))).text != text
    assert collect(one.stream(ask, Sampling(max_tokens=12))).text == text


def test_publishing_is_complete_or_invisible(staging: Path, own: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = Manifest(name="mine", base="embedded", base_hash="0" * 64, method="lora")
    (staging / MANIFEST).unlink()

    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "sync_all", full)
        with pytest.raises(ResourceError, match="No space left"):
            publish(staging, manifest, own)
    assert list_adapters(own) == []
    made = publish(staging, manifest, own)
    assert made.manifest.weights_hash == hash_weights(made.path)
    assert [adapter.name for adapter in list_adapters(own)] == ["mine"]
    assert get_adapter(own, "mine") == made
    assert not staging.exists()


def test_a_taken_name_is_kept_unless_replaced(adapters: list[Adapter], own: Home, tmp_path: Path) -> None:
    manifest = replace(adapters[0].manifest, name="mine")
    publish(shutil.copytree(adapters[0].path, tmp_path / "a"), manifest, own)
    with pytest.raises(InputError, match="exists"):
        publish(shutil.copytree(adapters[1].path, tmp_path / "b"), manifest, own)
    publish(tmp_path / "b", manifest, own, replace=True)
    assert get_adapter(own, "mine").manifest.weights_hash == hash_weights(adapters[1].path)
    assert [path.name for path in own.adapters.iterdir()] == ["mine"]


def test_a_half_adapter_is_not_published(staging: Path, own: Home) -> None:
    (staging / WEIGHTS).unlink()
    with pytest.raises(InputError, match="missing"):
        publish(staging, Manifest(name="mine", base="b", base_hash="h", method="lora"), own)


@pytest.mark.parametrize("name", ["", "../up", "A", "a/b", ".hidden", "a" * 65, "한글", "a\n", "-x", "a\0"])
def test_names_are_never_paths(name: str, own: Home, staging: Path) -> None:
    with pytest.raises(InputError, match="cannot name an adapter"):
        get_adapter(own, name)
    with pytest.raises(InputError, match="cannot name an adapter"):
        publish(staging, Manifest(name=name, base="b", base_hash="h", method="lora"), own)


def test_the_nearest_name_is_suggested(home: Home, adapters: list[Adapter], own: Home) -> None:
    with pytest.raises(InputError) as caught:
        get_adapter(home, "randon.1")
    assert caught.value.hint == "did you mean 'random.1'?"
    with pytest.raises(InputError) as caught:
        get_adapter(own, "any")
    assert "joyul tune run" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not readable JSON"),
        ("[1]", "expected an object, found list"),
        ('{"name": "x"}', "missing base, base_hash, method"),
        ('{"name": "x", "base": "b", "base_hash": "h", "method": 3}', "'method' must be str, found int"),
        ('{"name": "x", "base": "b", "base_hash": "h", "method": "lora", "recip": ""}', "unknown key 'recip'"),
        ('{"name": "other", "base": "b", "base_hash": "h", "method": "lora"}', "manifest is of 'other'"),
        ("[" * 100_000, "not readable JSON"),
    ],
)
def test_a_bad_manifest_is_explained(own: Home, text: str, words: str, adapters: list[Adapter]) -> None:
    shutil.copytree(adapters[0].path, own.adapters / "x")
    (own.adapters / "x" / MANIFEST).write_text(text)
    with pytest.raises(InputError, match=words):
        get_adapter(own, "x")
    assert list_adapters(own) == []
