"""Hyper-parameters: automatic values with reasons, packing, early stopping, and what is refused."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from assistant.adapters import get_adapter, list_adapters
from assistant.errors import InputError, UsageError
from assistant.jobs.record import Wish
from assistant.paths import Home
from assistant.settings import Settings
from tuning.methods.auto import Facts, settle
from tuning.prepare import prepare
from tuning.run import run_recipe
from tuning.schema import TuneRecipe, load_recipe
from tuning.train import train as train_job

ROOT = Path(__file__).resolve().parents[2]
Write = Callable[..., Path]
LORA = {"r": 4, "alpha": 8, "dropout": 0.0}


def train(file: Path, home: Home, settings: Settings) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    events: list[dict[str, Any]] = []
    recipe = load_recipe(file)
    document = run_recipe(
        recipe, home=home, settings=settings, retriever_for=None, progress=events.append, cancelled=lambda: False
    )
    return document, events


def losses(events: list[dict[str, Any]]) -> list[float]:
    return [event["loss"] for event in events if "loss" in event]


@pytest.mark.parametrize(
    ("changes", "facts", "expected"),
    [
        ({}, Facts(4000, 9_000_000, False), {"epochs": 3, "batch_size": 8, "learning_rate": 2e-3}),
        ({}, Facts(40, 9_000_000, False), {"epochs": 10, "batch_size": 5, "precision": "float32"}),
        ({}, Facts(4000, 10**9, True), {"learning_rate": 2e-4, "precision": "bfloat16"}),
        ({}, Facts(4000, 10**6, False, bfloat16=True), {"precision": "bfloat16"}),
        ({"method": "full"}, Facts(400, 10**9, True), {"learning_rate": 2e-5, "epochs": 3}),
        ({"method": "kto"}, Facts(4, 9_000_000, False), {"batch_size": 2}),
        ({"steps": 7}, Facts(400, 9_000_000, False), {"epochs": 0, "steps": 7}),
    ],
)
def test_automatic_values_have_reasons(changes: dict[str, Any], facts: Facts, expected: dict[str, Any]) -> None:
    settled, event = settle(TuneRecipe(name="a", data="x", **changes), facts)
    assert {key: getattr(settled, key) for key in expected} == expected
    assert event["phase"] == "settings" and event["settings"]["learning_rate"] == settled.learning_rate
    assert set(event["reasons"]) >= {"batch_size", "learning_rate", "precision"}
    own = TuneRecipe(name="a", data="x", learning_rate=0.5, batch_size=3, epochs=2, precision="float32")
    assert settle(own, facts) == (own, {**settle(own, facts)[1], "reasons": {}})


def test_a_run_says_its_settings_and_freezes_them(recipe_file: Write, home: Home, settings: Settings) -> None:
    file = recipe_file(epochs=None, steps=2, batch_size="auto", learning_rate="auto", schedule="cosine", warmup=0)
    document, events = train(file, home, settings)
    (said,) = [event for event in events if event.get("phase") == "settings"]
    assert said["settings"] | {"batch_size": 1, "learning_rate": 2e-3, "steps": 2} == said["settings"]
    frozen = json.loads((home.jobs / document["job"] / "recipe.json").read_text("utf-8"))
    assert (frozen["batch_size"], frozen["learning_rate"]) == (1, 2e-3)
    assert get_adapter(home, "tower").manifest.params["run"]["learning_rate"] == 2e-3
    assert [event["learning_rate"] for event in events if "loss" in event] == [2e-3, 1e-3]  # half a cosine after half


def test_accumulation_is_one_bigger_batch(recipe_file: Write, home: Home, settings: Settings) -> None:
    exact = {"epochs": 3, "params": LORA, "precision": "float32"}  # bfloat16 rounds otherwise for every processor
    whole, _ = train(recipe_file(**exact), home, settings)
    parts, events = train(recipe_file(**exact, batch_size=1, accumulate=4), home, settings)
    assert parts["steps"] == whole["steps"] == 3 and len(losses(events)) == 3
    assert parts["first_loss"] == pytest.approx(whole["first_loss"], abs=1e-3)
    assert parts["final_loss"] == pytest.approx(whole["final_loss"], rel=0.05)


def test_packed_rows_do_not_see_each_other(recipe_file: Write, home: Home, settings: Settings) -> None:
    plain, _ = train(recipe_file(epochs=1, params=LORA, precision="float32"), home, settings)
    packed, _ = train(
        recipe_file(epochs=1, params=LORA, precision="float32", batch_size=1, packing=True), home, settings
    )
    assert packed["steps"] == 1, "four rows in one sequence"
    assert packed["first_loss"] == pytest.approx(plain["first_loss"], abs=1e-4)
    assert packed["trained_tokens"] == plain["trained_tokens"]


def test_noise_and_optimizers_change_the_run(recipe_file: Write, home: Home, settings: Settings) -> None:
    seen = []
    for changes in ({}, {"neftune": 10}, {"optimizer": "adafactor"}, {"weight_decay": 0.5}, {"clip": 0.01}):
        _, events = train(recipe_file(epochs=3, params=LORA, **changes), home, settings)
        seen.append(tuple(losses(events)))
    assert len(set(seen)) == len(seen)


def test_the_best_weights_are_kept_and_patience_ends_the_run(
    recipe_file: Write, home: Home, settings: Settings, tmp_path: Path
) -> None:
    other = [{"question": "What is the password of the tower?", "answer": "I do not know that."}]
    (tmp_path / "other.jsonl").write_text("\n".join(json.dumps(row) for row in other), encoding="utf-8")
    kept: dict[str, Any] = {"validation": "other.jsonl", "params": LORA, "epochs": 40, "patience": 3}
    document, events = train(recipe_file(keep="best", **kept), home, settings)
    curve = {
        event["step"]: event["validation_loss"]
        for event in events
        if "validation_loss" in event and "status" not in event
    }
    best = min(curve, key=lambda step: curve[step])
    assert document["steps"] == best + 3 < 40 and {"step": best + 3, "stopped_early": 3} in events
    assert {"step": best, "kept": "best"} in events
    assert document["validation_loss"] == pytest.approx(curve[best], abs=1e-4)
    weights = load_file(get_adapter(home, "tower").path / "adapter_model.safetensors")
    # The same run, ended where the best was: the schedule looks at the end, so it is a constant one here.
    train(recipe_file(keep="last", **kept), home, settings)
    last = load_file(get_adapter(home, "tower").path / "adapter_model.safetensors")
    assert any(not weights[key].equal(last[key]) for key in weights)


def test_a_paused_run_goes_on_with_the_same_patience_and_best(
    recipe_file: Write, home: Home, settings: Settings, tmp_path: Path
) -> None:
    other = {"question": "What is the password of the tower?", "answer": "I do not know that."}
    (tmp_path / "other.jsonl").write_text(json.dumps(other), encoding="utf-8")
    file = recipe_file(validation="other.jsonl", params=LORA, epochs=30, patience=3, keep="best")
    straight, _ = train(file, home, settings)
    weights = get_adapter(home, "tower").manifest.weights_hash
    job = prepare(load_recipe(file), home=home, settings=settings, retriever_for=None)
    steps: list[int] = []

    def wished() -> Wish | None:
        steps.append(len(steps))
        return "pause" if len(steps) % 2 == 0 else None  # after every second step asked about

    from assistant.jobs.worker import Paused

    while True:
        try:
            document = train_job(job, wished=wished)
            break
        except Paused:
            assert len(steps) < 60
    assert document["steps"] == straight["steps"] and document["validation_loss"] == straight["validation_loss"]
    assert get_adapter(home, "tower").manifest.weights_hash == weights


def test_rows_are_named_rightly_where_every_step_is_validated(
    recipe_file: Write, home: Home, settings: Settings
) -> None:
    changes = {"validation": "rows.jsonl", "evaluate_steps": 1, "batch_size": 2, "learning_rate": 1, "epochs": 60}
    with pytest.raises(InputError, match="training stopped at step") as caught:
        train(recipe_file(**changes, params={"r": 16, "alpha": 1000}), home, settings)
    assert len(caught.value.details["rows"]) == 2


@pytest.mark.parametrize(
    ("changes", "said", "mend"),
    [
        ({"steps": 3}, "steps: 'epochs' is given too", "one of them"),
        ({"keep": "best"}, "keep: needs the loss on held-out rows", "validation"),
        ({"patience": 2}, "patience: needs the loss", "validation"),
        ({"method": "dpo", "packing": True}, "packing: 'dpo' does not have it", "remove"),
        ({"method": "dpo", "replay": {"path": "x"}}, "replay: 'dpo' learns from judged answers", "remove"),
        (
            {"method": "feature_extraction", "replay": {"path": "x"}},
            "replay: 'feature_extraction' learns which",
            "remove",
        ),
        ({"method": "kto", "batch_size": 1}, "batch_size: kto compares", "2 or more"),
        ({"params": {"layers": "3..7"}}, "params.layers: should be layer numbers such as", "empty"),
        ({"params": {"plus": -1}}, "params.plus: should be at least 0 and at most 1,000", "plain LoRA"),
        ({"method": "partial", "params": {"part": "middle"}}, "params.part: should be one of first", "README"),
        ({"schedule": "cosin"}, "schedule: should be one of linear", "README"),
    ],
)
def test_a_recipe_that_cannot_be_meant(changes: dict[str, Any], said: str, mend: str, recipe_file: Write) -> None:
    with pytest.raises(UsageError) as caught:
        load_recipe(recipe_file(**({"params": {}} | changes)))
    assert said in caught.value.message and mend in caught.value.hint and "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("changes", "said", "mend"),
    [
        ({"params": {"r": 300}}, "params.r: 300 is above the dimension of ", "the largest is 256"),
        ({"params": {"layers": [2, 8]}}, "params.layers: the base has no layer 8", "0 to 7"),
        ({"params": {"plus": 4}, "optimizer": "sgd"}, "params.plus: LoRA+ needs adamw", "optimizer: adamw"),
        ({"method": "partial", "params": {"layers": 9}}, "params.layers: the base has 8, not 9", "at most 8"),
        ({"method": "block_expansion", "params": {"layers": 9}}, "9 new ones for 8", "at most 8"),
        ({"method": "ia3", "params": {"feedforward_modules": ["wo"]}}, "params.feedforward_modules", "down_proj"),
        ({"method": "dpo"}, "rows.jsonl:1: chosen: expected text, found none", "'chosen' and 'rejected'"),
        ({"method": "kto"}, "rows.jsonl:1: label: expected true or false, found none", "'label'"),
        ({"method": "dpo", "data": "same.jsonl"}, "same.jsonl:1: chosen and rejected are the same", "mend"),
        ({"method": "kto", "data": "good.jsonl"}, "good.jsonl: every label is true", "of the other"),
        (
            {"method": "feature_extraction"},
            "rows.jsonl: 4 rows have 4 different values of 'answer'",
            "free answers with lora",
        ),
        ({"method": "feature_extraction", "data": "long.jsonl"}, "is too long for a label", "short labels"),
        ({"method": "feature_extraction", "data": "one.jsonl"}, "one.jsonl: every answer is the same", "labels"),
        (
            {"method": "feature_extraction", "data": "two.jsonl", "validation": "other.jsonl"},
            "other.jsonl:1: no training row has the answer 'c'",
            "take this one out",
        ),
    ],
)
def test_what_does_not_fit_the_base_or_the_method_installs_nothing(
    changes: dict[str, Any], said: str, mend: str, recipe_file: Write, home: Home, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "same.jsonl").write_text('{"question": "a?", "chosen": "b", "rejected": " b"}')
    (tmp_path / "good.jsonl").write_text('{"question": "a?", "answer": "b", "label": true}')
    answers = {"long": ["b" * 65] * 4, "one": ["b"] * 4, "two": ["b", "c d"] * 2, "other": ["c", "b"]}
    for name, told in answers.items():
        lines = [json.dumps({"question": f"{at}?", "answer": each}) for at, each in enumerate(told)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    with pytest.raises((UsageError, InputError)) as caught:
        train(recipe_file(**({"params": {}} | changes)), home, settings)
    assert said in caught.value.message and mend in caught.value.hint and "\n" not in caught.value.message
    assert list_adapters(home) == []


def test_memory_is_the_processs_own_and_not_its_parents() -> None:
    code = "from tuning.methods.sft import peak_memory_mb; print(peak_memory_mb())"
    held = bytearray(b"x") * 600_000_000  # written to, so really there
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert 10 < float(done.stdout) < len(held) / 2**21
