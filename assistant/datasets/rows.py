"""The own form of a row: a plain JSON object of one of four kinds.

======================  ==========================================================================
supervised              ``question``, ``answer``, ``history`` (earlier turns, a system text first)
preference              ``question``, ``history``, ``chosen``, ``rejected``; ``tie``: neither is better
unpaired                ``question``, ``history``, ``completion``, ``label`` (true: good)
prompt                  ``question``, ``history`` only: a row that measures
======================  ==========================================================================

Conversations that this cannot hold (tool calls, weights, parts) are ``messages`` with ``tools``; answers
of several turns are lists of messages. Only supervised rows have ``answer``: no other kind can become a
training target by accident. ``META`` keys have fixed types; any other key is carried along. What would
collide with an own key is in ``kept``.
"""

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from itertools import pairwise
from typing import Any, Literal, TypeAlias

from assistant.datasets.problems import Place, show
from assistant.datasets.strict_json import dumps
from assistant.schema import Language, language_of

Row: TypeAlias = dict[str, Any]
Kind = Literal["supervised", "preference", "unpaired", "prompt"]

CONTENT = ("question", "history", "answer", "messages", "tools", "chosen", "rejected", "tie", "completion", "label")
STRUCTURE = frozenset((*CONTENT, "kept"))
META = frozenset({"id", "language", "reference", "group", "slice", "passages", "shots", "recipe", "split"})
_TEXT_META = frozenset({"id", "group", "slice", "recipe", "split"})
_PLAIN_ROLES = frozenset({"system", "user", "assistant"})
_ROLES = _PLAIN_ROLES | {"developer", "tool", "function"}


class CannotHold(Exception):
    """A format has no place for a row: the key that does not fit, and why."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__(why)
        self.key, self.why = key, why


def kind_of(row: Mapping[str, Any]) -> Kind:
    """Return what a row is for."""
    if "chosen" in row or "rejected" in row:
        return "preference"
    if "label" in row:
        return "unpaired"
    if "answer" in row:
        return "supervised"
    messages = row.get("messages")
    return "supervised" if messages and messages[-1].get("role") == "assistant" else "prompt"


def is_plain(turn: Mapping[str, Any]) -> bool:
    """Return whether a message is a role and a text, no more."""
    return len(turn) == 2 and type(turn.get("content")) is str and turn.get("role") in _PLAIN_ROLES


def settle(messages: list[dict[str, Any]]) -> Row:
    """Return a conversation in the shortest own form that holds it whole."""
    last = len(messages) - 1
    answered = messages[last]["role"] == "assistant"
    place = last - 1 if answered else last
    plain = place >= 0 and messages[place].get("role") == "user" and all(map(is_plain, messages))
    if not plain or not takes_turns(messages[: place + 1]):
        return {"messages": messages}
    row: Row = {"question": messages[place]["content"]}
    if place:
        row["history"] = messages[:place]
    if answered:
        row["answer"] = messages[last]["content"]
    return row


def takes_turns(turns: list[dict[str, Any]]) -> bool:
    """Return whether user and assistant alternate, user first and last, after at most one system text."""
    rest = turns[1:] if turns and turns[0].get("role") == "system" else turns
    return len(rest) % 2 == 1 and all(
        turn.get("role") == ("assistant" if index % 2 else "user") for index, turn in enumerate(rest)
    )


def prompt_turns(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the messages before the answer."""
    if "messages" in row:
        messages: list[dict[str, Any]] = row["messages"]
        return messages[:-1] if kind_of(row) == "supervised" else list(messages)
    return [*row.get("history", ()), {"role": "user", "content": row["question"]}]


def as_turns(answer: Any) -> list[dict[str, Any]]:
    """Return an answer as messages."""
    return [{"role": "assistant", "content": answer}] if isinstance(answer, str) else list(answer)


def as_answer(turns: list[dict[str, Any]]) -> Any:
    """Return an answer's messages as one text where that loses nothing."""
    return turns[0]["content"] if len(turns) == 1 and is_plain(turns[0]) else turns


