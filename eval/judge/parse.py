"""Read a judge's reply strictly: one JSON object, alone or in one code fence; everything else is a named failure."""

import json
import re
from collections.abc import Mapping
from typing import Any

from eval.judge.client import JudgeFailure

_FENCE = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL | re.IGNORECASE)
# Reasoning models think aloud first; only what follows is the reply.
_THOUGHT = re.compile(r"^\s*<think>.*?</think>", re.DOTALL)


def json_reply(text: str) -> dict[str, Any]:
    """Return the JSON object of a reply.

    A bare object or exactly one fenced object is read. An object in the middle of prose is not: the
    prose may well take it back.

    Raises:
        JudgeFailure: ``empty``, ``prose`` or ``not_json``.
    """
    plain = _THOUGHT.sub("", text).strip()
    if not plain:
        raise JudgeFailure("empty", "the judge's reply was empty")
    fenced = _FENCE.findall(plain)
    if len(fenced) > 1:
        raise JudgeFailure("not_json", "the judge's reply has several code blocks")
    inner = fenced[0].strip() if fenced else plain
    if not inner.startswith("{"):
        raise JudgeFailure("prose", f"the judge answered in prose: {plain[:60]!r}")
    try:
        found = json.loads(inner, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise JudgeFailure("not_json", f"the judge's reply is not JSON: {inner[:60]!r}") from None
    if not isinstance(found, dict):
        raise JudgeFailure("not_json", f"the judge's reply is not an object: {inner[:60]!r}")
    return found


def number_reply(reply: Mapping[str, Any], key: str, low: int, high: int) -> int:
    """Return a whole number on the scale.

    Raises:
        JudgeFailure: ``no_score`` or ``out_of_range``.
    """
    value = reply.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise JudgeFailure("no_score", f"{key!r} is no whole number: {value!r:.40}")
    if not low <= value <= high:
        raise JudgeFailure("out_of_range", f"{key!r} is {value:g}, outside {low} to {high}")
    return int(value)


def choice_reply(reply: Mapping[str, Any], key: str, known: tuple[str, ...]) -> str:
    """Return one of the known words, whatever its case.

    Raises:
        JudgeFailure: ``no_score``.
    """
    value = str(reply.get(key, "")).strip().casefold()
    if value not in known:
        raise JudgeFailure("no_score", f"{key!r} is {reply.get(key)!r:.40}, none of {', '.join(known)}")
    return value


def _refuse(name: str) -> Any:
    raise ValueError(name)
