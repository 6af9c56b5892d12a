"""Two processes under ``accelerate launch`` (gloo, CPU) are one run: same updates, one writer, failures in one line.

DDP gives every process the whole model (``--multi_gpu``), FSDP a share of it (``--use_fsdp``).
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

from assistant.adapters import get_adapter
from assistant.jobs.launch import pause
from assistant.jobs.record import JobFolder, jobs_of
from assistant.paths import Home
from assistant.settings import Settings
from tuning.run import run_recipe
from tuning.schema import load_recipe

ROOT = Path(__file__).resolve().parents[2]
LORA = {"r": 4, "alpha": 8, "dropout": 0.0}
# Half a batch is padded less than a whole one, and halves are added up in another order: rounding of float32.
TOLERANCE = 1e-4


def launch(
    file: Path | str, home: Home, how: str = "--multi_gpu", do: tuple[str, ...] = ("tune", "run")
) -> "subprocess.CompletedProcess[str]":
    """Run ``joyul tune run`` in two processes."""
    return subprocess.run(command(home, how, *do, str(file)), capture_output=True, text=True, check=False, cwd=ROOT)


def command(home: Home, how: str, *do: str) -> list[str]:
    launcher = ["accelerate.commands.launch", how, "--num_processes", "2", "--main_process_port", "0"]
    return [sys.executable, "-m", *launcher, "-m", "assistant", *do, "--home", str(home.root), "--json"]


def losses(job: JobFolder) -> list[float]:
    return [event["loss"] for event in job.events()[0] if "loss" in event]


@pytest.mark.parametrize("how", ["--multi_gpu", "--use_fsdp"])
@pytest.mark.parametrize(("method", "rate"), [("lora", 0.01), ("full", 0.001)])
def test_two_processes_give_the_losses_of_one(
    method: str, rate: float, how: str, recipe_file: Callable[..., Path], home: Home, settings: Settings, tmp_path: Path
) -> None:
    same = {"epochs": 6, "precision": "float32", "save_steps": 2, "validation": "rows.jsonl", "keep": "best"}
    file = recipe_file(method=method, params=LORA if method == "lora" else None, learning_rate=rate, **same)
    run_recipe(
        load_recipe(file), home=home, settings=settings, retriever_for=None, progress=print, cancelled=lambda: False
    )
    (alone,) = jobs_of(home)
    other = Home(tmp_path / "together").create()
    done = launch(file, other, how)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    document = json.loads(done.stdout)  # one document: the helper says nothing
    (job,) = jobs_of(other)
    assert document["job"] == job.id and job.read().state == "succeeded"
    assert [event["step"] for event in job.events()[0] if "loss" in event] == [1, 2, 3, 4, 5, 6]
    assert losses(job) == pytest.approx(losses(alone), abs=TOLERANCE)
    assert document["trained_tokens"] == alone.read().result["trained_tokens"]
    # Held-out losses are means of the processes' means, so rows of different length weigh otherwise.
    assert document["validation_loss"] == pytest.approx(alone.read().result["validation_loss"], rel=0.01)
    name = "adapter_model.safetensors" if method == "lora" else "model.safetensors"
    mine, theirs = (load_file(get_adapter(each, "tower").path / name) for each in (home, other))
    assert max(float((mine[key] - theirs[key]).abs().max()) for key in mine) < 10 * TOLERANCE
    assert get_adapter(other, "tower").manifest.parity["reload"]["agreement"] == 1.0


def test_a_batch_that_cannot_be_shared_is_one_line(recipe_file: Callable[..., Path], home: Home) -> None:
    done = launch(recipe_file(params=LORA, batch_size=3), home)
    assert done.returncode != 0
    assert json.loads(done.stdout)["error"]["message"] == "batch_size 3 cannot be shared by 2 processes"
    (job,) = jobs_of(home)
    assert job.read().state == "failed" and not list(home.adapters.iterdir())


def test_a_sharded_run_goes_on_where_it_was_paused(
    recipe_file: Callable[..., Path], home: Home, settings: Settings, tmp_path: Path
) -> None:
    file = recipe_file(params=LORA, epochs=6, precision="float32")
    run_recipe(
        load_recipe(file), home=home, settings=settings, retriever_for=None, progress=print, cancelled=lambda: False
    )
    (alone,) = jobs_of(home)
    other = Home(tmp_path / "together").create()
    with subprocess.Popen(
        command(other, "--use_fsdp", "tune", "run", str(file)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as started:
        while started.poll() is None and not any(
            "loss" in event for job in jobs_of(other) for event in job.events()[0]
        ):
            time.sleep(0.05)
        (job,) = jobs_of(other)
        pause(job)
        _, problems = started.communicate()
    assert job.read().state == "paused", problems
    alone_again = subprocess.run(
        [sys.executable, "-m", "assistant", "tune", "resume", job.id, "--home", str(other.root), "--json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    error = json.loads(alone_again.stdout)["error"]
    assert (alone_again.returncode, error["kind"]) == (2, "usage") and "--use_fsdp" in error["hint"]
    done = launch(job.id, other, "--use_fsdp", ("tune", "resume"))
    assert done.returncode == 0 and job.read().state == "succeeded", done.stderr
    assert [event["step"] for event in job.events()[0] if "loss" in event] == [1, 2, 3, 4, 5, 6]
    assert losses(job) == pytest.approx(losses(alone), abs=TOLERANCE)


def test_what_cannot_be_sharded_is_one_line(recipe_file: Callable[..., Path], home: Home) -> None:
    done = launch(recipe_file(method="prompt_tuning", params={}), home, "--use_fsdp")
    assert done.returncode != 0
    assert json.loads(done.stdout)["error"]["message"] == "method 'prompt_tuning' cannot be sharded"
