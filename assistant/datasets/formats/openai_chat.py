"""OpenAI chat fine-tuning: ``messages`` with ``weight``, tool calls and ``tools``, all kept."""

from collections.abc import Mapping
from typing import Any

from assistant.datasets.formats.base import RowFormat
from assistant.datasets.problems import Place, show
from assistant.datasets.rows import CannotHold, Row, carry, check_messages, check_order, conversation, kind_of, settle

_USED = frozenset({"messages", "tools"})
_ALLOWED = frozenset({"parallel_tool_calls", "functions"})


def parse(raw: Mapping[str, Any], place: Place) -> Row | None:
    """Return the row: question and answer where that is all there is, else the messages as they are."""
    before = place.problems.total
    messages = check_messages(raw.get("messages"), "messages", place)
    tools = raw.get("tools")
    if tools is not None and not (isinstance(tools, list) and all(isinstance(tool, dict) for tool in tools)):
        place.bad("tools", f"expected a list of objects, found {show(tools)}", "correct it or leave the key out")
    if messages is None or not check_order(messages, "messages", place) or place.problems.total > before:
        return None
    row = settle(messages)
    if "tools" in raw:
        row["tools"] = tools
    return row if len(raw) == 1 else carry(raw, _USED, row, place)


def render(row: Mapping[str, Any]) -> Row:
    """Return the chat form; services refuse other keys, so they stay out.

    Raises:
        CannotHold: no supervised row.
    """
    if kind_of(row) != "supervised":
        raise CannotHold(kind_of(row), "chat rows are one conversation with its answer")
    made: Row = {"messages": conversation(row)}
    made |= {key: row[key] for key in ("tools", *_ALLOWED) if key in row}
    return made


FORMAT = RowFormat("openai", (frozenset({"messages"}),), parse, render, frozenset({"chosen", "rejected", "label"}))
