"""Tune: every key of a recipe has a field or a reason to be YAML, and the page says the schema's own bounds."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from assistant.errors import InputError, UsageError
from assistant.ui.tune_controls import BOXED, METHOD, PARTS, Chosen, Control, controls, default_text, info_text
from assistant.ui.tune_form import Form, put_together, reshown, switched, take_apart
from assistant.ui.words import Words
from tuning.fields import BOUNDS, allowed, reason, settings_in
from tuning.methods import METHODS, load_method
from tuning.schema import TuneRecipe, load_recipe

EN, KO = Words("en"), Words("ko")
CONFIGS = sorted(Path("tuning/configs").glob("*.yaml")) + sorted(Path("data/demo/tune").glob("*.yaml"))
# A prompt that lets a control's key be there at all.
PROMPTS = {"retrieval": "grounded", "shots": "few_shot"}
OTHER = {"whole": 3, "real": 0.25, "switch": True, "names": ["q_proj"], "layers": [0, 2, 3], "text": "some words"}


def _chosen(control: Control) -> Chosen:
    """Return the first method and prompt that have a control."""
    prompt = PROMPTS.get(control.path[0], "zero_shot")
    return next(Chosen(each, prompt) for each in METHODS if control.setting(Chosen(each, prompt)))


def _recipe(control: Control, value: Any) -> dict[str, Any]:
    """Return a recipe that says one control's value, and what it needs beside it."""
    method, prompt = _chosen(control)
    document: dict[str, Any] = {"name": "a", "data": "/rows.jsonl", "method": method, "recipe": prompt}
    if prompt == "few_shot":
        document["shots"] = "/shots.jsonl"
    if prompt == "grounded":
        document["retrieval"] = {}
    if control.path[-1] == "ratio":
        document["replay"] = {"path": "/general.jsonl"}
    if control.path[-1] in ("patience", "keep"):
        document["validation"] = "/held-out.jsonl"
    holder = document
    for part in control.path[:-1]:
        holder = holder.setdefault(part, {})
    holder[control.path[-1]] = value
    return document


