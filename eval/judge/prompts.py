"""The judge's own prompts, Korean and English, from ``prompts.yaml``; filled in one pass, so braces in texts stay."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from assistant.schema import Language, Message, digest
from eval.schema import Item

FILE = Path(__file__).parent / "prompts.yaml"
_SLOT = re.compile(r"\{(criterion|low|high|question|reference|answer|first|second|text|turns)\}")
_ROLES = {"ko": {"user": "사용자", "assistant": "도우미"}, "en": {"user": "User", "assistant": "Assistant"}}


@cache
def texts() -> Mapping[str, Any]:
    """Return all prompts."""
    found: Mapping[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return found


@cache
def version() -> str:
    """Return the prompts' hash: other words make other judgements."""
    return digest(texts())


def fill(template: str, values: Mapping[str, str]) -> str:
    """Put values into a template; what a value itself contains is never a slot."""
    return _SLOT.sub(lambda match: values.get(match[1], match[0]), template)


def question_of(item: Item) -> str:
    """Return the question, after the conversation it belongs to where there is one."""
    if not item.history:
        return item.question
    names = _ROLES[item.language]
    turns = "\n".join(f"{names.get(turn.role, turn.role)}: {turn.content}" for turn in item.history)
    return fill(texts()["history"][item.language], {"turns": turns, "question": item.question})


def ask(kind: str, language: Language, values: Mapping[str, str], reference: str) -> list[Message]:
    """Return the messages of a ``rubric`` or ``pairwise`` question; a reference is shown where there is one."""
    prompt = texts()[kind][language]
    shown = fill(prompt["reference"], {"text": reference}) if reference else ""
    user = fill(prompt["user"], {**values, "reference": shown})
    return [Message("system", prompt["system"]), Message("user", user)]
