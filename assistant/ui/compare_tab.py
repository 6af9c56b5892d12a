"""The compare page: its parts and which handler each of them calls."""

from collections.abc import Generator
from typing import Any

import gradio as gr

from assistant.ui.compare_view import ComparePage, Round
from assistant.ui.context import Page, event_data, panel
from assistant.ui.frame import Frame
from assistant.ui.parts import QUIET, STREAM, asking, busy_buttons, page_head, wire_viewer

FIRST_PAIR = ("rag", "tuned")
EVENTS = ("ask", "vote", "source", "item", "example", "undo", "kept")


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
        page_head(words, "compare")
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
        ids = ("question-row", "question", "compare-start", "compare-stop")
        said = [words(f"compare.{key}") for key in ("question", "placeholder", "start", "stop")]
        self.question, self.start, self.stop = asking(said, ids)
        self.current = gr.State(Round())
        self.columns = panel(self.view.html(Round()), "columns", *EVENTS)
        self._wire(frame)

    def _wire(self, frame: Frame) -> None:
        guard = self.page.guard
        inputs = [self.question, self.names, self.blind]
        shown = [self.current, self.columns, self.start, self.stop]
        for trigger in (self.question.submit, self.start.click):
            trigger(guard(self.on_start), inputs, shown, **STREAM)
        self.columns.ask(guard(self.on_ask), None, [self.question], **QUIET).success(
            guard(self.on_start), inputs, shown, **STREAM
        )
        self.stop.click(guard(self.view.stop), [self.current], None, queue=False, **QUIET)
        self.columns.vote(guard(self.on_vote), [self.current], [self.current, self.columns], **QUIET)
        for name, handler in (("item", self.on_keep), ("example", self.on_keep), ("undo", self.on_undo)):
            getattr(self.columns, name)(guard(handler), [self.current], [self.current, self.columns], **QUIET)
        wire_viewer(self.page, frame, self.columns, drafts=self.columns)
        self.names.focus(self.on_focus, None, [self.names], **QUIET)

    def on_focus(self) -> Any:
        """Offer adapters that were made meanwhile."""
        return gr.update(choices=self.view.offered())

    def on_start(self, question: str, names: list[str], blind: bool) -> Generator[list[Any], None, None]:
        """Stream the columns."""
        current = Round()
        try:
            for current in self.view.start(question, names, blind):
                yield [current, self.view.html(current), *busy_buttons(not current.done)]
        except GeneratorExit:
            raise
        except Exception:
            yield [current, gr.skip(), *busy_buttons(False)]
            raise

    def on_ask(self, event: gr.EventData) -> str:
        """Put an example into the question box; it is asked from there."""
        return str(event_data(event).get("text", ""))

    def on_vote(self, event: gr.EventData, current: Round) -> list[Any]:
        """Keep the vote and show who was who."""
        voted = self.view.vote(current, str(event_data(event).get("choice", "")))
        return [voted, self.view.html(voted)]

    def on_keep(self, event: gr.EventData, current: Round) -> list[Any]:
        """Keep the question as an evaluation item or a training example."""
        data = event_data(event)
        kept = self.view.keep(current, str(data.get("act", "")), str(data.get("text", "")))
        return [kept, self.view.html(kept)]

    def on_undo(self, event: gr.EventData, current: Round) -> list[Any]:
        """Take back what was kept."""
        left = self.view.undo(current, str(event_data(event).get("row", "")))
        return [left, self.view.html(left)]
