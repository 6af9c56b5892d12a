"""Several rows in one sequence beside rows padded to each other's length: the same data, passes and settings."""

import tempfile
from pathlib import Path
from typing import Any

import yaml

from assistant.adapters import get_adapter
from assistant.bench import Figure
from assistant.jobs.record import JobFolder
from assistant.paths import Home, data_root
from assistant.settings import ModelSettings, load_settings
from tuning.base import open_base
from tuning.prepare import VALIDATION, read_rows
from tuning.run import run_recipe
from tuning.schema import load_recipe

ROWS = 480
LENGTH, BATCH = 512, 10  # a packed sequence holds about as many rows as a padded batch, so steps are as many too
MOST_LOSS = 1.05
LORA = {"r": 16, "alpha": 32, "dropout": 0.0, "target_modules": "all-linear"}


def measure() -> list[Figure]:
    """Return speed and held-out loss of both after as many trained tokens, and how they compare."""
    with tempfile.TemporaryDirectory() as name:
        home = Home(Path(name) / "home").create()
        padded = _train(home, "padded", batch_size=BATCH)
        packed = _train(home, "packed", batch_size=1, packing=True, max_length=LENGTH)
        loss, packed_loss = _held_out(home, padded), _held_out(home, packed)
    if packed["trained_tokens"] != padded["trained_tokens"]:
        raise RuntimeError(f"one trained {packed['trained_tokens']} tokens, the other {padded['trained_tokens']}")
    rows, tokens = padded["data"]["rows"], padded["data"]["tokens"]
    speed, packed_speed = padded["tokens_per_second"], packed["tokens_per_second"]
    return [
        Figure("packing", f"{rows} triage rows of {tokens / rows:.0f} tokens, batches of {BATCH}", speed, "tokens/s"),
        Figure("packing", f"the same packed into sequences of {LENGTH}, one a step", packed_speed, "tokens/s"),
        Figure("packing", "speed-up", packed_speed / speed, "x"),
        Figure("packing", "loss on held-out rows after batches", loss),
        Figure("packing", "loss after packing to that", packed_loss / loss, "x", ceiling=MOST_LOSS),
    ]


def _train(home: Home, name: str, **settings: Any) -> dict[str, Any]:
    data = data_root() / "demo" / "triage"
    rows = home.root.parent / "rows.jsonl"
    rows.write_text("".join((data / "train.jsonl").read_text("utf-8").splitlines(True)[:ROWS]), "utf-8")
    recipe: dict[str, Any] = {
        "name": name,
        "data": str(rows),
        "validation": str(data / "validation.jsonl"),
        "params": LORA,
    }
    recipe |= {"epochs": 1, "learning_rate": 2e-3, "evaluate_steps": 10**6, **settings}
    file = home.root.parent / f"{name}.yaml"
    file.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return run_recipe(
        load_recipe(file),
        home=home,
        settings=load_settings(overrides={"home": home.root}),
        retriever_for=None,
        progress=lambda _: None,
        cancelled=lambda: False,
    )


def _held_out(home: Home, done: dict[str, Any]) -> float:
    """Return the mean loss over the answers' tokens, row by row: a trainer's own mean depends on its batches."""
    import torch
    from peft import PeftModel

    base = open_base(ModelSettings()).model
    model = PeftModel.from_pretrained(base, str(get_adapter(home, done["adapter"]).path)).eval()
    total, count = 0.0, 0
    for row in read_rows(JobFolder(home, done["job"]).path / VALIDATION):
        with torch.inference_mode():
            found = model(input_ids=torch.tensor([row.input_ids]), labels=torch.tensor([row.labels]))
        total, count = total + float(found.loss) * len(row.answer_ids), count + len(row.answer_ids)
    return total / count
