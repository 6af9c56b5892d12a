"""Strict reading of one JSON row: every problem is noted with its place and key, none is raised."""

import json
from typing import Any

from assistant.schema import Message, Shot, language_of, normalise

MAX_SHOWN = 80
_ROLES = ("system", "user", "assistant")


def parse_object(text: str, where: str, problems: list[str]) -> dict[str, Any] | None:
    """Return the JSON object of one line, or None after noting why it is not one."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        row = dict(pairs)
        if len(row) != len(pairs):
            names = [key for key, _ in pairs]
            raise ValueError(f"key {show(next(key for key in names if names.count(key) > 1))} occurs twice")
        return row

    def constant(name: str) -> Any:
        raise ValueError(f"{name} is not JSON; use null or leave the key out")

    try:
        row = json.loads(text, object_pairs_hook=once, parse_constant=constant)
    except json.JSONDecodeError as error:
        shown = show(text[max(0, error.pos - 20) : error.pos + 20].strip())
        problems.append(f"{where}: not JSON at column {error.colno}: {error.msg.lower()} near {shown}")
        return None
    except RecursionError:
        problems.append(f"{where}: nested too deeply; a row is a flat object")
        return None
    except ValueError as error:
        problems.append(f"{where}: {str(error)[: 2 * MAX_SHOWN]}")
        return None
    if not isinstance(row, dict):
        problems.append(f"{where}: expected one JSON object a line, found {show(text.strip())}")
        return None
    return row


class RowReader:
    """Reads typed values out of one row; every problem is noted with its key."""

    def __init__(self, row: dict[str, Any], where: str, problems: list[str]) -> None:
        self.row, self.where, self.problems = row, where, problems

    def note(self, key: str, problem: str) -> None:
        """Add a problem under its key."""
        self.problems.append(f"{self.where}: {key}: {problem}")

    def text(self, key: str, required: bool = False) -> str:
        """Return a text; an absent or null optional one is empty."""
        value = self.row.get(key)
        if value is None and not required:
            return ""
        return self.clean(key, value, required)

    def clean(self, key: str, value: Any, required: bool = False) -> str:
        """Return a value as NFC text, or note why it is not usable text."""
        if not isinstance(value, str):
            self.note(key, "missing" if value is None else f"expected text, found {show(value)}")
            return ""
        if required and not value.strip():
            self.note(key, "is empty")
        bad = next((char for char in value if _unprintable(char)), None)
        if bad is not None:
            self.note(key, f"holds the character U+{ord(bad):04X}, which no text needs; remove it")
            return ""
        return normalise(value)

    def texts(self, key: str) -> tuple[str, ...] | None:
        """Return a list of texts (one text counts as a list of one); None where the key is absent."""
        value = self.row.get(key)
        if value is None:
            return None
        if isinstance(value, str):
            return (self.clean(key, value),)
        if not isinstance(value, list):
            self.note(key, f"expected a list of texts, found {show(value)}")
            return None
        return tuple(self.clean(f"{key}[{index}]", item) for index, item in enumerate(value))

    def objects(self, key: str) -> list[tuple[str, dict[str, Any]]]:
        """Return the objects of a list, each with its full key."""
        value = self.row.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.note(key, f"expected a list, found {show(value)}")
            return []
        found = []
        for index, item in enumerate(value):
            if isinstance(item, dict):
                found.append((f"{key}[{index}]", item))
            else:
                self.note(f"{key}[{index}]", f"expected an object, found {show(item)}")
        return found

    def messages(self, key: str) -> tuple[Message, ...]:
        """Return the turns under a key."""
        turns = []
        for name, item in self.objects(key):
            role = item.get("role")
            if role not in _ROLES:
                self.note(f"{name}.role", f"expected system, user or assistant, found {show(role)}")
                continue
            turns.append(Message(role, self.clean(f"{name}.content", item.get("content"), required=True)))
        return tuple(turns)

    def order(self, messages: tuple[Message, ...]) -> None:
        """Note where roles do not take turns, from a user message to the user's question."""
        key = "messages" if "messages" in self.row else "history"
        turns = messages[1:] if messages and messages[0].role == "system" else messages
        expected = ["user" if index % 2 == 0 else "assistant" for index in range(len(turns))]
        if not turns or [turn.role for turn in turns] != expected or turns[-1].role != "user":
            self.note(key, "expected user and assistant in turn, a user message first and before the answer")

    def shots(self) -> tuple[Shot, ...]:
        """Return the worked examples of a row."""
        found = []
        for name, item in self.objects("shots"):
            question = self.clean(f"{name}.question", item.get("question"), required=True)
            answer = self.clean(f"{name}.answer", item.get("answer"), required=True)
            found.append(Shot(question, answer, language_of(question)))
        return tuple(found)


def _unprintable(char: str) -> bool:
    return (char < " " and char not in "\n\r\t") or "\ud800" <= char <= "\udfff"


def show(value: Any) -> str:
    """Return a value for a message: quoted, and at most ``MAX_SHOWN`` characters of it."""
    if isinstance(value, dict | list):
        written = json.dumps(value, ensure_ascii=False, default=str)
        text = "".join(char if char.isprintable() else repr(char)[1:-1] for char in written[: 2 * MAX_SHOWN])
    else:
        text = repr(value)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
