"""Importing a file from the page, without Gradio: what it is, its first rows, the mapping, the report."""

import queue
import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from assistant.datasets.card import found_said
from assistant.datasets.importing import ImportOptions, import_file, preview
from assistant.datasets.options import ReadOptions
from assistant.datasets.problems import Problems
from assistant.datasets.reading import detect, raw_rows, suggest_mapping
from assistant.datasets.rows import answer_of, question_of
from assistant.datasets.store import DatasetStore
from assistant.datasets.templates import Template, load_template, template_files
from assistant.errors import InputError, JoyulError
from assistant.schema import normalise
from assistant.ui.context import Page
from assistant.ui.data_steps import steps_html
from assistant.ui.data_view import fields_html
from assistant.ui.markup import element, escape

ENCODINGS = ("utf-8", "cp949", "utf-16", "cp1252")
COLUMNS = 6
PREVIEW_ROWS, PREVIEW_COLUMNS, CELL = 5, 8, 160
WAIT_SECONDS = 0.3
_OWN = ("question", "answer")


@dataclass(frozen=True, slots=True)
class Choices:
    """What the person chose; empty means detected, or as it is. ``columns`` are by place, as the fields stand."""

    name: str = ""
    template: str = ""
    encoding: str = ""
    columns: Sequence[str] = ()
    skip_bad: bool = False
    replace: bool = False
    personal: str = "mask"
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """What a file is: the keys to map and the column suggested for each, its columns, and the preview.

    ``free`` are the keys that may go without a column.
    """

    html: str = ""
    keys: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    mapping: Mapping[str, str] = field(default_factory=dict)
    ready: bool = False
    free: frozenset[str] = frozenset()


class Step(NamedTuple):
    """How far an import is; ``ref`` names the version when it is there."""

    html: str
    ref: str = ""
    done: bool = False


