"""What an adapter says of where it comes from: data version, cards, licences; only what somebody stated."""

from pathlib import Path

import pytest

from assistant.datasets.importing import ImportOptions, import_file
from assistant.datasets.store import DatasetStore
from assistant.paths import Home, data_root
from assistant.settings import Settings
from tuning.origin import origin_of, stated_licence
from tuning.prepare import prepare
from tuning.schema import load_recipe


@pytest.mark.parametrize(
    ("readme", "licence"),
    [
        ("---\nlicense: apache-2.0\ntags: [x]\n---\n# A model", "apache-2.0"),
        ("---\r\nlicence: [mit, cc0-1.0]\r\n---\r\n", "mit, cc0-1.0"),
        ("# A model\n\nlicense: apache-2.0\n", ""),
        ("---\nlicense: [\n---\n", ""),
        ("---\n- license\n---\n", ""),
        (None, ""),
    ],
)
def test_a_licence_is_what_the_card_states(readme: str | None, licence: str, tmp_path: Path) -> None:
    if readme is not None:
        (tmp_path / "README.md").write_text(readme, encoding="utf-8", newline="")
    assert stated_licence(tmp_path) == licence


def test_one_source_without_a_licence_leaves_the_whole_without(home: Home, rows: Path) -> None:
    store = DatasetStore(home.datasets)
    import_file(store, rows, ImportOptions("facts", licence="MIT"))
    first = store.get("facts")
    assert origin_of(first.rows_file) == (first.manifest.ref, "MIT")
    more = rows.with_name("more.jsonl")
    more.write_text('{"question": "Where is the mill?", "answer": "by the ford"}', encoding="utf-8")
    import_file(store, more, ImportOptions("facts"))
    grown = store.get("facts")
    assert len(grown.manifest.sources) == 2 and origin_of(grown.rows_file) == (grown.manifest.ref, "")
    assert origin_of(rows) == ("", "")
    assert origin_of(data_root() / "demo" / "triage" / "train.jsonl") == ("", "cc0-1.0")


def test_a_job_keeps_the_version_its_cards_and_the_licences(recipe_file, home: Home, settings: Settings, rows) -> None:
    store = DatasetStore(home.datasets)
    import_file(store, rows, ImportOptions("facts", licence="MIT"))
    version = store.get("facts")
    replay = str(data_root() / "replay" / "replay.jsonl")
    recipe = load_recipe(recipe_file(data=str(version.rows_file), replay={"path": replay, "ratio": 0.5}))
    job = prepare(recipe, home=home, settings=settings, retriever_for=None)
    stated = job.load("origin.json")
    assert stated["dataset"] == version.manifest.ref
    assert stated["licences"] == {
        "base": stated_licence(data_root() / "models" / "embedded"),
        "data": "MIT",
        "replay": "cc0-1.0",
    }
    assert (job.path / "data.ko.md").read_text("utf-8") == version.card("ko")
    assert (job.path / "data.en.md").read_text("utf-8") == version.card("en")