def conversation(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a supervised row as one conversation."""
    if "messages" in row:
        return list(row["messages"])
    return [*prompt_turns(row), *([{"role": "assistant", "content": row["answer"]}] if "answer" in row else [])]


def text_of(turns: Any) -> str:
    """Return what is said in an answer or in messages, one paragraph a turn."""
    if isinstance(turns, str):
        return turns
    said = []
    for turn in turns or ():
        content = turn.get("content")
        if isinstance(content, str):
            said.append(content)
        elif isinstance(content, list):
            said += [part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return "\n\n".join(said)


def question_of(row: Mapping[str, Any]) -> str:
    """Return the newest user text."""
    if "question" in row:
        return str(row["question"])
    users = [turn for turn in row.get("messages", ()) if turn.get("role") == "user"]
    return text_of(users[-1:])


def answer_of(row: Mapping[str, Any]) -> str:
    """Return the answer's text; of a preference the chosen one; empty where there is none."""
    for key in ("answer", "chosen", "completion"):
        if key in row:
            return text_of(row[key])
    return text_of(row["messages"][-1:]) if kind_of(row) == "supervised" else ""


def language_in(row: Mapping[str, Any]) -> Language:
    """Return a row's language: what it says, else what its question is written in."""
    given = row.get("language")
    if given in ("ko", "en"):
        return "ko" if given == "ko" else "en"
    return language_of(question_of(row) or answer_of(row))


def texts_in(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text of a row with its key, e.g. ``history[0].content``."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from texts_in(item, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from texts_in(item, f"{key}[{index}]")


def content_digest(row: Mapping[str, Any]) -> bytes:
    """Return 16 bytes that are equal for rows that say the same; ids, groups and other marks do not count."""
    if len(row) <= 4 and "history" not in row and "answer" in row and "question" in row:
        text = f"{row['question'].strip()}\0{row['answer'].strip()}".encode("utf-8", "surrogatepass")
        return blake2b(text, digest_size=16).digest()
    said = {key: _stripped(row[key]) for key in CONTENT if key in row}
    if said.keys() == {"question", "answer"}:
        text = f"{said['question']}\0{said['answer']}".encode("utf-8", "surrogatepass")
        return blake2b(text, digest_size=16).digest()
    return blake2b(dumps([said.get(key) for key in CONTENT]), digest_size=16).digest()


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def carry(raw: Mapping[str, Any], used: frozenset[str], row: Row, place: Place) -> Row:
    """Take a foreign row's other keys along: under their own name, or in ``kept`` where that is taken."""
    for key, value in raw.items():
        if key in used:
            continue
        if key in STRUCTURE or (key in META and meta_problem(key, value)):
            row.setdefault("kept", {})[key] = value
        else:
            row[key] = value
    return row


def others(row: Mapping[str, Any], taken: frozenset[str]) -> Row:
    """Return the keys that :func:`carry` took along, for a format that allows keys of its own."""
    rest = {key: value for key, value in row.items() if key not in STRUCTURE and key not in taken}
    kept = row.get("kept")
    return rest | {key: value for key, value in (kept or {}).items() if key not in taken and key not in rest}


def meta_problem(key: str, value: Any) -> str:
    """Return what is wrong with one of the ``META`` keys, or nothing."""
    if key in _TEXT_META:
        return "" if isinstance(value, str) else f"expected text, found {show(value)}"
    if key == "language":
        return "" if value in ("ko", "en") else f"expected 'ko' or 'en', found {show(value)}"
    if key in ("reference", "passages"):
        many = isinstance(value, list) and all(isinstance(item, str) for item in value)
        return "" if many or (key == "reference" and isinstance(value, str)) else f"expected texts, found {show(value)}"
    shots = isinstance(value, list) and all(
        isinstance(shot, dict) and isinstance(shot.get("question"), str) and isinstance(shot.get("answer"), str)
        for shot in value
    )
    return "" if shots else f"expected questions with answers, found {show(value)}"


def check_text(raw: Mapping[str, Any], key: str, place: Place, empty: bool = False) -> str | None:
    """Return a required text, or note why it is none."""
    value = raw.get(key)
    if type(value) is str:
        if empty or (value and not value.isspace()):
            return value
        place.bad(key, "is empty", "fill it in, or remove the row")
    elif value is None:
        place.bad(key, "missing", f"add {key!r}, or name its column with --map")
    else:
        place.bad(key, f"expected text, found {show(value)}", "write it as text, in quotes")
    return None


def check_messages(value: Any, key: str, place: Place) -> list[dict[str, Any]] | None:
    """Return messages in their form (role, content and whatever else they hold), or note what is wrong."""
    if not isinstance(value, list) or not value:
        what = "is empty" if value == [] else f"expected a list of messages, found {show(value)}"
        place.bad(key, what, 'write [{"role": "user", "content": "..."}, ...]')
        return None
    before = place.problems.total
    for index, turn in enumerate(value):
        where = f"{key}[{index}]"
        if not isinstance(turn, dict):
            place.bad(where, f"expected an object, found {show(turn)}", 'write {"role": ..., "content": ...}')
        elif turn.get("role") not in _ROLES:
            expected = "system, developer, user, assistant or tool"
            place.bad(f"{where}.role", f"expected {expected}, found {show(turn.get('role'))}", "correct the role")
        else:
            _check_content(turn, where, place)
    return value if place.problems.total == before else None


def _check_content(turn: dict[str, Any], where: str, place: Place) -> None:
    content = turn.get("content")
    if content is None and (turn.get("tool_calls") or turn.get("function_call") or turn.get("refusal")):
        return
    if isinstance(content, list) and content and all(isinstance(part, dict) for part in content):
        return
    if type(content) is not str:
        what = "missing" if content is None else f"expected text, found {show(content)}"
        place.bad(f"{where}.content", what, "write the message's text, in quotes")
    elif not content.strip() and turn["role"] in ("user", "assistant") and not turn.get("tool_calls"):
        place.bad(f"{where}.content", "is empty", "fill it in, or remove the row")
    weight = turn.get("weight", 1)
    if weight not in (0, 1) or isinstance(weight, bool):
        place.bad(f"{where}.weight", f"expected 0 or 1, found {show(weight)}", "use 1 to learn this turn, 0 not to")


def check_order(messages: list[dict[str, Any]], key: str, place: Place, answered: bool = True) -> bool:
    """Note where roles do not take turns; conversations with tools only need a beginning and an answer."""
    roles = [turn["role"] for turn in messages]
    tooled = any(role in ("tool", "function") for role in roles) or any("tool_calls" in turn for turn in messages)
    if "system" in roles[1:]:
        place.bad(key, f"a system text at place {roles.index('system', 1)}", "the system text comes first")
        return False
    if answered and roles[-1] != "assistant":
        place.bad(key, f"ends with {roles[-1]}, not with an answer", "end it with an assistant message")
        return False
    spoken = [role for role in roles if role in ("user", "assistant")]
    if not spoken or spoken[0] != "user":
        place.bad(key, "no user message before the first answer", "start with a user message")
        return False
    if not tooled and any(one == two for one, two in pairwise(spoken)):
        at = next((i for i in range(1, len(roles)) if roles[i] == roles[i - 1]), 1)
        fix = "expected user and assistant in turn; join the two"
        place.bad(f"{key}[{at}].role", f"two {roles[at]} messages one after the other", fix)
        return False
    return True
