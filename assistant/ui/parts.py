"""Parts that several pages are made of, and how their events behave."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import gradio as gr

from assistant.ui.context import Page, event_data
from assistant.ui.frame import Frame
from assistant.ui.markup import element, escape
from assistant.ui.viewer import open_draft, open_source
from assistant.ui.words import Words

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
STREAM: dict[str, Any] = {**QUIET, "concurrency_limit": None, "trigger_mode": "multiple"}


class Asking(NamedTuple):
    """A text box with its two buttons, of which one is shown."""

    box: gr.Textbox
    start: gr.Button
    stop: gr.Button


def asking(said: Sequence[str], ids: Sequence[str], **box: Any) -> Asking:
    """Return a row to ask in.

    Args:
        said: what a screen reader says of the box, what stands in it while it is empty, and the labels of
            the button that sends and the one that stops.
        ids: of the row, the box and the two buttons.
        box: more settings of the box.
    """
    label, placeholder, start, stop = said
    with gr.Row(elem_id=ids[0]):
        text = gr.Textbox(
            label=label, placeholder=placeholder, show_label=False, lines=1, max_lines=8, elem_id=ids[1], scale=1, **box
        )
        buttons = [
            gr.Button(start, variant="primary", elem_id=ids[2], min_width=76, scale=0),
            gr.Button(stop, elem_id=ids[3], min_width=76, scale=0, visible=False),
        ]
    return Asking(text, *buttons)


def busy_buttons(busy: bool | None) -> list[Any]:
    """Return the updates of an asking row's buttons; None leaves them."""
    return [gr.skip(), gr.skip()] if busy is None else [gr.update(visible=not busy), gr.update(visible=busy)]


def still(html: str, **more: Any) -> gr.HTML:
    """Return HTML that never changes."""
    return gr.HTML(html, apply_default_css=False, js_on_load=None, **more)


def page_head(words: Words, page: str) -> gr.HTML:
    """Return a page's title and the sentence under it."""
    title = element("h1", escape(words(f"{page}.title")))
    return still(title + element("p", escape(words(f"{page}.what")), class_="lead"), elem_classes="page-head")


def wire_viewer(page: Page, frame: Frame, *areas: gr.HTML, drafts: gr.HTML | None = None) -> None:
    """Let sources in these areas open beside the page; ``drafts`` is an area that also speaks of what was kept."""

    def source(event: gr.EventData) -> str:
        return open_source(page, event_data(event))

    def draft(event: gr.EventData) -> str:
        return open_draft(page, event_data(event))

    for area in areas:
        area.source(page.guard(source), None, [frame.viewer], **QUIET)
    if drafts is not None:
        drafts.kept(page.guard(draft), None, [frame.viewer], **QUIET)
