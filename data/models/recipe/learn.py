"""Does it learn? Tune a model folder on the demo's tasks and ask what it gained and what it lost.

``python -m data.models.recipe.learn --model data/models/embedded --out FOLDER`` runs the product's own
commands in a state folder of its own: ``joyul tune run`` on a demo recipe, ``joyul eval run`` on that
task's test items with the tuned variant alone, then the reading sets of ``evaluate`` before and after.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from .corpus import REPOSITORY
from .evaluate import Answerer, evaluate
from .evaluation_sets import DEMO, all_sets

READING = ("synthetic", "prose", "handbook", "absent")
TASKS = {"triage": "triage-tuned", "handbook": "handbook-tuned"}


def joyul(*arguments: str) -> dict[str, Any]:
    """Run a command of the product and return its JSON document.

    Raises:
        SystemExit: it failed; what it said is shown.
    """
    done = subprocess.run(
        [sys.executable, "-m", "assistant", *arguments, "--json"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr + done.stdout)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def suite_of(task: str, adapter: str, folder: Path) -> Path:
    """Write the task's suite with only the tuned variant, its paths made absolute."""
    suite = yaml.safe_load((DEMO / "suites" / f"{task}.yaml").read_text("utf-8"))
    for key in ("items", "validation", "documents", "examples"):
        if key in suite:
            suite[key] = str((DEMO / "suites" / suite[key]).resolve())
    suite |= {"suite": f"learn-{task}", "variants": {"tuned": {"adapter": adapter}}}
    for key in ("trials", "collection"):
        suite.pop(key, None)
    path = folder / f"{task}.yaml"
    path.write_text(yaml.safe_dump(suite, allow_unicode=True), encoding="utf-8")
    return path


def merged(model: Path, adapter: Path, folder: Path) -> Path:
    """Write the model with the adapter folded into its weights, so that the reading sets can ask it."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    whole: Any = PeftModel.from_pretrained(base, str(adapter)).merge_and_unload()
    whole.save_pretrained(folder)
    AutoTokenizer.from_pretrained(model).save_pretrained(folder)
    return folder


def reading(model: Path, count: int, threads: int) -> dict[str, dict[str, float]]:
    """Return the scores of the reading and refusal sets."""
    sets = {
        name: items for name, items in all_sets(None, count, "validation", False).items() if name.startswith(READING)
    }
    scores, _ = evaluate(Answerer(model, threads), sets)
    scores.pop("speed")
    return scores


def learn(model: Path, out: Path, task: str, count: int, threads: int) -> dict[str, Any]:
    """Tune on one task and return time, test scores by slice, and the reading scores after it."""
    state = ["--home", str(out / "home"), "--model", str(model)]
    started = time.perf_counter()
    trained = joyul("tune", "run", str(DEMO / "tune" / f"{TASKS[task]}.yaml"), *state)
    seconds = time.perf_counter() - started
    scored = joyul("eval", "run", str(suite_of(task, TASKS[task], out)), *state)
    after = reading(merged(model, out / "home" / "adapters" / TASKS[task], out / f"{task}-merged"), count, threads)
    return {
        "seconds": round(seconds, 1),
        "training_seconds": trained["training_seconds"],
        "metrics": {name: row["mean"] for name, row in scored["variants"]["tuned"]["metrics"].items()},
        "slices": {part: row["tuned"]["mean"] for part, row in scored["slices"].items()},
        "reading_after": after,
    }


def main() -> None:
    """Read the command line, tune, score, write ``learn.json`` and print what changed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=REPOSITORY / "data" / "models" / "embedded")
    parser.add_argument("--out", type=Path, required=True, help="an empty folder")
    parser.add_argument("--tasks", nargs="*", default=sorted(TASKS), choices=sorted(TASKS))
    parser.add_argument("--count", type=int, default=60, help="items a reading set")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    model = options.model.resolve()
    record: dict[str, Any] = {"reading_before": reading(model, options.count, options.threads)}
    for task in options.tasks:
        record[task] = learn(model, options.out.resolve(), task, options.count, options.threads)
        shown = {key: record[task][key] for key in ("seconds", "metrics", "slices")}
        print(json.dumps({task: shown}, ensure_ascii=False, indent=1))
        for name, before in record["reading_before"].items():
            print(f"{name}: {before} -> {record[task]['reading_after'][name]}")
    (options.out / "learn.json").write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
