"""Alpaca: ``instruction``, ``input``, ``output``; also ``system`` and ``history`` as pairs."""

from collections.abc import Mapping
from typing import Any

from assistant.datasets.formats.base import RowFormat
from assistant.datasets.problems import Place, show
from assistant.datasets.rows import CannotHold, Row, carry, check_text, conversation, is_plain, kind_of, others
from assistant.datasets.rows import settle as shortest

_USED = frozenset({"instruction", "input", "output", "system", "history"})
_BETWEEN = "\n\n"


def parse(raw: Mapping[str, Any], place: Place) -> Row | None:
    """Return the row: question is instruction and input, ``input`` is kept beside it."""
    before = place.problems.total
    instruction, answer = check_text(raw, "instruction", place), check_text(raw, "output", place)
    more = raw.get("input")
    if more is not None and type(more) is not str:
        place.bad(
            "input", f"expected text, found {show(more)}", "write it as text, in quotes; empty where there is none"
        )
    earlier = _earlier(raw, place) if "system" in raw or "history" in raw else []
    if instruction is None or answer is None or place.problems.total > before:
        return None
    row: Row = {"question": f"{instruction}{_BETWEEN}{more}" if more else instruction}
    if earlier:
        row["history"] = earlier
    row["answer"] = answer
    if more:
        row["input"] = more
    return row if len(raw) == 3 and not earlier else carry(raw, _USED, row, place)


def _earlier(raw: Mapping[str, Any], place: Place) -> list[dict[str, Any]]:
    turns = []
    system, history = raw.get("system"), raw.get("history") or []
    if system:
        if type(system) is not str:
            place.bad("system", f"expected text, found {show(system)}", "write it as text, in quotes")
        turns.append({"role": "system", "content": system})
    if not isinstance(history, list):
        place.bad("history", f"expected a list of pairs, found {show(history)}", 'write [["question", "answer"], ...]')
        return turns
    for index, pair in enumerate(history):
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)):
            found = f"expected a question and its answer, found {show(pair)}"
            place.bad(f"history[{index}]", found, 'write ["question", "answer"]')
            continue
        turns += [{"role": "user", "content": pair[0]}, {"role": "assistant", "content": pair[1]}]
    return turns


def render(row: Mapping[str, Any]) -> Row:
    """Return the Alpaca form.

    Raises:
        CannotHold: no supervised row, or turns that are not question and answer.
    """
    if kind_of(row) != "supervised":
        raise CannotHold(kind_of(row), "Alpaca rows are one question and its answer")
    turns = conversation(row)
    if "tools" in row or not all(map(is_plain, turns)) or "question" not in shortest(turns):
        raise CannotHold("messages", "Alpaca has no tool calls, weights or free order of turns")
    question, more = turns[-2]["content"], row.get("input")
    if isinstance(more, str) and more and question.endswith(_BETWEEN + more) and question != _BETWEEN + more:
        instruction = question[: -len(_BETWEEN + more)]
    else:
        instruction, more = question, ""
    made: Row = {"instruction": instruction, "input": more, "output": turns[-1]["content"]}
    earlier = turns[:-2]
    if earlier and earlier[0]["role"] == "system":
        made["system"] = earlier.pop(0)["content"]
    if earlier:
        made["history"] = [[q["content"], a["content"]] for q, a in zip(earlier[::2], earlier[1::2], strict=True)]
    return made | others(row, _USED)


FORMAT = RowFormat("alpaca", (frozenset({"instruction", "output"}),), parse, render, container="json")
