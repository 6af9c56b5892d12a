"""What the tune page does, without Gradio: sources, fields, plan, jobs."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from assistant.errors import InputError, JoyulError, UsageError
from assistant.operations import perform
from assistant.operations.tuning_plan import bill
from assistant.operations.tuning_sources import read_recipe, to_yaml
from assistant.ui.context import Page
from assistant.ui.markup import element, escape
from assistant.ui.tune_controls import controls, field_id
from assistant.ui.tune_form import (
    BALANCED,
    MORE,
    NAME,
    PRESETS,
    Form,
    counts_steps,
    put_together,
    same_but_length,
    take_apart,
)
from assistant.ui.tune_plans import Plan, Plans

GOING = ("validating_files", "queued", "running")
CHOSEN = "chosen"
# What the multiples are of where a recipe leaves its passes open and no plan has settled them yet.
USUAL_EPOCHS = 3.0
_LINE = re.compile(r"^recipe\.yaml(:\d+)?: ")


class Costs(NamedTuple):
    """What a training would take: (low, middle, high) seconds a preset and for the fields as they are.

    ``past`` finished jobs are behind the span; ``fits`` is false where the fields have changed since the
    trial steps; ``busy`` says that another training slowed them; ``reasons`` has (value, why) of every setting
    that was left to us. ``bill`` is what the chosen length costs in ``energy`` and ``money``, ``record`` the
    newest finished jobs with what they predicted and took.
    """

    seconds: Mapping[str, tuple[float, float, float]]
    memory_mb: float
    tokens_per_second: float
    past: int
    fits: bool
    busy: bool
    reasons: Mapping[str, tuple[str, str]]
    bill: Mapping[str, Any]
    record: Sequence[Mapping[str, Any]]


class TunePage:
    """The tune page's handlers for one language."""

    def __init__(self, page: Page, plans: Plans) -> None:
        self.page = page
        self.words = page.words
        self.plans = plans

    def ask(self, operation: str, **params: Any) -> dict[str, Any]:
        """Carry out one of the training operations."""
        return perform(self.page.services, f"tune.{operation}", params)

    def sources(self) -> list[tuple[str, str]]:
        """Return what a training can start from, as (label, key)."""
        found = self.ask("sources")["sources"]
        return [(self._source_label(each), each["key"]) for each in found]

    def _source_label(self, each: Mapping[str, Any]) -> str:
        return self.words(f"tune.source_{each['kind']}", name=each["name"], n=each.get("rows", 0))

    def fill(self, source: str) -> Form:
        """Return the fields of a source's recipe.

        Raises:
            JoyulError: the source is gone, or its recipe file is wrong.
        """
        return take_apart(self.ask("recipe", source=source)["recipe"])

    def start_of(self, source: str | None) -> Form:
        """Return what the fields of a source start as; a broken recipe, or none, leaves them empty."""
        try:
            return self.fill(source) if source else take_apart({})
        except JoyulError:
            return take_apart({})

    def epochs(self, source: str, preset: str) -> float:
        """Return the passes of a preset for a source, see :meth:`passes`."""
        return self.passes(self.fill(source), preset)

    def passes(self, start: Form, preset: str) -> float:
        """Return a preset's passes: a multiple of the recipe's own; 0 where they are automatic, or steps count."""
        own = float(start.values["epochs"])
        if preset == BALANCED or counts_steps(start):
            return own
        base = own or float(self.plans.current.settings.get("epochs") or USUAL_EPOCHS)
        return float(f"{base * PRESETS.get(preset, 1.0):.3g}")

    def keep_upload(self, path: str) -> str:
        """Import an uploaded file as a dataset and return its key as a source.

        Raises:
            InputError: its rows cannot be used; the first one is named with its line and mend.
        """
        from pathlib import Path

        from assistant.datasets.importing import ImportOptions, import_file
        from assistant.datasets.store import DatasetStore

        file = Path(path)
        name = "".join(char if char.isalnum() or char in "-_" else "-" for char in file.stem).strip("-_")[:64]
        store = DatasetStore(self.page.services.home.datasets)
        import_file(store, file, ImportOptions(name or "upload", replace=True))
        return f"dataset:{name or 'upload'}"

    def document(self, form: Form) -> tuple[dict[str, Any], str]:
        """Return the recipe that the fields say, as a document and as YAML, checked whole.

        Raises:
            InputError, UsageError: what is wrong, with its bounds or its line, and why.
        """
        document = put_together(form, self.words)
        text = to_yaml(document)
        try:
            read_recipe(text, self.page.services.home, self.words.language)
        except UsageError as error:
            raise self._placed(error) from None
        return document, text

    def _placed(self, error: UsageError) -> UsageError:
        """Return a recipe's error with the name of the field in place of a line that the page does not show."""
        said = _LINE.sub("", error.message)
        key, _, rest = said.partition(": ")
        named = {".".join(each.path): (each.key, each.any_setting().word) for each in controls()}
        if found := (named | {NAME: (NAME, NAME)}).get(key):
            return UsageError(f"{self.words(f'tune.field_{found[1]}')}: {rest}", error.hint, field=found[0])
        # A grid's message says itself where it is.
        return UsageError(said if key == "grid" else f"{self.words('tune.more')}: {said}", error.hint, field=MORE)

    def recipe_html(self, form: Form) -> str:
        """Return the YAML of the run with a button that copies it, or what is wrong with the fields."""
        return self.said(form)[0]

    def said(self, form: Form) -> tuple[str, str]:
        """Return :meth:`recipe_html`, and the key of the field that is wrong, "" where none is known to be."""
        words = self.words
        try:
            _, text = self.document(form)
        except JoyulError as error:
            wrong = str(error.details.get("field", ""))
            place = {"id": "tune-wrong", "data_field": field_id(wrong)} if wrong else {}
            return element("p", escape(words.failure(error)), class_="notes failed", role="alert", **place), wrong
        return yaml_html(text, words("tune.yaml"), words("tune.copy"), words("tune.yaml_help")), ""

    def plan(self, form: Form, probe: bool) -> Plan:
        """Look at the data and, with ``probe``, estimate time and memory.

        Raises:
            InputError, UsageError: the fields are wrong, or a plan is under way.
        """
        document, text = self.document(form)
        return self.plans.start(document, text, probe, self.words("tune.plan_running"))

    def start(self, form: Form) -> str:
        """Start the training and return the job's id.

        Raises:
            InputError, UsageError: the fields are wrong, or a job of that name is under way.
        """
        _, text = self.document(form)
        return str(self.ask("start", recipe=text)["job"])

    def report(self, form: Form) -> Mapping[str, Any] | None:
        """Return the newest data report where it is of the data that the fields name."""
        now = self.plans.current
        try:
            return now.report if put_together(form, self.words).get("data") == now.document.get("data") else None
        except InputError:
            return now.report

    def costs(self, form: Form, source: str) -> Costs | None:
        """Return what every preset, and the fields as they are, would cost; None before there is an estimate."""
        now = self.plans.current
        if now.estimate is None:
            return None
        try:
            document = put_together(form, self.words)
            passes = {key: self.epochs(source, key) for key in PRESETS}
        except JoyulError:
            return None
        if document.get("data") != now.document.get("data"):
            return None
        cost = now.estimate
        # Another number of passes only changes the part that is training, not the loading before it.
        training = cost["tokens"] / cost["tokens_per_second"]
        fixed = max(0.0, cost["seconds"] - training)
        measured = float(now.settings.get("epochs") or 0)
        seconds = {
            key: fixed + training * ((epochs or measured) / measured if measured else 1.0)
            for key, epochs in {**passes, CHOSEN: float(form.values["epochs"])}.items()
        }
        spread = cost["low"] / cost["seconds"], cost["high"] / cost["seconds"]
        return Costs(
            {key: (value * spread[0], value, value * spread[1]) for key, value in seconds.items()},
            float(cost["memory_mb"]),
            float(cost["tokens_per_second"]),
            int(cost["past"]),
            same_but_length(document, now.document),
            now.busy,
            {key: (f"{now.settings[key]}", why) for key, why in now.reasons.items()},
            bill(self.page.services.home, *(seconds[CHOSEN] * share for share in (1.0, *spread))),
            cost["record"],
        )

    def jobs(self) -> list[dict[str, Any]]:
        """Return all training jobs, newest first."""
        return list(self.ask("list")["jobs"])

    def job(self, key: str) -> dict[str, Any] | None:
        """Return a job, None where there is none of that id."""
        try:
            return self.ask("show", job=key) if key else None
        except InputError:
            return None

    def suite_with(self, adapter: str) -> str:
        """Return the name of the suite that asks an adapter; where none does, one is made of its test rows.

        Raises:
            InputError: there is no question to ask.
        """
        return str(perform(self.page.services, "eval.suite", {"adapter": adapter})["suite"])


def yaml_html(text: str, title: str, copy: str, help_: str = "") -> str:
    """Return YAML under a fold, with a button that copies it."""
    from assistant.ui.icons import icon

    button = element(
        "button",
        icon("copy"),
        element("span", escape(copy)),
        type="button",
        class_="tool",
        data_local="copy",
        data_text=text,
    )
    said = element("p", escape(help_), class_="help") if help_ else ""
    body = said + element("pre", element("code", escape(text)), tabindex=0, aria_label=title) + button
    return element("details", element("summary", escape(title)), element("div", body, class_="yaml"))


def live(jobs: list[dict[str, Any]]) -> Mapping[str, Any] | None:
    """Return the job to look at first: one that runs, else the first in line."""
    going = [job for job in jobs if job["state"] in GOING]
    return next((job for job in going if job["state"] == "running"), going[-1] if going else None)
