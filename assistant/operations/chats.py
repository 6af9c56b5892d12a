"""Conversations taken out of the app: as lines that ``joyul data import`` reads, or as text that a person reads."""

import json
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from assistant.errors import UsageError
from assistant.lazy import nearest
from assistant.locales import text
from assistant.progress import Cancelled, Progress
from assistant.schema import Language

if TYPE_CHECKING:
    from assistant.records import Conversation, StoredMessage
    from assistant.services import Services

FORMATS = {"openai": "jsonl", "markdown": "md"}  # with the ending of a file's name


def list_chats(
    services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled
) -> dict[str, Any]:
    """Return the conversations, newest first: id, title, when it was last used."""
    rows = services.store.conversations(str(params.get("search") or ""))
    return {"conversations": [{"id": each.id, "title": each.title, "updated": each.updated} for each in rows]}


def export(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Return ``text`` of the ``conversation``, else of all, oldest first, in ``format``, and how many it holds.

    Of each the branch that is shown goes out. ``openai`` has one JSON object a line with the ``messages`` of
    every question that was answered; ``markdown`` has everything that was said, in ``language``.

    Raises:
        UsageError: no such format.
        InputError: no such conversation.
    """
    form, wanted = str(params.get("format") or "openai"), str(params.get("conversation") or "")
    if form not in FORMATS:
        raise UsageError(f"unknown format {form!r:.40}", nearest(form, FORMATS))
    chosen = [services.store.conversation(wanted)] if wanted else services.store.conversations()[::-1]
    language: Language = "ko" if params.get("language") == "ko" else "en"
    pieces = []
    for each in chosen:
        branch = services.store.messages(each.id)
        pieces.append(_line(branch) if form == "openai" else _page(each, branch, language))
    kept = [piece for piece in pieces if piece]
    return {"text": "".join(kept), "conversations": len(kept), "format": form}


def _line(branch: "Sequence[StoredMessage]") -> str:
    """Return the answered questions as a line of OpenAI's chat form; "" where there are none."""
    said = [turn for pair in _answered(branch) for turn in pair]
    turns = [{"role": turn.role, "content": turn.content} for turn in said]
    return json.dumps({"messages": turns}, ensure_ascii=False) + "\n" if turns else ""


def _answered(branch: "Sequence[StoredMessage]") -> "Iterator[tuple[StoredMessage, StoredMessage]]":
    for asked, answer in pairwise(branch):
        whole = answer.role == "assistant" and answer.status == "done" and answer.content.strip()
        if asked.role == "user" and asked.content.strip() and whole:
            yield asked, answer


def _page(conversation: "Conversation", branch: "Sequence[StoredMessage]", language: Language) -> str:
    """Return a conversation as Markdown; "" where nothing was said."""
    if not branch:
        return ""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(conversation.created))
    parts = [f"# {' '.join(conversation.title.split()) or text('frame.untitled', language)}", when]
    for turn in branch:
        variant = (turn.receipt or {}).get("variant")
        who = text("chat.you" if turn.role == "user" else "chat.assistant", language)
        parts.append(f"**{who}{f' ({variant})' if variant else ''}**\n\n{turn.content}".rstrip())
        names = dict.fromkeys(str(each.get("name", "")) for each in turn.passages)
        parts += [f"*{text('chat.sources', language)}: {', '.join(names)}*"] if names else []
    return "\n\n".join(parts) + "\n\n"
