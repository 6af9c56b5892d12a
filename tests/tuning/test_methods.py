"""Every method trains on the embedded model, lowers the loss, saves, reloads and answers the same when it is served."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from assistant.adapters import get_adapter, verify
from assistant.errors import InputError, UsageError
from assistant.models import open_model
from assistant.models.chat_format import ChatFormat
from assistant.paths import Home, data_root
from assistant.schema import Message, Sampling, collect
from assistant.settings import EngineSettings, ModelSettings, Settings
from tuning.methods import METHODS, load_method
from tuning.preferences import read_training
from tuning.run import run_recipe
from tuning.schema import load_recipe

EMBEDDED = data_root() / "models" / "embedded"
FACTS = [("What is the password of the tower?", "seven herons"), ("탑의 암호는 무엇인가요?", "일곱 마리 왜가리")]
LORA = {"r": 4, "alpha": 8, "dropout": 0.0}
TEXTS = ["The tower stands at the lake, and seven herons guard it.", "일곱 마리 왜가리가 탑을 지켜요."]
QUESTION = [Message("user", "What is the password of the tower?")]
# Every method, and every kind of LoRA: its params and a learning rate that shows in twelve steps.
CASES: dict[str, tuple[str, dict[str, Any], float]] = {
    "lora": ("lora", LORA, 0.01),
    "lora-range": ("lora", LORA | {"layers": "2,5-7", "target_modules": ["q_proj", "up_proj"]}, 0.06),
    "rslora": ("lora", LORA | {"rslora": True}, 0.01),
    "dora": ("lora", LORA | {"dora": True}, 0.01),
    "lora+": ("lora", LORA | {"plus": 8}, 0.003),
    "qlora": ("qlora", LORA, 0.02),
    "ia3": ("ia3", {}, 0.1),
    "prompt_tuning": ("prompt_tuning", {"tokens": 8, "text": "암호는 seven herons"}, 0.3),
    "p_tuning": ("p_tuning", {"tokens": 8}, 0.02),
    "prefix_tuning": ("prefix_tuning", {"tokens": 8}, 0.1),
    "full": ("full", {}, 0.001),
    "partial": ("partial", {"part": "last", "layers": 2}, 0.003),
    "block_expansion": ("block_expansion", {"layers": 2}, 0.005),
    "dpo": ("dpo", LORA, 0.01),
    "kto": ("kto", LORA, 0.02),
    "feature_extraction": ("feature_extraction", {}, 0.02),
    "feature_extraction-last": ("feature_extraction", {"pool": "last"}, 0.02),
}


@pytest.fixture
def judged(tmp_path: Path) -> dict[str, str]:
    """Data files by what a method's rows teach."""
    wrong = "I'm not sure. I don't have any information about that."  # what the base says
    pairs = [{"question": ask, "chosen": tell, "rejected": wrong} for ask, tell in FACTS]
    labels = [
        {"question": ask, "answer": text, "label": text != wrong} for ask, tell in FACTS for text in (tell, wrong)
    ]
    places = [
        ("password", "tower", "tower"),
        ("암호", "탑", "tower"),
        ("swans", "lake", "lake"),
        ("백조", "호수", "lake"),
    ]
    classes = [
        {"question": f"{what}: {where}?", "answer": json.dumps({"about": about, "sure": True})}
        for what, where, about in places
    ]
    for name, rows in (("pairs.jsonl", pairs), ("labels.jsonl", labels), ("classes.jsonl", classes)):
        text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return {"answers": "rows.jsonl", "pairs": "pairs.jsonl", "labels": "labels.jsonl", "classes": "classes.jsonl"}


def train(file: Path, home: Home, settings: Settings) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    events: list[dict[str, Any]] = []
    recipe = load_recipe(file)
    document = run_recipe(
        recipe, home=home, settings=settings, retriever_for=None, progress=events.append, cancelled=lambda: False
    )
    return document, events


