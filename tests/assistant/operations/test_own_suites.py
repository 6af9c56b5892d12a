"""The evaluation set of one's own tuning: the test rows of its data, else what was kept, else a reason."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from assistant.collect import keep_item
from assistant.datasets.importing import ImportOptions, import_file
from assistant.datasets.store import DatasetStore
from assistant.errors import InputError
from assistant.operations import perform
from assistant.operations.data_recipes import parts_folder
from eval.suite import load_suite
from tuning.origin import origin_of

if TYPE_CHECKING:
    from assistant.services import Services

HISTORY = [{"role": "system", "content": "Be brief."}]


def _taught(services: "Services", dataset: str, name: str = "mine") -> str:
    """Return a copy of the demo's adapter that says it was trained on a dataset version."""
    folder = services.home.adapters / "handbook-tuned"
    made = services.home.adapters / name
    made.mkdir()
    for file in folder.iterdir():
        (made / file.name).write_bytes(file.read_bytes())
    manifest = json.loads((made / "manifest.json").read_text("utf-8")) | {"name": name, "dataset": dataset}
    (made / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return name


def _split(services: "Services", folder: Path) -> str:
    words = ("lake", "mill", "ford", "tower", "barn", "pier", "well", "gate", "kiln", "moor", "quay", "vale")
    rows: list[dict[str, Any]] = [
        {"question": f"Who keeps the old {word}?", "answer": f"{word[::-1]} {n}"} for n, word in enumerate(words)
    ]
    for row in rows[::2]:
        row["history"] = HISTORY
    file = folder / "keepers.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    store = DatasetStore(services.home.datasets)
    first = import_file(store, file, ImportOptions("keepers"))
    made = perform(services, "data.split", {"dataset": first["version"]})
    assert sum(made["splits"].values()) == 12 and made["splits"]["test"] >= 1
    return str(made["version"])


def test_held_out_rows_become_the_suite_and_an_adapter_knows_its_version(services: "Services", tmp_path: Path) -> None:
    version = _split(services, tmp_path)
    recipe = perform(services, "data.recipe", {"dataset": version})["recipe"]
    stored = DatasetStore(services.home.datasets).get(version)
    assert Path(recipe["data"]) == parts_folder(services.home, stored) / "train.jsonl"
    assert origin_of(Path(recipe["data"]))[0] == version
    made = perform(services, "eval.suite", {"adapter": _taught(services, version)})
    suite = load_suite(Path(made["path"]))
    assert made["made"] and suite.name == "mine"
    held = {row["question"] for row in stored.rows() if row["split"] == "test"}
    assert {item.question for item in suite.items} == held and not suite.leaks
    assert [spec.name for spec in suite.variants] == ["zero-shot", "few-shot", "rag", "tuned"]
    assert suite.variants[-1].adapter == "mine"
    assert perform(services, "eval.suite", {"adapter": "mine"}) == made | {"made": False}


def test_without_test_rows_the_kept_questions_are_asked(services: "Services") -> None:
    name = _taught(services, "")
    with pytest.raises(InputError, match="no questions to measure 'mine' with") as caught:
        perform(services, "eval.suite", {"adapter": name})
    assert "Data page" in caught.value.hint
    keep_item(services.home, "Who feeds the swans?", ["Tilda Moss"], "en")
    made = perform(services, "eval.suite", {"adapter": name})
    document = yaml.safe_load(Path(made["path"]).read_text("utf-8"))
    assert document["items"] == "collected.jsonl" and list(document["variants"]) == ["zero-shot", "rag", "tuned"]
    assert len(load_suite(Path(made["path"])).items) == 1


def test_a_suite_that_asks_the_adapter_already_is_taken(services: "Services") -> None:
    found = perform(services, "eval.suite", {"adapter": "handbook-tuned"})
    assert found["suite"] == "handbook" and not found["made"]


def test_a_variant_that_is_only_called_like_the_adapter_does_not_count(services: "Services") -> None:
    keep_item(services.home, "Who feeds the swans?", ["Tilda Moss"], "en")
    assert perform(services, "eval.suite", {"adapter": _taught(services, "", "tuned")})["suite"] == "tuned"
