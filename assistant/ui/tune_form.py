"""The fields of the tune page: a recipe taken apart into them and put together again, each with its bounds."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import yaml
from pydantic import BaseModel

from assistant.errors import InputError
from assistant.operations.tuning_sources import replay_path, to_yaml
from assistant.ui.words import Words

# Passes over the data, as a multiple of what the recipe itself says.
PRESETS: Mapping[str, float] = {"quick": 0.25, "balanced": 1.0, "thorough": 2.0}
BALANCED = "balanced"
ALL_LINEAR = "all-linear"


@dataclass(frozen=True, slots=True)
class Number:
    """A numeric field; ``path`` is where it stands in the recipe, ``off`` a value that leaves the key out."""

    key: str
    path: tuple[str, ...]
    whole: bool = False
    off: float | None = None


NUMBERS = (
    Number("r", ("params", "r"), whole=True),
    Number("alpha", ("params", "alpha"), whole=True),
    Number("dropout", ("params", "dropout")),
    Number("epochs", ("epochs",)),
    Number("learning_rate", ("learning_rate",)),
    Number("batch_size", ("batch_size",), whole=True),
    Number("max_length", ("max_length",), whole=True),
    Number("replay", ("replay", "ratio"), off=0),
    Number("seed", ("seed",), whole=True),
)
PARAMS = ("r", "alpha", "dropout", "target_modules")


class Form(NamedTuple):
    """What the page's fields hold, in their order; ``more`` is YAML with every other key of the recipe."""

    name: Any = ""
    method: Any = "lora"
    r: Any = None
    alpha: Any = None
    dropout: Any = None
    target_modules: Any = ALL_LINEAR
    epochs: Any = None
    learning_rate: Any = None
    batch_size: Any = None
    max_length: Any = None
    replay: Any = None
    seed: Any = None
    more: Any = ""


def take_apart(document: Mapping[str, Any]) -> Form:
    """Return the fields of a recipe; what it leaves open gets its default."""
    from tuning.schema import TuneRecipe

    method = str(document.get("method") or "lora")
    given = dict(document.get("params") or {})
    params = {key: info.get_default(call_default_factory=True) for key, info in _params(method).items()} | given
    rest = {key: value for key, value in document.items() if key not in ("name", "method", "params")}
    values: dict[str, Any] = {}
    for each in NUMBERS:
        if len(each.path) == 1:
            values[each.key] = rest.pop(each.key, TuneRecipe.model_fields[each.key].default)
    replay = dict(rest.get("replay") or {})
    values["replay"] = replay.pop("ratio", 0.5 if replay else 0)
    if rest.pop("replay", None) and replay.get("path") != replay_path():
        rest["replay"] = replay
    others = {key: value for key, value in params.items() if key not in PARAMS}
    if others:
        rest["params"] = others
    targets = params.get("target_modules", ALL_LINEAR)
    return Form(
        name=document.get("name", ""),
        method=method,
        target_modules=targets if isinstance(targets, str) else ", ".join(map(str, targets)),
        more=to_yaml(rest),
        **{key: params.get(key) for key in ("r", "alpha", "dropout")},
        **values,
    )


def put_together(form: Form, words: Words) -> dict[str, Any]:
    """Return the recipe that the fields say.

    Raises:
        InputError: a number is missing or out of bounds (with the bounds and their reason), or the further
            keys are not YAML.
    """
    more = _further(str(form.more or ""), words)
    method = str(form.method)
    known = _params(method)
    numbers = {each.key: _number(each, getattr(form, each.key), method, words) for each in NUMBERS if _has(each, known)}
    params: dict[str, Any] = {key: numbers[key] for key in ("r", "alpha", "dropout") if key in known}
    if "target_modules" in known:
        params["target_modules"] = _targets(str(form.target_modules or ""))
    params |= dict(more.pop("params", None) or {})
    data = {"data": more.pop("data")} if "data" in more else {}
    document = {"name": str(form.name or "").strip(), **data, "method": method, "params": params}
    document |= {each.key: numbers[each.key] for each in NUMBERS if len(each.path) == 1}
    replay = {"path": replay_path(), **(more.pop("replay", None) or {}), "ratio": numbers["replay"]}
    if numbers["replay"] == 0:
        return document | more
    return document | more | {"replay": replay}


