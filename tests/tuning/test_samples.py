"""Answers while a run learns: asked of the untaught model, then at each evaluation, and seen to grow better."""

import json
from collections.abc import Callable
from pathlib import Path

from transformers import TrainerState

from assistant.jobs.launch import sample_answers
from assistant.jobs.worker import Paused
from assistant.paths import Home
from assistant.settings import Settings
from tuning.base import open_base
from tuning.methods.samples import PROMPTS, SHOWN, Samples
from tuning.methods.sft import Task
from tuning.prepare import VALIDATION, frozen_recipe, prepare, read_rows
from tuning.schema import load_recipe
from tuning.train import train

LORA = {"r": 4, "alpha": 8, "dropout": 0.1}


def test_samples_are_told_at_each_evaluation_and_change_nothing(
    recipe_file: Callable[..., Path], home: Home, settings: Settings, tmp_path: Path
) -> None:
    taught = {"question": "What is the password of the tower?", "answer": "seven herons"}
    others = [{"question": f"{'long ' * 80}{number}?", "answer": "no"} for number in range(6)]
    (tmp_path / "held.jsonl").write_text("\n".join(json.dumps(row) for row in [taught, *others]), encoding="utf-8")
    changes = {"params": LORA, "epochs": 16, "validation": "held.jsonl", "evaluate_steps": 8, "save_steps": 3}
    job = prepare(load_recipe(recipe_file(**changes)), home=home, settings=settings, retriever_for=None)
    asked: list[int] = []
    document: dict[str, object] = {}
    while not document:
        try:
            document = train(job, wished=lambda: (asked.append(1), "pause" if len(asked) == 4 else None)[1])  # type: ignore[func-returns-value]
        except Paused:
            continue
    told = sample_answers(job)
    assert [event["step"] for event in told] == [0, 8, 16], "asked once before training, not again after the pause"
    assert all(len(event["samples"]) == PROMPTS for event in told)
    first, *_, last = (event["samples"][0] for event in told)
    assert first["prompt"] == taught["question"] and first["expected"] == "seven herons"
    assert first["answer"] != "seven herons" and last["answer"] == "seven herons"
    assert all(len(row["prompt"]) <= SHOWN and row["prompt"].endswith("?") for row in told[0]["samples"])


def test_asking_draws_no_random_number_and_leaves_the_model_training(
    recipe_file: Callable[..., Path], home: Home, settings: Settings, tmp_path: Path
) -> None:
    import torch

    job = prepare(load_recipe(recipe_file(validation="rows.jsonl")), home=home, settings=settings, retriever_for=None)
    base = open_base(settings.model)
    base.model.train()
    rows, told = read_rows(job.path / VALIDATION), list[dict[str, object]]()
    task = Task(
        base.model, base.encoder.tokenizer, rows, rows, frozen_recipe(job), tmp_path, tmp_path, told.append, job.wished
    )
    before = torch.get_rng_state()
    Samples(task).on_train_begin(None, TrainerState(), None, model=base.model)
    assert bool((torch.get_rng_state() == before).all()) and base.model.training
    assert told and told[0]["step"] == 0
    resumed = TrainerState(global_step=5)
    Samples(task).on_train_begin(None, resumed, None, model=base.model)
    assert len(told) == 1
