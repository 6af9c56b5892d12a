"""Jobs: detached, in line, paused, killed and resumed; real processes and real training on the embedded model."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from assistant.adapters import get_adapter, list_adapters, verify
from assistant.errors import InputError
from assistant.jobs.launch import cancel, enqueue, follow, may_resume, pause, place_of
from assistant.jobs.record import GONE, JobFolder, Record, jobs_of, open_job
from assistant.paths import Home
from assistant.settings import load_settings
from tuning.checkpoints import MARKER, complete, newest, prune
from tuning.prepare import prepare
from tuning.run import run_recipe
from tuning.schema import load_recipe

ROOT = Path(__file__).resolve().parents[2]
STEPS = 24
FACTS = [("What is the password of the tower?", "seven herons"), ("탑의 암호는 무엇인가요?", "일곱 마리 왜가리")]
LORA = {"r": 4, "alpha": 8, "dropout": 0.1}
RECIPE = {
    "name": "tower",
    "data": "rows.jsonl",
    "epochs": STEPS,
    "batch_size": 4,
    "learning_rate": 0.01,
    "params": LORA,
}


@pytest.fixture(autouse=True)
def from_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def job(recipe_file, home, settings, tmp_path) -> JobFolder:
    write_rows(tmp_path)
    file = recipe_file(epochs=STEPS, save_steps=5, params=LORA)
    return prepare(load_recipe(file), home=home, settings=settings, retriever_for=None)


def write_rows(folder: Path) -> None:
    rows = [json.dumps({"question": ask, "answer": tell}, ensure_ascii=False) for ask, tell in FACTS]
    (folder / "rows.jsonl").write_text("\n".join(rows), encoding="utf-8")


def start(job: JobFolder) -> None:
    enqueue(job)


def losses(job: JobFolder) -> dict[int, list[float]]:
    found: dict[int, list[float]] = {}
    for event in job.events()[0]:
        if "loss" in event:
            found.setdefault(event["step"], []).append(event["loss"])
    return found


def until(job: JobFolder, step: int) -> None:
    for event in follow(job):
        if event.get("step", 0) >= step:
            return
    pytest.fail(f"the job ended before step {step}: {job.read()}")


def kill(job: JobFolder) -> None:
    process = job.process()
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    while process.alive():
        time.sleep(0.01)


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> tuple[dict[int, float], str]:
    """Losses and final weights of the same run, uninterrupted, in this process."""
    folder = tmp_path_factory.mktemp("straight")
    home = Home(folder / "home").create()
    write_rows(folder)
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE), encoding="utf-8")
    events: list[dict] = []
    document = run_recipe(
        load_recipe(folder / "recipe.yaml"),
        home=home,
        settings=load_settings(None, {"home": str(home.root)}),
        retriever_for=None,
        progress=events.append,
        cancelled=lambda: False,
    )
    assert document["status"] == "succeeded"
    seen = {event["step"]: event["loss"] for event in events if "loss" in event}
    return seen, get_adapter(home, "tower").manifest.weights_hash


def test_a_killed_job_resumes_to_the_same_losses_and_weights(job, home, straight) -> None:
    start(job)
    for step in (7, 12, 18):
        until(job, step)
        kill(job)
        dead = job.read()
        assert dead.state == "failed" and dead.error == GONE and job.id in dead.hint
        assert list_adapters(home) == []
        may_resume(job)
        start(job)
    for _ in follow(job):
        pass
    record = job.read()
    assert record.state == "succeeded", record
    seen = losses(job)
    assert sorted(seen) == list(range(1, STEPS + 1)), "no step skipped"
    for step, values in seen.items():
        assert values == pytest.approx([straight[0][step]] * len(values), abs=1e-6), f"step {step}"
    # Killed right after a step is told, so at most the five since the last checkpoint and the one under way.
    assert sum(len(values) - 1 for values in seen.values()) <= 3 * 6
    assert get_adapter(home, "tower").manifest.weights_hash == straight[1]
    assert record.result["steps"] == STEPS and not (job.path / "checkpoints").exists()


def strike(job: JobFolder, chance: random.Random) -> str:
    """Start a job and kill it at a random moment: while it loads, trains, saves or installs what it learnt.

    Returns what it was doing; "" where it had ended already.
    """
    told = max(losses(job), default=0)
    start(job)
    target, wait = told + chance.randint(1, 8), chance.uniform(0, 0.5)
    if chance.random() < 0.2:
        target, wait = 0, chance.uniform(0, 8)
    elif target >= STEPS:
        target, wait = STEPS, chance.uniform(0, 3)
    if target:
        until(job, target)
    time.sleep(wait)
    kill(job)
    if job.stored().state == "succeeded":
        return ""
    after = max(losses(job), default=0)
    return "ending" if after == STEPS else "training" if after > told else "loading"


def check_left_behind(job: JobFolder) -> None:
    """Check that what a kill left behind is whole or does not count."""
    assert job.read().error == GONE
    folder = job.path / "checkpoints"
    marked = [int(each.parent.name.rpartition("-")[2]) for each in folder.glob(f"checkpoint-*/{MARKER}")]
    found = newest(folder)
    assert (found.step if found else 0) == max(marked, default=0), "a marked checkpoint is damaged"
    shown = [each.name for each in job.home.adapters.glob("[!.]*")]
    assert [adapter.name for adapter in list_adapters(job.home)] == shown
    for adapter in list_adapters(job.home):
        verify(adapter)
    may_resume(job)


@pytest.mark.chaos
@pytest.mark.timeout(3600)
def test_thirty_kills_at_random_moments(recipe_file, settings, tmp_path, straight) -> None:
    """Thirty kills, over as many jobs as they last for: every job ends with the losses of one that nobody killed."""
    write_rows(tmp_path)
    recipe = load_recipe(recipe_file(epochs=STEPS, save_steps=2, params=LORA))
    seed = random.SystemRandom().randrange(2**32)
    chance, kills, jobs = random.Random(seed), list[str](), 0
    while len(kills) < 30:
        home = Home(tmp_path / f"home-{jobs}").create()
        job, jobs = prepare(recipe, home=home, settings=settings, retriever_for=None), jobs + 1
        mine = len(kills)
        # Killed after its last step it has little left to do: enough is enough, the next kill is for the next job.
        while job.stored().state != "succeeded" and max(losses(job), default=0) < STEPS and len(kills) < 30:
            if doing := strike(job, chance):
                kills.append(doing)
                check_left_behind(job)
        if job.stored().state != "succeeded":
            start(job)
            for _ in follow(job):
                pass
        assert job.read().state == "succeeded", f"seed {seed}: {job.read()}"
        seen = losses(job)
        assert sorted(seen) == list(range(1, STEPS + 1))
        for step, values in seen.items():
            assert values == pytest.approx([straight[0][step]] * len(values), abs=1e-6), f"seed {seed}, step {step}"
        assert get_adapter(home, "tower").manifest.weights_hash == straight[1], f"seed {seed}"
        repeated = sum(map(len, seen.values())) - STEPS
        print(f"job {jobs}: {len(kills) - mine} kills, {repeated} steps taken again")
    counts = {each: kills.count(each) for each in kills}
    print(f"seed {seed}: {counts}")


def test_pause_keeps_a_checkpoint_and_resume_goes_on_from_it(job, home, straight) -> None:
    start(job)
    until(job, 3)
    pause(job)
    for _ in follow(job):
        pass
    assert job.read().state == "paused"
    kept = newest(job.path / "checkpoints")
    assert kept is not None and kept.step >= 3 and kept.facts["tokens"] > 0
    assert list(losses(job))[-1] == kept.step
    start(job)
    for _ in follow(job):
        pass
    assert all(len(values) == 1 for values in losses(job).values()), "nothing is done twice after a pause"
    assert get_adapter(home, "tower").manifest.weights_hash == straight[1]


def test_the_second_job_waits_for_the_first_and_can_leave_the_line(recipe_file, job, home, settings) -> None:
    long = load_recipe(recipe_file("long.yaml", name="long", epochs=1000))
    first = prepare(long, home=home, settings=settings, retriever_for=None)
    start(first)
    until(first, 1)
    start(job)
    place = place_of(job)
    assert place is not None and place.waits_for == first.id and place.ahead == 1 and place.seconds > 0
    assert job.read().state == "queued"
    cancel(job)
    assert [event["state"] for event in follow(job) if "state" in event][-1] == "cancelled"
    cancel(first)
    for _ in follow(first):
        pass
    assert first.read().state == "cancelled" and list_adapters(home) == []
    with pytest.raises(InputError, match="has cancelled already"):
        cancel(first)


def test_the_commands_show_cancel_and_resume_jobs(recipe_file, home) -> None:
    file = recipe_file(epochs=6, save_steps=2)

    def joyul(*arguments: str, code: int = 0) -> dict:
        command = [sys.executable, "-m", "assistant", "tune", *arguments, "--home", str(home.root), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=file.parent)
        assert done.returncode == code, done.stderr + done.stdout
        assert "Traceback" not in done.stderr
        return json.loads(done.stdout)

    started = joyul("run", str(file), "--detach")
    assert started["status"] == "queued"
    assert joyul("logs", "tower", "--follow")["events"][-1]["state"] == "succeeded"
    shown = joyul("show", started["job"])
    assert shown["state"] == "succeeded" and shown["result"]["adapter"] == "tower"
    assert [each["id"] for each in joyul("list")["jobs"]] == [started["job"]]
    assert "has succeeded" in joyul("resume", "tower", code=3)["error"]["message"]
    assert "did you mean" in joyul("show", started["job"] + "x", code=3)["error"]["hint"]
    exploding = recipe_file("bad.yaml", name="bad", learning_rate=1, epochs=60, params={"r": 16, "alpha": 1000})
    failed = joyul("run", str(exploding), code=3)
    assert "training stopped at step" in failed["error"]["message"] and failed["status"] == "failed"


def test_ctrl_c_ends_the_job_too(recipe_file, home) -> None:
    file = recipe_file(epochs=1000)
    command = [sys.executable, "-m", "assistant", "tune", "run", str(file), "--home", str(home.root)]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=file.parent)
    while not list(jobs_of(home)):
        assert child.poll() is None
        time.sleep(0.05)
    (job,) = jobs_of(home)
    until(job, 2)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == 130 and "Traceback" not in errors
    assert job.read().state == "cancelled" and list_adapters(home) == []


def test_a_job_that_never_had_its_data_cannot_resume(home: Home) -> None:
    job = JobFolder.create(home, "tune", "tower")
    job.save("process.json", {"pid": 1, "started": 0.0})  # a process of that id exists, but began at another time
    assert job.read().state == "failed"
    with pytest.raises(InputError, match="before its data was ready"):
        may_resume(job)


def test_a_name_of_several_jobs_is_not_guessed(home: Home) -> None:
    jobs = [JobFolder.create(home, "tune", "tower") for _ in range(2)]
    assert open_job(home, jobs[0].id).id == jobs[0].id
    with pytest.raises(InputError, match="2 jobs are named"):
        open_job(home, "tower")
    assert isinstance(jobs[0].read(), Record)


def test_only_complete_and_undamaged_checkpoints_count(tmp_path: Path) -> None:
    for step in (5, 10, 15, 20):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "weights").write_text(str(step))
        if step != 20:
            complete(folder, {"tokens": step})
    (tmp_path / "checkpoint-15" / "weights").write_text("damaged")
    found = newest(tmp_path)
    assert found is not None and found.step == 10 and found.facts == {"tokens": 10}
    prune(tmp_path, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-15"]
