"""What the chat page does, without Gradio: plain values in, a :class:`View` of what changed out."""

import re
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import NamedTuple

from assistant.chat import ChatUpdate, Options
from assistant.errors import InputError, JoyulError
from assistant.records import StoredMessage
from assistant.schema import Sampling, Variant
from assistant.ui.about import introduction
from assistant.ui.context import Page
from assistant.ui.convert import answer_html, live_html, question_html
from assistant.ui.frame import chats_html
from assistant.ui.icons import icon
from assistant.ui.markup import element, escape
from assistant.ui.running import Paced
from assistant.ui.variant_look import first_of
from assistant.ui.words import Words

PREFERRED = "rag"


class View(NamedTuple):
    """What changed on the page; None leaves a part as it is."""

    conversation: str | None = None
    thread: str | None = None
    live: str | None = None
    composer: str | None = None
    busy: bool | None = None
    chats: str | None = None


class Knobs(NamedTuple):
    """The settings drawer's values; they start as the variant's own."""

    system: str = ""
    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 128
    seed: int = 0
    k: int = 2

    @classmethod
    def of(cls, spec: Variant) -> "Knobs":
        """Return a variant's own values."""
        sampling = spec.sampling
        return cls("", sampling.temperature, sampling.top_p, sampling.max_tokens, sampling.seed, spec.k)

    def options(self, spec: Variant) -> Options:
        """Return what differs from the variant's own, so that an untouched drawer changes nothing.

        Raises:
            InputError: a value is missing or not a number.
        """
        try:
            sampling = replace(
                spec.sampling,
                temperature=float(self.temperature),
                top_p=float(self.top_p),
                max_tokens=int(self.max_tokens),
                seed=int(self.seed),
            )
            k = int(self.k)
        except (TypeError, ValueError):
            raise InputError("a value in the settings is not a number", "press Reset in the settings") from None
        changed: Sampling | None = sampling if sampling != spec.sampling else None
        return Options(system=self.system.strip(), sampling=changed, k=k if k != spec.k else None)


