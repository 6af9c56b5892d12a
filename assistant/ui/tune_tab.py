"""The tune page: its parts and which handler each of them calls."""

from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from assistant.ui.chat_tab import ChatTab
from assistant.ui.context import Page, event_data, panel
from assistant.ui.evaluate_tab import EvaluateTab
from assistant.ui.frame import Frame, status_html
from assistant.ui.markup import element, escape
from assistant.ui.parts import QUIET, page_head, still
from assistant.ui.tune_fields import FieldParts, lay_out_fields
from assistant.ui.tune_folds import changes, untouched
from assistant.ui.tune_form import BALANCED, Form, counts_steps, reshown, switched
from assistant.ui.tune_job import job_html, job_yaml_html, jobs_html
from assistant.ui.tune_plans import Plans
from assistant.ui.tune_report import costs_html, plan_html, preset_labels, report_html
from assistant.ui.tune_steer import ACTS, WISHES, asked_at_once, steering
from assistant.ui.tune_view import TunePage, live

TICK_SECONDS = 1.5
TO_WRONG = "() => joyul.toWrong()"
UPLOADS = [".jsonl", ".json", ".csv", ".tsv", ".xlsx", ".parquet"]


@dataclass
class Seen:
    """What one browser tab shows: the job it looks at, and what was sent last, so that nothing is drawn twice.

    ``start`` is what ``source`` filled the fields with.
    """

    job: str = ""
    sent: dict[str, int] = field(default_factory=dict)
    source: str | None = None
    start: Form | None = None

    def new(self, part: str, value: str, update: Any = None) -> Any:
        """Return a value, or its update, if it differs from what was sent: a redrawn area loses the focus in it."""
        if self.sent.get(part) == hash(value):
            return gr.skip()
        self.sent[part] = hash(value)
        return value if update is None else update