def _load(document: dict[str, Any], folder: Path) -> TuneRecipe:
    (folder / "recipe.yaml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return load_recipe(folder / "recipe.yaml")


def test_every_key_has_a_field_or_stays_in_the_box() -> None:
    keys = {key for key in TuneRecipe.model_fields if key not in ("file", "name", "method", "params", *PARTS)}
    keys |= {f"{part}.{key}" for part, schema in PARTS.items() for key in schema.model_fields}
    fields = {".".join(each.path) for each in controls() if each.group != METHOD}
    assert fields | set(BOXED) == keys and not fields & set(BOXED)
    for method in METHODS:
        own = {name for name, each in settings_in(load_method(method).params).items() if not each.fixed}
        shown = {each.path[-1] for each in controls() if each.group == METHOD and each.setting(Chosen(method, ""))}
        assert shown == own, method
    ids = [each.key for each in controls()]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("words", [EN, KO], ids=["en", "ko"])
@pytest.mark.parametrize("control", controls(), ids=lambda each: each.key)
def test_every_field_has_a_label_its_default_and_a_reason_for_its_bounds(control: Control, words: Words) -> None:
    found = control.setting(_chosen(control))
    assert found and words(f"tune.field_{found.word}")
    said = info_text(control, found, _chosen(control).method, words)
    default = default_text(control, found, words)
    wanted = words("tune.default", value=default) if default else ""
    assert (found.automatic and "0" in said) or wanted.casefold() in said.casefold(), said
    if found.bounds:
        assert allowed(found, words.language, off=control.off is not None).casefold() in said.casefold()
        assert reason(found, words.language), "what to take instead"


@pytest.mark.parametrize(
    ("control", "bound", "limit"),
    [(each, bound, limit) for each in controls() for bound, limit in each.any_setting().bounds],
    ids=lambda each: getattr(each, "key", str(each)),
)
def test_page_and_command_line_say_the_same_bounds(control: Control, bound: str, limit: float, tmp_path: Path) -> None:
    found = control.any_setting()
    wrong = {"ge": limit - 1, "gt": limit - 1, "le": limit + 1, "lt": limit}[bound]
    with pytest.raises(UsageError) as told:
        _load(_recipe(control, int(wrong) if found.kind == "whole" else wrong), tmp_path)
    assert allowed(found, "en") in told.value.message and told.value.hint == reason(found, "en")
    form = take_apart(_recipe(control, found.default)).changed(**{control.key: wrong})
    for words in (EN, KO):
        with pytest.raises(InputError) as said:
            put_together(form, words)
        assert allowed(found, words.language, off=control.off is not None) in said.value.message
        assert said.value.hint == reason(found, words.language)
    assert bound in BOUNDS


@pytest.mark.parametrize("control", controls(), ids=lambda each: each.key)
def test_what_a_field_holds_is_what_would_run(control: Control, tmp_path: Path) -> None:
    found = control.any_setting()
    value = OTHER.get(found.kind) if found.kind != "choice" else next(e for e in found.literals if e != found.default)
    if control.key == "recipe":
        value = "classify"
    document = _recipe(control, not found.default if found.kind == "switch" else value)
    wanted = _load(document, tmp_path).model_dump(exclude={"description"})
    form = take_apart(document)
    assert form.values[control.key] != take_apart(_recipe(control, found.default)).values[control.key]
    assert control.path[-1] not in (yaml.safe_load(form.more) or {})
    again = Form.of(form.inputs())
    assert _load(put_together(again, EN), tmp_path).model_dump(exclude={"description"}) == wanted


@pytest.mark.parametrize("file", CONFIGS, ids=lambda each: each.stem)
def test_every_recipe_that_ships_goes_through_the_fields(file: Path, tmp_path: Path) -> None:
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    copied = _load(put_together(take_apart(document), EN), tmp_path)
    assert copied.model_dump() == load_recipe(file).model_dump()


def test_fields_that_a_method_or_prompt_does_not_have_say_nothing(tmp_path: Path) -> None:
    form = take_apart(_recipe(controls()[0], 4)).changed(packing=True, neftune=5, ratio=0.5, plus=4, patience=2)
    dpo = put_together(switched(form, "dpo", EN), EN)
    assert not {"packing", "neftune", "replay"} & set(dpo) and "plus" not in dpo["params"]
    assert dpo["patience"] == 2 and dpo["learning_rate"] == "auto" and dpo["params"]["r"] == 16
    assert put_together(switched(form, "partial", EN), EN)["params"] == {"part": "last", "layers": 2}
    assert put_together(switched(form, "full", EN), EN)["params"] == {}
    grounded = reshown(form.changed(recipe="grounded", k=5))
    assert put_together(grounded, EN)["retrieval"]["k"] == 5
    bare = reshown(grounded.changed(recipe="zero_shot"))
    assert "retrieval" not in put_together(bare, EN) and bare.values["k"] == 2


def test_a_key_with_a_field_is_not_taken_from_the_box() -> None:
    form = take_apart({"name": "a", "data": "/x.jsonl"})
    for key, text in (("params.r", "params: {r: 4}"), ("after.forgetting", "after: {forgetting: false}")):
        with pytest.raises(InputError, match=f"{key} has a field"):
            put_together(form.changed(more=text), EN)
    assert put_together(form.changed(more="grid: {seed: [0, 1]}"), EN)["grid"] == {"seed": [0, 1]}


def test_taking_apart_keeps_what_has_no_field() -> None:
    document = {"name": "x", "data": "/x.jsonl", "system": "Be short.", "after": {"forgetting": False}}
    form = take_apart(document)
    assert yaml.safe_load(form.more) == {"data": "/x.jsonl", "system": "Be short."}
    assert form.values["forgetting"] is False
    again = put_together(form, EN)
    assert {key: again[key] for key in document} == document and "replay" not in again
