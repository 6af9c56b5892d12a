"""Tune: fields and recipes turn into each other, bounds come with a reason, jobs are shown as their folders tell."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from assistant.errors import InputError, JoyulError, UsageError
from assistant.jobs.launch import thinned
from assistant.jobs.record import JobFolder, Record
from assistant.operations.tuning_sources import free_name
from assistant.ui.about import running_job
from assistant.ui.context import Page
from assistant.ui.tune_curve import loss_curve
from assistant.ui.tune_form import PRESETS, put_together, same_but_length, switched
from assistant.ui.tune_job import job_html, jobs_html
from assistant.ui.tune_plans import Plan, Plans
from assistant.ui.tune_report import costs_html, plan_html, preset_labels, report_html
from assistant.ui.tune_steer import steerable
from assistant.ui.tune_tab import Seen
from assistant.ui.tune_view import CHOSEN, TunePage, live
from assistant.ui.words import Words
from tuning.schema import load_recipe

if TYPE_CHECKING:
    from assistant.services import Services

WAIT = 120.0
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def tune(page: Page) -> TunePage:
    folder = page.services.home.root / "tune"
    folder.mkdir()
    rows = [{"question": f"Where is stall {n}? {EVIL}", "answer": f"row {n}"} for n in range(4)]
    (folder / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    text = "name: stalls\ndata: rows.jsonl\nparams: {r: 2, alpha: 4}\nepochs: 4\nlearning_rate: 0.01\nbatch_size: 2\n"
    (folder / "stalls.yaml").write_text(text, encoding="utf-8")
    return TunePage(page, Plans(page.services))


@pytest.fixture
def job(services: "Services") -> Iterator[JobFolder]:
    made = JobFolder.create(services.home, "tune", "stalls")
    yield made


def test_own_recipes_come_first_and_shipped_ones_get_a_free_name(tune: TunePage) -> None:
    labels, keys = zip(*tune.sources(), strict=True)
    assert keys[0] == "own:stalls" and "your recipe" in labels[0] and "shipped:triage-tuned" in keys
    assert tune.fill("own:stalls").name == "stalls"
    assert tune.fill("shipped:triage-tuned").name != "triage-tuned"  # the demo installed that one
    assert free_name(tune.page.services.home, "fresh") == "fresh"
    for key in ("", "own:../../etc/passwd", "dataset:none", "shipped:none"):
        with pytest.raises(InputError):
            tune.fill(key)


@pytest.mark.parametrize("key", ["handbook-rag-tuned", "handbook-tuned", "triage-rag-tuned", "triage-tuned"])
def test_fields_say_the_very_recipe_they_were_filled_from(tune: TunePage, tmp_path: Path, key: str) -> None:
    shipped = load_recipe(Path("data/demo/tune") / f"{key}.yaml")
    _, text = tune.document(tune.fill(f"shipped:{key}"))
    (tmp_path / "copied.yaml").write_text(text, encoding="utf-8")
    copied = load_recipe(tmp_path / "copied.yaml")
    free = {"name", "data", "replay"}
    assert copied.model_dump(exclude=free) == shipped.model_dump(exclude=free)
    assert copied.path(copied.data) == shipped.path(shipped.data)
    assert copied.replay and shipped.replay
    assert copied.path(copied.replay.path) == shipped.path(shipped.replay.path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"r": 5000}, "Rank must be at least 1 and at most 1,024, not 5,000"),
        ({"r": 2.5}, "Rank must be a whole number, not 2.5"),
        ({"alpha": None}, "Alpha needs a number"),
        ({"dropout": 1}, "less than 1, not 1"),
        ({"learning_rate": 1e6}, "makes the loss explode"),
        ({"learning_rate": float("nan")}, "makes the loss explode"),
        ({"ratio": 11}, "Share of general rows must be at least 0 and at most 10"),
        ({"more": "data: [1"}, "is not YAML"),
        ({"more": "- data"}, "lines"),
        ({"more": "data: rows.jsonl\nepochs: 3"}, "epochs has a field of its own above"),
        ({"more": "data: rows.jsonl\nretrival: {}"}, "did you mean 'retrieval'?"),
        ({"more": "data: rows.jsonl\nreplay: no"}, "replay in the further settings"),
        ({"patience": 2}, "Patience (validations): needs the loss on held-out rows"),
        ({"name": "No Name"}, "is not an adapter name"),
    ],
)
def test_what_is_wrong_is_said_with_its_reason(tune: TunePage, change: dict[str, object], said: str) -> None:
    form = tune.fill("own:stalls").changed(**change)
    shown = tune.recipe_html(form).replace("&#x27;", "'")
    assert said.lower() in shown.lower() and 'role="alert"' in shown and "Traceback" not in shown
    with pytest.raises(JoyulError):
        tune.start(form)
    assert not list(tune.page.services.home.jobs.glob("*stalls*"))


def test_bounds_are_said_in_korean(korean: Page, tune: TunePage) -> None:
    with pytest.raises(InputError) as seen:
        put_together(tune.fill("own:stalls").changed(r=0), Words("ko"))
    assert korean.words.failure(seen.value).startswith(
        "이대로는 쓸 수 없어요. 랭크에는 1 이상 1,024 이하만 쓸 수 있는데 0을 적었어요."
    )
    ours, form = TunePage(korean, tune.plans), tune.fill("own:stalls")
    assert "업데이트 수와 반복 횟수를 함께 정할 수는 없어요" in ours.recipe_html(form.changed(steps=9))
    boxed = ours.recipe_html(form.changed(more="data: rows.jsonl\nencodng: x"))
    assert "encodng이라는 항목은 없어요" in boxed.replace("&#x27;", "") and "혹시" in boxed


def test_presets_are_multiples_of_the_recipes_own_passes(tune: TunePage) -> None:
    passes = {key: tune.epochs("own:stalls", key) for key in PRESETS}
    assert passes == {"quick": 1.0, "balanced": 4.0, "thorough": 8.0}


def test_another_method_brings_its_own_settings(tune: TunePage) -> None:
    from tuning.methods import METHODS

    form = tune.fill("own:stalls")
    for method in METHODS:
        changed = switched(form, method, Words("en"))
        assert changed.method == method and changed.name == "stalls" and changed.values["seed"] == form.values["seed"]
        document = put_together(changed, Words("en"))
        assert document["method"] == method and document["data"].endswith("rows.jsonl")
    back = switched(switched(form, list(METHODS)[-1], Words("en")), "lora", Words("en"))
    assert back.values["r"] == 16 and back.values["target_modules"] == "all-linear"


def test_a_plan_without_trial_steps_reports_and_leaves_nothing(tune: TunePage, trainable: None) -> None:
    form = tune.fill("own:stalls")
    tune.plan(form, probe=False)
    done = tune.plans.wait(WAIT)
    assert done.phase == "done" and done.report and done.estimate is None, done.error
    shown = report_html(done.report, tune.words)
    assert "English 100 % (4)" in shown and "<mark> row 0" in shown
    assert EVIL not in shown and "&lt;script&gt;" in shown
    assert not list(tune.page.services.home.jobs.iterdir())
    tune.plan(form, probe=False)
    assert tune.plans.current.report is not None, "what is known of the same settings stays in sight"
    tune.plans.wait(WAIT)


@pytest.fixture
def trainable(services: "Services") -> None:
    """Let the recipes' default model be the embedded one; nothing in these tests answers with it."""
    from assistant.settings import ModelSettings

    services.settings = services.settings.model_copy(update={"model": ModelSettings()})


