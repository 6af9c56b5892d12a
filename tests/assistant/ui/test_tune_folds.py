"""Tune's folds: what counts as changed, what opens a fold, and what a job's buttons say once something was asked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import yaml

from assistant.errors import UsageError
from assistant.jobs.record import JobFolder
from assistant.ui.context import Page
from assistant.ui.tune_controls import GROUPS, METHOD, controls
from assistant.ui.tune_fields import FieldParts
from assistant.ui.tune_folds import ALL, Changes, changes, folds_around, heading, untouched
from assistant.ui.tune_form import BALANCED, PRESETS, Form, reshown, switched, take_apart
from assistant.ui.tune_plans import Plans
from assistant.ui.tune_steer import steering
from assistant.ui.tune_view import TunePage
from assistant.ui.words import Words
from tuning.methods import METHODS

EN, KO = Words("en"), Words("ko")
CONFIGS = sorted(Path("tuning/configs").glob("*.yaml")) + sorted(Path("data/demo/tune").glob("*.yaml"))


@pytest.fixture
def start() -> Form:
    """Return the form of a recipe that is far from the defaults."""
    params = {"r": 2, "alpha": 4}
    return take_apart({"name": "a", "data": "/x.jsonl", "params": params, "epochs": 4, "learning_rate": 0.01})


@pytest.fixture
def parts(page: Page, start: Form) -> Iterator[FieldParts]:
    with gr.Blocks():
        yield FieldParts(TunePage(page, Plans(page.services)), start)


def _counts(form: Form, start: Form, passes: float | None = None) -> Changes:
    base = untouched(start, form, float(start.values["epochs"]) if passes is None else passes, EN)
    return {fold: n for fold, n in changes(form, base).items() if n}


@pytest.mark.parametrize("file", CONFIGS, ids=lambda each: each.stem)
def test_what_a_source_or_a_method_brings_is_no_change(file: Path) -> None:
    start = take_apart(yaml.safe_load(file.read_text(encoding="utf-8")))
    assert _counts(Form.of(start.inputs()), start) == {}
    for method in METHODS:
        assert _counts(switched(start, method, EN), start) == {} or method == start.method


def test_changed_fields_are_counted_in_their_folds(start: Form) -> None:
    assert _counts(start.changed(r=8, clip=0.5, weight_decay=None), start) == {ALL: 3, METHOD: 1, "optimizer": 2}
    assert _counts(start.changed(r=2.0, layers="  ", name="other", more="data: /y.jsonl"), start) == {}
    assert _counts(start.changed(epochs=8), start, passes=8) == {}, "the passes are the preset's"
    assert _counts(start.changed(epochs=8), start) == {ALL: 1, "rates": 1}
    # Where updates are counted the passes mean nothing, and a preset sets none.
    assert _counts(start.changed(steps=100), start, passes=8) == {ALL: 1, "rates": 1}
    grounded = reshown(start.changed(recipe="grounded", k=5))
    assert _counts(grounded, start) == {ALL: 2, "prompt": 2}
    assert _counts(grounded.changed(recipe="zero_shot"), start) == {}, "what is not in sight does not count"


def test_presets_are_no_change(page: Page, start: Form) -> None:
    tune = TunePage(page, Plans(page.services))
    for preset in PRESETS:
        passes = tune.passes(start, preset)
        assert _counts(start.changed(epochs=passes), start, passes) == {}
    assert tune.passes(start, BALANCED) == 4


@pytest.mark.parametrize("fold", [ALL, METHOD, *GROUPS])
def test_every_fold_has_a_heading_that_counts(fold: str) -> None:
    assert heading(fold, 2, KO) == heading(fold, 0, KO) + " · 2개 바꿈"
    assert heading(fold, 2, EN) == heading(fold, 0, EN) + " · 2 changed"


def test_a_field_lies_in_its_group_and_in_the_outer_fold() -> None:
    assert {each.key: folds_around(each.key) for each in controls()} == {
        each.key: (ALL, each.group) for each in controls()
    }
    assert folds_around("more") == (ALL,) and folds_around("name") == folds_around("") == ()


def _folds(parts: FieldParts, form: Form, now: Changes, *more: Any) -> dict[str, dict[str, Any]]:
    full = {fold: now.get(fold, 0) for fold in parts.folds}
    return dict(zip(parts.folds, parts.fold_updates(form, full, *(more or ("",))), strict=True))


def test_a_fold_opens_for_what_is_wrong_or_to_show_changes_and_is_else_left_alone(
    parts: FieldParts, start: Form
) -> None:
    def opened(*args: Any) -> set[str]:
        return {fold for fold, update in _folds(parts, start, *args).items() if update.get("open")}

    assert set(parts.folds) == {ALL, METHOD, *GROUPS} and not any(each.open for each in parts.folds.values())
    assert opened({"rates": 1, ALL: 1}) == set() and opened({"rates": 1, ALL: 1}, "", True) == {"rates", ALL}
    assert opened({}, "clip") == {"optimizer", ALL} and opened({}, "more") == {ALL}
    assert _folds(parts, start, {"rates": 3})["rates"]["label"] == "Passes and learning rate · 3 changed"


def test_a_method_without_settings_has_no_fold_of_them(parts: FieldParts, start: Form) -> None:
    assert _folds(parts, start, {})[METHOD]["visible"] is True
    assert _folds(parts, switched(start, "full", EN), {})[METHOD]["visible"] is False


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"r": 5000}, "r"),
        ({"learning_rate": None}, "learning_rate"),
        ({"seed": 2.5}, "seed"),
        ({"patience": 2}, "patience"),
        ({"keep": "best"}, "keep"),
        ({"more": "data: [1"}, "more"),
        ({"more": "- data"}, "more"),
        ({"more": "data: /x.jsonl\nepochs: 3"}, "more"),
        ({"more": "data: /x.jsonl\nretrival: {}"}, "more"),
        ({"name": "No Name"}, "name"),
        ({}, ""),
    ],
)
def test_an_error_names_its_field_for_the_page(page: Page, start: Form, change: dict[str, Any], field: str) -> None:
    html, wrong = TunePage(page, Plans(page.services)).said(start.changed(**change))
    assert wrong == field
    assert (f'data-field="tune-{field.replace("_", "-")}"' in html) == bool(field)


def test_a_wish_stands_on_its_button_until_the_job_has_heard_it(page: Page) -> None:
    tune, job = TunePage(page, Plans(page.services)), JobFolder.create(page.services.home, "tune", "stalls")
    job.update(state="running")

    def seen(words: Words = EN) -> list[tuple[str, bool]]:
        found = steering(tune.job(job.id), words).values()
        return [(each["value"], each["interactive"]) for each in found if each["visible"]]

    assert seen() == [("Pause", True), ("Cancel", True)]
    tune.ask("pause", job=job.id)
    assert seen() == [("Pausing…", False), ("Cancel", True)]
    assert seen(KO) == [("멈추는 중…", False), ("취소", True)]
    job.update(state="paused")
    assert seen() == [("Cancel", True)]
    job.update(state="running")
    tune.ask("cancel", job=job.id)
    assert seen() == [("Pause", False), ("Cancelling…", False)]
    assert seen(KO) == [("멈추기", False), ("취소하는 중…", False)]
    job.update(state="cancelled")
    assert seen() == [] and [each["visible"] for each in steering(None, EN).values()] == [False] * 3


def test_a_recipe_file_that_broke_leaves_the_fields_empty(page: Page) -> None:
    tune, folder = TunePage(page, Plans(page.services)), page.services.home.root / "tune"
    folder.mkdir()
    (folder / "broken.yaml").write_text("name: [", encoding="utf-8")
    with pytest.raises(UsageError):
        tune.fill("own:broken")
    assert tune.start_of("own:broken").inputs() == tune.start_of(None).inputs() == take_apart({}).inputs()
