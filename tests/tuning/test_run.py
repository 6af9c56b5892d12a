"""Real training on the embedded model: a few steps each, through the whole path."""

import json
import os
import signal
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from assistant.adapters import get_adapter, list_adapters, verify
from assistant.errors import InputError, ResourceError, UsageError
from assistant.jobs.record import jobs_of
from assistant.models import open_model
from assistant.paths import Home, data_root
from assistant.prompts import load_prompt
from assistant.schema import Message, Sampling, collect
from assistant.settings import EngineSettings, ModelSettings, Settings, load_settings
from tuning.run import run_recipe
from tuning.schema import load_recipe

ROOT = Path(__file__).resolve().parents[2]
EMBEDDED = data_root() / "models" / "embedded"


def train(file: Path, home: Home, settings: Settings, cancelled=lambda: False):
    events: list[dict] = []
    document = run_recipe(
        load_recipe(file), home=home, settings=settings, retriever_for=None, progress=events.append, cancelled=cancelled
    )
    return document, events


@pytest.mark.parametrize("method", ["lora"])  # the others: test_methods.py
def test_a_method_lowers_the_loss_saves_and_answers_the_same_after_reload(method, recipe_file, home, settings) -> None:
    replay = {"path": str(data_root() / "replay" / "replay.jsonl"), "ratio": 0.25}
    file = recipe_file(method=method, replay=replay, batch_size=5, epochs=20)
    document, events = train(file, home, settings)
    assert document["status"] == "succeeded" and document["steps"] == 20
    assert document["final_loss"] < document["first_loss"] * 0.8
    assert document["data"]["rows"] == 4 and document["data"]["replay_rows"] == 1
    assert {"seconds", "peak_memory_mb", "tokens_per_second", "adapter", "job"} <= document.keys()

    steps = [event for event in events if "loss" in event]
    assert [event["step"] for event in steps] == list(range(1, 21))
    wanted = {"step", "steps", "loss", "learning_rate", "tokens_per_second", "seconds_left", "memory_mb"}
    assert wanted <= steps[0].keys() and steps[-1]["seconds_left"] == 0
    job = home.jobs / document["job"]
    written = [json.loads(line) for line in (job / "events.jsonl").read_text("utf-8").splitlines()]
    told = [{k: v for k, v in event.items() if k != "time"} for event in written]
    assert [event for event in told if "state" not in event] == events
    assert [event["state"] for event in told if "state" in event] == ["queued", "running", "succeeded"]
    assert json.loads((job / "job.json").read_text("utf-8"))["state"] == "succeeded"
    assert len((job / "rows.jsonl").read_text("utf-8").splitlines()) == 5
    assert not (job / "checkpoints").exists() and not (job / "adapter").exists()

    adapter = get_adapter(home, "tower")
    verify(adapter)
    manifest = adapter.manifest
    assert (manifest.method, manifest.recipe, manifest.seed) == (method, "zero_shot", 0)
    assert manifest.params["prompt_hash"] == load_prompt("zero_shot").hash and manifest.data_hash
    assert manifest.metrics["final_loss"] == document["final_loss"] and manifest.cost["tokens"] > 0
    assert str(ROOT) not in "".join(path.read_text("utf-8") for path in adapter.path.glob("*.json"))

    question = [Message("user", "What is the password of the tower?")]
    backend = open_model(ModelSettings(), EngineSettings())
    try:
        served = collect(backend.model(adapter).stream(question, Sampling(max_tokens=12)))
        plain = collect(backend.model().stream(question, Sampling(max_tokens=12)))
    finally:
        backend.close()
    assert served.text == answer_with_peft(adapter.path, question) != plain.text
    assert served.origin is not None and served.origin.adapter == "tower"


