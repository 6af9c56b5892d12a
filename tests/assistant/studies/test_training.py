"""Studies that train, on the embedded model with a handful of rows."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from assistant.adapters import get_adapter, list_adapters
from assistant.errors import CancelledError, InputError
from assistant.jobs.record import JobFolder
from assistant.paths import Home
from assistant.services import Services
from assistant.settings import RetrievalSettings, Settings
from assistant.studies import after
from assistant.studies.curve import SHARES, nested_parts, study_curve
from assistant.studies.workshop import Workshop
from eval.forgetting import read_forgetting
from eval.price import losses_of
from eval.suite import load_suite
from tuning.prepare import prepare
from tuning.schema import TuneRecipe, load_recipe

if TYPE_CHECKING:
    from assistant.dataset import Example

COLOURS = ["red", "blue", "green", "grey", "pink", "gold", "teal", "plum"]


@pytest.fixture
def settings(home: Home) -> Settings:
    return Settings(home=home.root, retrieval=RetrievalSettings(embedder="hashing"))


@pytest.fixture
def opened(settings: Settings) -> Iterator[Workshop]:
    """Return what a study works on: an empty state folder with the embedded model."""
    services = Services(settings)
    yield Workshop(settings, services.home, services.pool, services.library)
    services.close()


@pytest.fixture
def recipe(tmp_path: Path) -> TuneRecipe:
    """Return a recipe that trains sixteen rows in eight groups in two steps an epoch."""
    rows = [
        {"question": f"What colour is {place} {at}?", "answer": colour, "group": colour}
        for at, colour in enumerate(COLOURS)
        for place in ("door", "gate")
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    params = {"r": 2, "alpha": 4, "dropout": 0.0}
    content = {"name": "colours", "data": "rows.jsonl", "epochs": 1, "batch_size": 8, "params": params}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(content))
    return load_recipe(tmp_path / "recipe.yaml")


@pytest.fixture
def make_suite(tmp_path: Path) -> Callable[..., Any]:
    def make(validation: bool = True) -> Any:
        for name in ("items", "validation"):
            rows = [
                {"question": f"{name}: colour of door {at}?", "reference": [colour], "group": colour, "language": "en"}
                for at, colour in enumerate(COLOURS)
            ]
            (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
        content: dict[str, Any] = {"suite": "colours", "items": "items.jsonl", "sampling": {"max_tokens": 4}}
        content |= {"validation": "validation.jsonl"} if validation else {}
        content["variants"] = {"zero-shot": None, "tuned": {"adapter": "colours"}}
        (tmp_path / "suite.yaml").write_text(yaml.safe_dump(content))
        return load_suite(tmp_path / "suite.yaml")

    return make


def test_parts_are_nested_whole_groups_and_seeded(recipe: TuneRecipe) -> None:
    from assistant.dataset import read_examples

    rows = read_examples(recipe.path(recipe.data))

    def ids(part: "list[Example]") -> set[str]:
        return {row.id for row in part}

    parts = nested_parts(rows, SHARES, seed=0)
    assert [len(part) for part in parts] == [2, 4, 8, 16]
    assert all(ids(small) < ids(large) for small, large in pairwise(parts))
    for part in parts:
        assert all(sum(row.group == group for row in part) == 2 for group in {row.group for row in part})
    assert [ids(part) for part in nested_parts(rows, SHARES, seed=0)] == [ids(part) for part in parts]
    assert ids(nested_parts(rows, SHARES, seed=1)[0]) != ids(parts[0])


def test_a_curve_is_stopped_goes_on_and_repeats_nothing(
    recipe: TuneRecipe, make_suite: Callable[..., Any], opened: Workshop
) -> None:
    events: list[dict[str, Any]] = []
    shop, shares = replace(opened, progress=events.append), (0.25, 0.5, 1.0)

    def trained() -> int:
        return sum(event.get("status") == "succeeded" for event in events)

    with pytest.raises(CancelledError):
        study_curve(make_suite(), "tuned", recipe, replace(shop, cancelled=lambda: trained() == 1), shares)
    assert trained() == 1
    document = study_curve(make_suite(), "tuned", recipe, shop, shares)
    assert trained() == 3  # the first part was not trained again
    assert [point["rows"] for point in document["points"]] == [0, 4, 8, 16]
    assert all(point["n"] == 8 and point["seeds"] == 1 for point in document["points"])
    assert document["metric"] == "token_f1" and document["law"] in ("log", "none") and document["text"]["ko"]
    assert document["training_seconds"] > 0
    assert list_adapters(opened.home) == []  # its adapters are in no picker
    again = study_curve(make_suite(), "tuned", recipe, shop, shares)
    assert trained() == 3 and again["points"] == document["points"]
    assert json.loads((Path(document["folder"]) / "curve.json").read_text())["points"] == list(document["points"])


def test_a_curve_never_reads_the_test_items(
    recipe: TuneRecipe, make_suite: Callable[..., Any], opened: Workshop
) -> None:
    with pytest.raises(InputError, match="no 'validation' items"):
        study_curve(make_suite(validation=False), "tuned", recipe, opened)
    with pytest.raises(InputError, match="no variant 'tunde'"):
        study_curve(make_suite(), "tunde", recipe, opened)
    with pytest.raises(InputError, match="has no adapter"):
        study_curve(make_suite(), "zero-shot", recipe, opened)
    with pytest.raises(InputError, match="too few groups"):
        study_curve(make_suite(), "tuned", recipe, opened, shares=(0.01, 0.02, 1.0))


def job_of(recipe: TuneRecipe, home: Home, settings: Settings) -> JobFolder:
    return prepare(recipe, home=home, settings=settings, retriever_for=None)


def test_forgetting_is_measured_after_training(
    recipe: TuneRecipe, home: Home, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eval.forgetting.QUICK_TEXTS", 2)  # fewer texts, so that it takes seconds
    job = job_of(recipe, home, settings)
    document = after.train_and_measure(job)
    adapter = get_adapter(home, "colours")
    stored = read_forgetting(adapter.path, adapter.manifest.weights_hash)
    assert stored is not None and document["forgetting"] == losses_of(stored)
    assert stored["loss"]["ko"]["n"] == 2 and stored["probes"]["format"]["en"]["n"] == 20
    told = [event for event in job.events()[0] if event.get("stage") == "forgetting"]
    assert 1 < len(told) <= 24  # a job's events stay few


def test_what_cannot_be_measured_takes_no_adapter_away(
    recipe: TuneRecipe, home: Home, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(after, "data_root", lambda: tmp_path)  # no texts there
    document = after.train_and_measure(job_of(recipe, home, settings))
    assert document["status"] == "succeeded" and "cannot be read" in document["forgetting"]["error"]
    assert get_adapter(home, "colours").name == "colours"


def test_a_recipe_can_leave_it_out(recipe: TuneRecipe, home: Home, settings: Settings) -> None:
    quiet = recipe.model_copy(update={"after": recipe.after.model_copy(update={"forgetting": False})})
    document = after.train_and_measure(job_of(quiet, home, settings))
    assert "forgetting" not in document and not (home.adapters / "colours" / "forgetting.json").exists()
    assert not home.figures.exists()
