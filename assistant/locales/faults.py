"""Failures in Korean: the English text is the key, as the code says it, so errors stay plain where they are raised.

A text of which nothing is known stays English, which is better than nothing.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml

from assistant.locales import filled
from assistant.schema import Language

# What the operating system says inside of ours.
_CAUSES = {
    "No space left on device": "디스크가 꽉 찼어요",
    "Permission denied": "권한이 없어요",
    "Read-only file system": "읽기 전용이에요",
    "No such file or directory": "그런 파일이 없어요",
    "Is a directory": "폴더예요",
    "Connection error.": "연결이 끊겼어요",
}
_FIELD = re.compile(r"\{(\w+)\}")
# Joins a failure to its next step where both are kept as one text.
_JOINT = re.compile(r"(?<=[^.])\. |; ")


def said(text: str, language: Language) -> str:
    """Return a failure, or a failure and its next step, in a language."""
    if language == "en" or not text:
        return text
    halves = [(_known(text[: at.start()]), _known(text[at.end() :]), text[at.end() :]) for at in _JOINT.finditer(text)]
    for first, second, _ in halves:
        if first is not None and second is not None:
            return f"{first}. {second}"
    whole = _known(text)
    if whole is not None:
        return whole
    return next((f"{first}. {rest}" for first, _, rest in halves if first is not None), text)


def templates() -> Mapping[str, str]:
    """Return every known English text with its Korean one; values stand in braces in both."""
    rows = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return {str(english): str(korean) for english, korean in rows}


def _known(text: str) -> str | None:
    text = text.strip().rstrip(".")
    for pattern, korean in _patterns():
        found = pattern.fullmatch(text)
        if found:
            return filled(korean, {name: _CAUSES.get(value, value) for name, value in found.groupdict().items()})
    return None


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Return matchers, the ones that say most first."""
    ranked = sorted(templates().items(), key=lambda row: -len(_FIELD.sub("", row[0])))
    return [(re.compile(_expression(english), re.DOTALL), korean) for english, korean in ranked]


def _expression(english: str) -> str:
    parts = _FIELD.split(english)
    shown = [re.escape(part) if at % 2 == 0 else f"(?P<{part}>.*?)" for at, part in enumerate(parts)]
    return "".join(shown)
