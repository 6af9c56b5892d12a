"""The data page: its parts and which handler each of them calls."""

from collections.abc import Generator
from typing import Any

import gradio as gr

from assistant.datasets.review import DATASET, ORIGINS
from assistant.ui.collect_next_view import next_html
from assistant.ui.context import Page, event_data, panel
from assistant.ui.data_import_part import ImportPart
from assistant.ui.data_steps import split_html
from assistant.ui.data_synthetic import SyntheticPart
from assistant.ui.data_view import KINDS, DataPage, Filters, Opened, turned, whole
from assistant.ui.parts import QUIET, page_head
from assistant.ui.review_view import REVIEWER, Chosen, Desk, ReviewPage
from assistant.ui.tune_tab import Seen, TuneTab

ACTIONS = ("accept", "fix", "reject", "tag")
TO_TUNE = "() => { document.querySelector('#page-tune-button').click(); }"
TO_DATASETS = "() => { document.querySelector('#data-datasets-button').click(); }"


class DataTab:
    """Gradio's side of the data page; every decision is in the three views."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.view, self.reviewing = DataPage(page), ReviewPage(page)
        words = page.words
        page_head(words, "data")
        self.opened, self.desk = gr.State(Opened()), gr.State(Desk())
        with gr.Tabs(elem_id="data-parts"):
            with gr.Tab(words("data.tab_datasets"), elem_id="data-datasets"):
                self._lay_out_datasets()
            with gr.Tab(words("data.tab_import"), elem_id="data-import"):
                self.importing = ImportPart(page)
            with gr.Tab(words("data.tab_review"), elem_id="data-review") as self.review_tab:
                self._lay_out_review()
            with gr.Tab(words("data.tab_next"), elem_id="data-next") as self.next_tab:
                self.next = panel("", "collect-next")
        self._wire_datasets()
        self.importing.wire(self.view.list_html, self.list)
        self._wire_review()

    def _lay_out_datasets(self) -> None:
        words = self.page.words
        self.said = panel("", "data-said")
        self.list = panel("", "datasets", "show", "split", "tune")
        self.head = panel("", "version-busy")
        with gr.Row(elem_id="row-filters", visible=False) as self.filters_row:
            anything = (words("data.any"), "")
            kinds = [anything, *((words(f"data.kind_{kind}"), kind) for kind in KINDS)]
            languages = [anything, *((words(f"language.{code}"), code) for code in ("ko", "en"))]
            self.text = gr.Textbox(label=words("data.search"), elem_id="row-search", max_lines=1, min_width=160)
            chosen: dict[str, Any] = {"value": "", "filterable": False, "min_width": 120}
            self.kind = gr.Dropdown(kinds, label=words("data.kinds"), elem_id="row-kind", **chosen)
            self.language = gr.Dropdown(languages, label=words("data.languages"), elem_id="row-language", **chosen)
            self.split = gr.Dropdown([anything], label=words("data.splits"), elem_id="row-split", **chosen)
        self.version = panel("", "version", "part", "turn")

    def _lay_out_review(self) -> None:
        words = self.page.words
        self.synthetic = SyntheticPart(self.page)
        with gr.Row(elem_id="review-bar"):
            self.reviewer = gr.Textbox(
                REVIEWER, label=words("review.reviewer"), elem_id="reviewer", max_lines=1, min_width=140
            )
            self.target = gr.Textbox(
                DATASET, label=words("review.dataset"), elem_id="review-dataset", max_lines=1, min_width=140
            )
            origins = [(words("data.any"), ""), *((words(f"review.origin_{each}"), each) for each in ORIGINS)]
            self.origin = gr.Dropdown(
                origins,
                value="",
                label=words("review.origin"),
                elem_id="review-origin",
                filterable=False,
                min_width=160,
            )
            self.consent = gr.Checkbox(
                REVIEWER not in self.page.services.store.refusing(), label=words("review.consent"), elem_id="consent"
            )
        self.review = panel("", "review", *ACTIONS, "skip", "back", "build", "refuse", "allow", "show", "split", "tune")

    def _wire_datasets(self) -> None:
        guard = self.page.guard
        filters = [self.text, self.kind, self.language, self.split]
        seen = [self.opened, self.list, self.head, self.version, self.filters_row]
        for area in self._naming:
            opening = [
                area.show(guard(self.on_show), None, [*seen, *filters], **QUIET),
                area.split(guard(self.on_split), [self.opened], [self.said, self.list], **QUIET),
            ]
            for event in opening if area is not self.list else ():
                event.success(None, js=TO_DATASETS)
        self.version.part(guard(self.on_part), [self.opened], seen, **QUIET)
        self.version.turn(guard(self.on_page), [self.opened], [self.opened, self.version], **QUIET)
        changed = [self.text.submit, self.kind.input, self.language.input, self.split.input]
        gr.on(changed, guard(self.on_filter), [self.opened, *filters], [self.opened, self.version], **QUIET)

    def _wire_review(self) -> None:
        guard = self.page.guard
        looking = [self.desk, self.reviewer, self.target, self.origin]
        self.synthetic.wire(self.on_review, looking, self.review)
        for action in ACTIONS:
            getattr(self.review, action)(guard(self._deciding(action)), looking, [self.review], **QUIET)
        self.review.skip(guard(self.on_skip), looking, [self.review], **QUIET)
        self.review.back(guard(self.on_back), looking, [self.review], **QUIET)
        self.review.build(guard(self.on_build), looking, [self.review, self.list], **QUIET)
        for word in ("refuse", "allow"):
            getattr(self.review, word)(guard(self._consenting(word)), looking, [self.review, self.consent], **QUIET)
        self.consent.input(guard(self.on_consent), [self.consent, *looking], [self.review], **QUIET)
        shown = [self.review_tab.select, self.reviewer.submit, self.reviewer.blur, self.origin.input]
        gr.on(shown, guard(self.on_review), looking, [self.review], **QUIET)
        self.next_tab.select(guard(lambda: next_html(self.page)), None, [self.next], **QUIET)

    @property
    def _naming(self) -> list[gr.HTML]:
        """The areas that name versions to open or to tune on."""
        return [self.list, self.importing.report, self.review]

    def load(self, blocks: gr.Blocks) -> None:
        """Fill the page when it is opened."""
        looking = [self.opened, self.desk, self.reviewer, self.target, self.origin]
        blocks.load(self.page.guard(self.on_load), looking, [self.list, self.review], **QUIET)

    def connect(self, tab: gr.Tab, tune: TuneTab) -> None:
        """Look again whenever the page is turned to, and let a version go to the tune page as a recipe."""
        guard = self.page.guard
        looking = [self.opened, self.desk, self.reviewer, self.target, self.origin]
        tab.select(guard(self.on_load), looking, [self.list, self.review], **QUIET)

        def to_tune(seen: Seen, event: gr.EventData) -> list[Any]:
            said, key = self.view.tune_html(str(event_data(event).get("ref", "")))
            return [said, gr.update(choices=tune.view.sources(), value=key), *tune.on_source(seen, key)]

        filled = [self.said, tune.source, *tune.filled]
        for area in self._naming:
            area.tune(guard(to_tune), [tune.seen], filled, **QUIET).success(None, js=TO_TUNE)

    def on_load(self, opened: Opened, desk: Desk, *fields: str) -> list[Any]:
        """Return the datasets there are now, and the queue."""
        return [self.view.list_html(opened.ref), self.reviewing.html(desk, Chosen(*fields))]

    def on_show(self, event: gr.EventData) -> list[Any]:
        """Open a version at its rows."""
        opened = Opened(str(event_data(event).get("ref", "")))
        splits = [(self.page.words("data.any"), ""), *((name, name) for name in self.view.splits(opened.ref))]
        shown = [self.view.list_html(opened.ref), "", self.view.version_html(opened), gr.update(visible=True)]
        return [opened, *shown, "", "", "", gr.update(choices=splits, value="")]

    def on_split(self, event: gr.EventData, opened: Opened) -> list[str]:
        """Hold out rows for a test."""
        said, ref = split_html(self.page, str(event_data(event).get("ref", "")))
        return [said, self.view.list_html(ref or opened.ref)]

    def on_part(self, event: gr.EventData, opened: Opened) -> Generator[list[Any], None, None]:
        """Turn to rows, figures, changes or card; what takes time says so first."""
        opened = turned(opened, part=str(event_data(event).get("part", "")))
        if waiting := self.view.counting_html(opened):
            yield [opened, gr.skip(), waiting, gr.skip(), gr.skip()]
        rows = gr.update(visible=opened.part == "rows")
        yield [opened, gr.skip(), "", self.view.version_html(opened), rows]

    def on_page(self, event: gr.EventData, opened: Opened) -> list[Any]:
        """Turn to another page of rows."""
        opened = turned(opened, page=whole(event_data(event).get("page")))
        return [opened, self.view.version_html(opened)]

    def on_filter(self, opened: Opened, text: str, *choices: str) -> list[Any]:
        """Show the rows that are asked for."""
        opened = turned(opened, filters=Filters(text.strip(), *choices))
        return [opened, self.view.version_html(opened)]

    def on_review(self, desk: Desk, *fields: str) -> str:
        """Return the queue."""
        return self.reviewing.html(desk, Chosen(*fields))

    def _deciding(self, action: str) -> Any:
        def decide(event: gr.EventData, desk: Desk, *fields: str) -> str:
            data = event_data(event)
            key, text = str(data.get("candidate", "")), str(data.get("text", ""))
            return self.reviewing.decide(desk, Chosen(*fields), key, action, text)

        return decide

    def on_skip(self, event: gr.EventData, desk: Desk, *fields: str) -> str:
        """Put the candidate off."""
        return self.reviewing.skip(desk, Chosen(*fields), str(event_data(event).get("candidate", "")))

    def on_back(self, desk: Desk, *fields: str) -> str:
        """Show the candidate decided last again."""
        return self.reviewing.back(desk, Chosen(*fields))

    def on_build(self, event: gr.EventData, desk: Desk, *fields: str) -> list[str]:
        """Make a version of what was accepted."""
        shown, ref = self.reviewing.build(desk, Chosen(*fields), str(event_data(event).get("dataset", "")))
        return [shown, self.view.list_html(ref)]

    def _consenting(self, word: str) -> Any:
        def consent(event: gr.EventData, desk: Desk, *fields: str) -> list[Any]:
            author = str(event_data(event).get("author", ""))
            shown = self.reviewing.consent(desk, Chosen(*fields), author, word == "allow")
            return [shown, REVIEWER not in self.page.services.store.refusing()]

        return consent

    def on_consent(self, allowed: bool, desk: Desk, *fields: str) -> str:
        """Keep whether what is done on this page may be collected."""
        return self.reviewing.consent(desk, Chosen(*fields), REVIEWER, allowed)


def build_data(page: Page) -> DataTab:
    """Lay out the data page; call inside its tab."""
    return DataTab(page)
