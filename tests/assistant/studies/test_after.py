"""After tuning, with a real adapter on the embedded model: stored beside it, base figures asked once."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assistant.adapters import get_adapter, list_adapters, verify
from assistant.errors import CancelledError
from assistant.paths import Home, data_root
from assistant.studies.after import measure_adapter
from assistant.studies.files import read_json, write_json
from eval.forgetting import FILE, Sample, load_sample, read_forgetting

if TYPE_CHECKING:
    from assistant.models.local import LocalBackend

ADAPTER = "triage-tuned"


@pytest.fixture
def installed(home: Home) -> Home:
    """Return a state folder with one of the shipped adapters, renewed for the embedded model's weights."""
    shutil.copytree(data_root() / "demo" / "adapters" / ADAPTER, home.adapters / ADAPTER)
    (home.adapters / ADAPTER / FILE).unlink(missing_ok=True)
    return home


@pytest.fixture(scope="module")
def few() -> Sample:
    """Return six texts and four probes of each kind, so that it takes a second."""
    whole = load_sample(data_root() / "forgetting")
    kinds = dict.fromkeys(probe.kind for probe in whole.probes)
    probes = [probe for kind in kinds for probe in [p for p in whole.probes if p.kind == kind][18:22]]
    return replace(whole, texts=(*whole.texts[:3], *whole.texts[-3:]), probes=tuple(probes))


def test_it_is_stored_beside_the_adapter_and_the_base_is_asked_once(
    installed: Home, embedded: "LocalBackend", few: Sample
) -> None:
    adapter = get_adapter(installed, ADAPTER)
    events: list[dict] = []
    first = measure_adapter(adapter, embedded, home=installed, sample=few, progress=events.append)
    assert first.loss["ko"].change > 0.02 and first.loss["en"].n == 3  # tuned on tickets, it has forgotten some
    assert {change.n for row in first.probes.values() for change in row.values()} == {2}
    assert [event["total"] for event in events[:1] + events[-1:]] == [22, 22] and events[-1]["done"] == 22

    stored = read_forgetting(adapter.path, adapter.manifest.weights_hash)
    assert stored == json.loads(json.dumps(first.to_json()))
    verify(adapter)
    assert [each.name for each in list_adapters(installed)] == [ADAPTER]

    cache = next(installed.figures.glob("*.json"))
    kept = read_json(cache)
    assert kept is not None and len(kept) == 22
    events.clear()
    again = measure_adapter(adapter, embedded, home=installed, sample=few, progress=events.append)
    assert {event["total"] for event in events} == {22} and events[0]["done"] > 0
    assert sum(event["done"] == event["total"] for event in events) == 1  # only the adapter, not the base
    assert again.loss == first.loss and again.probes == first.probes


def test_a_stopped_measurement_leaves_nothing(installed: Home, embedded: "LocalBackend", few: Sample) -> None:
    with pytest.raises(CancelledError):
        measure_adapter(get_adapter(installed, ADAPTER), embedded, home=installed, sample=few, cancelled=lambda: True)
    assert not (installed.adapters / ADAPTER / FILE).exists() and not list(installed.figures.glob("*"))


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "value.json"
    assert read_json(path) is None
    write_json(path, {"a": "가"})
    assert read_json(path) == {"a": "가"}
    assert [each.name for each in path.parent.iterdir()] == ["value.json"]
    path.write_text("{")
    assert read_json(path) is None
    path.write_text("[1]")
    assert read_json(path) is None
