"""The compare page: its parts and which handler each of them calls."""

from collections.abc import Generator
from typing import Any

import gradio as gr

from assistant.ui.chat_tab import QUIET, STREAM
from assistant.ui.compare_view import ComparePage, Round
from assistant.ui.context import Page, event_data, panel
from assistant.ui.frame import Frame
from assistant.ui.markup import element, escape
from assistant.ui.viewer import open_source

FIRST_PAIR = ("rag", "tuned")


def build_compare(page: Page, frame: Frame) -> None:
    """Lay out the compare page; call inside its tab."""
    CompareTab(page, frame)


class CompareTab:
    """Gradio's side of the compare page; every decision is in :class:`ComparePage`."""

    def __init__(self, page: Page, frame: Frame) -> None:
        self.page = page
        self.view = ComparePage(page)
        words, names = page.words, self.view.offered()
        pair = [name for name in FIRST_PAIR if name in names]
        lead = element("h1", escape(words("compare.title"))) + element(
            "p", escape(words("compare.what")), class_="lead"
        )
        gr.HTML(lead, elem_classes="page-head", apply_default_css=False, js_on_load=None)
        with gr.Row(elem_id="compare-bar"):
            self.names = gr.Dropdown(
                names,
                value=pair if len(pair) == 2 else names[:2],
                multiselect=True,
                max_choices=4,
                label=words("compare.variants"),
                elem_id="compare-variants",
                scale=3,
                min_width=220,
            )
            self.blind = gr.Checkbox(
                True,
                label=words("compare.blind"),
                info=words("compare.blind_help"),
                elem_id="blind",
                scale=2,
                min_width=200,
            )
        with gr.Row(elem_id="question-row"):
            self.question = gr.Textbox(
                label=words("compare.question"),
                placeholder=words("compare.placeholder"),
                show_label=False,
                lines=1,
                max_lines=6,
                elem_id="question",
                scale=1,
            )
            self.start = gr.Button(
                words("compare.start"), variant="primary", elem_id="compare-start", min_width=84, scale=0
            )
            self.stop = gr.Button(words("compare.stop"), elem_id="compare-stop", min_width=84, scale=0, visible=False)
        self.current = gr.State(Round())
        self.columns = panel(self.view.html(Round()), "columns", "vote", "source")
        self._wire(frame)

    def _wire(self, frame: Frame) -> None:
        guard = self.page.guard
        inputs = [self.question, self.names, self.blind]
        shown = [self.current, self.columns, self.start, self.stop]
        for trigger in (self.question.submit, self.start.click):
            trigger(guard(self.on_start), inputs, shown, **STREAM)
        self.stop.click(guard(self.view.stop), [self.current], None, queue=False, **QUIET)
        self.columns.vote(guard(self.on_vote), [self.current], [self.current, self.columns], **QUIET)
        self.columns.source(guard(self.on_source), None, [frame.viewer], **QUIET)
        self.names.focus(self.on_focus, None, [self.names], **QUIET)

    def on_focus(self) -> Any:
        """Offer adapters that were made meanwhile."""
        return gr.update(choices=self.view.offered())

    def on_start(self, question: str, names: list[str], blind: bool) -> Generator[list[Any], None, None]:
        """Stream the columns."""
        current = Round()
        try:
            for current in self.view.start(question, names, blind):
                busy = not current.done
                yield [current, self.view.html(current), gr.update(visible=not busy), gr.update(visible=busy)]
        except GeneratorExit:
            raise
        except Exception:
            yield [current, gr.skip(), gr.update(visible=True), gr.update(visible=False)]
            raise

    def on_vote(self, event: gr.EventData, current: Round) -> list[Any]:
        """Keep the vote and show who was who."""
        voted = self.view.vote(current, str(event_data(event).get("choice", "")))
        return [voted, self.view.html(voted)]

    def on_source(self, event: gr.EventData) -> str:
        """Open a source at its place."""
        return open_source(self.page, event_data(event))
