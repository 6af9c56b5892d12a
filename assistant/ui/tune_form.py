"""The tune page's form: a recipe taken apart into its fields and put together again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from assistant.errors import InputError
from assistant.operations.tuning_sources import replay_path, to_yaml
from assistant.ui.tune_controls import METHOD, PARTS, Chosen, Control, controls, shown_value
from assistant.ui.words import Words
from tuning.fields import Setting, allowed, number, reason, settings_in
from tuning.methods import load_method
from tuning.schema import AUTO, TuneRecipe

# Passes over the data, as a multiple of what the recipe itself says.
PRESETS: Mapping[str, float] = {"quick": 0.25, "balanced": 1.0, "thorough": 2.0}
BALANCED = "balanced"
PROMPT = str(TuneRecipe.model_fields["recipe"].default)
NAME, MORE = "name", "more"  # the fields that are no controls, as an error's ``field`` names them


@dataclass(frozen=True, slots=True)
class Form:
    """What the page's fields hold: ``values`` by a control's key, ``more`` as YAML with every other key."""

    name: Any = ""
    method: Any = "lora"
    values: Mapping[str, Any] = field(default_factory=dict)
    more: Any = ""

    @classmethod
    def of(cls, inputs: Sequence[Any]) -> "Form":
        """Return the form that Gradio's values say, which are in the order of :meth:`inputs`."""
        name, method, *values, more = inputs
        return cls(name, method, dict(zip((each.key for each in controls()), values, strict=True)), more)

    @property
    def chosen(self) -> Chosen:
        """What decides which fields there are."""
        return Chosen(str(self.method), str(self.values.get("recipe") or PROMPT))

    def inputs(self) -> list[Any]:
        """Return the values in the order of the page: name, method, every control, the YAML."""
        return [self.name, self.method, *(self.values.get(each.key) for each in controls()), self.more]

    def changed(self, **values: Any) -> "Form":
        """Return the form with other values in some of its fields."""
        own = {key: values.pop(key) for key in ("name", "method", "more") if key in values}
        return replace(self, values={**self.values, **values}, **own)


def take_apart(document: Mapping[str, Any]) -> Form:
    """Return the fields of a recipe; what it leaves open gets its default."""
    chosen = Chosen(str(document.get("method") or "lora"), str(document.get("recipe") or PROMPT))
    rest = {key: value for key, value in document.items() if key not in ("name", "method")}
    rest = {key: dict(value) if isinstance(value, Mapping) else value for key, value in rest.items()}
    mixes = bool(rest.get("replay"))
    values = dict(_defaults(chosen))
    for each in controls():
        found = each.setting(chosen)
        holder = rest if len(each.path) == 1 else rest.get(each.path[0])
        if found is not None and holder:
            default = found.default if each.off is None or mixes else each.off
            values[each.key] = _shown(found, holder.pop(each.path[-1], default))
    if mixes and rest["replay"].get("path") == replay_path():
        del rest["replay"]["path"]
    if params := rest.get("params"):
        # What is left has no field for this method: a mistake, which stays in sight, or a value it cannot do without.
        fixed = settings_in(load_method(chosen.method).params)
        rest["params"] = {key: v for key, v in params.items() if key not in fixed or fixed[key].default != v}
    left = {key: value for key, value in rest.items() if value not in ({}, None)}
    return Form(document.get("name", ""), chosen.method, values, to_yaml(left) if left else "")


def put_together(form: Form, words: Words) -> dict[str, Any]:
    """Return the recipe that the fields say.

    Raises:
        InputError: a number is missing or out of bounds (with the bounds and their reason), or the further
            keys are not YAML. Its details name the ``field``.
    """
    more = _further(form, words)
    said: dict[str, Any] = {"params": {}}
    for each in controls():
        found = each.setting(form.chosen)
        if found is None:
            continue
        value = _read(each, found, form.values.get(each.key), words)
        if value == each.off or (value == found.default and value in ("", [])):
            continue
        holder = said if len(each.path) == 1 else said.setdefault(each.path[0], {})
        holder[each.path[-1]] = value
    if "replay" in said:
        said["replay"] = {"path": replay_path(), **said["replay"]}
    elif load_method(form.chosen.method).rows == "answers":
        more.pop("replay", None)
    for key in [key for key in said if isinstance(said[key], dict) and key in more]:
        said[key] |= more.pop(key) or {}
    data = {"data": more.pop("data")} if "data" in more else {}
    return {"name": str(form.name or "").strip(), **data, "method": form.chosen.method, **said, **more}


