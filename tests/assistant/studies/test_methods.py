"""The method table, on the embedded model with a handful of rows: real trainings, real answers."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from assistant.adapters import list_adapters
from assistant.errors import CancelledError, InputError, UsageError
from assistant.jobs.record import jobs_of
from assistant.paths import Home
from assistant.progress import Cancelled
from assistant.services import Services
from assistant.settings import RetrievalSettings, Settings
from assistant.studies.methods import ENTRIES, Entry, chosen, recipe_for, study_methods
from assistant.studies.workshop import Workshop
from eval.cost_plots import method_plot
from eval.method_table import method_section, to_html
from eval.reports.terminal import sections_text
from eval.suite import load_suite
from tuning.methods import load_method
from tuning.schema import TuneRecipe, load_recipe

ROOT = Path(__file__).resolve().parents[3]
COLOURS = ["red", "blue", "green", "grey"]
SMALL = (
    Entry("lora-2", "lora", {"r": 2, "alpha": 4, "dropout": 0.0}),
    Entry("last-layers", "partial", {"part": "last", "layers": 1}),
    Entry("feature-extraction", "feature_extraction", {}),
)


@pytest.fixture
def opened(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    services = Services(Settings(home=home.root, retrieval=RetrievalSettings(embedder="hashing")))
    yield Workshop(services.settings, services.home, services.pool, services.library)
    services.close()


@pytest.fixture
def recipe(tmp_path: Path) -> TuneRecipe:
    rows = [
        {"question": f"What colour is {place} {at}?", "answer": colour, "group": colour}
        for at, colour in enumerate(COLOURS)
        for place in ("door", "gate", "wall", "roof")
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    content = {"name": "colours", "data": "rows.jsonl", "epochs": 1, "batch_size": 8, "after": {"forgetting": False}}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(content))
    return load_recipe(tmp_path / "recipe.yaml")


@pytest.fixture
def suite(tmp_path: Path) -> Any:
    rows = [
        {"question": f"Say the colour of door {at}.", "reference": [colour], "group": colour, "language": "en"}
        for at, colour in enumerate(COLOURS)
    ]
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, rows)))
    content: dict[str, Any] = {"suite": "colours", "items": "items.jsonl", "sampling": {"max_tokens": 4}}
    content["variants"] = {"zero-shot": None, "tuned": {"adapter": "colours"}}
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(content))
    return load_suite(tmp_path / "suite.yaml")


def test_every_row_is_the_recipe_with_another_method(recipe: TuneRecipe) -> None:
    assert len({entry.name for entry in ENTRIES}) == len(ENTRIES)
    for entry in ENTRIES:
        made = recipe_for(entry, recipe)
        assert (made.name, made.method, made.learning_rate) == (entry.name, entry.method, 0)
        assert (made.data, made.epochs, made.batch_size, made.seed) == ("rows.jsonl", 1, 8, 0)
        load_method(made.method).params(**made.params)
    assert [recipe_for(each, recipe).params.get("r") for each in ENTRIES[1:4]] == [2, 8, 32]


def test_a_stopped_table_goes_on_and_repeats_no_training(recipe: TuneRecipe, suite: Any, opened: Workshop) -> None:
    seen: list[dict[str, Any]] = []

    def table(items: int = 0, cancelled: Cancelled = lambda: False) -> dict[str, Any]:
        seen.clear()
        return study_methods(
            suite, "tuned", recipe, replace(opened, progress=seen.append, cancelled=cancelled), items, SMALL
        )

    with pytest.raises(CancelledError):  # in the second training
        table(cancelled=lambda: any(event.get("variant") == "last-layers" and "loss" in event for event in seen))
    document = table(items=3)
    own = Home(Path(document["folder"]) / "state")
    assert [event["variant"] for event in seen if event.get("step") == 1 and "loss" in event].count("lora-2") == 0
    assert {job.read().state for job in jobs_of(own)} == {"succeeded"} and len(list(jobs_of(own))) == 3
    assert list_adapters(opened.home) == []

    rows = {row["name"]: row for row in document["rows"]}
    assert list(rows) == ["untuned", *(entry.name for entry in SMALL)] and document["items"] == 3
    assert all(row["quality"]["n"] == 3 and row["quality"]["low"] is not None for row in rows.values())
    # LoRA of rank 2 on every linear layer, one of eight layers, and four labels of 256 weights and a bias.
    counts = [rows[entry.name]["parameters"] for entry in SMALL]
    assert counts[2] == 4 * 257 < counts[0] < counts[1]
    assert all(row["seconds"] > 0 and row["memory_mb"] > 100 for row in list(rows.values())[1:])
    assert rows["last-layers"]["megabytes"] > rows["lora-2"]["megabytes"] > rows["feature-extraction"]["megabytes"]

    again = table(items=3)
    assert not any("loss" in event for event in seen) and again["rows"] == document["rows"]
    shown = sections_text([method_section(document)])
    assert "feature-extraction" in shown and "1,028" in shown and "not tuned" in shown
    folder = Path(document["folder"])
    assert "| lora-2" in (folder / "table.md").read_text("utf-8")
    assert "튜닝 전" in (folder / "table.ko.md").read_text("utf-8")
    ElementTree.fromstring((folder / "table.svg").read_text("utf-8"))
    html = (folder / "table.html").read_text("utf-8")
    assert html == to_html(document) and "<svg" in html
    assert "://" not in html.replace("http://www.w3.org/2000/svg", "") and "<script" not in html


def test_a_method_that_cannot_learn_the_data_is_left_out_with_its_reason(
    recipe: TuneRecipe, suite: Any, opened: Workshop, tmp_path: Path
) -> None:
    rows = [{"question": f"What is {at}?", "answer": f"number {at}"} for at in range(8)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    document = study_methods(suite, "tuned", recipe, opened, items=2, entries=SMALL[2:])
    left_out = document["rows"][1]
    assert "8 rows have 8 different values of 'answer'" in left_out["left_out"] and left_out["quality"] is None
    shown = sections_text([method_section(document)])
    assert "feature-extraction: left out" in shown
    assert "8행에 'answer' 값이 8가지나 있어요" in sections_text([method_section(document)], "ko")
    with pytest.raises(InputError, match="no variant 'none'"):
        study_methods(suite, "none", recipe, opened)
    with pytest.raises(UsageError, match="has a grid"):
        study_methods(suite, "tuned", recipe.model_copy(update={"grid": {"seed": [0, 1]}}), opened)


def test_a_part_of_the_items_is_always_the_same(suite: Any) -> None:
    assert chosen(suite.items, 0) == suite.items
    two, three = chosen(suite.items, 2), chosen(suite.items, 3)
    assert len(two) == 2 and chosen(suite.items[::-1], 2) == two[::-1] and all(item in three for item in two)


def test_names_in_the_plot_keep_apart() -> None:
    quality = {"mean": 0.5, "low": 0.4, "high": 0.6}
    rows = [{"name": f"m{at}", "method": "lora", "parameters": 1000 + at, "quality": quality} for at in range(3)]
    tree = ElementTree.fromstring(method_plot([{"method": "", "quality": quality}, *rows]))
    texts = tree.iter("{http://www.w3.org/2000/svg}text")
    places = [(float(text.get("x", 0)), float(text.get("y", 0))) for text in texts if str(text.text).startswith("m")]
    assert len(places) == 3
    assert all(abs(x - u) > 14 or abs(y - v) >= 14 for (x, y), (u, v) in combinations(places, 2))
    assert method_plot([]) == ""
