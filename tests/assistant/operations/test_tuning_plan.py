"""A plan's price, and what it says of a recipe that does not fit: the first smaller batch that does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import ResourceError
from assistant.jobs.record import JobFolder
from assistant.operations import tuning_plan
from assistant.operations.tuning_plan import bill, smaller
from assistant.paths import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").create()


def test_money_and_energy_follow_the_price_table_in_force(home: Home) -> None:
    shipped = bill(home, 3600.0, 1800.0)
    assert shipped["energy"] is None and shipped["money"]["amounts"] == [150.0, 75.0]
    assert shipped["money"]["currency"] == "KRW" and shipped["money"]["source"] == "data/prices.yaml"
    assert shipped["money"]["other"] == ("USD", pytest.approx(150 / 1400))
    (home.root / "prices.yaml").write_text("training_hour: 100\ntraining_watts: 500\nkwh: 200\n", "utf-8")
    own = bill(home, 3600.0)
    assert own["energy"] == [pytest.approx(0.5)] and own["money"]["amounts"] == [pytest.approx(100 + 0.5 * 200)]
    assert own["money"]["source"] == "home/prices.yaml"
    (home.root / "prices.yaml").write_text("training_hours: 100\n", "utf-8")
    broken = bill(home, 3600.0)
    assert broken["energy"] is None and "training_hours" in broken["money"]["error"]


def test_half_a_batch_has_as_many_rows_an_update() -> None:
    assert smaller({"batch_size": 8, "accumulate": 2}) == {"batch_size": 4, "accumulate": 4}
    assert smaller({"batch_size": 5, "accumulate": 1}) == {"batch_size": 2, "accumulate": 3}
    assert smaller({"batch_size": 1, "accumulate": 8}) is None


def within(rows: int) -> Callable[..., dict[str, Any]]:
    """Return trial steps on a machine whose memory holds so many rows."""

    def trial(job: JobFolder, cancelled: Callable[[], bool]) -> dict[str, Any]:
        batch = int(job.load("recipe.json")["batch_size"])
        if batch > rows:
            raise ResourceError(f"training 'a' ran out of memory at batch_size {batch}", "less", out_of_memory=True)
        return {"memory_mb": 1000.0 * batch}

    return trial


@pytest.mark.parametrize(
    ("rows", "said", "mend"),
    [
        (3, "does not fit with batch_size 8", "batch_size: 2 and accumulate: 4 would fit, in about 2,000 MB"),
        (0, "ran out of memory at batch_size 8", "less"),
    ],
)
def test_what_does_not_fit_names_the_batch_that_would(
    rows: int, said: str, mend: str, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = JobFolder.create(home, "plan", "a")
    job.save("recipe.json", {"name": "a", "batch_size": 8, "accumulate": 1})
    monkeypatch.setattr(tuning_plan, "_trial", within(rows))
    with pytest.raises(ResourceError, match=said) as caught:
        tuning_plan._probe(job, lambda: False)
    assert caught.value.hint == mend
    monkeypatch.setattr(tuning_plan, "_trial", within(64))
    job.save("recipe.json", {"name": "a", "batch_size": 8, "accumulate": 1})
    assert tuning_plan._probe(job, lambda: False) == {"memory_mb": 8000.0}


def test_a_refusal_for_another_reason_is_not_tried_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    job = JobFolder.create(home, "plan", "a")
    job.save("recipe.json", {"name": "a", "batch_size": 8, "accumulate": 1})
    asked: list[int] = []

    def trial(job: JobFolder, cancelled: Callable[[], bool]) -> dict[str, Any]:
        asked.append(1)
        raise ResourceError("training 'a' does not fit: it needs at least 3.0 GB", "take a smaller base")

    monkeypatch.setattr(tuning_plan, "_trial", trial)
    with pytest.raises(ResourceError, match="needs at least"):
        tuning_plan._probe(job, lambda: False)
    assert len(asked) == 1