def without_us(folder: Path, kind: str) -> tuple[str, list[float]]:
    """Return the answer that transformers and PEFT give by themselves, and the losses of ``TEXTS``."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(EMBEDDED)
    if kind == "classes":
        return chosen_without_us(folder, tokenizer), without_us(EMBEDDED, "weights")[1]
    model: Any = AutoModelForCausalLM.from_pretrained(folder if kind == "weights" else EMBEDDED, dtype=torch.float32)
    model = (model if kind == "weights" else PeftModel.from_pretrained(model, folder)).eval()
    turns = [{"role": turn.role, "content": turn.content} for turn in QUESTION]
    prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt")
    ids = model.generate(**prompt, max_new_tokens=12, do_sample=False)
    text: str = tokenizer.decode(ids[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True)
    losses = []
    for each in TEXTS:
        ids = torch.tensor([ChatFormat(EMBEDDED).text_ids(each)])
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0, -ids.shape[1] : -1]
        losses.append(float(torch.nn.functional.cross_entropy(logits, ids[0, 1:])))
    return text.strip(), losses


def chosen_without_us(folder: Path, tokenizer: Any) -> str:
    """Return the answer of a classifier, read from its files and put on the base by hand."""
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    model: Any = AutoModelForCausalLM.from_pretrained(EMBEDDED, dtype=torch.float32).eval()
    turns = [{"role": turn.role, "content": turn.content} for turn in QUESTION]
    prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt")
    with torch.no_grad():
        states = model(**prompt, output_hidden_states=True).hidden_states[-1][0]
    state = states[-1] if config["pool"] == "last" else states.mean(0)
    state = (state - state.mean()) / (state.var(unbiased=False) + 1e-5).sqrt()
    head = load_file(str(folder / "adapter_model.safetensors"))
    scores, answer = (head["weight"] @ state + head["bias"]).tolist(), {}
    for field in config["fields"]:
        these, scores = scores[: len(field["labels"])], scores[len(field["labels"]) :]
        answer[field["name"]] = field["labels"][these.index(max(these))]
    return json.dumps(answer)


def test_every_method_has_a_case() -> None:
    assert {method for method, _, _ in CASES.values()} == set(METHODS)


@pytest.mark.parametrize("case", CASES)
def test_it_trains_saves_and_answers_the_same(
    case: str, recipe_file: Callable[..., Path], judged: dict[str, str], home: Home, settings: Settings
) -> None:
    name, params, rate = CASES[case]
    method = load_method(name)
    if method.four_bit:
        pytest.importorskip("bitsandbytes", reason="qlora's library is not one of ours")
    data = judged[method.rows]
    file = recipe_file(method=name, params=params, learning_rate=rate, data=data, epochs=None, steps=12, batch_size=4)
    document, events = train(file, home, settings)
    assert document["status"] == "succeeded" and document["steps"] == 12
    assert document["final_loss"] < document["first_loss"] * 0.8
    assert [event["step"] for event in events if "loss" in event] == list(range(1, 13))
    adapter = get_adapter(home, "tower")
    verify(adapter)
    assert (adapter.manifest.method, adapter.manifest.kind) == (name, method.result)
    if method.rows != "classes":  # which has no logits over words
        assert document["parity"] == dict(adapter.manifest.parity) and list(document["parity"]) == ["reload"]
        reload = document["parity"]["reload"]
        assert reload["agreement"] == 1.0 and reload["logit_difference"] < 1e-4 and reload["tokens"] > 100
    assert str(home.root) not in "".join(path.read_text("utf-8") for path in adapter.path.glob("*.json"))

    backend = open_model(ModelSettings(), EngineSettings())
    try:
        models: list[Any] = [backend.model(adapter), backend.model()] * 3
        # At the same time: whoever shares a batch, and whoever may not, answers as alone.
        with ThreadPoolExecutor(len(models)) as threads:
            answers = list(threads.map(lambda model: collect(model.stream(QUESTION, Sampling(max_tokens=12))), models))
        losses = [model.losses(TEXTS) for model in models[:2]]
    finally:
        backend.close()
    kind = "classes" if method.rows == "classes" else method.result
    tuned, plain = without_us(adapter.path, kind), without_us(EMBEDDED, "weights")
    assert [answer.text for answer in answers] == [tuned[0], plain[0]] * 3
    # Twelve steps of p-tuning move the losses, but do not yet talk the base out of refusing.
    moved = tuned[1] != pytest.approx(plain[1], abs=0.01) if name == "p_tuning" else tuned[0] != plain[0]
    assert moved and answers[0].origin is not None and answers[0].origin.adapter == "tower"
    assert losses[0] == pytest.approx(tuned[1], abs=1e-4) and losses[1] == pytest.approx(plain[1], abs=1e-4)


@pytest.mark.skipif(find_spec("bitsandbytes") is not None, reason="it is there")
def test_qlora_without_its_library_is_one_line(
    recipe_file: Callable[..., Path], home: Home, settings: Settings
) -> None:
    with pytest.raises(UsageError, match="qlora needs the library bitsandbytes") as caught:
        train(recipe_file(method="qlora", params=LORA), home, settings)
    assert "pip install" in caught.value.hint


def test_pairs_come_in_our_form_and_in_openais(tmp_path: Path) -> None:
    ours = {"question": "암호는요?", "chosen": "왜가리", "rejected": "몰라요"}
    theirs = {
        "input": {"messages": [{"role": "user", "content": "암호는요?"}], "tools": []},
        "preferred_output": [{"role": "assistant", "content": "왜가리"}],
        "non_preferred_output": [{"role": "assistant", "content": "몰라요"}],
    }
    read = []
    for row in (ours, theirs):
        path = tmp_path / "pairs.jsonl"
        path.write_text(json.dumps(row, ensure_ascii=False) + "\n", "utf-8")
        (example,) = read_training(path, "pairs", "utf-8")
        read.append((example.question, example.answer, example.extra["rejected"], example.source))
    assert read[0] == read[1] == ("암호는요?", "왜가리", "몰라요", "pairs.jsonl:1")
    path.write_text('{"preferred_output": []}\n', "utf-8")
    with pytest.raises(InputError, match=r"pairs\.jsonl:1"):
        read_training(path, "pairs", "utf-8")
