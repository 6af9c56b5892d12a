"""The chat page: its parts and which handler each of them calls."""

from collections.abc import Generator
from typing import Any

import gradio as gr

from assistant.ui.chat_view import ChatPage, Knobs, View, settings_button, settings_note
from assistant.ui.context import Page, event_data, panel
from assistant.ui.frame import Frame, status_html
from assistant.ui.markup import element, escape
from assistant.ui.viewer import open_source

EVENTS = ("ask", "regenerate", "up", "down", "save", "branch", "source")
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
STREAM: dict[str, Any] = {**QUIET, "concurrency_limit": None, "trigger_mode": "multiple"}


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
            frame.conversation,
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
        words, names = self.page.words, self.view.offered()
        start = self.view.default_variant()
        with gr.Row(elem_id="chat-bar"):
            self.variant = gr.Dropdown(
                names, value=start, label=words("chat.variant"), elem_id="variant", filterable=False, min_width=180
            )
            gr.HTML(settings_button(words), elem_id="settings-toggle", apply_default_css=False, js_on_load=None)
        self.thread = panel(self.view.before(), "thread", *EVENTS)
        self.asked = gr.Textbox(visible=False)
        self.live = panel("", "live", "source")
        with gr.Row(elem_id="composer-row"):
            self.composer = gr.Textbox(
                label=words("chat.message"),
                placeholder=words("chat.placeholder"),
                show_label=False,
                lines=1,
                max_lines=8,
                elem_id="composer",
                autofocus=True,
                scale=1,
            )
            self.send = gr.Button(words("chat.send"), variant="primary", elem_id="send", min_width=72, scale=0)
            self.stop = gr.Button(words("chat.stop"), elem_id="stop", min_width=72, scale=0, visible=False)
        gr.HTML(
            element("p", escape(words("chat.keys")), class_="keys"),
            elem_id="keys",
            apply_default_css=False,
            js_on_load=None,
        )
        with gr.Column(elem_id="settings"):
            self._lay_out_settings(self.view.knobs(start))

    def _lay_out_settings(self, own: Knobs) -> None:
        words = self.page.words
        limit = self.page.services.settings.engine.max_tokens
        gr.HTML(
            element("h2", escape(words("settings.title"))),
            elem_id="settings-head",
            apply_default_css=False,
            js_on_load=None,
        )
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
        guard, inputs = self.page.guard, [self.frame.conversation, self.variant, *self.knobs]
        for trigger in (self.composer.submit, self.send.click):
            trigger(guard(self.on_send), [self.composer, *inputs], self.shown, **STREAM)
        self.thread.ask(guard(self.on_ask), inputs, self.shown, **STREAM)
        self.thread.regenerate(guard(self.on_regenerate), inputs, self.shown, **STREAM)
        self.stop.click(guard(self.view.stop), [self.frame.conversation], None, queue=False, **QUIET)
        for name, handler in (("up", self.on_thumb), ("down", self.on_thumb), ("save", self.on_save)):
            getattr(self.thread, name)(guard(handler), [self.frame.conversation], [self.thread], **QUIET)
        self.thread.branch(guard(self.on_branch), [self.frame.conversation], [self.thread], **QUIET)
        for area in (self.thread, self.live):
            area.source(guard(self.on_source), None, [self.frame.viewer], **QUIET)

    def _wire_frame(self) -> None:
        guard, frame = self.page.guard, self.frame
        frame.new.click(guard(self.on_new), None, [*self.shown, self.variant], **QUIET)
        frame.chats.open(guard(self.on_open), None, [*self.shown, self.variant], **QUIET)
        frame.chats.delete(guard(self.on_delete), [frame.conversation], self.shown, **QUIET)
        frame.search.change(guard(self.on_search), [frame.search, frame.conversation], [frame.chats], **QUIET)

    def _wire_settings(self) -> None:
        guard = self.page.guard
        self.variant.change(guard(self.on_reset), [self.variant], [*self.knobs[1:], self.note], **QUIET)
        self.reset.click(guard(self.on_reset_all), [self.variant], [*self.knobs, self.note], **QUIET)
        self.close.click(None, js="() => { document.documentElement.classList.remove('show-settings'); }", **QUIET)

    def load(self, blocks: gr.Blocks) -> None:
        """Show the address's conversation when the page is opened."""
        shown = [*self.shown, self.variant, self.frame.status]
        # The address never reaches a handler by itself, so page.js hands over what it said at the start.
        blocks.load(self.page.guard(self.on_load), [self.asked], shown, js="() => [window.joyul.asked]", **QUIET)

    def on_load(self, conversation: str) -> list[Any]:
        """Open the conversation that the address names."""
        return [*self.on_open_id(str(conversation or "")), status_html(self.page)]

    def on_open_id(self, conversation: str) -> list[Any]:
        """Open a conversation and choose the variant it last used."""
        view = self.view.open(conversation)
        names = self.view.offered()
        return [*updates(view), gr.update(choices=names, value=self.view.default_variant(view.conversation or ""))]

    def on_new(self) -> list[Any]:
        """Start an empty conversation; it is stored with its first message."""
        return [*updates(self.view.open("")._replace(composer="")), gr.skip()]

    def on_open(self, event: gr.EventData) -> list[Any]:
        """Open a conversation of the list."""
        return self.on_open_id(str(event_data(event).get("conversation", "")))

    def on_delete(self, active: str, event: gr.EventData) -> list[Any]:
        """Delete a conversation of the list."""
        return updates(self.view.delete(str(event_data(event).get("conversation", "")), active))

    def on_search(self, search: str, active: str) -> str:
        """Filter the list."""
        return self.view.list_chats(active, search)

    def on_send(self, text: str, conversation: str, variant: str, *knobs: Any) -> Generator[list[Any], None, None]:
        """Answer what was typed."""
        yield from map(updates, self.view.send(text, conversation, variant, Knobs(*knobs)))

    def on_ask(
        self, event: gr.EventData, conversation: str, variant: str, *knobs: Any
    ) -> Generator[list[Any], None, None]:
        """Answer an example question."""
        text = str(event_data(event).get("text", ""))
        yield from map(updates, self.view.send(text, conversation, variant, Knobs(*knobs)))

    def on_regenerate(
        self, event: gr.EventData, conversation: str, variant: str, *knobs: Any
    ) -> Generator[list[Any], None, None]:
        """Answer again."""
        message = str(event_data(event).get("message", ""))
        yield from map(updates, self.view.regenerate(message, conversation, variant, Knobs(*knobs)))

    def on_thumb(self, conversation: str, event: gr.EventData) -> str | None:
        """Keep a thumb."""
        data = event_data(event)
        return self.view.thumb(str(data.get("message", "")), str(data.get("act", "")), conversation).thread

    def on_save(self, conversation: str, event: gr.EventData) -> str | None:
        """Keep a correction."""
        data = event_data(event)
        return self.view.correct(str(data.get("message", "")), str(data.get("text", "")), conversation).thread

    def on_branch(self, conversation: str, event: gr.EventData) -> str | None:
        """Show another answer to the same question."""
        return self.view.branch(str(event_data(event).get("message", "")), conversation).thread

    def on_source(self, event: gr.EventData) -> str:
        """Open a source at its place."""
        return open_source(self.page, event_data(event))

    def on_reset(self, variant: str) -> list[Any]:
        """Return a variant's own numbers."""
        own = self.view.knobs(variant)
        note = element("p", escape(settings_note(self.page.words, own)), class_="help")
        return [*own[1:], note]

    def on_reset_all(self, variant: str) -> list[Any]:
        """Return a variant's own numbers and an empty system prompt."""
        return ["", *self.on_reset(variant)]


def updates(view: View) -> list[Any]:
    """Return a view as Gradio's outputs, in the order of ``ChatTab.shown``."""

    def part(value: str | None) -> Any:
        return gr.skip() if value is None else value

    buttons: list[Any] = [gr.skip(), gr.skip()]
    if view.busy is not None:
        buttons = [gr.update(visible=not view.busy), gr.update(visible=view.busy)]
    return [
        part(view.conversation),
        part(view.thread),
        part(view.live),
        part(view.composer),
        *buttons,
        part(view.chats),
    ]
