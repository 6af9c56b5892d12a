"""What a run needs, against what a real run on the embedded base leaves: sizes on disk, and refusals with the mend."""

from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import ResourceError
from assistant.jobs.record import jobs_of
from assistant.paths import Home
from assistant.settings import ModelSettings, Settings
from tuning.base import Base, open_base
from tuning.prepare import prepare
from tuning.schema import TuneRecipe, load_recipe
from tuning.space import SPARE_BYTES, disk_bytes, memory_bytes, refuse_too_big, trained_parameters


@pytest.fixture(scope="module")
def base() -> Base:
    return open_base(ModelSettings(), weights=False)


def recipe(method: str, **changes: Any) -> TuneRecipe:
    return TuneRecipe(name="tower", data="rows.jsonl", method=method, **changes)


def trained_by_peft(method: str, params: dict[str, Any]) -> int:
    """Return what PEFT really trains on the embedded base."""
    from peft import get_peft_model

    from tuning.methods.lora import LoraParams, lora_config

    model: Any = open_base(ModelSettings()).model
    return int(get_peft_model(model, lora_config(model, LoraParams(**params))).get_nb_trainable_parameters()[0])


@pytest.mark.parametrize(
    "params",
    [{"r": 4}, {"r": 8, "target_modules": ["q_proj", "up_proj"], "layers": "2,5-7"}],
)
def test_loras_parameters_are_counted_as_peft_counts_them(params: dict[str, Any], base: Base) -> None:
    assert trained_parameters(recipe("lora", params=params), base.shapes) == trained_by_peft("lora", params)


def test_whole_methods_count_their_parts(base: Base) -> None:
    everything = trained_parameters(recipe("full"), base.shapes)
    assert everything == base.parameters
    parts = {part: recipe("partial", params={"part": part, "layers": 8}) for part in ("last", "embeddings", "head")}
    found = {part: trained_parameters(each, base.shapes) for part, each in parts.items()}
    assert found["embeddings"] == found["head"] and 0 < everything - found["last"] - found["head"] < 2000  # one norm
    assert trained_parameters(recipe("block_expansion", params={"layers": 8}), base.shapes) == found["last"]
    assert 0 < trained_parameters(recipe("prompt_tuning"), base.shapes) < 10_000
    assert trained_parameters(recipe("ia3"), base.shapes) == 0  # next to nothing


def test_a_full_run_needs_disk_for_its_checkpoints(base: Base) -> None:
    own = 4 * base.parameters
    assert disk_bytes(recipe("full"), base) == SPARE_BYTES + 3 * 3 * own + own
    assert disk_bytes(recipe("full", optimizer="sgd"), base) == SPARE_BYTES + 4 * own
    best = disk_bytes(recipe("full", keep="best", validation="x"), base) - disk_bytes(recipe("full"), base)
    assert best == 5 * own and disk_bytes(recipe("lora"), base) < SPARE_BYTES + own


def test_no_space_for_checkpoints_is_said_before_training(
    recipe_file: Callable[..., Path], home: Home, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**9, 9 * 10**8, 10**8))
    prepare(load_recipe(recipe_file("small.yaml")), home=home, settings=settings, retriever_for=None)
    full = load_recipe(recipe_file("big.yaml", name="big", method="full", params={}))
    with pytest.raises(ResourceError, match=r"disk full: training needs about 37\d MB in .*, 100 MB are free"):
        prepare(full, home=home, settings=settings, retriever_for=None)
    assert sorted(job.read().state for job in jobs_of(home)) == ["failed", "validating_files"]


@pytest.mark.parametrize(
    ("method", "room", "mend"),
    [
        ("full", 10, "it would fit with optimizer: adafactor"),
        ("full", 6, "it would fit with method: lora"),
        ("full", 3, "it would fit with method: qlora"),
        ("lora", 3, "it would fit with method: qlora"),
        ("dpo", 3, "take a base of at most"),
        ("full", 0.1, "take a base of at most"),
    ],
)
def test_what_cannot_fit_names_the_setting_that_would(method: str, room: float, mend: str, base: Base) -> None:
    big = replace(base, parameters=base.parameters * 100)  # its layers' shapes stay small, as its adapters do
    asked = recipe(method)
    if method == "full":
        big = replace(big, parameters=base.parameters)
    free = int(room * big.parameters)
    with pytest.raises(ResourceError, match="does not fit: it needs at least") as caught:
        refuse_too_big(asked, big, free)
    assert mend in caught.value.hint
    refuse_too_big(asked, big, memory_bytes(asked, big))
