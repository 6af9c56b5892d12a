"""The second step of the tune page: presets for everyone, every field for experts, and the YAML they make."""

from typing import Any

import gradio as gr

from assistant.ui.context import panel
from assistant.ui.markup import element, escape
from assistant.ui.parts import still
from assistant.ui.tune_controls import GROUPS, METHOD, Control, choice_text, controls, field_id, info_text
from assistant.ui.tune_folds import ALL, Changes, folds_around, heading
from assistant.ui.tune_form import BALANCED, Form
from assistant.ui.tune_report import preset_labels
from assistant.ui.tune_view import TunePage
from tuning.fields import Setting
from tuning.methods import METHODS

WIDTH = 150  # the narrowest a field gets, in pixels: two of them stand side by side on a phone


class FieldParts:
    """Gradio's side of a :class:`Form`; ``inputs`` are in its order."""

    def __init__(self, view: TunePage, form: Form) -> None:
        words = self.words = view.words
        self.folds: dict[str, gr.Accordion] = {}
        self.fields: dict[str, Any] = {}
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
        with self._fold(ALL, "tune-experts"):
            self.method = gr.Dropdown(
                list(METHODS),
                value=form.method,
                label=words("tune.field_method"),
                elem_id="tune-method",
                filterable=False,
            )
            for group in (METHOD, *GROUPS):
                with self._fold(group, f"tune-group-{group}"), gr.Row(elem_classes="tune-fields"):
                    self._group(group, form)
            self.more = gr.Textbox(
                form.more,
                label=words("tune.more"),
                info=words("tune.more_help"),
                lines=4,
                max_lines=16,
                elem_id="tune-more",
            )
        self.yaml = panel(view.recipe_html(form), "tune-yaml")
        self.inputs: list[Any] = [self.name, self.method, *self.fields.values(), self.more]

    def _fold(self, fold: str, elem_id: str) -> gr.Accordion:
        self.folds[fold] = gr.Accordion(heading(fold, 0, self.words), open=False, elem_id=elem_id)
        return self.folds[fold]

    def _group(self, group: str, form: Form) -> None:
        for control in controls():
            if control.group == group:
                self.fields[control.key] = self._field(control, form)

    def _field(self, control: Control, form: Form) -> Any:
        """Return a field without Gradio's own bounds: ours say why, and in the page's language."""
        words, found = self.words, control.setting(form.chosen)
        known = found or control.any_setting()
        common: dict[str, Any] = {
            "label": words(f"tune.field_{known.word}"),
            "info": info_text(control, known, form.chosen.method, words),
            "elem_id": field_id(control.key),
            "visible": found is not None,
            "min_width": WIDTH,
        }
        value = form.values.get(control.key)
        if known.kind in ("whole", "real"):
            return gr.Number(value, **common)
        if known.kind == "switch":
            return gr.Checkbox(bool(value), **common)
        if known.kind == "choice":
            return gr.Dropdown(_choices(known, words), value=value, filterable=False, **common)
        return gr.Textbox(value, max_lines=1, **common)

    def edits(self) -> list[Any]:
        """Return the events after which the YAML has to be said anew.

        A text box does not tell of the first input after the server filled it, so it is asked for every change;
        the server's own ones cost one more look.
        """
        changed = [part for part in self.inputs if part not in (self.method, self.fields["recipe"])]
        return [part.change if isinstance(part, gr.Textbox) else part.input for part in changed]

    def updates(self, form: Form) -> list[Any]:
        """Return all fields' updates; those that its method or prompt does not have are hidden."""
        return [form.name, form.method, *(self._update(each, form) for each in controls()), form.more]

    def fold_updates(self, form: Form, now: Changes, wrong: str, show: bool = False) -> list[Any]:
        """Return all folds' updates; what was opened or closed by hand else stays so.

        Args:
            form: what the fields hold.
            now: how many fields of each fold differ.
            wrong: the key of a field that is wrong, "" where none is; its folds open.
            show: also open what holds fields that differ.
        """
        filled = {ALL, *(each.group for each in controls() if each.setting(form.chosen))}
        updates = []
        for fold in self.folds:
            opens = fold in folds_around(wrong) or (show and now[fold] > 0)
            more: dict[str, Any] = {"open": True} if opens else {}
            # A method may have no settings of its own.
            updates.append(gr.update(label=heading(fold, now[fold], self.words), visible=fold in filled, **more))
        return updates

    def _update(self, control: Control, form: Form) -> Any:
        """Return a field's value, whether it is seen, and what stands under it, which another method may change."""
        found = control.setting(form.chosen)
        if found is None:
            return gr.update(value=form.values.get(control.key), visible=False)
        info = info_text(control, found, form.chosen.method, self.words)
        return gr.update(value=form.values.get(control.key), visible=True, info=info)


def _choices(found: Setting, words: Any) -> list[tuple[str, str]]:
    return [(choice_text(found.word, each, words), each) for each in found.literals]


def lay_out_fields(view: TunePage, source: str | None) -> FieldParts:
    """Lay out the second step, filled from the first source; a broken recipe file leaves the fields empty."""
    return FieldParts(view, view.start_of(source))
