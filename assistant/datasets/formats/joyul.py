"""The own form: what the store keeps, see :mod:`assistant.datasets.rows`."""

from collections.abc import Mapping
from typing import Any

from assistant.datasets.formats.base import RowFormat
from assistant.datasets.problems import Place, show
from assistant.datasets.rows import (
    META,
    Row,
    as_turns,
    check_messages,
    check_order,
    check_text,
    meta_problem,
    takes_turns,
)

_SIMPLE = frozenset({"question", "answer"})
_ANSWERS = frozenset({"answer", "chosen", "rejected", "completion"})


def parse(raw: Mapping[str, Any], place: Place) -> Row | None:
    """Return the row as it is, once every key has been looked at."""
    question, answer = raw.get("question"), raw.get("answer")
    plain = len(raw) == 2 and type(question) is str and type(answer) is str  # by far the most rows
    if plain and question and answer and not question.isspace() and not answer.isspace():
        return dict(raw)
    before = place.problems.total
    if "messages" in raw and "question" not in raw:
        messages = check_messages(raw["messages"], "messages", place)
        if messages is not None:
            check_order(messages, "messages", place, answered=False)
    else:
        check_text(raw, "question", place)
        if "messages" in raw:
            place.bad("messages", "stands beside 'question'", "keep one of the two")
        if "history" in raw:
            _check_history(raw, place)
    if raw.keys() - _SIMPLE or "answer" in raw:
        _check_answers(raw, place)
    for key in META & raw.keys():
        if problem := meta_problem(key, raw[key]):
            place.bad(key, problem, "correct it or leave the key out")
    return dict(raw) if place.problems.total == before else None


def _check_history(raw: Mapping[str, Any], place: Place) -> None:
    if raw["history"] == []:
        return
    turns = check_messages(raw["history"], "history", place)
    if turns is not None and not takes_turns([*turns, {"role": "user"}]):
        fix = "a system text first, then user and assistant in turn"
        place.bad("history", "expected user and assistant in turn, a user message first", fix)


def _check_answers(raw: Mapping[str, Any], place: Place) -> None:
    for key in _ANSWERS & raw.keys():
        value = raw[key]
        if isinstance(value, list) and key != "answer":
            if check_messages(value, key, place) is not None and as_turns(value)[-1]["role"] != "assistant":
                place.bad(key, "does not end with an answer", "end it with an assistant message")
        else:
            check_text(raw, key, place)
    for pair in (("chosen", "rejected"), ("completion", "label")):
        missing = [key for key in pair if key not in raw]
        if len(missing) == 1:
            other = pair[1 - pair.index(missing[0])]
            place.bad(missing[0], f"missing beside {other!r}", f"add {missing[0]!r}")
    for key in ("label", "tie"):
        if key in raw and type(raw[key]) is not bool:
            place.bad(key, f"expected true or false, found {show(raw[key])}", "use true or false")
    if "kept" in raw and not isinstance(raw["kept"], dict):
        place.bad("kept", f"expected an object, found {show(raw['kept'])}", "leave the key out")


def render(row: Mapping[str, Any]) -> Row:
    """Return the row as it is."""
    return dict(row)


FORMAT = RowFormat("joyul", (frozenset({"question"}),), parse, render)