def same_but_length(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Return whether an estimate for one recipe also holds for the other: only passes and name differ."""
    free = ("epochs", "name", "description", "seed")
    return {k: v for k, v in first.items() if k not in free} == {k: v for k, v in second.items() if k not in free}


def switched(form: Form, method: str, words: Words) -> Form:
    """Return the fields with another method's own settings at their defaults and an automatic learning rate.

    Raises:
        InputError: the further keys are not YAML.
    """
    further = _yaml(str(form.more or ""), words)
    more = form.more
    if "params" in further:
        more = to_yaml({key: value for key, value in further.items() if key != "params"})
    defaults = _defaults(Chosen(method, form.chosen.prompt))
    own = {each.key: defaults[each.key] for each in controls() if each.group == METHOD}
    return reshown(Form(form.name, method, {**form.values, **own, "learning_rate": AUTO}, more))


def reshown(form: Form) -> Form:
    """Return the fields with those that the chosen method and prompt do not have at their defaults.

    Hidden, they could not be seen to be wrong, and would come back as nobody remembers them.
    """
    defaults = _defaults(form.chosen)
    gone = {each.key: defaults[each.key] for each in controls() if each.setting(form.chosen) is None}
    return form.changed(**gone)


def counts_steps(form: Form) -> bool:
    """Return whether the run ends by a number of updates, so that passes mean nothing."""
    return bool(form.values.get("steps"))


def _defaults(chosen: Chosen) -> dict[str, Any]:
    """Return every field's value where a recipe does not name it."""
    found = {each: each.setting(chosen) or each.any_setting() for each in controls()}
    return {each.key: _shown(kind, kind.default if each.off is None else each.off) for each, kind in found.items()}


def _shown(found: Setting, value: Any) -> Any:
    """Return a recipe's value as its field holds it."""
    if found.automatic and value == "auto":
        return AUTO
    return shown_value(value) if found.kind in ("names", "layers", "text") else value


def _read(control: Control, found: Setting, value: Any, words: Words) -> Any:
    """Return a field's value as the recipe has it."""
    if found.kind in ("whole", "real"):
        return _number(control, found, value, words)
    if found.kind == "switch":
        return bool(value)
    text = str(value or "").strip()
    if found.kind == "names":
        names = [name.strip() for name in text.split(",") if name.strip()]
        return text if text in found.literals else names
    return text if text or found.kind != "layers" else []


def _number(control: Control, found: Setting, value: Any, words: Words) -> float | int | str:
    name, bounds = words(f"tune.field_{found.word}"), allowed(found, words.language, off=control.off is not None)
    try:
        given = float(value)
    except (TypeError, ValueError):
        raise InputError(words("tune.no_number", field=name), bounds, field=control.key) from None
    if given != control.off and not found.holds(given):
        said = words("tune.out_of_bounds", field=name, bounds=bounds, found=number(given))
        raise InputError(said, reason(found, words.language), field=control.key)
    if found.kind == "whole" and not given.is_integer():
        said = words("tune.not_whole", field=name, found=f"{given:g}")
        raise InputError(said, reason(found, words.language), field=control.key)
    if found.automatic and given == AUTO:
        return "auto"
    return int(given) if given.is_integer() else given


def _further(form: Form, words: Words) -> dict[str, Any]:
    """Return the keys of the YAML box; none of them may have a field, or one of the two would not count."""
    found = _yaml(str(form.more or ""), words)
    for key in ("params", *PARTS):
        if key in found and not isinstance(found[key], dict | None):
            raise InputError(words("tune.no_keys_in", key=key), words("tune.no_yaml_hint"), field=MORE)
    taken = [("name",), ("method",), *(each.path for each in controls() if each.setting(form.chosen))]
    for path in taken:
        holder = found if len(path) == 1 else found.get(path[0]) or {}
        if path[-1] in holder:
            raise InputError(words("tune.key_twice", key=".".join(path)), words("tune.key_twice_hint"), field=MORE)
    return found


def _yaml(text: str, words: Words) -> dict[str, Any]:
    try:
        found = yaml.safe_load(text) if text.strip() else {}
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise InputError(words("tune.no_yaml", line=line), words("tune.no_yaml_hint"), field=MORE) from None
    if found is not None and not isinstance(found, dict):
        raise InputError(words("tune.no_keys"), words("tune.no_yaml_hint"), field=MORE)
    return dict(found or {})
