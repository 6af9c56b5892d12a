"""TRL prompt-completion: ``prompt`` and ``completion``, both texts or both messages."""

from collections.abc import Mapping
from typing import Any

from assistant.datasets.formats import trl_parts as trl
from assistant.datasets.formats.base import RowFormat
from assistant.datasets.problems import Place
from assistant.datasets.rows import (
    CannotHold,
    Row,
    as_answer,
    as_turns,
    carry,
    conversation,
    kind_of,
    others,
    prompt_turns,
)

_USED = frozenset({"prompt", "completion", "tools"})


def parse(raw: Mapping[str, Any], place: Place) -> Row | None:
    """Return the row as question and answer, or as messages."""
    row, answer = trl.parse_prompt(raw, place), trl.parse_answer(raw, "completion", place)
    if row is None or answer is None:
        return None
    if "messages" in row or not isinstance(answer, str):
        row = {"messages": [*prompt_turns(row), *as_turns(answer)]}
    else:
        row["answer"] = answer
    if "tools" in raw:
        row["tools"] = raw["tools"]
    return row if len(raw) == 2 else carry(raw, _USED, row, place)


def render(row: Mapping[str, Any]) -> Row:
    """Return the row; texts where there is no history.

    Raises:
        CannotHold: no supervised row.
    """
    if kind_of(row) != "supervised":
        raise CannotHold(kind_of(row), "prompt-completion rows are a prompt and its answer")
    turns = conversation(row)
    answer = as_answer(turns[-1:])
    standard = trl.is_standard(row, answer)
    made: Row = {"prompt": trl.render_prompt(row, standard), "completion": trl.render_answer(answer, standard)}
    if "tools" in row:
        made["tools"] = row["tools"]
    return made | others(row, _USED)


_MARKS = (frozenset({"prompt", "completion"}),)
FORMAT = RowFormat("prompt-completion", _MARKS, parse, render, frozenset({"label", "chosen"}))