class ImportPage:
    """The import's handlers for one language."""

    def __init__(self, page: Page) -> None:
        self.page, self.words = page, page.words
        self.store = DatasetStore(page.services.home.datasets)

    def templates(self) -> list[tuple[str, str]]:
        """Return the templates by their title, after the choice of none; a broken one of a person's own is left out."""
        found = [(self.words("data.no_template"), "")]
        for name in template_files(self._own):
            try:
                title = load_template(name, self._own).title
            except JoyulError:
                continue
            found.append((title.get(self.words.language, name), name))
        return found

    @property
    def _own(self) -> Path:
        return self.store.folder / "templates"

    def look(self, path: str | None, choices: Choices, chosen: bool = False) -> Look:
        """Return what a file is and its first rows; nothing is kept.

        Args:
            path: the uploaded file.
            choices: the fields.
            chosen: the person has mapped columns, so nothing is suggested any more.
        """
        if not path:
            return Look()
        file, read = Path(path), ReadOptions(encoding=choices.encoding or None)
        try:
            found = detect(file, read, any_columns=True)
            raw = [row for _, row in islice(raw_rows(found, Problems(file.name), read), PREVIEW_ROWS)]
        except JoyulError as error:
            return Look(self._trouble(error))
        template = self._template(choices.template)
        keys, mapping = self._mapping(template, found.keys, choices, chosen)
        facts = self._facts(file, found.container, found.encoding)
        free = frozenset(key for key, needed in template.columns.items() if not needed) if template else frozenset()
        lacking = [key for key in keys if key not in free and key not in mapping and key not in found.keys]
        if template and lacking:  # every row would say the same
            asked = ", ".join(f"‘{self.key_name(key)}’" for key in lacking)
            note = element("p", escape(self.words("data.choose_columns", keys=asked)), class_="notes", role="status")
            return Look(facts + self._table(found.keys, raw) + note, keys, found.keys, mapping, free=free)
        try:
            shown = preview(file, self._options(file, choices, mapping), PREVIEW_ROWS)
        except JoyulError as error:
            return Look(facts + self._table(found.keys, raw) + self._trouble(error), keys or _OWN, found.keys, mapping)
        if not template and shown["format"] not in ("table", "unknown") and not mapping:
            keys = ()  # the format is known as it is: nothing to map
        facts = self._facts(file, found.container, found.encoding, shown["format"])
        own = [element("li", element("details", self._head(row), fields_html(row))) for row in shown["rows"]]
        parts = [facts, self._table(found.keys, raw)]
        parts += (
            [element("h4", escape(self.words("data.become"))), element("ol", *own, class_="data-rows")] if own else []
        )
        parts.append(self._problems(shown["problems"]))
        return Look("".join(parts), keys, found.keys, mapping, bool(own), free)

    def key_name(self, key: str) -> str:
        """Return what a person reads for a key that a column is chosen for."""
        return self.words(f"data.key_{key}") if self.words.has(f"data.key_{key}") else key

    def _mapping(
        self, template: Template | None, columns: Sequence[str], choices: Choices, chosen: bool
    ) -> tuple[tuple[str, ...], dict[str, str]]:
        """Return the keys to map, and the columns chosen, or suggested by their names."""
        keys = tuple(template.columns)[:COLUMNS] if template else _OWN
        if chosen:
            given = {key: column for key, column in zip(keys, choices.columns, strict=False) if column in columns}
        else:
            guessed = suggest_mapping(columns, keys)
            given = {key: key if key in columns else guessed.get(key, "") for key in keys}
        mapping = {key: column for key, column in given.items() if column and column != key}
        return (keys if columns else ()), mapping

    def _options(self, file: Path, choices: Choices, mapping: Mapping[str, str]) -> ImportOptions:
        return ImportOptions(
            name=normalise(choices.name.strip()) or self.name_of(str(file)),
            read=ReadOptions(encoding=choices.encoding or None, mapping=mapping),
            skip_bad=choices.skip_bad,
            personal=choices.personal,  # type: ignore[arg-type]  # the field has no other values
            template=self._template(choices.template),
            licence=choices.licence.strip(),
            replace=choices.replace,
        )

    def _template(self, name: str) -> Template | None:
        return load_template(name, self._own) if name else None

    def name_of(self, path: str | None) -> str:
        """Return a dataset's name for a file: its own without ending, other signs as dashes."""
        name = normalise(Path(path or "").name)
        stem = name.removesuffix(".gz").rpartition(".")[0] or name
        plain = "".join(char if char.isalnum() or char in "-_" else "-" for char in stem).strip("-_")
        return plain[:48] or "dataset"

    def commit(self, path: str | None, choices: Choices) -> Generator[Step, None, None]:
        """Import the file, telling how far it is; with bad rows nothing is kept unless they are to be skipped."""
        words = self.words
        if not path:
            raise InputError(words("data.no_file"), "")
        columns = detect(Path(path), ReadOptions(encoding=choices.encoding or None), any_columns=True).keys
        _, mapping = self._mapping(self._template(choices.template), columns, choices, chosen=True)
        options = self._options(Path(path), choices, mapping)
        news: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        outcome: list[dict[str, Any] | Exception] = []

        def work() -> None:
            try:
                outcome.append(import_file(self.store, Path(path), options, news.put))
            except Exception as error:
                outcome.append(error)
            finally:
                news.put(None)

        # A thread, so that closing the tab leaves the old version or the new.
        threading.Thread(target=work, name="import-dataset", daemon=True).start()
        yield Step(self._said(words("data.importing", n=0)))
        while (told := self._next(news)) is not None:
            if told:
                yield Step(self._said(words("data.importing", n=f"{told['done']:,}")))
        result = outcome[0]
        if isinstance(result, dict):
            yield Step(self._report(result), result["version"], True)
        elif isinstance(result, JoyulError):
            yield Step(self._refusal(result), done=True)
        else:
            raise result

    def _next(self, news: "queue.SimpleQueue[dict[str, Any] | None]") -> dict[str, Any] | None:
        try:
            return news.get(timeout=WAIT_SECONDS)
        except queue.Empty:
            return {}

    def _report(self, found: Mapping[str, Any]) -> str:
        counts = {key: f"{found[key]:,}" for key in ("rows", "imported", "duplicates")}
        said = self.words("data.imported", ref=found["version"], **counts)
        personal = ", ".join(f"{found_said(key, self.words.language)} {n:,}" for key, n in found["personal"].items())
        more = element("p", escape(self.words("data.masked", found=personal)), class_="help") if personal else ""
        left = [element("li", escape(self._left(each))) for each in found.get("left_out", ())]
        listed = element("ul", *left, class_="left-out") if left else ""
        steps = steps_html(found["version"], self.words)
        return self._said(said) + more + self._problems(found["problems"]) + listed + steps

    def _left(self, each: Mapping[str, Any]) -> str:
        place = f"{each['file']}:{each['line']}" if each["line"] else str(each["file"])
        return ": ".join(part for part in (place, each["key"], self.words.said(each["what"])) if part)

    def _facts(self, file: Path, container: str, encoding: str, form: str = "") -> str:
        words = self.words
        known = (
            words(f"data.format_{form.replace('-', '_')}")
            if words.has(f"data.format_{form.replace('-', '_')}")
            else form
        )
        facts = {"file": normalise(file.name), "size": words.size(file.stat().st_size), "container": container.upper()}
        facts |= {"encoding": encoding.upper() or words("data.binary"), "format": known or words("data.format_open")}
        cells = [
            element("div", element("dt", escape(words(f"data.{key}"))), element("dd", escape(value)))
            for key, value in facts.items()
        ]
        return element("dl", *cells, class_="file-facts", id="import-facts")

    def _table(self, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
        shown = list(columns)[:PREVIEW_COLUMNS]
        if not rows or not shown:
            return ""
        head = element("tr", *(element("th", escape(name), scope="col") for name in shown))
        body = [
            element("tr", *(element("td", escape(str(row.get(name, ""))[:CELL])) for name in shown)) for row in rows
        ]
        caption = element("caption", escape(self.words("data.first_rows", n=len(rows))))
        table = element("table", caption, element("thead", head), element("tbody", *body), class_="preview")
        return element("div", table, class_="wide", tabindex=0, role="region", aria_label=self.words("data.preview"))

    def _head(self, row: dict[str, Any]) -> str:
        texts = (("q", question_of(row)), ("a", answer_of(row)))
        return element(
            "summary", *(element("span", escape(text[:CELL]), class_=kind, dir_="auto") for kind, text in texts)
        )

    def _problems(self, found: Sequence[Mapping[str, Any]]) -> str:
        rows = []
        for each in found:
            place = f"{each['file']}:{each['line']}" if each["line"] else str(each["file"])
            key = element("code", escape(each["key"])) if each["key"] else ""
            said = f"{self.words.said(each['problem'])} → {self.words.said(self._mend(each['fix']))}"
            rows.append(element("li", element("b", escape(place)), " ", key, " ", escape(said)))
        if not rows:
            return ""
        title = element("h4", escape(self.words("data.problems", n=len(rows))))
        return element(
            "section",
            title,
            element("ol", *rows),
            class_="problems",
            role="region",
            aria_label=self.words("data.problem_list"),
        )

    def _refusal(self, error: JoyulError) -> str:
        """Return why nothing was imported: with bad rows how many, and each of them with its place and mend."""
        found: Any = error.details
        if not found.get("problems"):
            return self._trouble(error)
        said = self.words("data.refused", n=f"{found['bad']:,}", rows=f"{found['rows']:,}")
        said += f" {self.words('data.mend_skip')}" if found["rows"] else ""
        return element("p", escape(said), class_="notes failed", role="alert") + self._problems(found["problems"])

    def _trouble(self, error: JoyulError) -> str:
        mend = self._mend(error.hint)
        said = self.words.failure(type(error)(error.message, "" if mend != error.hint else error.hint))
        shown = said if mend == error.hint else f"{said} {mend}"
        return element("p", escape(shown), class_="notes failed", role="alert")

    def _mend(self, hint: str) -> str:
        """Return a next step as this page has it: the command line's flags are fields here."""
        flags = (("--map", "map"), ("--format", "map"), ("--encoding", "encoding"), ("--skip-bad", "skip"))
        return next((self.words(f"data.mend_{key}") for flag, key in flags if flag in hint), hint)

    def _said(self, text: str) -> str:
        return element("p", escape(text), class_="said-line", role="status")
