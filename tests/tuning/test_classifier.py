"""Feature extraction: what counts as labels, the form of answers, and a classifier beside other adapters."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from assistant.adapters import CONFIG, Adapter, get_adapter
from assistant.errors import InputError
from assistant.models.classifier import LabelField, said
from assistant.models.local import open_local
from assistant.paths import Home
from assistant.schema import Message, Sampling, collect
from assistant.settings import EngineSettings, ModelSettings, Settings
from assistant.shelf import export, import_
from tuning.merge import merge
from tuning.methods.classifier import label_fields
from tuning.run import run_recipe
from tuning.schema import load_recipe

TRIAGE = ['{"label": "room", "urgency": "low"}', '{"label": "loan", "urgency": "low"}'] * 2
ABOUT = {"red door": "colour", "blue gate": "colour", "two eggs": "count", "nine hats": "count"}


@pytest.mark.parametrize(
    ("answers", "fields"),
    [
        (["yes", "no", " yes", "no"], [("", ("no", "yes"))]),
        (TRIAGE, [("label", ("loan", "room")), ("urgency", ("low",))]),
        (['{"a": true}', '{"a": 1}'] * 2, [("a", (1, True))]),
        # Not one shape, or not the spacing that we would write: then the whole text is the label.
        (['{"a": "x"}', '{"b": "x"}'] * 2, [("", ('{"a": "x"}', '{"b": "x"}'))]),
        (['{"a":"x"}', '{"a":"y"}'] * 2, [("", ('{"a":"x"}', '{"a":"y"}'))]),
    ],
)
def test_fields_are_what_varies(answers: list[str], fields: list[tuple[str, tuple[Any, ...]]]) -> None:
    found = label_fields(answers, "rows.jsonl")
    assert [(each.name, tuple(map(repr, each.labels))) for each in found] == [
        (name, tuple(map(repr, labels))) for name, labels in fields
    ]
    # Every answer can be said again, letter by letter.
    sayable = {said(found, [at % len(each.labels) for each in found]) for at in range(2)}
    assert sayable == {answer.strip() for answer in answers}


def test_answers_keep_the_letters_of_their_language() -> None:
    assert (
        said([LabelField("분류", ("대출",)), LabelField("급함", (True,))], [0, 0]) == '{"분류": "대출", "급함": true}'
    )


@pytest.fixture
def trained(recipe_file: Callable[..., Path], home: Home, settings: Settings, tmp_path: Path) -> Adapter:
    rows = [{"question": ask, "answer": tell} for ask, tell in ABOUT.items()]
    (tmp_path / "about.jsonl").write_text("\n".join(map(json.dumps, rows)))
    fields = {"method": "feature_extraction", "params": {}, "data": "about.jsonl", "validation": "about.jsonl"}
    recipe = load_recipe(recipe_file(**fields, keep="best", epochs=40, learning_rate=0.05))
    document = run_recipe(
        recipe, home=home, settings=settings, retriever_for=None, progress=lambda _: None, cancelled=lambda: False
    )
    # The base reads the four rows once, whatever the number of epochs.
    assert document["steps"] == 40 and 0 < document["trained_tokens"] < 4 * 40
    assert document["validation_loss"] < document["first_loss"] / 2
    return get_adapter(home, "tower")


def test_it_answers_beside_others_and_travels(trained: Adapter, home: Home, tmp_path: Path) -> None:
    backend = open_local(ModelSettings(), EngineSettings())
    try:
        plain, tuned = backend.model(), backend.model(trained)
        asked = [[Message("user", text)] for text in ABOUT]
        alone = collect(plain.stream(asked[0], Sampling(max_tokens=12))).text
        with ThreadPoolExecutor(8) as threads:
            both = [(model, turns) for turns in asked for model in (tuned, plain)]
            answers = list(threads.map(lambda pair: collect(pair[0].stream(pair[1], Sampling(max_tokens=12))), both))
        assert [answer.text for answer in answers[::2]] == list(ABOUT.values())
        assert answers[1].text == alone
        first = answers[0]
        assert first.finish == "stop" and first.usage.completion_tokens == 0 and first.usage.prompt_tokens > 0
        assert first.origin is not None and first.origin.adapter == "tower"
        assert backend.memory_mb() > 0
        copy = import_(
            home,
            export(home, "tower", tmp_path / "out"),
            "copied",
            (backend.base, backend.base_hash),
            dict(backend.shapes),
        )
        assert collect(backend.model(copy).stream(asked[2], Sampling())).text == "count"
    finally:
        backend.close()
    with pytest.raises(InputError, match="cannot be folded into weights"):
        merge(trained, ModelSettings(), tmp_path / "merged")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"pool": "max"}, "expected 'pool' and 'fields'"),
        ({"fields": [{"name": "", "labels": [["colour"], "count"]}]}, "expected 'pool' and 'fields'"),
        ({"fields": [{"name": "", "labels": ["colour", "count", "size"]}]}, "expected 3 labels, found"),
        ({"fields": []}, "expected 0 labels"),
        ({"run": "me"}, "setting 'run' is not supported"),
    ],
)
def test_a_damaged_file_is_refused(trained: Adapter, change: dict[str, Any], problem: str) -> None:
    path = trained.path / CONFIG
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change), "utf-8")
    backend = open_local(ModelSettings(), EngineSettings())
    try:
        with pytest.raises(InputError, match=problem.replace("(", r"\(")):
            backend.model(trained)
    finally:
        backend.close()
