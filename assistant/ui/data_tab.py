"""The data page: its parts and which handler each of them calls."""

from collections.abc import Generator
from typing import Any

import gradio as gr

from assistant.datasets.review import DATASET, ORIGINS
from assistant.ui.collect_next_view import next_html
from assistant.ui.context import Page, event_data, panel
from assistant.ui.data_import_view import COLUMNS, ENCODINGS, Choices, ImportPage, Look
from assistant.ui.data_synthetic import SyntheticPart
from assistant.ui.data_view import KINDS, DataPage, Filters, Opened, turned, whole
from assistant.ui.markup import element, escape
from assistant.ui.parts import QUIET, page_head
from assistant.ui.review_view import REVIEWER, Chosen, Desk, ReviewPage
from assistant.ui.tune_tab import Seen, TuneTab

ACTIONS = ("accept", "fix", "reject", "tag")
TO_TUNE = "() => { document.querySelector('#page-tune-button').click(); }"


class DataTab:
    """Gradio's side of the data page; every decision is in the three views."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.view, self.importing, self.reviewing = DataPage(page), ImportPage(page), ReviewPage(page)
        words = page.words
        page_head(words, "data")
        self.opened, self.desk = gr.State(Opened()), gr.State(Desk())
        with gr.Tabs(elem_id="data-parts"):
            with gr.Tab(words("data.tab_datasets"), elem_id="data-datasets"):
                self._lay_out_datasets()
            with gr.Tab(words("data.tab_import"), elem_id="data-import"):
                self._lay_out_import()
            with gr.Tab(words("data.tab_review"), elem_id="data-review") as self.review_tab:
                self._lay_out_review()
            with gr.Tab(words("data.tab_next"), elem_id="data-next") as self.next_tab:
                self.next = panel("", "collect-next")
        self._wire_datasets()
        self._wire_import()
        self._wire_review()

    def _lay_out_datasets(self) -> None:
        words = self.page.words
        self.said = panel("", "data-said")
        self.list = panel("", "datasets", "show", "tune")
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

    def _lay_out_import(self) -> None:
        words = self.page.words
        self.file = gr.File(label=words("data.drop"), elem_id="data-drop", height=130, show_label=True)
        with gr.Row(elem_id="import-fields"):
            self.name = gr.Textbox(label=words("data.name"), elem_id="import-name", max_lines=1, min_width=180)
            self.template = gr.Dropdown(
                self.importing.templates(),
                value="",
                label=words("data.template"),
                elem_id="import-template",
                min_width=200,
            )
            encodings = [(words("data.detect"), ""), *((name.upper(), name) for name in ENCODINGS)]
            self.encoding = gr.Dropdown(
                encodings,
                value="",
                label=words("data.encoding"),
                elem_id="import-encoding",
                filterable=False,
                min_width=140,
            )
        with gr.Row(elem_id="import-columns"):
            self.columns = [
                gr.Dropdown(
                    [], value=None, label="–", visible=False, elem_id=f"import-column-{place}", min_width=160,
                    filterable=False,
                )
                for place in range(1, COLUMNS + 1)
            ]  # fmt: skip
        with gr.Accordion(words("data.more"), open=False, elem_id="import-more"):
            with gr.Row():
                personal = [(words(f"data.personal_{each}"), each) for each in ("mask", "report", "off")]
                self.personal = gr.Dropdown(personal, value="mask", label=words("data.personal"), filterable=False)
                self.licence = gr.Textbox(label=words("data.licence"), max_lines=1)
            self.skip = gr.Checkbox(label=words("data.skip_bad"), elem_id="import-skip")
            self.replace = gr.Checkbox(label=words("data.replace"), elem_id="import-replace")
        self.look = panel(element("p", escape(words("data.formats")), class_="help"), "import-look")
        self.commit = gr.Button(words("data.commit"), variant="primary", elem_id="import-commit", interactive=False)
        self.report = panel("", "import-report")

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
        self.review = panel("", "review", *ACTIONS, "skip", "back", "build", "refuse", "allow")

    def _wire_datasets(self) -> None:
        guard = self.page.guard
        filters = [self.text, self.kind, self.language, self.split]
        seen = [self.opened, self.list, self.head, self.version, self.filters_row]
        self.list.show(guard(self.on_show), None, [*seen, *filters], **QUIET)
        self.version.part(guard(self.on_part), [self.opened], seen, **QUIET)
        self.version.turn(guard(self.on_page), [self.opened], [self.opened, self.version], **QUIET)
        changed = [self.text.submit, self.kind.input, self.language.input, self.split.input]
        gr.on(changed, guard(self.on_filter), [self.opened, *filters], [self.opened, self.version], **QUIET)

    def _wire_import(self) -> None:
        guard = self.page.guard
        fields = [self.file, self.name, self.template, self.encoding, self.skip, self.replace, self.personal]
        fields += [self.licence, *self.columns]
        looked = [self.look, self.commit, *self.columns]
        self.file.change(guard(self.on_file), fields, [self.report, self.name, *looked], **QUIET)
        gr.on([self.template.input, self.encoding.input], guard(self.on_choice), fields, looked, **QUIET)
        gr.on([each.input for each in self.columns], guard(self.on_column), fields, [self.look, self.commit], **QUIET)
        self.commit.click(guard(self.on_commit), fields, [self.report, self.list, self.commit], **QUIET)

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
        self.list.tune(guard(to_tune), [tune.seen], filled, **QUIET).success(None, js=TO_TUNE)

    def on_load(self, opened: Opened, desk: Desk, *fields: str) -> list[Any]:
        """Return the datasets there are now, and the queue."""
        return [self.view.list_html(opened.ref), self.reviewing.html(desk, Chosen(*fields))]

    def on_show(self, event: gr.EventData) -> list[Any]:
        """Open a version at its rows."""
        opened = Opened(str(event_data(event).get("ref", "")))
        splits = [(self.page.words("data.any"), ""), *((name, name) for name in self.view.splits(opened.ref))]
        shown = [self.view.list_html(opened.ref), "", self.view.version_html(opened), gr.update(visible=True)]
        return [opened, *shown, "", "", "", gr.update(choices=splits, value="")]

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

    def on_file(self, path: str | None, *fields: Any) -> list[Any]:
        """Say what a file is; its name becomes the dataset's."""
        choices = _choices("", *fields[1:])
        name = self.importing.name_of(path) if path else ""
        return ["", name, *self._looked(self.importing.look(path, choices))]

    def on_choice(self, path: str | None, *fields: Any) -> list[Any]:
        """Look again with another template or encoding."""
        return self._looked(self.importing.look(path, _choices(*fields)))

    def on_column(self, path: str | None, *fields: Any) -> list[Any]:
        """Look again with other columns."""
        found = self.importing.look(path, _choices(*fields), chosen=True)
        return [found.html, gr.update(interactive=found.ready)]

    def _looked(self, found: Look) -> list[Any]:
        words = self.page.words
        columns = [(words("data.no_column"), ""), *((name, name) for name in found.columns)]
        shown = []
        for place in range(COLUMNS):
            if place >= len(found.keys):
                shown.append(gr.update(visible=False, value=None, choices=[]))
                continue
            key = found.keys[place]
            label = words("data.column_for", key=words(f"data.key_{key}") if words.has(f"data.key_{key}") else key)
            value = found.mapping.get(key) or (key if key in found.columns else "")
            shown.append(gr.update(visible=True, label=label, choices=columns, value=value))
        return [found.html, gr.update(interactive=found.ready), *shown]

    def on_commit(self, path: str | None, *fields: Any) -> Generator[list[Any], None, None]:
        """Import the file."""
        for step in self.importing.commit(path, _choices(*fields)):
            listed = self.view.list_html(step.ref) if step.ref else gr.skip()
            yield [step.html, listed, gr.update(interactive=step.done)]

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


def _choices(
    name: str,
    template: str,
    encoding: str,
    skip: bool,
    replace: bool,
    personal: str,
    licence: str,
    *columns: str | None,
) -> Choices:
    given = tuple(column or "" for column in columns)
    return Choices(name or "", template or "", encoding or "", given, skip, replace, personal, licence or "")


def build_data(page: Page) -> DataTab:
    """Lay out the data page; call inside its tab."""
    return DataTab(page)
