"""``conversations.json`` of a ChatGPT export: a tree of messages for each conversation; reading only.

The branch that was open last becomes one row. What a row of text cannot hold (other branches, pictures,
tool traffic, a question that was never answered) is named, not dropped in silence.
"""

from collections.abc import Mapping
from typing import Any

from assistant.datasets.formats.base import RowFormat
from assistant.datasets.problems import Place, show
from assistant.datasets.rows import Row, settle

_HIDDEN = "is_visually_hidden_from_conversation"


def parse(raw: Mapping[str, Any], place: Place) -> Row | None:
    """Return the conversation's open branch; None without a problem where nobody answered anything."""
    mapping = raw.get("mapping")
    if not isinstance(mapping, dict) or not all(isinstance(node, dict) for node in mapping.values()):
        place.bad("mapping", f"expected the tree of messages, found {show(mapping)}", "export the conversations again")
        return None
    branch = _branch(mapping, raw.get("current_node"), place)
    if branch is None:
        return None
    if len(mapping) > len(branch):
        place.lose("mapping", f"{len(mapping) - len(branch)} messages of other branches")
    messages = _messages(branch, place)
    while messages and messages[-1]["role"] != "assistant":
        place.lose("mapping", "a last message without an answer")
        messages.pop()
    while messages and messages[0]["role"] == "assistant":
        place.lose("mapping", "an answer before the first question")
        messages.pop(0)
    if not any(turn["role"] == "user" for turn in messages):
        place.lose("mapping", "a conversation without question and answer")
        return None
    row = settle(messages)
    for key, name in (("title", "title"), ("conversation_id", "group"), ("id", "group")):
        if isinstance(raw.get(key), str) and raw[key] and name not in row:
            row[name] = raw[key]
    return row


def _branch(mapping: Mapping[str, Any], leaf: Any, place: Place) -> list[Mapping[str, Any]] | None:
    """Return the nodes from the root to the open leaf."""
    if leaf not in mapping:
        leaves = [key for key, node in mapping.items() if not node.get("children")]
        if not leaves:
            place.bad("current_node", f"names no message: {show(leaf)}", "export the conversations again")
            return None
        leaf = leaves[-1]
    branch: list[Mapping[str, Any]] = []
    seen = set()
    while leaf is not None and leaf in mapping:
        if leaf in seen:
            place.bad("mapping", f"the message {show(leaf)} is its own ancestor", "export the conversations again")
            return None
        seen.add(leaf)
        branch.append(mapping[leaf])
        leaf = mapping[leaf].get("parent")
    return branch[::-1]


def _messages(branch: list[Mapping[str, Any]], place: Place) -> list[dict[str, Any]]:
    """Return a branch's texts; the pieces of one speaker in a row are one message."""
    found: list[dict[str, Any]] = []
    for node in branch:
        message = node.get("message")
        if not isinstance(message, dict):
            continue
        author = message.get("author")
        role = author.get("role") if isinstance(author, dict) else None
        text = _text(message, place)
        metadata = message.get("metadata")
        hidden = isinstance(metadata, dict) and metadata.get(_HIDDEN)
        if not text or hidden or (role == "system" and found):
            continue
        if role not in ("system", "user", "assistant") or message.get("recipient", "all") != "all":
            place.lose("mapping", f"a {role} message to or from a tool")
        elif found and found[-1]["role"] == role:
            found[-1]["content"] += "\n\n" + text
        else:
            found.append({"role": role, "content": text})
    return found


def _text(message: Mapping[str, Any], place: Place) -> str:
    content = message.get("content")
    if not isinstance(content, dict):
        return ""
    parts = content.get("parts")
    if not isinstance(parts, list):
        if content.get("content_type") not in (None, "model_editable_context", "user_editable_context"):
            place.lose("mapping", f"a message of type {show(content.get('content_type'))}")
        return ""
    texts = [part for part in parts if isinstance(part, str)]
    if len(texts) < len(parts):
        place.lose("mapping", "a picture, sound or file")
    return "\n\n".join(text for text in texts if text.strip())


FORMAT = RowFormat("chatgpt", (frozenset({"mapping", "current_node"}), frozenset({"mapping", "title"})), parse)