class TuneTab:
    """Gradio's side of the tune page; every decision is in :class:`TunePage`."""

    def __init__(self, page: Page, frame: Frame, plans: Plans) -> None:
        self.page, self.frame = page, frame
        self.view = TunePage(page, plans)
        words = page.words
        page_head(words, "tune")
        self.seen = gr.State(Seen())
        choices = self.view.sources()
        first = choices[0][1] if choices else None
        self._lay_out_data(choices, first)
        self.fields: FieldParts = lay_out_fields(self.view, first)
        self._lay_out_start()
        self.timer = gr.Timer(TICK_SECONDS, active=False)
        self._wire()

    def _lay_out_data(self, choices: list[tuple[str, str]], first: str | None) -> None:
        words = self.page.words
        still(element("h2", escape(words("tune.step_data"))), elem_classes="step")
        with gr.Row(elem_id="tune-data"):
            self.source = gr.Dropdown(
                choices, value=first, label=words("tune.source"), elem_id="tune-source", filterable=True, min_width=260
            )
            self.upload = gr.UploadButton(
                words("tune.upload"), file_types=UPLOADS, elem_id="tune-upload", min_width=120, scale=0
            )
            self.check = gr.Button(words("tune.check"), elem_id="tune-check", min_width=120, scale=0)
        self.report = panel("", "tune-report")

    def _lay_out_start(self) -> None:
        words = self.page.words
        still(element("h2", escape(words("tune.step_start"))), elem_classes="step")
        with gr.Row(elem_id="tune-bar"):
            self.estimate = gr.Button(words("tune.estimate"), elem_id="tune-estimate", min_width=120, scale=0)
            self.start = gr.Button(words("tune.start"), variant="primary", elem_id="tune-start", min_width=120, scale=0)
            self.stop = gr.Button(
                words("tune.plan_stop"), elem_id="tune-plan-stop", min_width=100, scale=0, visible=False
            )
        self.said = panel("", "tune-said")
        self.costs = panel("", "tune-costs")
        self.job = panel("", "tune-job", "use", "evaluate")
        with gr.Row(elem_id="tune-job-bar"):
            self.steer = [
                gr.Button(words(f"tune.{act}"), elem_id=f"tune-{act}", min_width=100, scale=0, visible=False)
                for act in ACTS
            ]
        self.job_yaml = panel("", "tune-job-yaml")
        self.jobs = panel("", "tune-jobs", "show")

    @property
    def shown(self) -> list[Any]:
        """Everything that a tick may change."""
        plan = [self.check, self.estimate, self.stop]
        parts = [self.said, self.report, self.costs, self.fields.preset, *plan, self.job, *self.steer]
        return [*parts, self.job_yaml, self.jobs, self.timer, self.frame.status]

    @property
    def filled(self) -> list[Any]:
        """What choosing a source changes, in the order of :meth:`on_source`."""
        return [*self.fields.inputs, *self.told, self.fields.preset, self.report, self.costs]

    @property
    def told(self) -> list[Any]:
        """What says how the fields stand, in the order of :meth:`_told`."""
        return [self.fields.yaml, *self.fields.folds.values()]

    def _wire(self) -> None:
        guard, form, told = self.page.guard, self.fields.inputs, self.told
        looking = [self.seen, self.source, *form]
        filling = [self.seen, self.source, self.fields.preset, *form]
        self.source.input(guard(self.on_source), [self.seen, self.source], self.filled, **QUIET)
        self.upload.upload(guard(self.on_upload), [self.seen, self.upload], [self.source, *self.filled], **QUIET)
        preset = [self.fields.preset, self.costs, self.fields.fields["epochs"]]
        self.fields.preset.input(guard(self.on_preset), filling, [*told, *preset], **QUIET)
        self.fields.method.input(guard(self.on_method), filling, [*form, *told], **QUIET)
        self.fields.fields["recipe"].input(guard(self.on_prompt), filling, [*form, *told], **QUIET)
        edits, changed = self.fields.edits(), [*told, self.costs]
        gr.on(edits, guard(self.on_change), filling, changed, trigger_mode="always_last", **QUIET)
        begins = {self.check: self.on_check, self.estimate: self.on_estimate, self.start: self.on_start}
        for button, begin in begins.items():
            refused = button.click(guard(begin), looking, self.shown, **QUIET).failure
            # The toast says what is wrong; the field has to be in sight to be mended.
            refused(guard(self.on_change), filling, changed, **QUIET).then(None, js=TO_WRONG)
        self.stop.click(guard(self.on_stop), looking, self.shown, **QUIET)
        self.timer.tick(guard(self.on_tick), looking, self.shown, **QUIET)
        self.jobs.show(guard(self.on_show), looking, self.shown, **QUIET)
        for button, act in zip(self.steer, ACTS, strict=True):
            if act in WISHES:  # before the server's turn: Gradio's page takes one listener after another
                button.click(None, None, [button], js=asked_at_once(act, self.page.words), **QUIET)
            button.click(guard(self._steering(act)), looking, self.shown, **QUIET)

    def load(self, blocks: gr.Blocks) -> None:
        """Fill the page when it is opened; a job or plan under way is picked up."""
        looking = [self.seen, self.source, *self.fields.inputs]
        blocks.load(self.page.guard(self.on_load), looking, [*self.shown, self.source, self.fields.yaml], **QUIET)

    def connect(self, tab: gr.Tab, chat: ChatTab, evaluate: EvaluateTab) -> None:
        """Look again whenever the page is turned to, and let a finished adapter go to chat and evaluation."""
        guard = self.page.guard
        tab.select(guard(self.on_tick), [self.seen, self.source, *self.fields.inputs], self.shown, **QUIET)

        def measure(event: gr.EventData) -> Any:
            adapter = str(event_data(event).get("adapter", ""))
            suite = self.view.suite_with(adapter)
            return gr.update(choices=list(evaluate.view.runs.suites()), value=suite)

        self.job.use(guard(chat.on_use), None, [chat.variant], **QUIET)
        self.job.evaluate(guard(measure), None, [evaluate.suite], **QUIET)

    def on_load(self, seen: Seen, source: str | None, *values: Any) -> list[Any]:
        """Return the whole page, and the sources there are now."""
        seen.sent.clear()
        choices = gr.update(choices=self.view.sources())
        return [*self.on_tick(seen, source, *values), choices, self.view.recipe_html(Form.of(values))]

    def on_source(self, seen: Seen, source: str) -> list[Any]:
        """Fill the fields from a source; a plan of other data goes from the page."""
        form, words = self.view.fill(source), self.page.words
        seen.source, seen.start = source, form
        costs = self.view.costs(form, source)
        parts = {"report": report_html(self.view.report(form), words), "costs": costs_html(costs, words)}
        seen.sent.update({part: hash(html) for part, html in parts.items()})
        presets = gr.update(choices=preset_labels(costs, words), value=BALANCED)
        return [*self.fields.updates(form), *self._told(seen, source, BALANCED, form), presets, *parts.values()]

    def on_upload(self, seen: Seen, path: str) -> list[Any]:
        """Keep an uploaded file as a dataset and fill the fields from it."""
        key = self.view.keep_upload(path)
        return [gr.update(choices=self.view.sources(), value=key), *self.on_source(seen, key)]

    def on_method(self, seen: Seen, source: str, preset: str, *values: Any) -> list[Any]:
        """Show another method's own settings."""
        form = Form.of(values)
        form = switched(form, str(form.method), self.page.words)
        return [*self.fields.updates(form), *self._told(seen, source, preset, form, show=True)]

    def on_prompt(self, seen: Seen, source: str, preset: str, *values: Any) -> list[Any]:
        """Show what another prompt needs: passages, examples or neither."""
        form = reshown(Form.of(values))
        return [*self.fields.updates(form), *self._told(seen, source, preset, form)]

    def on_preset(self, seen: Seen, source: str, preset: str, *values: Any) -> list[Any]:
        """Set the passes of a preset."""
        form = Form.of(values)
        if not counts_steps(form):
            form = form.changed(epochs=self.view.epochs(source, preset))
        costs = self.view.costs(form, source)
        labels = gr.update(choices=preset_labels(costs, self.page.words), value=preset)
        told = self._told(seen, source, preset, form)
        return [*told, labels, costs_html(costs, self.page.words), form.values["epochs"]]

    def on_change(self, seen: Seen, source: str, preset: str, *values: Any) -> list[Any]:
        """Say the recipe, or what is wrong with it, while the fields are changed."""
        form = Form.of(values)
        costs = costs_html(self.view.costs(form, source), self.page.words)
        return [*self._told(seen, source, preset, form), costs]

    def _told(self, seen: Seen, source: str, preset: str, form: Form, show: bool = False) -> list[Any]:
        """Return the recipe, or what is wrong with it, and the folds; ``show`` opens those with changed fields.

        An edit is in an open fold already. What it is sent with may be half of another source's fields and half
        of the last one's, so that only who has set the fields here may take their changes for real.
        """
        if seen.start is None or seen.source != source:
            seen.source, seen.start = source, self.view.start_of(source)
        said, wrong = self.view.said(form)
        passes = self.view.passes(seen.start, preset)
        now = changes(form, untouched(seen.start, form, passes, self.page.words))
        return [said, *self.fields.fold_updates(form, now, wrong, show)]

    def on_check(self, seen: Seen, source: str, *values: Any) -> list[Any]:
        """Look at the data."""
        self.view.plan(Form.of(values), probe=False)
        return self.on_tick(seen, source, *values)

    def on_estimate(self, seen: Seen, source: str, *values: Any) -> list[Any]:
        """Look at the data and try ten steps."""
        self.view.plan(Form.of(values), probe=True)
        return self.on_tick(seen, source, *values)

    def on_stop(self, seen: Seen, source: str, *values: Any) -> list[Any]:
        """End the plan."""
        self.view.plans.cancel()
        return self.on_tick(seen, source, *values)

    def on_start(self, seen: Seen, source: str, *values: Any) -> list[Any]:
        """Start training."""
        seen.job = self.view.start(Form.of(values))
        return self.on_tick(seen, source, *values)

    def on_show(self, event: gr.EventData, seen: Seen, source: str, *values: Any) -> list[Any]:
        """Look at a job of the list."""
        seen.job = str(event_data(event).get("job", ""))
        return self.on_tick(seen, source, *values)

    def _steering(self, act: str) -> Any:
        def steer(seen: Seen, source: str, *values: Any) -> list[Any]:
            seen.sent.pop(act, None)  # the browser has changed the button itself; where it is refused it comes back
            self.view.ask(act, job=seen.job)
            return self.on_tick(seen, source, *values)

        return steer

    def on_tick(self, seen: Seen, source: str | None, *values: Any) -> list[Any]:
        """Return what has changed since the last look; everything is read from the disk."""
        words, now, jobs = self.page.words, self.view.plans.current, self.view.jobs()
        going = live(jobs)
        if not seen.job and (going or jobs):
            seen.job = str((going or jobs[0])["id"])
        job = self.view.job(seen.job)
        planning = now.phase == "running"
        # A paused job too: a slow look from before it went on must not stop those that come after.
        moving = planning or going is not None or any(each["state"] == "paused" for each in jobs)
        form = Form.of(values)
        costs = self.view.costs(form, source or "")
        labels = preset_labels(costs, words)
        return [
            seen.new("said", plan_html(now, words)),
            seen.new("report", report_html(self.view.report(form), words)),
            seen.new("costs", costs_html(costs, words)),
            seen.new("labels", repr(labels), gr.update(choices=labels)),
            # One look at a time: what would only be refused cannot be pressed.
            *(gr.update(interactive=not planning),) * 2,
            gr.update(visible=planning),
            seen.new("job", job_html(job, words)),
            *(seen.new(act, repr(update), update) for act, update in steering(job, words).items()),
            seen.new("yaml", job_yaml_html(job, words)),
            seen.new("jobs", jobs_html(jobs, seen.job, words)),
            gr.Timer(active=moving),
            seen.new("status", status_html(self.page)),
        ]


def build_tune(page: Page, frame: Frame, plans: Plans) -> TuneTab:
    """Lay out the tune page; call inside its tab."""
    return TuneTab(page, frame, plans)