def same_but_length(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Return whether an estimate for one recipe also holds for the other: only passes and name differ."""
    free = ("epochs", "name", "description", "seed")
    return {k: v for k, v in first.items() if k not in free} == {k: v for k, v in second.items() if k not in free}


def switched(form: Form, method: str, words: Words) -> Form:
    """Return the fields with another method's own settings at their defaults and an automatic learning rate.

    Raises:
        InputError: the further keys are not YAML.
    """
    from tuning.methods import load_method

    rest = {key: value for key, value in _further(str(form.more or ""), words).items() if key != "params"}
    fresh = take_apart({"method": method, **rest})
    kept = {key: getattr(form, key) for key in ("name", "epochs", "batch_size", "max_length", "replay", "seed")}
    if load_method(method).rows != "answers":
        kept["replay"] = 0  # general rows are not judged, so a preference method cannot read them
    return fresh._replace(**kept, learning_rate=0)


def counts_steps(form: Form) -> bool:
    """Return whether the further keys end the run by steps, so that passes mean nothing."""
    try:
        found = yaml.safe_load(str(form.more or ""))
    except yaml.YAMLError:
        return False
    return isinstance(found, dict) and bool(found.get("steps"))


def fields_of(method: str) -> frozenset[str]:
    """Return the fields that a method has beyond those that all have."""
    return frozenset(key for key in PARAMS if key in _params(method))


def range_text(number: Number, method: str, words: Words) -> str:
    """Return a field's bounds in words."""
    found = _bounds(number, method)
    if number.off is not None:
        found = [("ge", value) if (kind, value) == ("gt", number.off) else (kind, value) for kind, value in found]
    parts = [words(f"tune.bound_{kind}", n=f"{value:,.10g}") for kind, value in found]
    return words("tune.bounds", low=parts[0], high=parts[1]) if len(parts) > 1 else "".join(parts)


def automatic(number: Number) -> bool:
    """Return whether 0 leaves a field to us."""
    from tuning.schema import TuneRecipe

    return number.key in ("epochs", "learning_rate", "batch_size") and TuneRecipe.model_fields[number.key].default == 0


def _has(number: Number, params: Mapping[str, Any]) -> bool:
    return number.path[0] != "params" or number.key in params


def _number(number: Number, value: Any, method: str, words: Words) -> float | int:
    name = words(f"tune.field_{number.key}")
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise InputError(words("tune.no_number", field=name), range_text(number, method, words)) from None
    low_high = _bounds(number, method)
    off = number.off is not None and found == number.off
    if not math.isfinite(found) or (not off and not all(_keeps(found, kind, bound) for kind, bound in low_high)):
        said = words("tune.out_of_bounds", field=name, bounds=range_text(number, method, words), found=f"{found:,.10g}")
        raise InputError(said, words(f"tune.why_{number.key}"))
    if number.whole and not found.is_integer():
        raise InputError(words("tune.not_whole", field=name, found=f"{found:g}"), words(f"tune.why_{number.key}"))
    return int(found) if number.whole else found


def _keeps(value: float, kind: str, bound: float) -> bool:
    return {"ge": value >= bound, "gt": value > bound, "le": value <= bound, "lt": value < bound}[kind]


def _bounds(number: Number, method: str) -> list[tuple[Literal["ge", "gt", "le", "lt"], float]]:
    """Return a field's bounds as the recipe's own schema has them, so that the page never says another."""
    from tuning.methods import load_method
    from tuning.schema import Replay, TuneRecipe

    schema: type[BaseModel] = TuneRecipe
    if number.path[0] == "params":
        schema = load_method(method).params
    elif number.path[0] == "replay":
        schema = Replay
    rules = schema.model_fields[number.path[-1]].metadata
    return [(kind, getattr(rule, kind)) for kind in ("ge", "gt", "le", "lt") for rule in rules if hasattr(rule, kind)]


def _params(method: str) -> Mapping[str, Any]:
    from tuning.methods import load_method

    return load_method(method).params.model_fields


def _targets(text: str) -> str | list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    return ALL_LINEAR if names == [ALL_LINEAR] else names


def _further(text: str, words: Words) -> dict[str, Any]:
    try:
        found = yaml.safe_load(text) if text.strip() else {}
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise InputError(words("tune.no_yaml", line=line), words("tune.no_yaml_hint")) from None
    if not isinstance(found, dict):
        raise InputError(words("tune.no_keys"), words("tune.no_yaml_hint"))
    taken = [key for key in found if key in ("name", "method") or key in {each.key for each in NUMBERS} - {"replay"}]
    if taken:
        raise InputError(words("tune.key_twice", key=taken[0]), words("tune.key_twice_hint"))
    for key in ("params", "replay"):
        if key in found and not isinstance(found[key], dict | None):
            raise InputError(words("tune.no_keys_in", key=key), words("tune.no_yaml_hint"))
    return dict(found)
