"""The evaluate page: its parts and which handler each of them calls."""

from typing import Any

import gradio as gr

from assistant.ui.arena_view import ArenaView
from assistant.ui.chat_tab import ChatTab
from assistant.ui.context import Page, event_data, panel
from assistant.ui.evaluate_view import EvaluatePage
from assistant.ui.evaluations import Evaluations
from assistant.ui.markup import element, escape
from assistant.ui.parts import QUIET

TICK_SECONDS = 0.7


class EvaluateTab:
    """Gradio's side of the evaluate page; every decision is in :class:`EvaluatePage`."""

    def __init__(self, page: Page, runs: Evaluations) -> None:
        self.page = page
        self.view = EvaluatePage(page, runs)
        words, suites = page.words, list(runs.suites())
        lead = element("h1", escape(words("evaluate.title"))) + element(
            "p", escape(words("evaluate.what")), class_="lead"
        )
        gr.HTML(lead, elem_classes="page-head", apply_default_css=False, js_on_load=None)
        with gr.Row(elem_id="evaluate-bar"):
            self.suite = gr.Dropdown(
                suites,
                value=suites[0] if suites else None,
                label=words("evaluate.suite"),
                elem_id="suite",
                filterable=False,
                min_width=180,
                scale=0,
            )
            self.start = gr.Button(
                words("evaluate.start"), variant="primary", elem_id="evaluate-start", min_width=84, scale=0
            )
            self.cancel = gr.Button(
                words("evaluate.cancel"), elem_id="evaluate-cancel", min_width=84, scale=0, visible=False
            )
        self.progress = panel("", "evaluate-progress")
        self.report = panel("", "report", "show", "use")
        self.history = panel("", "history", "show", "compare", "resume")
        self.arena = ArenaView(page)
        self.votes = panel("", "arena")
        self.timer = gr.Timer(TICK_SECONDS, active=False)
        self._wire()

    @property
    def shown(self) -> list[Any]:
        """Everything that a start, a tick or a cancel may change."""
        return [self.progress, self.report, self.history, self.start, self.cancel, self.timer]

    def _wire(self) -> None:
        guard = self.page.guard
        self.start.click(guard(self.on_start), [self.suite], self.shown, **QUIET)
        self.cancel.click(guard(self.on_cancel), None, self.shown, **QUIET)
        self.timer.tick(guard(self.on_tick), None, self.shown, **QUIET)
        self.report.show(guard(self.on_run), None, [self.report, self.history], **QUIET)
        self.history.show(guard(self.on_run), None, [self.report, self.history], **QUIET)
        self.history.compare(guard(self.on_compare), None, [self.report], **QUIET)
        self.history.resume(guard(self.on_resume), None, self.shown, **QUIET)

    def connect(self, chat: ChatTab) -> None:
        """Let the way of answering that a verdict chose go to chat."""
        self.report.use(self.page.guard(chat.on_use), None, [chat.variant], **QUIET)

    def load(self, blocks: gr.Blocks) -> None:
        """Fill the page when it is opened; an evaluation under way is picked up."""
        blocks.load(self.page.guard(self.on_load), None, [*self.shown, self.suite, self.votes], **QUIET)

    def on_load(self) -> list[Any]:
        """Return the whole page, the suites there are now, and what the votes say."""
        return [*self.on_tick(fill=True), gr.update(choices=list(self.view.runs.suites())), self.arena.html()]

    def on_start(self, suite: str) -> list[Any]:
        """Start a suite."""
        self.view.start(suite)
        return self.on_tick()

    def on_cancel(self) -> list[Any]:
        """Ask the running evaluation to end."""
        self.view.runs.cancel()
        return self.on_tick()

    def on_tick(self, fill: bool = False) -> list[Any]:
        """Return progress, and the report when it is finished."""
        now = self.view.runs.progress
        busy = now.phase == "running"
        report: list[Any] = [gr.skip(), gr.skip()]
        if fill or now.phase == "done":
            report = [self.view.report_html(now.run), self.view.history_html()]
        buttons = [gr.update(visible=not busy), gr.update(visible=busy)]
        return [self.view.progress_html(now), *report, *buttons, gr.Timer(active=busy)]

    def on_resume(self, event: gr.EventData) -> list[Any]:
        """Take up an unfinished run."""
        self.view.resume(str(event_data(event).get("run", "")))
        return [*self.on_tick()[:2], self.view.history_html(), *self.on_tick()[3:]]

    def on_run(self, event: gr.EventData) -> list[str]:
        """Show an earlier run."""
        run = str(event_data(event).get("run", ""))
        return [self.view.report_html(run), self.view.history_html(run)]

    def on_compare(self, event: gr.EventData) -> str:
        """Show an earlier run beside the one on the page."""
        data = event_data(event)
        return self.view.compare_html(str(data.get("run", "")), str(data.get("shown", "")))


def build_evaluate(page: Page, runs: Evaluations) -> EvaluateTab:
    """Lay out the evaluate page; call inside its tab."""
    return EvaluateTab(page, runs)
