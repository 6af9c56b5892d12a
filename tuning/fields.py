"""What a recipe's keys may be, read from its schema: kind, bounds, choices, default, and the line that says so.

The schema is the one place where a bound or a default stands. Messages of the command line and the fields of
the tune page are both made here, so that neither can say another number than the one that is checked.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from assistant.locales import keys, text
from assistant.schema import Language

Kind = Literal["whole", "real", "switch", "choice", "names", "layers", "text", "other"]
Bound = Literal["ge", "gt", "le", "lt"]
BOUNDS: tuple[Bound, ...] = ("ge", "gt", "le", "lt")
README = "see the keys in data/demo/tune/README.md"
# What pydantic calls the ways in which a value can miss its bounds or its kind.
_BOUND_ERRORS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number")
_KIND_ERRORS = ("_parsing", "_type", "_from_float")


class Automatic:
    """Marks a number of the schema that may be left to us: 0, or ``auto``."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """Marks a text of the schema that is one of a list which is only known at run time."""

    names: Callable[[], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Setting:
    """One key: its ``name`` in the schema, what it may be and what it is by itself.

    ``word`` names its texts (``tune.field_WORD``, ``tune.why_WORD``); ``literals`` are the choices, or the words
    that may stand in place of a list.
    """

    name: str
    word: str
    kind: Kind
    default: Any
    bounds: tuple[tuple[Bound, float], ...] = ()
    literals: tuple[str, ...] = ()
    automatic: bool = False

    @property
    def fixed(self) -> bool:
        """Whether its bounds leave one value only, so that there is nothing to choose."""
        found = dict(self.bounds)
        return "ge" in found and found.get("ge") == found.get("le")

    def holds(self, value: float) -> bool:
        """Return whether a number is within the bounds."""
        return math.isfinite(value) and all(_holds(value, bound, limit) for bound, limit in self.bounds)


def settings_in(schema: type[BaseModel]) -> Mapping[str, Setting]:
    """Return the settings of a part of the recipe, in the schema's order."""
    return {name: setting(schema, name) for name in schema.model_fields}


def setting(schema: type[BaseModel], name: str) -> Setting:
    """Return what a schema says about one of its keys."""
    info = schema.model_fields[name]
    kind, literals = _kind_of(info.annotation)
    for rule in info.metadata:
        if isinstance(rule, OneOf):
            kind, literals = "choice", tuple(rule.names())
    found = tuple((key, getattr(rule, key)) for key in BOUNDS for rule in info.metadata if hasattr(rule, key))
    # Two methods call different things "layers": numbers of layers, and how many of them.
    word = f"{name}_count" if name == "layers" and kind == "whole" else name
    automatic = any(isinstance(rule, Automatic) for rule in info.metadata)
    return Setting(name, word, kind, _default(info), found, literals, automatic)


def allowed(each: Setting, language: Language, *, off: bool = False) -> str:
    """Return what a setting may be, in words: bounds, choices or kind.

    Args:
        each: the setting.
        language: of the words.
        off: whether 0 also leaves the key out, though its bounds begin above.
    """
    if each.kind == "choice":
        return text("tune.one_of", language, names=", ".join(each.literals))
    if each.kind in ("switch", "layers"):
        return text("tune.true_or_false" if each.kind == "switch" else "tune.layer_numbers", language)
    bounds = [("ge" if off and (bound, limit) == ("gt", 0) else bound, limit) for bound, limit in each.bounds]
    parts = [text(f"tune.bound_{bound}", language, n=number(limit)) for bound, limit in bounds]
    return text("tune.bounds", language, low=parts[0], high=parts[1]) if len(parts) > 1 else "".join(parts)


def reason(each: Setting, language: Language) -> str:
    """Return why a setting has its bounds and what to take instead, "" where nothing is known of it."""
    key = f"tune.why_{each.word}"
    return text(key, language) if key in keys(language) else ""


def number(value: float) -> str:
    """Return a number as people write it."""
    return f"{value:,.10f}".rstrip("0").rstrip(".")


def explained(schema: type[BaseModel], fault: Mapping[str, Any], language: Language = "en") -> tuple[str, str]:
    """Return what a value should be, and why or where to look, from one of pydantic's errors.

    Args:
        schema: the part of the recipe that holds the last key of the error's place.
        fault: an item of ``ValidationError.errors()``.
        language: of what is our own; pydantic speaks English.
    """
    said = str(fault["msg"]).removeprefix("Input should be ").removeprefix("Value error, ").partition(", unable")[0]
    name = next((str(part) for part in reversed(fault["loc"]) if str(part) in schema.model_fields), "")
    if not name:
        return said, README
    each = setting(schema, name)
    kind, hint = str(fault["type"]), reason(each, language) or README
    if each.fixed:
        return number(each.bounds[0][1]), README
    if kind in _BOUND_ERRORS:
        return allowed(each, language), hint
    if kind.endswith(_KIND_ERRORS) and each.kind in ("whole", "real"):
        what = text(f"tune.a_{each.kind}", language)
        return ", ".join(part for part in (what, allowed(each, language)) if part), hint
    if each.kind in ("choice", "switch", "layers"):
        return allowed(each, language), hint
    return said, README


def _default(info: FieldInfo) -> Any:
    return None if info.is_required() else info.get_default(call_default_factory=True)


def _kind_of(annotation: Any) -> tuple[Kind, tuple[str, ...]]:
    plain: dict[Any, Kind] = {bool: "switch", int: "whole", float: "real", str: "text"}
    if annotation in plain:
        return plain[annotation], ()
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return "choice", tuple(map(str, parts))
    if origin is list and parts in ((int,), (str,)):
        return ("layers" if parts == (int,) else "names"), ()
    if origin in (UnionType, Union):
        literals = [word for part in parts if get_origin(part) is Literal for word in get_args(part)]
        if literals and list[str] in parts:
            return "names", tuple(map(str, literals))
    return "other", ()


def _holds(value: float, bound: Bound, limit: float) -> bool:
    return {"ge": value >= limit, "gt": value > limit, "le": value <= limit, "lt": value < limit}[bound]
