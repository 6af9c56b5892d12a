"""Two processes under ``accelerate launch`` (gloo, CPU) are one run: same updates, one writer, failures in one line."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

from assistant.adapters import get_adapter
from assistant.jobs.record import JobFolder, jobs_of
from assistant.paths import Home
from assistant.settings import Settings
from tuning.run import run_recipe
from tuning.schema import load_recipe

ROOT = Path(__file__).resolve().parents[2]
LORA = {"r": 4, "alpha": 8, "dropout": 0.0}
# Half a batch is padded less than a whole one, and halves are added up in another order: rounding of float32.
TOLERANCE = 1e-4


def launch(file: Path, home: Home, *more: str) -> "subprocess.CompletedProcess[str]":
    """Run ``joyul tune run`` in two processes."""
    launcher = ["accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--main_process_port", "0"]
    command = [sys.executable, "-m", *launcher, "-m", "assistant", "tune", "run", str(file)]
    command += ["--home", str(home.root), "--json", *more]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def losses(job: JobFolder) -> list[float]:
    return [event["loss"] for event in job.events()[0] if "loss" in event]


def test_two_processes_give_the_losses_of_one(
    recipe_file: Callable[..., Path], home: Home, settings: Settings, tmp_path: Path
) -> None:
    file = recipe_file(params=LORA, epochs=6, precision="float32", save_steps=2, validation="rows.jsonl", keep="best")
    run_recipe(
        load_recipe(file), home=home, settings=settings, retriever_for=None, progress=print, cancelled=lambda: False
    )
    (alone,) = jobs_of(home)
    other = Home(tmp_path / "together").create()
    done = launch(file, other)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    document = json.loads(done.stdout)  # one document: the helper says nothing
    (job,) = jobs_of(other)
    assert document["job"] == job.id and job.read().state == "succeeded"
    assert [event["step"] for event in job.events()[0] if "loss" in event] == [1, 2, 3, 4, 5, 6]
    assert losses(job) == pytest.approx(losses(alone), abs=TOLERANCE)
    assert document["trained_tokens"] == alone.read().result["trained_tokens"]
    # Held-out losses are means of the processes' means, so rows of different length weigh otherwise.
    assert document["validation_loss"] == pytest.approx(alone.read().result["validation_loss"], rel=0.01)
    mine, theirs = (load_file(get_adapter(each, "tower").path / "adapter_model.safetensors") for each in (home, other))
    assert max(float((mine[key] - theirs[key]).abs().max()) for key in mine) < 10 * TOLERANCE
    assert get_adapter(other, "tower").manifest.parity["reload"]["agreement"] == 1.0


def test_a_batch_that_cannot_be_shared_is_one_line(recipe_file: Callable[..., Path], home: Home) -> None:
    done = launch(recipe_file(params=LORA, batch_size=3), home)
    assert done.returncode != 0
    assert json.loads(done.stdout)["error"]["message"] == "batch_size 3 cannot be shared by 2 processes"
    (job,) = jobs_of(home)
    assert job.read().state == "failed" and not list(home.adapters.iterdir())
