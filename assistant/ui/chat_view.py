"""What the chat page does, without Gradio: plain values in, a :class:`View` of what changed out."""

import hashlib
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from assistant.chat import ChatUpdate, spoken, title_of
from assistant.collect import keep_example
from assistant.errors import InputError, JoyulError
from assistant.records import Feedback, StoredMessage
from assistant.schema import Generation, language_of
from assistant.ui.context import Page
from assistant.ui.convert import answer_html, live_html, question_html
from assistant.ui.frame import LISTED, chats_html
from assistant.ui.knobs import Knobs
from assistant.ui.markup import element
from assistant.ui.running import BusyError, Live
from assistant.ui.tab import Tab
from assistant.ui.variant_look import badge, described, first_of
from assistant.ui.welcome import welcome_html
from assistant.ui.why import REASONS, comment_and_tags

PREFERRED = "rag"
DRAWN = 1000


class View(NamedTuple):
    """What changed on the page; None leaves a part as it is."""

    thread: str | None = None
    live: str | None = None
    composer: str | None = None
    busy: bool | None = None
    chats: str | None = None


class ChatPage:
    """The chat page's handlers for one language."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.words = page.words
        self.store = page.services.store
        self.chat = page.services.chat
        self.variants = page.services.variants
        self._drawn: dict[bytes, str] = {}

    def offered(self) -> list[str]:
        """Return the variants to choose from."""
        return self.variants.names()

    def choices(self) -> list[tuple[str, str]]:
        """Return the variants as (what a person reads, name)."""
        return [(described(name, self.words), name) for name in self.offered()]

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

    def list_chats(self, tab: Tab) -> str:
        """Return the sidebar's list, filtered by what the tab searches."""
        search = tab.search.strip()
        return chats_html(self.store.conversations(search, most=LISTED), tab.conversation, self.words, bool(search))

    def state(self, tab: Tab) -> View:
        """Return all that a tab shows, an answer under way included."""
        tab.news = self.store.news.of(tab.conversation)
        live = self.page.running.live(tab.conversation)
        thread, chats = self.thread(tab.conversation), self.list_chats(tab)
        tab.thread, tab.chats, tab.busy = hash(thread), hash(chats), live is not None
        return View(thread, self._live(tab.conversation, live), None, live is not None, chats)

    def open(self, tab: Tab, conversation: str) -> View:
        """Show a conversation; one that does not exist any more gives an empty page."""
        with suppress(InputError):
            tab.show(self.store.conversation(conversation).id if conversation else "")
            return self.state(tab)
        tab.show("")
        return self.state(tab)

    def sync(self, tab: Tab, shown: str) -> View:
        """Return what changed behind a tab's back; ``shown`` is what the browser shows, should we not know.

        The app may have been started again under an open page, and another tab may have gone on here.
        """
        if not tab.opened:
            return self.open(tab, shown)
        if shown != tab.conversation:  # an older answer of ours arrived after a newer one
            return self.state(tab)
        live = self.page.running.live(tab.conversation)
        growing = None if tab.following or live is None else self._live(tab.conversation, live)
        (listed, told), (new_list, new_told) = tab.news, self.store.news.of(tab.conversation)
        if told != new_told and tab.conversation and not self._exists(tab.conversation):
            return self.open(tab, "")
        if told == new_told or tab.following:  # whoever follows an answer shows its end
            tab.news = (new_list, told)
            return View(live=growing, chats=self._new_list(tab) if listed != new_list else None)
        thread, chats, busy = tab.thread, tab.chats, tab.busy
        now = self.state(tab)
        tab.busy = busy
        return now._replace(
            thread=now.thread if tab.thread != thread else None, chats=now.chats if tab.chats != chats else None
        )

    def _new_list(self, tab: Tab) -> str | None:
        """Return the sidebar's list where it is not what the tab shows already."""
        known, chats = tab.chats, self.list_chats(tab)
        tab.chats = hash(chats)
        return chats if tab.chats != known else None

    def rename(self, tab: Tab, conversation: str, title: str) -> View:
        """Give a conversation another title; an empty one changes nothing."""
        self.store.conversation(conversation)
        if title.strip():
            self.store.rename_conversation(conversation, title_of(title))
        return View(chats=self.list_chats(tab))

    def delete(self, tab: Tab, conversation: str) -> View:
        """Remove a conversation for good; the open one gives way to an empty page."""
        self.page.running.stop(conversation)
        self.store.conversation(conversation)
        self.store.delete_conversation(conversation)
        return self.open(tab, "") if conversation == tab.conversation else View(chats=self.list_chats(tab))

    def send(self, tab: Tab, text: str, variant: str, knobs: Knobs) -> View:
        """Start the answer to a message; the composer is emptied only when the message is stored."""
        if not text.strip():
            return View()
        options = knobs.options(self.variants.spec(variant))
        conversation = tab.conversation or self.store.create_conversation(variant=variant)
        try:
            self._start(conversation, self.chat.answer(conversation, text, variant, options))
        except Exception:
            if not tab.conversation:
                with suppress(JoyulError):
                    self.store.delete_conversation(conversation)
            raise
        tab.show(conversation)
        return self.state(tab)._replace(composer="")

    def revise(self, tab: Tab, message: str, text: str, variant: str, knobs: Knobs) -> View:
        """Ask an earlier question in other words; both stay."""
        self._own(message, tab.conversation)
        options = knobs.options(self.variants.spec(variant))
        self._start(tab.conversation, self.chat.revise(tab.conversation, message, text, variant, options))
        tab.show(tab.conversation)
        return self.state(tab)

    def regenerate(self, tab: Tab, message: str, variant: str, knobs: Knobs) -> View:
        """Answer the question above an answer anew; the earlier answer stays one click away."""
        self._own(message, tab.conversation)
        options = knobs.options(self.variants.spec(variant))
        self._start(tab.conversation, self.chat.regenerate(tab.conversation, message, variant, options))
        tab.show(tab.conversation)
        return self.state(tab)

    def follow(self, tab: Tab) -> Iterator[str]:
        """Yield the answer under way growing until it is over or the tab shows something else."""
        live, turn = self.page.running.live(tab.conversation), tab.turn
        if live is None:
            return
        shown = bool(self._live(tab.conversation, live))
        tab.following = True
        try:
            for update in live.follow(lambda: tab.turn == turn, self.page.running.pause):
                if shown:
                    yield live_html(update, self.words, followed=True)
        finally:
            if tab.turn == turn:
                tab.following = False
        if tab.turn == turn and live.error is not None:
            raise live.error

    def settle(self, tab: Tab) -> View:
        """Show the end of an answer, also where it was over before anybody followed it."""
        return self.state(tab) if tab.busy and self.page.running.live(tab.conversation) is None else View()

    def stop(self, tab: Tab) -> None:
        """Stop the answer under way."""
        self.page.running.stop(tab.conversation)

    def thumb(self, tab: Tab, message: str, kind: str) -> View:
        """Keep a thumb, unless (InputError) the person refused that anything is collected."""
        self._own(message, tab.conversation)
        self.page.must_collect()
        self.store.add_feedback(message, kind)
        return self.state(tab)

    def explain(self, tab: Tab, message: str, kind: str, reason: str, said: str) -> View:
        """Keep why a thumb was given: one of the reasons, and a comment whose ``#words`` are tags.

        Raises:
            InputError: no such thumb or reason, or the person refused that anything is collected.
        """
        self._own(message, tab.conversation)
        self.page.must_collect()
        if kind not in REASONS or reason not in ("", *REASONS[kind]):
            raise InputError(self.words("chat.gone"), "")
        comment, tags = comment_and_tags(said)
        if reason or comment or tags:
            self.store.add_feedback(message, kind, text=comment, reason=reason, tags=tags)
        return self.state(tab)

    def correct(self, tab: Tab, message: str, better: str) -> View:
        """Keep a correction as a training example.

        Raises:
            InputError: it is empty or says what the answer said, or the person refused that anything is collected.
        """
        self.page.must_collect()
        answer = self._own(message, tab.conversation)
        if not better.strip() or better.strip() == answer.content.strip():
            raise InputError(self.words("correct.unchanged"), "")
        *history, question = spoken(self.store.messages(tab.conversation, answer.parent))
        keep_example(self.page.services.home, question.content, better, language_of(question.content), history)
        self.store.add_feedback(message, "edit", text=better.strip())
        return self.state(tab)

    def branch(self, tab: Tab, message: str) -> View:
        """Show the branch through another answer, or another wording of a question."""
        self._own(message, tab.conversation, anywhere=True)
        self.store.show_branch(tab.conversation, message)
        tab.show(tab.conversation)
        return self.state(tab)

    def before(self) -> str:
        """Return what is there before the address was read; unlike an empty thread it claims no address."""
        return element("div", welcome_html(self.page), class_="thread")

    def thread(self, conversation: str) -> str:
        """Return a conversation as HTML, without the answer under way, which the live part shows."""
        messages = self.store.messages(conversation) if conversation else []
        if not messages:
            return element("div", welcome_html(self.page), class_="thread", data_conversation=conversation)
        live = self.page.running.live(conversation)
        writing = live.value.message_id if live else ""
        judged = self.store.feedback_in(conversation)
        turns = [
            self._turn(message, message is messages[-1], judged.get(message.id, []))
            for message in messages
            if message.id != writing
        ]
        return element("div", *turns, class_="thread", role="log", aria_live="polite", data_conversation=conversation)

    def _turn(self, message: StoredMessage, newest: bool, judged: list[Feedback]) -> str:
        """Draw a turn once: every message draws all those above it again."""
        if message.status == "streaming":  # nobody writes it any more
            message = replace(message, status="interrupted")
        look = badge(str(message.receipt.get("variant", "")), self.variants) if message.receipt else ""
        key = hashlib.sha256(repr((message, newest, judged, look)).encode()).digest()  # the text itself may be long
        if key not in self._drawn:
            if len(self._drawn) >= DRAWN:
                self._drawn.clear()
            self._drawn[key] = self._draw(message, newest, judged)
        return self._drawn[key]

    def _draw(self, message: StoredMessage, newest: bool, judged: list[Feedback]) -> str:
        if message.role == "user":
            return question_html(message, self.words)
        return answer_html(message, self.words, feedback=judged, newest=newest, factory=self.variants)

    def _live(self, conversation: str, live: Live[ChatUpdate] | None) -> str:
        """Return the answer under way; nothing while another branch is shown."""
        if live is None:
            return ""
        shown = self.store.messages(conversation)
        return live_html(live.value, self.words) if shown and shown[-1].id == live.value.message_id else ""

    def _own(self, message: str, conversation: str, anywhere: bool = False) -> StoredMessage:
        """Return a message of this conversation; the page may only touch what it shows."""
        shown = self.store.messages(conversation) if conversation else []
        for each in shown:
            if each.id == message or (anywhere and message in each.siblings):
                return each
        raise InputError(self.words("chat.gone"), "")

    def _exists(self, conversation: str) -> bool:
        try:
            return bool(self.store.conversation(conversation))
        except InputError:
            return False

    def _start(self, conversation: str, updates: Generator[ChatUpdate, None, None]) -> None:
        waiting = ChatUpdate("", Generation(), "searching")
        try:
            self.page.running.start(conversation, updates, waiting)
        except BusyError as error:
            text = self.words("chat.full", n=error.ahead) if error.ahead else self.words("chat.busy")
            raise InputError(text, "") from None