def test_a_model_that_cannot_be_trained_is_said_before_anything_runs(tune: TunePage) -> None:
    tune.plan(tune.fill("own:stalls"), probe=True)
    done = tune.plans.wait(WAIT)
    shown = plan_html(done, tune.words)
    assert done.phase == "failed" and "cannot be trained here" in shown and 'role="alert"' in shown
    with pytest.raises(UsageError):
        tune.plan(tune.fill("own:stalls").changed(more="data: rows.jsonl\nmodle: x"), probe=True)


def test_an_estimate_scales_with_the_passes_and_grows_old(tune: TunePage) -> None:
    form = tune.fill("own:stalls")
    document, _ = tune.document(form)
    cost = {"seconds": 12.0, "low": 6.0, "high": 24.0, "tokens": 1000, "tokens_per_second": 100.0, "memory_mb": 500.0}
    record = [{"adapter": "older", "predicted": 10.0, "measured": 65.0}]
    plan = Plan("done", document, estimate=cost | {"past": 1, "record": record}, settings={"epochs": 4.0}, busy=True)
    tune.plans.current = plan
    costs = tune.costs(form.changed(epochs=8), "own:stalls")
    assert costs is not None and costs.fits
    assert costs.seconds[CHOSEN] == (11.0, 22.0, 44.0) and costs.seconds["quick"][1] == 4.5
    assert "about 4.5 s" in preset_labels(costs, tune.words)[0][0]
    shown = costs_html(costs, tune.words)
    assert "another job ran" in shown and "older: 10.0 s expected, 1 min 5 s taken" in shown
    assert "About 0.92 KRW (between 0.46 KRW and 1.83 KRW; 0.00065 USD) by data/prices.yaml" in shown
    assert "전기 요금은 시간당 값에 들어 있어요" in costs_html(costs, Words("ko"))
    (tune.page.services.home.root / "prices.yaml").write_text("training_watts: 36000\n", encoding="utf-8")
    dearer = tune.costs(form.changed(epochs=8), "own:stalls")
    assert "Uses about 0.22 kWh" in costs_html(dearer, tune.words)
    changed = tune.costs(form.changed(epochs=4, r=8), "own:stalls")
    assert changed is not None and not changed.fits and "Estimate again" in costs_html(changed, tune.words)
    assert same_but_length(document, document | {"epochs": 9, "name": "y"})


