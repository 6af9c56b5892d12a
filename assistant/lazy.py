"""Tables of ``name -> "module:attribute"`` stay import-free until a name is used."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from assistant.errors import UsageError


def load_object(target: str) -> Any:
    """Import ``"package.module:attribute"`` and return the attribute.

    Raises:
        UsageError: the target is malformed, or the module or attribute does not exist.
    """
    module, separator, attribute = target.partition(":")
    if not (module and separator and attribute):
        raise UsageError(f"{target!r} is not of the form 'package.module:attribute'")
    try:
        return getattr(import_module(module), attribute)
    except (ModuleNotFoundError, AttributeError) as error:
        raise UsageError(f"cannot load {target!r}: {error}", "check the spelling or install the package") from error


def lookup(table: Mapping[str, str], name: str, noun: str) -> Any:
    """Return the object that ``table`` names, or that a dotted ``module:attribute`` names itself.

    Raises:
        UsageError: ``name`` is in neither form; the nearest known name is suggested.
    """
    if name in table:
        return load_object(table[name])
    if ":" in name:
        return load_object(name)
    raise UsageError(f"unknown {noun} {name!r}", nearest(name, table))


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint for a name that is not among the known ones."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names) or 'none'}"
