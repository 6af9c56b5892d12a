"""The import's part of the data page: its fields and which handler each of them calls."""

from collections.abc import Callable, Generator
from typing import Any

import gradio as gr

from assistant.ui.context import Page, panel
from assistant.ui.data_import_view import COLUMNS, ENCODINGS, Choices, ImportPage, Look
from assistant.ui.markup import element, escape
from assistant.ui.parts import QUIET


class ImportPart:
    """Gradio's side of the import; every decision is in :class:`ImportPage`."""

    def __init__(self, page: Page) -> None:
        self.page, self.view = page, ImportPage(page)
        self._lay_out()

    def _lay_out(self) -> None:
        words = self.page.words
        self.file = gr.File(label=words("data.drop"), elem_id="data-drop", height=130, show_label=True)
        with gr.Row(elem_id="import-fields"):
            self.name = gr.Textbox(label=words("data.name"), elem_id="import-name", max_lines=1, min_width=180)
            self.template = gr.Dropdown(
                self.view.templates(),
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
        self.report = panel("", "import-report", "show", "split", "tune")

    def wire(self, listed: Callable[[str], str], shown: gr.HTML) -> None:
        """Say what a file is, and bring it in; ``listed`` makes the list in ``shown`` with a version marked."""
        self._listed = listed
        guard = self.page.guard
        fields = [self.file, self.name, self.template, self.encoding, self.skip, self.replace, self.personal]
        fields += [self.licence, *self.columns]
        looked = [self.look, self.commit, *self.columns]
        self.file.change(guard(self.on_file), fields, [self.report, self.name, *looked], **QUIET)
        gr.on([self.template.input, self.encoding.input], guard(self.on_choice), fields, looked, **QUIET)
        gr.on([each.input for each in self.columns], guard(self.on_column), fields, [self.look, self.commit], **QUIET)
        self.commit.click(guard(self.on_commit), fields, [self.report, shown, self.commit], **QUIET)

    def on_file(self, path: str | None, *fields: Any) -> list[Any]:
        """Say what a file is; its name becomes the dataset's."""
        choices = _choices("", *fields[1:])
        name = self.view.name_of(path) if path else ""
        return ["", name, *self._looked(self.view.look(path, choices))]

    def on_choice(self, path: str | None, *fields: Any) -> list[Any]:
        """Look again with another template or encoding."""
        return self._looked(self.view.look(path, _choices(*fields)))

    def on_column(self, path: str | None, *fields: Any) -> list[Any]:
        """Look again with other columns."""
        found = self.view.look(path, _choices(*fields), chosen=True)
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
            label = words("data.column_free" if key in found.free else "data.column_for", key=self.view.key_name(key))
            value = found.mapping.get(key) or (key if key in found.columns else "")
            shown.append(gr.update(visible=True, label=label, choices=columns, value=value))
        return [found.html, gr.update(interactive=found.ready), *shown]

    def on_commit(self, path: str | None, *fields: Any) -> Generator[list[Any], None, None]:
        """Import the file."""
        for step in self.view.commit(path, _choices(*fields)):
            listed = self._listed(step.ref) if step.ref else gr.skip()
            yield [step.html, listed, gr.update(interactive=step.done)]


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
