"""Conversations: history -> variant -> stream -> saved turn with its receipt, whatever happens."""

import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Literal

from assistant.errors import InputError, JoyulError, ResourceError
from assistant.records import StoredMessage
from assistant.schema import Fold, Generation, Message, Notice, Receipt, Sampling, Variant, normalise, well_formed
from assistant.store import Store
from assistant.variants import VariantFactory, VariantModel

FLUSH_SECONDS = 2.0
SAVE_SECONDS, SAVE_PAUSE = 60.0, 1.0
TITLE_CHARACTERS = 48

Status = Literal["searching", "streaming", "done", "stopped", "failed"]
OPEN = ("searching", "streaming")


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
        self, conversation: str, text: str, variant: str, options: Options | None = None
    ) -> Generator[ChatUpdate, None, None]:
        """Store the person's message at the end of the active branch, then stream the answer to it.

        The message is committed before anything is generated.

        Raises:
            InputError: the text is empty, or the conversation is gone.
            ResourceError: the message cannot be stored.
        """
        history = self._store.messages(conversation)
        title = "" if history else title_of(_given(text))
        above = history[-1].id if history else None
        yield from self._ask(conversation, text, above, variant, options, title)

    def revise(
        self, conversation: str, message: str, text: str, variant: str, options: Options | None = None
    ) -> Generator[ChatUpdate, None, None]:
        """Ask an earlier question in other words; it stays, with all that followed, as a branch beside.

        Raises:
            InputError: the text is empty, or the message is not a question of a person.
        """
        earlier = self._store.message(message)
        if earlier.role != "user":
            raise InputError("only own messages can be edited", "correct an answer instead")
        untouched = earlier.parent is None and self._store.conversation(conversation).title == title_of(earlier.content)
        title = title_of(_given(text)) if untouched else ""
        yield from self._ask(conversation, text, earlier.parent, variant, options, title)

    def regenerate(
        self, conversation: str, message: str, variant: str, options: Options | None = None
    ) -> Generator[ChatUpdate, None, None]:
        """Answer the question above an earlier answer anew; the earlier one stays as a sibling."""
        question = self._store.message(message)
        if question.role == "assistant":
            question = self._store.message(question.parent or "")
        branch = spoken(self._store.messages(conversation, question.id))
        answer = self._store.add_message(conversation, "assistant", "", parent=question.id, status="streaming")
        yield from self._reply(answer, branch, variant, options or Options())

    def _ask(
        self, conversation: str, text: str, above: str | None, variant: str, options: Options | None, title: str
    ) -> Generator[ChatUpdate, None, None]:
        """Store the question with its open answer at once, then answer; either both are there or none."""
        text = _given(text)
        branch = spoken(self._store.messages(conversation, above)) if above else []
        _, answer = self._store.add_turn(conversation, text, parent=above, title=title)
        yield from self._reply(answer, [*branch, Message("user", normalise(text))], variant, options or Options())

    def _reply(
        self, answer: str, messages: Sequence[Message], variant: str, options: Options
    ) -> Generator[ChatUpdate, None, None]:
        update = ChatUpdate(answer, Generation(), "searching")
        try:
            yield update
            for update in self._written(answer, messages, variant, options):
                yield update
            yield from self._kept(update)
        except BaseException as error:
            left = isinstance(error, GeneratorExit)
            if update.status in OPEN:
                self._save(replace(update, status="stopped" if left else "failed"))
            elif left:
                self._save(update)
            raise

    def _written(
        self, answer: str, messages: Sequence[Message], variant: str, options: Options
    ) -> Generator[ChatUpdate, None, None]:
        """Stream an answer, storing how far it is; a failure a person can mend becomes its last update."""
        update, saved = ChatUpdate(answer, Generation(), "searching"), time.monotonic()
        try:
            for update in follow(live_variant(self._variants, variant, options), messages, options):
                update = replace(update, message_id=answer)
                if update.status == "streaming" and time.monotonic() - saved > FLUSH_SECONDS:
                    with suppress(ResourceError):  # the next flush may succeed; the last one is insisted on
                        self._save(update)
                    saved = time.monotonic()
                yield update
        except JoyulError as error:
            yield replace(update, status="failed", error=told(error))

    def _kept(self, update: ChatUpdate) -> Generator[ChatUpdate, None, None]:
        """Store a finished answer, waiting for a full disk or a busy database to give way.

        Raises:
            ResourceError: it did not within a minute.
        """
        deadline = time.monotonic() + SAVE_SECONDS
        while True:
            try:
                return self._save(update)
            except ResourceError as error:
                if time.monotonic() > deadline:
                    raise
                notice = Notice("unsaved", {"reason": told(error)})
                made = update.generation
                yield replace(update, generation=replace(made, notices=(*made.notices, notice)))
                time.sleep(SAVE_PAUSE)

    def _save(self, update: ChatUpdate) -> None:
        made = update.generation
        notices = [asdict(notice) for notice in made.notices]
        if update.error:
            notices.append({"key": "failed", "params": {"reason": update.error}})
        self._store.update_message(
            update.message_id,
            made.text,
            "streaming" if update.status in OPEN else update.status,
            receipt=asdict(update.receipt) if update.receipt else None,
            passages=[asdict(passage) for passage in made.passages],
            notices=notices,
        )


def told(error: JoyulError) -> str:
    """Return a failure and its next step as the one text that is kept with an answer."""
    return f"{error.message}. {error.hint}".strip()


def _given(text: str) -> str:
    """Return what a person wrote.

    Raises:
        InputError: nothing.
    """
    if not text.strip():
        raise InputError("the message is empty", "write something first")
    return well_formed(text)


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
