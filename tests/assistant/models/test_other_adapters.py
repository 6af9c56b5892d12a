"""IA3, soft prompts and whole models beside LoRA: each answers as PEFT alone does; bad files are refused."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from assistant.adapters import CONFIG, WEIGHTS, Adapter, Manifest, hash_weights, publish
from assistant.errors import InputError, RefusedError, ResourceError
from assistant.models.local import LocalBackend, open_local
from assistant.models.scripted import ScriptedBackend
from assistant.models.whole import Shelf
from assistant.paths import Home, data_root
from assistant.schema import Message, Sampling, collect
from assistant.settings import EngineSettings, ModelSettings

EMBEDDED = data_root() / "models" / "embedded"
ASK = [Message("user", "What can you do for me today?")]
SAMPLING = Sampling(max_tokens=16)


@pytest.fixture(scope="module")
def own() -> Iterator[LocalBackend]:
    opened = open_local(ModelSettings(), EngineSettings())
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def others(
    tmp_path_factory: pytest.TempPathFactory, install_adapter: Callable[..., Adapter], with_adapter: Callable[..., Any]
) -> list[Adapter]:
    """One random adapter of each kind, written by PEFT itself."""
    from peft import IA3Config, PrefixTuningConfig, PromptEncoderConfig, PromptTuningConfig, get_peft_model

    soft: dict[str, Any] = {"num_virtual_tokens": 5, "task_type": "CAUSAL_LM"}
    configs = {
        "ia3": IA3Config(
            target_modules=["k_proj", "v_proj", "down_proj"], feedforward_modules=["down_proj"], task_type="CAUSAL_LM"
        ),
        "prompt": PromptTuningConfig(**soft),
        "encoded": PromptEncoderConfig(encoder_hidden_size=32, **soft),
        "prefix": PrefixTuningConfig(**soft),
    }
    made = []
    for seed, (name, config) in enumerate(configs.items()):
        torch.manual_seed(seed)
        model: Any = get_peft_model(with_adapter(None, fresh=True), config)
        with torch.no_grad():
            for weight in (weight for weight in model.parameters() if weight.requires_grad):
                weight.add_((0.5 if name == "ia3" else 2.0) * torch.randn_like(weight))
        folder = tmp_path_factory.mktemp("staging") / "adapter"
        model.save_pretrained(str(folder))
        made.append(install_adapter(folder, f"other.{name}", EMBEDDED))
    return made


def alone(model: Any, backend: LocalBackend) -> str:
    prompt = torch.tensor([backend.format.encode(ASK)])
    with torch.inference_mode():
        ids = model.generate(
            input_ids=prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=16, do_sample=False
        )
    ids = [token for token in ids[0, prompt.shape[1] :].tolist() if token not in backend.ends]
    return backend.format.decode(ids).strip()


def test_all_kinds_at_once_answer_as_each_alone(
    own: LocalBackend, others: list[Adapter], adapters: list[Adapter], with_adapter: Callable[..., Any]
) -> None:
    # LoRA before and after the others, so that PEFT's layers come under and over what they hook.
    wanted: list[Adapter | None] = [adapters[0], *others, adapters[1], None] * 3
    expected = {adapter.name if adapter else None: alone(with_adapter(adapter), own) for adapter in wanted[:7]}
    models = [own.model(adapter) for adapter in wanted]
    with ThreadPoolExecutor(len(models)) as threads:
        answers = list(threads.map(lambda model: collect(model.stream(ASK, SAMPLING)).text, models))
    for adapter, text in zip(wanted, answers, strict=True):
        assert text == expected[adapter.name if adapter else None], adapter and adapter.name
    assert len(set(expected.values())) >= 3, expected


def test_logits_are_those_of_peft(own: LocalBackend, others: list[Adapter], with_adapter: Callable[..., Any]) -> None:
    ids = torch.tensor([own.format.encode(ASK), own.format.encode(ASK)])
    plain = own.engine.call(lambda: own.engine.bank.forward([None, None], input_ids=ids)).detach()
    for adapter in others:
        key = own.model(adapter)._key  # type: ignore[union-attr]
        with torch.inference_mode():
            wanted = with_adapter(adapter)(ids).logits[:, -ids.shape[1] :]
            got = own.engine.call(lambda key=key: own.engine.bank.forward([key, key], input_ids=ids))
        assert float((got - wanted).abs().max()) < 1e-3, adapter.name
        assert float((got - plain).abs().max()) > 1, adapter.name


def test_a_soft_prompt_takes_its_place_from_the_window(own: LocalBackend, others: list[Adapter]) -> None:
    small = open_local(ModelSettings(window=own.positions), EngineSettings())
    try:
        assert small.model(others[3]).window in (small.window, own.positions - 5)
        assert small.engine.bank.prefix(small.model(others[3])._key) == 5  # type: ignore[union-attr]
    finally:
        small.close()


def test_rows_that_cannot_share_are_never_put_together(own: LocalBackend, others: list[Adapter]) -> None:
    keys = [own.model(adapter)._key for adapter in others]  # type: ignore[union-attr]
    ids = torch.tensor([[5, 6], [7, 8]])
    for key in keys:
        with pytest.raises(RuntimeError, match="share no batch"):
            own.engine.call(lambda key=key: own.engine.bank.forward([None, key], input_ids=ids))


def _other(adapter: Adapter, folder: Path, **config: Any) -> Adapter:
    for name in (CONFIG, WEIGHTS):
        (folder / name).write_bytes((adapter.path / name).read_bytes())
    values = json.loads((folder / CONFIG).read_text("utf-8")) | config
    (folder / CONFIG).write_text(json.dumps(values), "utf-8")
    return Adapter(replace(adapter.manifest, weights_hash=""), folder)


@pytest.mark.parametrize(
    ("which", "config", "words"),
    [
        (0, {"feedforward_modules": ["k_proj"]}, "expected"),
        (0, {"feedforward_modules": 3}, "list of names"),
        (0, {"modules_to_save": ["lm_head"]}, "'modules_to_save' is not supported"),
        (1, {"num_virtual_tokens": 6}, "expected prompt_embeddings (6, 256)"),
        (1, {"num_virtual_tokens": "5"}, "must be a positive number"),
        (2, {"num_transformer_submodules": 2}, "expected prompt_embeddings"),
        (3, {"num_layers": 4, "token_dim": 512}, "this base needs (8, 4, 256)"),
        (3, {"num_attention_heads": 8}, "this base needs (8, 4, 256)"),
    ],
)
def test_files_that_do_not_fit_are_refused(
    which: int, config: dict[str, Any], words: str, own: LocalBackend, others: list[Adapter], tmp_path: Path
) -> None:
    bad = _other(others[which], tmp_path, **config)
    with pytest.raises(InputError) as caught:
        own.model(bad)
    assert words in caught.value.message and "\n" not in caught.value.message


def test_numbers_that_are_none_are_refused(own: LocalBackend, others: list[Adapter], tmp_path: Path) -> None:
    bad = _other(others[1], tmp_path)
    tensors = load_file(tmp_path / WEIGHTS)
    tensors["prompt_embeddings"][0, 0] = float("nan")
    save_file(tensors, tmp_path / WEIGHTS)
    with pytest.raises(InputError, match="NaN or infinity"):
        own.model(bad)


@pytest.fixture
def whole(tmp_path: Path) -> Adapter:
    """The base's own weights as a whole model, one number of them changed."""
    staging = tmp_path / "staging"
    staging.mkdir()
    for name in ("config.json", "generation_config.json"):
        (staging / name).write_bytes((EMBEDDED / name).read_bytes())
    tensors = {name: value for shard in EMBEDDED.glob("*.safetensors") for name, value in load_file(shard).items()}
    tensors["model.norm.weight"] *= 0.5
    save_file(tensors, staging / "model.safetensors", metadata={"format": "pt"})
    manifest = Manifest("whole", "embedded", hash_weights(EMBEDDED), "full", kind="weights")
    return publish(staging, manifest, Home(tmp_path / "home").create())


