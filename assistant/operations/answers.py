"""Asking a variant, listing variants, and running an earlier answer again."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from assistant.errors import InputError, JoyulError, UnavailableError
from assistant.progress import Cancelled, Progress
from assistant.schema import Generation, Message, Receipt, Sampling

if TYPE_CHECKING:
    from assistant.services import Services


# The receipt as `joyul ask --json` prints it.
RECEIPT_KEYS = (
    *("variant", "fingerprint", "base", "adapter", "query"),
    *("prompt_tokens", "completion_tokens", "first_token_seconds", "seconds"),
)
NEW_CONVERSATION = "new"


def ask(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Answer ``question`` with ``variant``; with ``conversation`` (an id or ``new``) the turn is kept.

    Raises:
        UsageError: unknown variant.
        InputError: an empty question, or no such conversation.
        UnavailableError: the model failed.
    """
    from assistant.chat import ChatUpdate, Options, follow, live_variant

    question, variant = str(params["question"]), str(params["variant"])
    options = Options(system=str(params.get("system") or ""), k=params.get("k"))
    kept: dict[str, Any] = {}
    if not question.strip():
        raise InputError("the question is empty", "write something to ask")
    conversation = str(params.get("conversation") or "")
    if conversation:
        services.variants.spec(variant)  # a misspelt name must not leave a failed turn behind
        if conversation == NEW_CONVERSATION:
            conversation = services.store.create_conversation(variant=variant)
        else:
            services.store.conversation(conversation)
        updates = services.chat.answer(conversation, question, variant, options)
        kept["conversation"] = conversation
    else:
        live = live_variant(services.variants, variant, options)
        updates = follow(live, [Message("user", question)], options)
    last, shown = ChatUpdate("", Generation(), "failed"), 0
    try:
        for last in updates:
            text = last.generation.text
            if len(text) > shown:
                progress({"text": text[shown:]})
                shown = len(text)
            if cancelled():
                break
    finally:
        updates.close()
    if last.status == "failed" or last.receipt is None:
        raise UnavailableError(last.error or "the model stopped before it had answered", "look into the log, try again")
    for notice in last.generation.notices:
        progress({"notice": notice.key, "params": dict(notice.params)})
    if conversation:
        kept["message"] = last.message_id
    return {**answer_json(last.generation, last.receipt), **kept}


def answer_json(generation: Generation, receipt: Receipt) -> dict[str, Any]:
    """Return the ``joyul ask --json`` document."""
    passages = [{"document": p.document, "text": p.text, "score": p.score} for p in generation.passages]
    values = asdict(receipt)
    return {"answer": generation.text, "passages": passages, "receipt": {key: values[key] for key in RECEIPT_KEYS}}


def list_variants(
    services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled
) -> dict[str, Any]:
    """Return every variant by name with its parts."""
    rows = []
    for name in services.variants.names():
        spec = services.variants.spec(name)
        rows.append({key: getattr(spec, key) for key in ("name", "model", "adapter", "recipe", "collection", "k")})
    return {"variants": rows}


def replay(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Run the variant of a stored answer again on the same conversation and compare.

    Raises:
        InputError: no such answer, or it carries no receipt.
        UsageError: its variant does not exist any more.
    """
    from assistant.chat import Options, follow, live_variant, spoken

    stored = services.store.message(str(params["message"]))
    if stored.role != "assistant" or not stored.receipt or not stored.parent:
        raise InputError(f"{stored.id!r} is not an answer with a receipt", "give the id of an answer")
    receipt = stored.receipt
    sampling = _sampling(receipt["sampling"])
    options = Options(sampling=sampling)
    live = live_variant(services.variants, str(receipt["variant"]), options)
    branch = _branch(services, stored.parent)
    update = list(follow(live, spoken(branch), options))[-1]
    if update.receipt is None or update.status == "failed":
        raise UnavailableError("the model stopped before it had answered", "look into the log, try again")
    return {
        "message": stored.id,
        "same": update.generation.text == stored.content,
        "original": stored.content,
        "fingerprint": {"then": receipt["fingerprint"], "now": live.fingerprint},
        **answer_json(update.generation, update.receipt),
    }


def _sampling(stored: Mapping[str, Any]) -> Sampling:
    try:
        return Sampling(**(dict(stored) | {"stop": tuple(stored.get("stop", ()))}))
    except TypeError as error:
        raise JoyulError(f"the receipt's sampling cannot be read: {error}") from error


def _branch(services: "Services", question: str) -> list[Any]:
    for conversation in services.store.conversations():
        branch = services.store.messages(conversation.id, question)
        if branch and branch[-1].id == question:
            return branch
    raise InputError("the conversation of this answer is gone", "give the id of another answer")
