"""Conversations: history -> variant -> stream -> saved turn with its receipt, whatever happens."""

import time
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from assistant.errors import InputError, JoyulError
from assistant.records import StoredMessage
from assistant.schema import Fold, Generation, Message, Receipt, Sampling, Variant
from assistant.store import Store
from assistant.variants import VariantFactory, VariantModel

FLUSH_SECONDS = 2.0
TITLE_CHARACTERS = 48

Status = Literal["searching", "streaming", "done", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class ChatUpdate:
    """How far an answer has come; ``message_id`` is empty where nothing is stored (compare)."""

    message_id: str
    generation: Generation
    status: Status
    receipt: Receipt | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """What a person may change for one answer; None keeps the variant's own."""

    system: str = ""
    sampling: Sampling | None = None
    k: int | None = None


class ChatService:
    """Answers in stored conversations."""

    def __init__(self, store: Store, variants: VariantFactory) -> None:
        self._store = store
        self._variants = variants

    def answer(
        self,
        conversation: str,
        text: str,
        variant: str,
        options: Options | None = None,
        *,
        parent: str | None = None,
    ) -> Generator[ChatUpdate, None, None]:
        """Store the person's message, then stream the answer to it.

        The message is committed before anything is generated. ``parent`` starts another branch
        below an earlier message; by default the message follows the active branch.

        Raises:
            InputError: the text is empty.
        """
        if not text.strip():
            raise InputError("the message is empty", "write something first")
        history = self._store.messages(conversation, parent)
        above = history[-1].id if history else None
        if not history:
            self._store.rename_conversation(conversation, title_of(text))
        question = self._store.add_message(conversation, "user", text, parent=above)
        yield from self._reply(conversation, question, variant, options or Options())

    def regenerate(
        self, conversation: str, message: str, variant: str, options: Options | None = None
    ) -> Generator[ChatUpdate, None, None]:
        """Answer the question above an earlier answer anew; the earlier one stays as a sibling."""
        question = self._store.message(message)
        if question.role == "assistant":
            question = self._store.message(question.parent or "")
        yield from self._reply(conversation, question.id, variant, options or Options())

    def _reply(
        self, conversation: str, question: str, variant: str, options: Options
    ) -> Generator[ChatUpdate, None, None]:
        branch = self._store.messages(conversation, question)
        answer = self._store.add_message(conversation, "assistant", "", parent=question, status="streaming")
        update = ChatUpdate(answer, Generation(), "stopped")
        written = time.monotonic()
        try:
            yield replace(update, status="searching")
            live = live_variant(self._variants, variant, options)
            for update in follow(live, spoken(branch), options):
                update = replace(update, message_id=answer)
                if update.status == "streaming" and time.monotonic() - written > FLUSH_SECONDS:
                    self._save(update, "streaming")
                    written = time.monotonic()
                yield update
        except JoyulError as error:
            update = replace(update, status="failed", error=f"{error.message}. {error.hint}".strip())
            yield update
        except GeneratorExit:
            update = replace(update, status="stopped")
            raise
        except Exception:
            update = replace(update, status="failed")
            raise
        finally:
            self._save(update, "stopped" if update.status in ("searching", "streaming") else update.status)

    def _save(self, update: ChatUpdate, status: str) -> None:
        made = update.generation
        notices = [asdict(notice) for notice in made.notices]
        if update.error:
            notices.append({"key": "failed", "params": {"reason": update.error}})
        self._store.update_message(
            update.message_id,
            made.text,
            status,
            receipt=asdict(update.receipt) if update.receipt else None,
            passages=[asdict(passage) for passage in made.passages],
            notices=notices,
        )


def title_of(text: str) -> str:
    """Return a conversation's title: the first line of its first message, shortened."""
    line = " ".join(text.split())
    return line if len(line) <= TITLE_CHARACTERS else line[: TITLE_CHARACTERS - 1] + "…"


def spoken(branch: Sequence[StoredMessage]) -> list[Message]:
    """Return the messages a model should see: answers that failed or stayed empty are left out."""
    kept = [m for m in branch if m.role == "user" or (m.content.strip() and m.status != "failed")]
    return [Message("assistant" if m.role == "assistant" else "user", m.content) for m in kept]


def live_variant(variants: VariantFactory, variant: str | Variant, options: Options) -> VariantModel:
    """Build a variant with a person's options applied, so that the fingerprint knows of them."""
    spec = variants.spec(variant) if isinstance(variant, str) else variant
    if options.k is not None:
        spec = replace(spec, k=options.k)
    if options.sampling is not None:
        spec = replace(spec, sampling=options.sampling)
    return variants.build(spec)


def receipt_of(live: VariantModel, generation: Generation) -> Receipt:
    """Return what produced an answer; base and adapter are what the model itself reported."""
    origin = generation.origin
    return Receipt(
        variant=live.spec.name,
        fingerprint=live.fingerprint,
        base=origin.base if origin else "",
        adapter=origin.adapter if origin else None,
        recipe=live.spec.recipe,
        query=generation.query,
        sampling=live.spec.sampling,
        prompt_tokens=generation.usage.prompt_tokens,
        completion_tokens=generation.usage.completion_tokens,
        first_token_seconds=generation.first_token_seconds,
        seconds=generation.seconds,
        finish=generation.finish,
    )


def follow(live: VariantModel, messages: Sequence[Message], options: Options) -> Generator[ChatUpdate, None, None]:
    """Fold a variant's stream into updates for a page; the last one carries the receipt."""
    if options.system:
        messages = [Message("system", options.system), *messages]
    fold, stream = Fold(), live.stream(messages)
    try:
        for delta in stream:
            made = fold.add(delta)
            yield ChatUpdate("", made, "streaming" if made.text or made.passages else "searching")
    finally:
        stream.close()
    made = fold.generation
    status: Status = "failed" if made.finish == "error" else "stopped" if made.finish == "cancelled" else "done"
    yield ChatUpdate("", made, status, receipt_of(live, made))
