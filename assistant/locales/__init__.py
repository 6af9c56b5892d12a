"""Every string a person reads, one YAML file a language; keys are dotted, placeholders are ``{name}``.

In Korean a placeholder may be followed by both forms of a particle, ``{name}(을/를)``: the right one
is chosen by how the value is read aloud. ``{n|token|tokens}`` is the first word where n is 1.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

import yaml

from assistant.locales.particles import PAIRS, josa
from assistant.schema import Language

__all__ = ["LANGUAGES", "filled", "josa", "keys", "text", "texts"]

LANGUAGES: tuple[Language, ...] = get_args(Language)
_PLURAL = re.compile(r"\{(\w+)\|([^|{}]*)\|([^|{}]*)\}")
_FIELD = re.compile(r"\{(\w+)\}(?:\((" + "|".join(re.escape(pair) for pair in PAIRS) + r")\))?")


def text(key: str, language: Language, /, **params: Any) -> str:
    """Return the string of ``key`` with its placeholders filled.

    Raises:
        KeyError: the key, or a placeholder's value, is missing.
    """
    template = _strings(language)[key]
    if not isinstance(template, str):
        raise KeyError(f"{key!r} is a list in {language}; use texts()")

    plural = _PLURAL.sub(lambda match: match[2] if str(params[match[1]]) == "1" else match[3], template)
    return filled(plural, params)


def filled(template: str, params: Mapping[str, Any]) -> str:
    """Return a template with its values, each followed by the right form of its particle.

    Raises:
        KeyError: a placeholder's value is missing.
    """

    def fill(match: re.Match[str]) -> str:
        value = str(params[match[1]])
        return josa(value, match[2]) if match[2] else value

    return _FIELD.sub(fill, template)


def texts(key: str, language: Language) -> list[str]:
    """Return the list of strings under ``key``."""
    found = _strings(language)[key]
    return list(found) if isinstance(found, list) else [found]


def keys(language: Language) -> frozenset[str]:
    """Return every dotted key of a language."""
    return frozenset(_strings(language))


@cache
def _strings(language: Language) -> Mapping[str, str | list[str]]:
    file = Path(__file__).with_name(f"{language}.yaml")
    return dict(_flat(yaml.safe_load(file.read_text(encoding="utf-8"))))


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str | list[str]]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + str(name), [str(item) for item in value] if isinstance(value, list) else str(value)