def answer_with_peft(folder: Path, messages: list[Message]) -> str:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(EMBEDDED)
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(EMBEDDED, dtype=torch.float32), folder)
    turns = [{"role": turn.role, "content": turn.content} for turn in messages]
    prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt")
    ids = model.eval().generate(**prompt, max_new_tokens=12, do_sample=False)
    text: str = tokenizer.decode(ids[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True)
    return text.strip()


def test_the_first_loss_is_the_base_models_own_on_the_answers_alone(recipe_file, rows, home, settings) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    document, _ = train(recipe_file(epochs=1, precision="float32"), home, settings)
    tokenizer = AutoTokenizer.from_pretrained(EMBEDDED)
    model = AutoModelForCausalLM.from_pretrained(EMBEDDED, dtype=torch.float32).eval()
    losses = []
    for line in rows.read_text("utf-8").splitlines():
        row = json.loads(line)
        turns = [{"role": "user", "content": row["question"]}, {"role": "assistant", "content": row["answer"]}]
        encoded = tokenizer.apply_chat_template(turns, return_dict=True, return_assistant_tokens_mask=True)
        ids, mask = torch.tensor([encoded["input_ids"]]), torch.tensor(encoded["assistant_masks"], dtype=torch.bool)
        with torch.no_grad():
            scores = model(input_ids=ids).logits[0, :-1]
        losses.append(torch.nn.functional.cross_entropy(scores, ids[0, 1:], reduction="none")[mask[1:]])
    assert document["first_loss"] == pytest.approx(float(torch.cat(losses).mean()), abs=2e-3)


def test_the_same_recipe_gives_the_same_weights_and_replaces_its_adapter(recipe_file, home, settings) -> None:
    file = recipe_file(epochs=2, validation="rows.jsonl", params={"r": 2, "dropout": 0.1, "target_modules": ["q_proj"]})
    first, events = train(file, home, settings)
    before = get_adapter(home, "tower").manifest
    second, _ = train(file, home, settings)
    after = get_adapter(home, "tower").manifest
    assert before.weights_hash == after.weights_hash and before.data_hash == after.data_hash
    assert first["final_loss"] == second["final_loss"] and first["job"] != second["job"]
    assert first["validation_loss"] == before.metrics["validation_loss"] > 0
    assert [event["step"] for event in events if "validation_loss" in event and "status" not in event] == [1, 2]


def test_cancel_stops_after_the_step_and_installs_nothing(recipe_file, home, settings) -> None:
    asked: list[int] = []
    document, events = train(recipe_file(), home, settings, lambda: (asked.append(1), len(asked) > 3)[1])
    assert document["status"] == "cancelled"
    assert events[-1]["status"] == "cancelled" and 1 <= events[-2]["step"] < 6
    assert list_adapters(home) == [] and not (home.jobs / document["job"] / "adapter").exists()


def job_of(home: Home) -> dict:
    (job,) = jobs_of(home)
    assert not (job.path / "adapter").exists()
    return job.read().to_json()


def test_an_exploding_loss_stops_with_step_and_rows(recipe_file, home, settings) -> None:
    with pytest.raises(InputError, match=r"training stopped at step \d+: the loss .*rows\.jsonl:\d") as caught:
        train(recipe_file(learning_rate=1, epochs=60, params={"r": 16, "alpha": 1000}), home, settings)
    assert "lower learning_rate (now 1)" in caught.value.hint and caught.value.details["rows"]
    assert list_adapters(home) == []
    job = job_of(home)
    assert job["state"] == "failed" and "step" in job["error"]


def test_a_loss_that_is_no_number_stops_at_once(recipe_file, home, settings, tmp_path) -> None:
    broken = tmp_path / "base"
    broken.mkdir()
    for path in EMBEDDED.iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    for shard in broken.glob("*.safetensors"):
        weights = load_file(shard)
        if "model.norm.weight" in weights:
            weights["model.norm.weight"][0] = float("nan")
            save_file(weights, shard, metadata={"format": "pt"})
    poisoned = load_settings(None, {"home": str(home.root), "model.name": str(broken)})
    with pytest.raises(InputError, match="stopped at step 1: the loss is not a number"):
        train(recipe_file(), home, poisoned)
    assert list_adapters(home) == []


@pytest.mark.parametrize(
    ("changes", "error", "said", "mend"),
    [
        (
            {"params": {"target_modules": ["q_prj", "up_proj"]}},
            UsageError,
            "no 'q_prj'",
            "down_proj, gate_proj, k_proj",
        ),
        ({"params": {"target_modules": ["lm_head"]}}, UsageError, "no 'lm_head'", "v_proj"),
        ({"data": "none.jsonl"}, InputError, "no data file", "relative to the recipe"),
        ({"data": "empty.jsonl"}, InputError, "has no rows", "one JSON object a line"),
        ({"data": "bad.jsonl"}, InputError, "bad.jsonl:1: not JSON", "mend bad.jsonl"),
        ({"data": "unanswered.jsonl"}, InputError, "answer: missing", "mend"),
        ({"max_length": 1}, InputError, "no token is left to learn", "max_length"),
        ({"model": "other"}, UsageError, "no model 'other'", "joyul.yaml"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_adapter(changes, error, said, mend, recipe_file, home, settings, tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "bad.jsonl").write_text('{"question": \n')
    (tmp_path / "unanswered.jsonl").write_text('{"question": "why?"}\n')
    with pytest.raises(error) as caught:
        train(recipe_file(**changes), home, settings)
    assert said in caught.value.message and mend in caught.value.hint
    assert "\n" not in caught.value.message
    assert list_adapters(home) == [] and job_of(home)["state"] == "failed"


def test_a_server_cannot_be_trained(recipe_file, home, tmp_path) -> None:
    remote = load_settings(None, {"home": str(home.root), "model.base_url": "http://127.0.0.1:9/v1"})
    with pytest.raises(UsageError, match="cannot be trained here"):
        train(recipe_file(), home, remote)


def test_a_full_disk_refuses_before_the_start(recipe_file, home, settings, monkeypatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**9, 10**9 - 10**6, 10**6))
    with pytest.raises(ResourceError, match="disk full: training needs about"):
        train(recipe_file(), home, settings)
    assert list(home.jobs.iterdir()) == []


def test_an_adapter_of_that_name_for_another_base_stays(recipe_file, home, settings) -> None:
    train(recipe_file(epochs=1), home, settings)
    path = home.adapters / "tower" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"base": "big@1", "base_hash": "1" * 64}), "utf-8")
    with pytest.raises(InputError, match="exists for another base"):
        train(recipe_file(epochs=1), home, settings)
    assert get_adapter(home, "tower").manifest.base == "big@1"


CHILD = """
import json, sys
from pathlib import Path
from assistant.paths import Home
from assistant.settings import load_settings
from tuning.run import run_recipe
from tuning.schema import load_recipe
home = Home(Path(sys.argv[2])).create()
run_recipe(load_recipe(Path(sys.argv[1])), home=home, settings=load_settings(None, {"home": sys.argv[2]}),
           retriever_for=None, progress=lambda event: print(json.dumps(event), flush=True), cancelled=lambda: False)
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143)])
def test_a_run_that_is_killed_leaves_no_adapter(number, status, recipe_file, home) -> None:
    file = recipe_file(epochs=100_000 / 100)
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(file), str(home.root)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
    )
    assert child.stdout is not None
    for line in child.stdout:
        if json.loads(line).get("step", 0) >= 2:
            break
    child.send_signal(number)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == status, errors
    assert list(home.adapters.iterdir()) == []
    (job,) = jobs_of(home)
    record = job.read()
    if number == signal.SIGTERM:
        assert record.state == "cancelled" and not (job.path / "adapter").exists() and "Traceback" not in errors
    else:
        assert record.state == "failed" and "killed" in record.error and job.id in record.hint
