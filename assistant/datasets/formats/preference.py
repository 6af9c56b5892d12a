"""TRL preference: ``prompt``, ``chosen``, ``rejected``; the prompt may also be inside both answers."""

from collections.abc import Mapping
from typing import Any

from assistant.datasets.formats import trl_parts as trl
from assistant.datasets.formats.base import RowFormat
from assistant.datasets.problems import Place
from assistant.datasets.rows import CannotHold, Row, as_answer, carry, check_messages, kind_of, others

_USED = frozenset({"prompt", "chosen", "rejected", "tie", "tools"})


def parse(raw: Mapping[str, Any], place: Place) -> Row | None:
    """Return the pair; ``tie`` says that neither answer is better."""
    before = place.problems.total
    if "prompt" in raw:
        row = trl.parse_prompt(raw, place)
        chosen, rejected = (trl.parse_answer(raw, key, place) for key in ("chosen", "rejected"))
    else:
        row, chosen, rejected = _split(raw, place)
    tie = trl.parse_flag(raw, "tie", place) if "tie" in raw else None
    if row is None or chosen is None or rejected is None or place.problems.total > before:
        return None
    row |= {"chosen": chosen, "rejected": rejected}
    row |= {key: value for key, value in (("tie", tie), ("tools", raw.get("tools"))) if key in raw}
    return row if len(raw) == 3 else carry(raw, _USED, row, place)


def _split(raw: Mapping[str, Any], place: Place) -> tuple[Row | None, Any, Any]:
    """Return prompt, chosen and rejected of two conversations that begin alike."""
    nothing = (None, None, None)
    if not all(isinstance(raw.get(key), list) for key in ("chosen", "rejected")):
        place.bad("prompt", "missing", "add 'prompt', or write chosen and rejected as whole conversations")
        return nothing
    chosen, rejected = (check_messages(raw[key], key, place) for key in ("chosen", "rejected"))
    if chosen is None or rejected is None:
        return nothing
    same = 0
    while same < min(len(chosen), len(rejected)) - 1 and chosen[same] == rejected[same]:
        same += 1
    if not same or chosen[-1]["role"] != "assistant" or rejected[-1]["role"] != "assistant":
        place.bad("chosen", "shares no beginning with 'rejected', or has no answer at its end", "add a 'prompt'")
        return nothing
    row = trl.settle_prompt(chosen[:same], "chosen", place)
    return row, as_answer(chosen[same:]), as_answer(rejected[same:])


def render(row: Mapping[str, Any]) -> Row:
    """Return the pair; texts where there is no history.

    Raises:
        CannotHold: no preference row.
    """
    if kind_of(row) != "preference":
        raise CannotHold(kind_of(row), "preference rows are a prompt and two answers")
    standard = trl.is_standard(row, row["chosen"], row["rejected"])
    made: Row = {"prompt": trl.render_prompt(row, standard)}
    made |= {key: trl.render_answer(row[key], standard) for key in ("chosen", "rejected")}
    made |= {key: row[key] for key in ("tie", "tools") if key in row}
    return made | others(row, _USED)


FORMAT = RowFormat("preference", (frozenset({"chosen", "rejected"}),), parse, render, frozenset({"question"}))