def test_an_upload_becomes_a_dataset_to_start_from(tune: TunePage, tmp_path: Path) -> None:
    file = tmp_path / "문의 모음.csv"
    file.write_text("question,answer\n탑은 어디예요?,강가\n", encoding="utf-8")
    key = tune.keep_upload(str(file))
    assert key in [each for _, each in tune.sources()]
    form = tune.fill(key)
    _, text = tune.document(form)
    assert yaml.safe_load(text)["data"].endswith("rows.jsonl") and form.values["ratio"] == 0
    assert (form.values["epochs"], form.values["batch_size"]) == (10, 1), (
        "a handful of rows is read more often than many"
    )
    (tmp_path / "bad.jsonl").write_text("{", encoding="utf-8")
    with pytest.raises(InputError):
        tune.keep_upload(str(tmp_path / "bad.jsonl"))


def _steps(job: JobFolder, count: int) -> None:
    for step in range(1, count + 1):
        event = {"step": step, "steps": 10, "loss": 3.0 / step, "learning_rate": 0.01, "tokens_per_second": 400.0}
        job.event(event | {"seconds_left": 12.0, "memory_mb": 512.0})


def test_a_running_job_shows_how_far_it_is_everywhere(tune: TunePage, job: JobFolder, korean: Page) -> None:
    job.update(state="running", started=time.time())
    _steps(job, 4)
    found = tune.job(job.id)
    assert found is not None and steerable(found) == (True, False, True)
    shown = job_html(found, tune.words)
    for part in (
        "4 / 10",
        "400 tokens/s",
        "512 MB",
        "12.0 s",
        'aria-valuenow="40"',
        "<polyline",
        "Loss curve: from 3.000",
    ):
        assert part in shown, part
    assert "튜닝 중" in job_html(found, korean.words)
    assert running_job(tune.page.services.home) == ("stalls", "40 %")
    assert live(tune.jobs()) == tune.jobs()[0] and 'aria-current="true"' in jobs_html(tune.jobs(), job.id, tune.words)
    tune.ask("pause", job=job.id)
    assert "Saves and stops" in job_html(tune.job(job.id), tune.words)