def test_a_whole_model_stands_beside_its_base(own: LocalBackend, whole: Adapter) -> None:
    before = own.memory_mb()
    texts = ["The library opens at nine."]
    tuned, base = own.model(whole), own.model()
    assert tuned.losses(texts) != base.losses(texts)
    assert own.memory_mb() - before == pytest.approx((whole.path / "model.safetensors").stat().st_size / 1e6, rel=0.05)
    answer = collect(tuned.stream(ASK, SAMPLING))
    assert answer.origin is not None and (answer.origin.base, answer.origin.adapter) == (own.base, "whole")


def test_a_whole_model_that_does_not_fit_is_refused(own: LocalBackend, whole: Adapter) -> None:
    path = whole.path / "config.json"
    config = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(config | {"auto_map": {"AutoModel": "x.Y"}}), "utf-8")
    with pytest.raises(RefusedError, match="code of its own"):
        own.model(whole)
    path.write_text(json.dumps(config), "utf-8")
    tensors = load_file(whole.path / "model.safetensors")
    tensors["model.norm.weight"] = tensors["model.norm.weight"][:-1].clone()
    save_file(tensors, whole.path / "model.safetensors")
    with pytest.raises(InputError, match=r"model.norm expected \(256,\), found \(255,\)"):
        own.model(Adapter(replace(whole.manifest, weights_hash=""), whole.path))
    (whole.path / "model.safetensors").unlink()
    with pytest.raises(InputError):
        own.model(whole)


def test_the_least_recently_used_one_goes_first_and_never_while_it_answers() -> None:
    shelf, opened, closed = Shelf(100), list[str](), list[str]()

    def use(name: str, size: int = 40) -> Any:
        class Backend(ScriptedBackend):
            def close(self) -> None:
                closed.append(name)

        def load() -> Any:
            opened.append(name)
            return Backend()

        return shelf.borrow(name, size, load)

    for name in ("a", "b", "a"):
        with use(name):
            pass
    with use("c"):
        assert (opened, closed, shelf.used) == (["a", "b", "c"], ["b"], 80)
        with use("a"), pytest.raises(ResourceError, match="no room beside 2 that are answering"), use("d"):
            pass
        with use("d"):
            assert closed == ["b", "a"], "c is in use"
    with pytest.raises(ResourceError, match="does not fit into"), use("e", 101):
        pass
    shelf.close()
    assert shelf.used == 0
