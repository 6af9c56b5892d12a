"""The chat page: its parts and which handler each of them calls."""

from collections.abc import Generator
from typing import Any

import gradio as gr

from assistant.ui.chat_view import ChatPage, View
from assistant.ui.context import Page, event_data, panel
from assistant.ui.frame import Frame, status_html
from assistant.ui.knobs import Knobs, settings_button, settings_note
from assistant.ui.markup import element, escape
from assistant.ui.parts import QUIET, STREAM, asking, busy_buttons, still, wire_viewer
from assistant.ui.tab import Tab

EVENTS = ("ask", "resend", "regenerate", "up", "down", "save", "why", "branch", "source", "kept", "sync")


def build_chat(page: Page, frame: Frame) -> "ChatTab":
    """Lay out the chat page; call inside its tab."""
    return ChatTab(page, frame)


class ChatTab:
    """Gradio's side of the chat page; every decision is in :class:`ChatPage`."""

    def __init__(self, page: Page, frame: Frame) -> None:
        self.page = page
        self.frame = frame
        self.view = ChatPage(page)
        self._lay_out()
        self.shown = [
            self.thread,
            self.live,
            self.composer,
            self.send,
            self.stop,
            frame.chats,
        ]
        self._wire_answers()
        self._wire_frame()
        self._wire_settings()

    def _lay_out(self) -> None:
        words, start = self.page.words, self.view.default_variant()
        with gr.Row(elem_id="chat-bar"):
            self.variant = gr.Dropdown(
                self.view.choices(),
                value=start,
                label=words("chat.variant"),
                elem_id="variant",
                filterable=False,
                min_width=180,
            )
            still(settings_button(words), elem_id="settings-toggle")
        self.thread = panel(self.view.before(), "thread", *EVENTS)
        self.asked = gr.Textbox(visible=False)
        self.live = panel("", "live", "source")
        ids = ("composer-row", "composer", "send", "stop")
        said = [words(f"chat.{key}") for key in ("message", "placeholder", "send", "stop")]
        self.composer, self.send, self.stop = asking(said, ids, autofocus=True)
        still(element("p", escape(words("chat.keys")), class_="keys"), elem_id="keys")
        with gr.Column(elem_id="settings"):
            self._lay_out_settings(self.view.knobs(start))

    def _lay_out_settings(self, own: Knobs) -> None:
        words = self.page.words
        limit = self.page.services.settings.engine.max_tokens
        still(element("h2", escape(words("settings.title")), tabindex=-1), elem_id="settings-head")
        self.note = panel(element("p", escape(settings_note(words, own)), class_="help"), "settings-note")
        self.system = gr.Textbox(
            label=words("settings.system"), info=words("settings.system_help"), lines=3, max_lines=8, elem_id="system"
        )
        self.temperature = gr.Slider(
            0, 2, own.temperature, step=0.05, label=words("settings.temperature"), elem_id="temperature", buttons=[]
        )
        self.top_p = gr.Slider(
            0.05, 1, own.top_p, step=0.05, label=words("settings.top_p"), elem_id="top-p", buttons=[]
        )
        self.length = gr.Slider(
            8, limit, own.max_tokens, step=8, label=words("settings.length"), elem_id="length", buttons=[]
        )
        self.k = gr.Slider(1, 10, own.k, step=1, label=words("settings.k"), elem_id="k", buttons=[])
        self.seed = gr.Number(own.seed, label=words("settings.seed"), precision=0, minimum=0, elem_id="seed")
        with gr.Row():
            self.reset = gr.Button(words("settings.reset"), elem_id="reset", size="sm")
            self.close = gr.Button(words("settings.close"), elem_id="settings-close", size="sm")

    @property
    def knobs(self) -> list[Any]:
        """The drawer's parts in the order of :class:`Knobs`."""
        return [self.system, self.temperature, self.top_p, self.length, self.seed, self.k]

    def _wire_answers(self) -> None:
        guard, tab = self.page.guard, self.frame.tab
        inputs = [tab, self.variant, *self.knobs]
        asked = [
            trigger(guard(self.on_send), [self.composer, *inputs], self.shown, **STREAM)
            for trigger in (self.composer.submit, self.send.click)
        ]
        for name, handler in (("ask", self.on_ask), ("resend", self.on_revise), ("regenerate", self.on_regenerate)):
            asked.append(getattr(self.thread, name)(guard(handler), inputs, self.shown, **STREAM))
        asked.append(self.thread.branch(guard(self.on_branch), [tab], self.shown, **QUIET))
        for event in asked:
            self.go_on(event)
        self.stop.click(guard(self.view.stop), [tab], None, queue=False, **QUIET)
        for name, change in (
            ("up", self.on_thumb),
            ("down", self.on_thumb),
            ("save", self.on_save),
            ("why", self.on_why),
        ):
            getattr(self.thread, name)(guard(change), [tab], self.shown, **QUIET)
        self.thread.sync(guard(self.on_sync), [tab], self.shown, **QUIET)
        wire_viewer(self.page, self.frame, self.thread, self.live, drafts=self.thread)

    def go_on(self, event: Any) -> None:
        """After an event, show the answer under way growing, then all that its end changes.

        Two events, as Gradio builds each output anew at every step, also one that is left as it is.
        """
        guard, tab = self.page.guard, self.frame.tab
        followed = event.success(guard(self.on_follow), [tab], [self.live], **STREAM)
        followed.then(guard(self.on_settle), [tab], self.shown, **STREAM)

    def _wire_frame(self) -> None:
        guard, frame, tab = self.page.guard, self.frame, self.frame.tab
        frame.new.click(guard(self.on_new), [tab], [*self.shown, self.variant], **QUIET)
        self.go_on(frame.chats.open(guard(self.on_open), [tab], [*self.shown, self.variant], **QUIET))
        frame.chats.rename(guard(self.on_rename), [tab], self.shown, **QUIET)
        frame.chats.delete(guard(self.on_delete), [tab], self.shown, **QUIET)
        frame.search.change(guard(self.on_search), [frame.search, tab], [frame.chats], **QUIET)

    def _wire_settings(self) -> None:
        guard = self.page.guard
        self.variant.change(guard(self.on_reset), [self.variant], [*self.knobs[1:], self.note], **QUIET)
        self.reset.click(guard(self.on_reset_all), [self.variant], [*self.knobs, self.note], **QUIET)
        self.close.click(None, js="() => { document.documentElement.classList.remove('show-settings'); }", **QUIET)

    def load(self, blocks: gr.Blocks) -> None:
        """Show the address's conversation when the page is opened."""
        shown = [*self.shown, self.variant, self.frame.status]
        # The address never reaches a handler by itself, so page.js hands over what it said at the start.
        inputs = [self.asked, self.frame.tab]
        js = "(asked, tab) => [window.joyul.asked, tab]"
        self.go_on(blocks.load(self.page.guard(self.on_load), inputs, shown, js=js, **QUIET))

    def on_load(self, conversation: str, tab: Tab) -> list[Any]:
        """Open the conversation that the address names."""
        return [*self._opened(tab, str(conversation or "")), status_html(self.page)]

    def _opened(self, tab: Tab, conversation: str) -> list[Any]:
        """Open a conversation and choose the variant it last used."""
        shown = updates(self.view.open(tab, conversation))
        variant = self.view.default_variant(tab.conversation)
        return [*shown, gr.update(choices=self.view.choices(), value=variant)]

    def on_use(self, event: gr.EventData) -> Any:
        """Choose the variant that a button of another page names; one that is gone is said, and nothing changes."""
        variant = _text(event, "variant")
        if variant not in self.view.offered():
            gr.Info(self.page.words("chat.no_variant", name=variant))
            return gr.skip()
        return gr.update(choices=self.view.choices(), value=variant)

    def on_new(self, tab: Tab) -> list[Any]:
        """Start an empty conversation; it is stored with its first message."""
        return [*updates(self.view.open(tab, "")._replace(composer="")), gr.skip()]

    def on_open(self, tab: Tab, event: gr.EventData) -> list[Any]:
        """Open a conversation of the list."""
        return self._opened(tab, _text(event, "conversation"))

    def on_rename(self, tab: Tab, event: gr.EventData) -> list[Any]:
        """Give a conversation of the list another title."""
        return updates(self.view.rename(tab, _text(event, "conversation"), _text(event, "text")))

    def on_delete(self, tab: Tab, event: gr.EventData) -> list[Any]:
        """Delete a conversation of the list."""
        return updates(self.view.delete(tab, _text(event, "conversation")))

    def on_search(self, search: str, tab: Tab) -> str:
        """Filter the list."""
        tab.search = search
        return self.view.list_chats(tab)

    def on_sync(self, tab: Tab, event: gr.EventData) -> list[Any]:
        """Show what changed in other tabs."""
        return updates(self.view.sync(tab, _text(event, "conversation")))

    def on_follow(self, tab: Tab) -> Generator[Any, None, None]:
        """Show the answer under way."""
        yield gr.skip()  # Gradio empties the outputs of a generator that yields nothing
        yield from self.view.follow(tab)

    def on_settle(self, tab: Tab) -> list[Any]:
        """Show the end of an answer."""
        return updates(self.view.settle(tab))

    def on_send(self, text: str, tab: Tab, variant: str, *knobs: Any) -> list[Any]:
        """Answer what was typed."""
        return updates(self.view.send(tab, text, variant, Knobs(*knobs)))

    def on_ask(self, event: gr.EventData, tab: Tab, variant: str, *knobs: Any) -> list[Any]:
        """Answer an example question."""
        return updates(self.view.send(tab, _text(event, "text"), variant, Knobs(*knobs)))

    def on_revise(self, event: gr.EventData, tab: Tab, variant: str, *knobs: Any) -> list[Any]:
        """Ask an own question in other words."""
        message, text = _text(event, "message"), _text(event, "text")
        return updates(self.view.revise(tab, message, text, variant, Knobs(*knobs)))

    def on_regenerate(self, event: gr.EventData, tab: Tab, variant: str, *knobs: Any) -> list[Any]:
        """Answer again."""
        return updates(self.view.regenerate(tab, _text(event, "message"), variant, Knobs(*knobs)))

    def on_thumb(self, tab: Tab, event: gr.EventData) -> list[Any]:
        """Keep a thumb."""
        return updates(self.view.thumb(tab, _text(event, "message"), _text(event, "act")))

    def on_why(self, tab: Tab, event: gr.EventData) -> list[Any]:
        """Keep why a thumb was given."""
        sent = (_text(event, key) for key in ("message", "kind", "reason", "text"))
        return updates(self.view.explain(tab, *sent))

    def on_save(self, tab: Tab, event: gr.EventData) -> list[Any]:
        """Keep a correction."""
        return updates(self.view.correct(tab, _text(event, "message"), _text(event, "text")))

    def on_branch(self, tab: Tab, event: gr.EventData) -> list[Any]:
        """Show another answer, or another wording of a question."""
        return updates(self.view.branch(tab, _text(event, "message")))

    def on_reset(self, variant: str) -> list[Any]:
        """Return a variant's own numbers."""
        own = self.view.knobs(variant)
        note = element("p", escape(settings_note(self.page.words, own)), class_="help")
        return [*own[1:], note]

    def on_reset_all(self, variant: str) -> list[Any]:
        """Return a variant's own numbers and an empty system prompt."""
        return ["", *self.on_reset(variant)]


def _text(event: gr.EventData, key: str) -> str:
    return str(event_data(event).get(key, ""))


def updates(view: View) -> list[Any]:
    """Return a view as Gradio's outputs, in the order of ``ChatTab.shown``."""

    def part(value: str | None) -> Any:
        return gr.skip() if value is None else value

    return [
        part(view.thread),
        part(view.live),
        part(view.composer),
        *busy_buttons(view.busy),
        part(view.chats),
    ]
