"""Training rows that a model makes, on the data page: one button above the review queue."""

import queue
import threading
from collections.abc import Callable, Generator
from typing import Any, NamedTuple

import gradio as gr

from assistant.errors import JoyulError
from assistant.operations import perform
from assistant.ui.context import Page, panel
from assistant.ui.markup import element, escape
from assistant.ui.parts import QUIET

WAIT_SECONDS = 0.3


class Step(NamedTuple):
    """How far making rows is."""

    html: str
    done: bool = False


class SyntheticPage:
    """The button's handler for one language, without Gradio."""

    def __init__(self, page: Page) -> None:
        self.page, self.words = page, page.words

    def make(self, variant: str) -> Generator[Step, None, None]:
        """Have a variant's model make rows, telling how far it is; closing the page stops it after the next answer."""
        news: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        outcome: list[dict[str, Any] | Exception] = []
        left = threading.Event()

        def work() -> None:
            try:
                params = {"variant": variant}
                outcome.append(perform(self.page.services, "data.synthesise", params, news.put, left.is_set))
            except Exception as error:
                outcome.append(error)
            finally:
                news.put(None)

        threading.Thread(target=work, name="make-rows", daemon=True).start()
        try:
            while (told := self._next(news)) is not None:
                if told:
                    yield Step(
                        self._said(self.words("synthetic.making", **{k: told[k] for k in ("done", "total", "rows")}))
                    )
        finally:
            left.set()
        result = outcome[0]
        if isinstance(result, JoyulError):
            yield Step(element("p", escape(self.words.failure(result)), class_="notes failed", role="alert"), True)
        elif isinstance(result, Exception):
            raise result
        else:
            yield Step(self._report(result), True)

    def _next(self, news: "queue.SimpleQueue[dict[str, Any] | None]") -> dict[str, Any] | None:
        try:
            return news.get(timeout=WAIT_SECONDS)
        except queue.Empty:
            return {}

    def _report(self, done: dict[str, Any]) -> str:
        counts = {key: f"{done[key]:,}" for key in ("kept", "sources")}
        said = self._said(self.words("synthetic.made" if done["kept"] else "synthetic.none", **counts))
        reasons = ", ".join(f"{self.words(f'synthetic.why_{why}')} {n:,}" for why, n in done["left_out"].items())
        left = self.words("synthetic.left_out", reasons=reasons)
        return said + (element("p", escape(left), class_="help") if reasons else "")

    def _said(self, text: str) -> str:
        return element("p", escape(text), class_="said-line", role="status")


class SyntheticPart:
    """Gradio's side: a folded part with the choice of a variant and the button."""

    def __init__(self, page: Page) -> None:
        self.page, self.view = page, SyntheticPage(page)
        words = page.words
        names = page.services.variants.names()
        with gr.Accordion(words("synthetic.title"), open=False, elem_id="synthetic"):
            gr.HTML(element("p", escape(words("synthetic.what")), class_="help"), padding=False)
            with gr.Row():
                self.variant = gr.Dropdown(
                    names, value=names[0] if names else None, label=words("synthetic.variant"),
                    elem_id="synthetic-variant", filterable=False, min_width=180,
                )  # fmt: skip
                self.make = gr.Button(words("synthetic.make"), elem_id="synthetic-make", min_width=120)
            self.said = panel("", "synthetic-said")

    def wire(self, queue_html: Callable[..., str], looking: list[Any], review: Any) -> None:
        """Have the button make rows, then show the queue anew: ``queue_html(*looking)``."""

        def on_make(variant: str | None, *looked: Any) -> Generator[list[Any], None, None]:
            for step in self.view.make(variant or ""):
                shown = queue_html(*looked) if step.done else gr.skip()
                yield [step.html, shown, gr.update(interactive=step.done)]

        self.make.click(self.page.guard(on_make), [self.variant, *looking], [self.said, review, self.make], **QUIET)
