"""The second step of the tune page: presets for everyone, every field for experts, and the YAML they make."""

from typing import Any

import gradio as gr

from assistant.ui.context import panel
from assistant.ui.markup import element, escape
from assistant.ui.parts import still
from assistant.ui.tune_form import ALL_LINEAR, BALANCED, NUMBERS, Form, Number, automatic, fields_of, range_text
from assistant.ui.tune_report import preset_labels
from assistant.ui.tune_view import TunePage

FIRST, SECOND = ("r", "alpha", "dropout"), ("epochs", "learning_rate", "batch_size", "max_length", "replay", "seed")


class FieldParts:
    """Gradio's side of a :class:`Form`; ``inputs`` are in its order."""

    def __init__(self, view: TunePage, form: Form) -> None:
        from tuning.methods import METHODS

        words = self.words = view.words
        by_key = {each.key: each for each in NUMBERS}
        still(element("h2", escape(words("tune.step_method"))), elem_classes="step")
        self.preset = gr.Radio(
            preset_labels(None, words),
            value=BALANCED,
            label=words("tune.preset"),
            info=words("tune.preset_help"),
            elem_id="tune-preset",
        )
        self.name = gr.Textbox(
            form.name, label=words("tune.field_name"), info=words("tune.name_help"), elem_id="tune-name", max_lines=1
        )
        with gr.Accordion(words("tune.experts"), open=False, elem_id="tune-experts"):
            with gr.Row(elem_classes="tune-fields"):
                self.method = gr.Dropdown(
                    list(METHODS),
                    value=form.method,
                    label=words("tune.field_method"),
                    info=words("tune.method_help"),
                    elem_id="tune-method",
                    filterable=False,
                    min_width=130,
                )
                first = {key: self._number(by_key[key], form) for key in FIRST}
                self.targets = gr.Textbox(
                    form.target_modules,
                    label=words("tune.field_target_modules"),
                    info=words("tune.targets_help", all=ALL_LINEAR),
                    elem_id="tune-targets",
                    max_lines=1,
                    min_width=130,
                )
            with gr.Row(elem_classes="tune-fields"):
                second = {key: self._number(by_key[key], form) for key in SECOND}
            self.more = gr.Textbox(
                form.more,
                label=words("tune.more"),
                info=words("tune.more_help"),
                lines=4,
                max_lines=16,
                elem_id="tune-more",
            )
        self.yaml = panel(view.recipe_html(form), "tune-yaml")
        self.epochs = second["epochs"]
        self.inputs: list[Any] = [self.name, self.method, *first.values(), self.targets, *second.values(), self.more]

    def _number(self, number: Number, form: Form) -> gr.Number:
        """Return a field without Gradio's own bounds: ours say why, and in the page's language."""
        words = self.words
        info = range_text(number, "lora" if number.path[0] == "params" else form.method, words)
        if automatic(number):
            info = words("tune.auto_zero", bounds=info)
        return gr.Number(
            getattr(form, number.key),
            label=words(f"tune.field_{number.key}"),
            info=info,
            elem_id=f"tune-{number.key.replace('_', '-')}",
            min_width=130,
        )

    def updates(self, form: Form) -> list[Any]:
        """Return all fields' updates; those that the form's method does not have are hidden."""
        has, own = fields_of(form.method), (*FIRST, "target_modules")
        values = form._asdict().items()
        return [gr.update(value=value, visible=key in has) if key in own else value for key, value in values]


def lay_out_fields(view: TunePage, source: str | None) -> FieldParts:
    """Lay out the second step, filled from the first source; a broken recipe file leaves the fields empty."""
    from assistant.errors import JoyulError

    try:
        form = view.fill(source) if source else Form()
    except JoyulError:
        form = Form()
    return FieldParts(view, form)