class ChatPage:
    """The chat page's handlers for one language."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.words = page.words
        self.store = page.services.store
        self.chat = page.services.chat
        self.variants = page.services.variants

    def offered(self) -> list[str]:
        """Return the variants to choose from."""
        return self.variants.names()

    def default_variant(self, conversation: str = "") -> str:
        """Return the variant of a conversation's last answer, else the preferred one."""
        names = self.offered()
        for message in reversed(self.store.messages(conversation) if conversation else []):
            used = (message.receipt or {}).get("variant")
            if used in names:
                return str(used)
        return first_of(names, PREFERRED)

    def knobs(self, variant: str) -> Knobs:
        """Return a variant's own settings."""
        return Knobs.of(self.variants.spec(variant))

    def list_chats(self, active: str = "", search: str = "") -> str:
        """Return the sidebar's list."""
        found = self.store.conversations(search.strip())
        return chats_html(found, active, self.words, bool(search.strip()))

    def open(self, conversation: str) -> View:
        """Show a conversation; one that does not exist any more gives an empty page."""
        try:
            if conversation:
                self.store.conversation(conversation)
        except JoyulError:
            conversation = ""
        return View(conversation, self.thread(conversation), "", None, False, self.list_chats(conversation))

    def delete(self, conversation: str, active: str) -> View:
        """Remove a conversation for good; the open one gives way to an empty page."""
        self.page.running.stop(conversation)
        self.store.conversation(conversation)
        self.store.delete_conversation(conversation)
        if conversation == active:
            return self.open("")
        return View(chats=self.list_chats(active))

    def send(self, text: str, conversation: str, variant: str, knobs: Knobs) -> Generator[View, None, None]:
        """Answer a message; the composer is emptied only when the message is stored."""
        if not text.strip():
            return
        if self.page.running.busy(conversation):
            raise InputError(self.words("chat.busy"), "")
        options = knobs.options(self.variants.spec(variant))
        conversation = conversation or self.store.create_conversation(variant=variant)
        yield from self._follow(conversation, self.chat.answer(conversation, text, variant, options), composer="")

    def regenerate(self, message: str, conversation: str, variant: str, knobs: Knobs) -> Generator[View, None, None]:
        """Answer the question above an answer anew; the earlier answer stays one click away."""
        if self.page.running.busy(conversation):
            raise InputError(self.words("chat.busy"), "")
        self._own(message, conversation)
        options = knobs.options(self.variants.spec(variant))
        yield from self._follow(conversation, self.chat.regenerate(conversation, message, variant, options))

    def stop(self, conversation: str) -> None:
        """Stop the answer under way."""
        self.page.running.stop(conversation)

    def thumb(self, message: str, kind: str, conversation: str) -> View:
        """Keep a thumb."""
        self._own(message, conversation)
        self.store.add_feedback(message, kind)
        return View(thread=self.thread(conversation))

    def correct(self, message: str, better: str, conversation: str) -> View:
        """Keep a correction as a training example.

        Raises:
            InputError: it is empty or says what the answer said.
        """
        answer = self._own(message, conversation)
        if not better.strip() or better.strip() == answer.content.strip():
            raise InputError(self.words("correct.unchanged"), "")
        self.store.add_feedback(message, "edit", text=better.strip())
        return View(thread=self.thread(conversation))

    def branch(self, message: str, conversation: str) -> View:
        """Show another answer to the same question."""
        self._own(message, conversation, anywhere=True)
        self.store.show_branch(conversation, message)
        return View(thread=self.thread(conversation))

    def before(self) -> str:
        """Return what is there before the address was read; unlike an empty thread it claims no address."""
        return element("div", self._welcome(), class_="thread")

    def thread(self, conversation: str, writing: str = "") -> str:
        """Return a conversation as HTML; ``writing`` is the answer that the live part shows."""
        messages = self.store.messages(conversation) if conversation else []
        if not messages:
            return element("div", self._welcome(), class_="thread", data_conversation=conversation)
        answers = [message.id for message in messages if message.role == "assistant"]
        turns = [
            self._turn(message, message.id == answers[-1] if answers else False)
            for message in messages
            if message.id != writing
        ]
        return element("div", *turns, class_="thread", role="log", aria_live="polite", data_conversation=conversation)

    def _turn(self, message: StoredMessage, newest: bool) -> str:
        if message.role == "user":
            return question_html(message.content, self.words)
        feedback = self.store.feedback(message.id)
        return answer_html(message, self.words, feedback=feedback, newest=newest, factory=self.variants)

    def _welcome(self) -> str:
        words = self.words
        examples = [
            element("button", escape(question), type="button", class_="example", data_act="ask", data_text=question)
            for question in words.all("welcome.examples")
        ]
        return element(
            "section",
            element("h1", escape(words("welcome.title"))),
            element("p", escape(words("welcome.what")), class_="lead"),
            element("p", _code(introduction(self.page.services, words)), class_="model"),
            element("div", *examples, class_="examples", role="group", aria_label=words("welcome.try")),
            class_="welcome",
        )

    def _own(self, message: str, conversation: str, anywhere: bool = False) -> StoredMessage:
        """Return a message of this conversation; the page may only touch what it shows."""
        shown = self.store.messages(conversation) if conversation else []
        for each in shown:
            if each.id == message or (anywhere and message in each.siblings):
                return each
        raise InputError(self.words("chat.gone"), "")

    def _follow(
        self, conversation: str, updates: Generator[ChatUpdate, None, None], composer: str | None = None
    ) -> Iterator[View]:
        """Pass an answer on as it grows; whatever ends it, the page ends on what is stored."""
        try:
            with self.page.running.started(conversation) as stop:
                first = True
                for update in Paced(updates, stop):
                    live = live_html(update, self.words)
                    if first:
                        thread = self.thread(conversation, writing=update.message_id)
                        yield View(conversation, thread, live, composer, True, self.list_chats(conversation))
                        first = False
                    else:
                        yield View(live=live)
        except GeneratorExit:
            raise
        except Exception:
            yield self._settled(conversation)
            raise
        yield self._settled(conversation)

    def _settled(self, conversation: str) -> View:
        return View(conversation, self.thread(conversation), "", None, False, self.list_chats(conversation))


def _code(text: str) -> str:
    return re.sub(r"--[a-z]+", lambda match: element("code", match[0]), escape(text))


def settings_note(words: Words, knobs: Knobs) -> str:
    """Return the drawer's line on what the variant itself would use."""
    return words(
        "settings.defaults",
        temperature=f"{knobs.temperature:g}",
        top_p=f"{knobs.top_p:g}",
        length=knobs.max_tokens,
        seed=knobs.seed,
        k=knobs.k,
    )


def settings_button(words: Words) -> str:
    """Return the button that opens the settings drawer."""
    label = words("settings.title")
    return element(
        "button",
        icon("sliders"),
        element("span", escape(label)),
        type="button",
        class_="tool",
        data_local="settings",
        aria_label=label,
        aria_expanded="false",
    )
