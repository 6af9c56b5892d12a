"""ShareGPT: ``conversations`` of ``from`` and ``value``; ``system`` and ``tools`` beside them."""

from collections.abc import Mapping
from typing import Any

from assistant.datasets.formats.base import RowFormat
from assistant.datasets.problems import Place, show
from assistant.datasets.rows import CannotHold, Row, carry, check_order, conversation, kind_of, others, settle

_ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "assistant": "assistant",
    "system": "system",
    "tool": "tool",
    "observation": "tool",
    "function_call": "assistant",
}
_NAMES = {"user": "human", "assistant": "gpt", "system": "system", "tool": "observation"}
_USED = frozenset({"conversations", "system", "tools"})


def parse(raw: Mapping[str, Any], place: Place) -> Row | None:
    """Return the row; a turn's other keys stay with it, a speaker's other name too."""
    before = place.problems.total
    turns, messages = raw.get("conversations"), []
    if not isinstance(turns, list) or not turns:
        what = "is empty" if turns == [] else f"expected a list of turns, found {show(turns)}"
        place.bad("conversations", what, 'write [{"from": "human", "value": "..."}, ...]')
        return None
    if raw.get("system"):
        if not isinstance(raw["system"], str):
            place.bad("system", f"expected text, found {show(raw['system'])}", "write it as text, in quotes")
        messages.append({"role": "system", "content": raw["system"]})
    for index, turn in enumerate(turns):
        message = _message(turn, f"conversations[{index}]", place)
        messages += [message] if message else []
    if place.problems.total > before or not check_order(messages, "conversations", place):
        return None
    row = settle(messages)
    if raw.get("tools") is not None:
        row["tools"] = raw["tools"]
    return row if len(raw) == 1 else carry(raw, _USED, row, place)


def _message(turn: Any, where: str, place: Place) -> dict[str, Any] | None:
    if not isinstance(turn, dict):
        place.bad(where, f"expected an object, found {show(turn)}", 'write {"from": ..., "value": ...}')
        return None
    speaker, value = turn.get("from"), turn.get("value")
    if not isinstance(speaker, str) or speaker not in _ROLES:
        place.bad(f"{where}.from", f"expected human, gpt, system or tool, found {show(speaker)}", "correct the speaker")
        return None
    if not isinstance(value, str) or not value.strip():
        what = "is empty" if value == "" else "missing" if value is None else f"expected text, found {show(value)}"
        place.bad(f"{where}.value", what, "fill it in, or remove the row")
        return None
    weight = turn.get("weight")  # null, as some published sets write, says nothing
    if weight is not None and (weight not in (0, 1) or isinstance(weight, bool)):
        place.bad(f"{where}.weight", f"expected 0 or 1, found {show(weight)}", "use 1 to learn this turn, 0 not to")
        return None
    role = _ROLES[speaker]
    message = {"role": role, "content": value}
    if _NAMES[role] != speaker:
        message["from"] = speaker  # the name is lost otherwise: function_call is not gpt
    used = {"from", "value", "role", "content", *(["weight"] if weight is None else [])}
    return message | {key: item for key, item in turn.items() if key not in used}


def render(row: Mapping[str, Any]) -> Row:
    """Return the ShareGPT form.

    Raises:
        CannotHold: no supervised row, or a message that is no text.
    """
    if kind_of(row) != "supervised":
        raise CannotHold(kind_of(row), "ShareGPT rows are one conversation with its answer")
    turns = []
    for index, message in enumerate(conversation(row)):
        if not isinstance(message.get("content"), str) or message["role"] not in _NAMES:
            raise CannotHold(f"messages[{index}]", "a ShareGPT turn is a text by human, gpt, system or tool")
        rest = {key: value for key, value in message.items() if key not in ("role", "content", "from")}
        turns.append({"from": message.get("from", _NAMES[message["role"]]), "value": message["content"], **rest})
    made: Row = {"conversations": turns}
    if turns[0]["from"] == "system" and len(turns[0]) == 2:
        made = {"system": turns[0]["value"], "conversations": turns[1:]}
    if "tools" in row:
        made["tools"] = row["tools"]
    return made | others(row, _USED)


FORMAT = RowFormat("sharegpt", (frozenset({"conversations"}),), parse, render, container="json")
