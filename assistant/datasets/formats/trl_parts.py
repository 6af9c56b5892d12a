"""What the three TRL types share: a prompt, and answers, each as text or as messages."""

from collections.abc import Mapping
from typing import Any

from assistant.datasets.problems import Place, show
from assistant.datasets.rows import (
    Row,
    as_answer,
    as_turns,
    check_messages,
    check_order,
    check_text,
    is_plain,
    prompt_turns,
    takes_turns,
)


def parse_prompt(raw: Mapping[str, Any], place: Place) -> Row | None:
    """Return the prompt's part of a row: question and history, or messages."""
    value = raw.get("prompt")
    if not isinstance(value, list):
        text = check_text(raw, "prompt", place)
        return None if text is None else {"question": text}
    turns = check_messages(value, "prompt", place)
    return None if turns is None else settle_prompt(turns, "prompt", place)


def settle_prompt(turns: list[dict[str, Any]], key: str, place: Place) -> Row | None:
    """Return messages that end before the answer in the shortest own form."""
    if not check_order(turns, key, place, answered=False):
        return None
    if takes_turns(turns) and all(map(is_plain, turns)):
        made: Row = {"question": turns[-1]["content"]}
        return made | ({"history": turns[:-1]} if len(turns) > 1 else {})
    return {"messages": turns}


def parse_answer(raw: Mapping[str, Any], key: str, place: Place) -> Any:
    """Return an answer (text, or messages where text cannot hold it), or None after a note."""
    value = raw.get(key)
    if not isinstance(value, list):
        return check_text(raw, key, place)
    turns = check_messages(value, key, place)
    if turns is None:
        return None
    if turns[-1]["role"] != "assistant":
        place.bad(key, f"ends with {turns[-1]['role']}, not with an answer", "end it with an assistant message")
        return None
    return as_answer(turns)


def parse_flag(raw: Mapping[str, Any], key: str, place: Place) -> bool | None:
    """Return true or false, also from 1, 0 and texts that say it, or None after a note."""
    value = raw.get(key)
    if isinstance(value, str):
        value = {"true": True, "1": True, "false": False, "0": False}.get(value.strip().lower(), value)
    if value in (0, 1):  # also True and False
        return bool(value)
    what = "missing" if value is None else f"expected true or false, found {show(value)}"
    place.bad(key, what, "use true for a good answer, false for a bad one")
    return None


def is_standard(row: Mapping[str, Any], *answers: Any) -> bool:
    """Return whether a row can be written as texts: no history, no messages, no tools."""
    return (
        "question" in row and "history" not in row and "tools" not in row and all(isinstance(a, str) for a in answers)
    )


def render_prompt(row: Mapping[str, Any], standard: bool) -> Any:
    """Return the prompt as text or as messages."""
    return row["question"] if standard else prompt_turns(row)


def render_answer(answer: Any, standard: bool) -> Any:
    """Return an answer as text or as messages."""
    return answer if standard else as_turns(answer)
