"""LoRA and full training through ``joyul tune run`` beside a bare TRL script on the same rows."""

import json
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from assistant.bench import Figure
from assistant.paths import Home, data_root
from assistant.settings import load_settings
from tuning.run import run_recipe
from tuning.schema import load_recipe

ROWS = 240
ROUNDS = 3
LORA = {"r": 16, "alpha": 32, "dropout": 0.0, "target_modules": "all-linear"}


def measure() -> list[Figure]:
    """Return training tokens per second of both (without padding) and their ratios, from paired rounds.

    The pairs compute alike, in float32; what a recipe gets that leaves the precision to Joyul comes last.
    """
    lines = (data_root() / "demo" / "triage" / "train.jsonl").read_text(encoding="utf-8").splitlines()[:ROWS]
    rows = [json.loads(line) for line in lines]
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for method, shown in (("lora", "LoRA"), ("full", "full fine-tuning")):
            pairs = [
                (_ours(lines, folder / f"{method}-{turn}", method), _bare(rows, folder, method))
                for turn in range(ROUNDS)
            ]
            figures += [
                Figure("training", f"{shown} through joyul", median(ours for ours, _ in pairs), "tokens/s"),
                Figure("training", f"{shown} through a bare TRL script", median(bare for _, bare in pairs), "tokens/s"),
                Figure("training", f"ratio, {shown}", median(ours / bare for ours, bare in pairs), "x", floor=0.95),
            ]
        chosen = median(_ours(lines, folder / f"auto-{turn}", "lora", "auto") for turn in range(ROUNDS))
    return [*figures, Figure("training", "LoRA in the precision that joyul chooses", chosen, "tokens/s")]


def _ours(lines: list[str], folder: Path, method: str, precision: str = "float32") -> float:
    folder.mkdir()
    (folder / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    recipe = {"name": "bench", "data": "rows.jsonl", "method": method, "epochs": 1, "batch_size": 8}
    recipe |= {"precision": precision, "params": LORA if method == "lora" else {}}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    done = run_recipe(
        load_recipe(folder / "recipe.yaml"),
        home=Home(folder / "home").create(),
        settings=load_settings(overrides={"home": folder / "home"}),
        retriever_for=None,
        progress=lambda _: None,
        cancelled=lambda: False,
    )
    return float(done["tokens_per_second"])


def _bare(rows: list[dict[str, Any]], folder: Path, method: str) -> float:
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    source = data_root() / "models" / "embedded"
    lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    data = Dataset.from_list(
        [
            {
                "prompt": [{"role": "user", "content": row["question"]}],
                "completion": [{"role": "assistant", "content": row["answer"]}],
            }
            for row in rows
        ]
    )
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32),
        processing_class=AutoTokenizer.from_pretrained(source),
        train_dataset=data,
        peft_config=lora if method == "lora" else None,
        args=SFTConfig(
            output_dir=str(folder / "bare"),
            num_train_epochs=1,
            per_device_train_batch_size=8,
            learning_rate=1e-3,
            bf16=False,
            use_cpu=True,
            gradient_checkpointing=False,
            logging_steps=1,
            train_sampling_strategy="group_by_length",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        ),
    )
    tokens = sum(len(row["input_ids"]) for row in trainer.train_dataset)
    started = time.perf_counter()
    trainer.train()
    return tokens / (time.perf_counter() - started)