def test_a_waiting_job_says_for_what_and_how_long(tune: TunePage, job: JobFolder) -> None:
    job.update(state="running", queued=1.0)
    _steps(job, 2)
    second = JobFolder.create(tune.page.services.home, "tune", "later")
    second.update(state="queued", queued=2.0)
    shown = job_html(tune.job(second.id), tune.words)
    assert f"1 is ahead; it waits for {job.id}" in shown and "12.0 s left" in shown
    with pytest.raises(InputError, match="already trains"):
        tune.start(tune.fill("own:stalls").changed(name="later"))


def test_a_dead_job_says_so_and_a_settled_one_what_it_came_to(tune: TunePage, job: JobFolder) -> None:
    job.update(state="running")
    job.save("process.json", {"pid": 2**22 + 1, "started": 1.0})
    shown = job_html(tune.job(job.id), tune.words)
    assert 'data-state="failed"' in shown and "its process is gone" in shown.lower()
    result = {"seconds": 65.0, "peak_memory_mb": 700.0, "first_loss": 3.1, "final_loss": 0.4, "steps": 10}
    result |= {"tokens_per_second": 410.0, "trained_tokens": 5000, "forgetting": {"error": "no texts"}}
    job.update(state="succeeded", ended=2.0, result=result)
    found = tune.job(job.id)
    shown = job_html(found, tune.words)
    for part in ("1 min 5 s", "3.100 → 0.400", "5,000 tokens", "no texts", 'data-act="use"', 'data-act="evaluate"'):
        assert part in shown, part
    assert steerable(found) == (False, False, False)


def test_forgetting_is_shown_with_interval_and_count(tune: TunePage, job: JobFolder) -> None:
    figures = ("seconds", "peak_memory_mb", "steps", "trained_tokens", "tokens_per_second")
    job.update(state="succeeded", result=dict.fromkeys(figures, 1.0))
    change = {"change": 0.023, "low": 0.01, "high": 0.04, "n": 100, "reason": ""}
    loss = {"en": change, "ko": {**change, "change": None, "reason": "this model reports no losses"}}
    shown = job_html({**(tune.job(job.id) or {}), "forgetting": {"loss": loss}}, tune.words)
    assert "English: loss on general text +2.3% [+1.0, +4.0], 100 texts" in shown
    assert "not measured (this model reports no losses)" in shown


def test_plans_and_broken_folders_are_no_jobs(tune: TunePage, job: JobFolder) -> None:
    JobFolder.create(tune.page.services.home, "plan", "looked-at")
    broken = tune.page.services.home.jobs / "broken"
    broken.mkdir()
    (broken / "job.json").write_text("{", encoding="utf-8")
    assert [each["id"] for each in tune.jobs()] == [job.id]
    assert tune.job("broken") is None and tune.job("../..") is None
    assert "Nothing has been tuned yet" in jobs_html([], "", tune.words)


def test_a_long_curve_keeps_every_stretch() -> None:
    points = [(step, float(step)) for step in range(1, 1001)]
    few = thinned(points, 240)
    assert len(few) <= 240 and few[-1][0] == 1000 and few[0][1] == sum(range(1, 6)) / 5
    assert thinned([], 240) == [] and loss_curve(points[:1], [], 10, Words("en")) == ""
    assert loss_curve(points, [(500, 3.0)], 1000, Words("ko")).count("held-out") == 2


def test_only_what_changed_is_drawn_again() -> None:
    seen = Seen()
    assert seen.new("job", "a") == "a" and seen.new("job", "a") != "a" and seen.new("job", "b") == "b"


def test_a_record_of_every_state_has_words(korean: Page) -> None:
    from typing import get_args

    from assistant.jobs.record import State

    for state in get_args(State):
        assert korean.words(f"tune.state_{state}")
    assert Record("x", "tune", "y").state == "validating_files"
