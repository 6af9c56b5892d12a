"""What the data page shows of stored datasets, without Gradio: the list, a version's rows, figures, changes, card."""

import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from assistant.datasets.card import found_said
from assistant.datasets.describing import diff, stats
from assistant.datasets.rows import Row, answer_of, kind_of, language_in, question_of, text_of
from assistant.datasets.store import DatasetStore, Version
from assistant.datasets.strict_json import dumps
from assistant.operations import perform
from assistant.ui.context import Page
from assistant.ui.data_plots import bars, language_bar, spread
from assistant.ui.data_steps import button
from assistant.ui.markup import element, escape, markdown

PAGE_ROWS = 50
PARTS = ("rows", "stats", "diff", "card")
KINDS = ("supervised", "preference", "unpaired", "prompt")
SHORT, LONG = 220, 6000
LISTED, KEPT = 5, 8


@dataclass(frozen=True, slots=True)
class Filters:
    """Which rows to show; empty means all."""

    text: str = ""
    kind: str = ""
    language: str = ""
    split: str = ""

    def take(self, row: Row) -> bool:
        """Return whether a row is asked for."""
        return (
            self.kind in ("", kind_of(row))
            and self.language in ("", language_in(row))
            and self.split in ("", str(row.get("split", "")))
            and (not self.text or self.text.casefold() in dumps(row).decode().casefold())
        )


@dataclass(frozen=True, slots=True)
class Opened:
    """What one browser tab looks at: a version, one of its :data:`PARTS`, and the page of rows from 0."""

    ref: str = ""
    part: str = "rows"
    page: int = 0
    filters: Filters = field(default_factory=Filters)


class DataPage:
    """The data page's view of stored datasets in one language."""

    def __init__(self, page: Page) -> None:
        self.page, self.words = page, page.words
        self.store = DatasetStore(page.services.home.datasets)
        self._counted: OrderedDict[str, dict[str, Any]] = OrderedDict()  # versions never change

    def list_html(self, opened: str = "") -> str:
        """Return every dataset with its versions, newest first."""
        names = self.store.names()
        if not names:
            parts = (("import", "data.tab_import"), ("review", "data.tab_review"))
            steps = (
                element("button", escape(self.words(key)), type="button", class_="act-plain", data_to_part=part)
                for part, key in parts
            )
            said = element("p", escape(self.words("data.none")), class_="nothing")
            return said + element("p", *steps, class_="buttons")
        return "".join(self._dataset(name, opened) for name in names)

    def _dataset(self, name: str, opened: str) -> str:
        versions = self.store.versions(name)[::-1]
        rows = [self._version(each, opened) for each in versions]
        head = element(
            "h3", escape(name), element("span", escape(self.words("data.versions", n=len(rows))), class_="tag")
        )
        older = element("details", element("summary", escape(self.words("data.older", n=len(rows) - LISTED))),
                        element("ul", *rows[LISTED:], class_="versions")) if len(rows) > LISTED else ""  # fmt: skip
        return element(
            "section", head, element("ul", *rows[:LISTED], class_="versions"), older, class_="dataset", data_name=name
        )

    def _version(self, version: Version, opened: str) -> str:
        words, made = self.words, version.manifest
        label = words("data.open", ref=made.ref)
        opener = button("show", made.version[:8], class_="name", aria_label=label, data_ref=made.ref,
                         aria_current="true" if made.ref == opened else None)  # fmt: skip
        kinds = " · ".join(f"{words(f'data.kind_{kind}')} {n:,}" for kind, n in made.counts.get("kind", {}).items())
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(made.created))
        parent = words("data.parent", parent=made.parent[:8]) if made.parent else words("data.no_parent")
        sources = ", ".join(dict.fromkeys(str(source.get("file", "?")) for source in made.sources))
        rows = element("span", escape(words("data.rows", n=f"{made.rows:,}")), class_="rows")
        languages = language_bar(made.counts.get("language", {}), words)
        more = [self._operation(made.operation), parent, sources, when]
        acts = [("tune", "data.tune", "data.tune_on")]
        if "split" not in made.counts and made.rows > 1:
            acts.insert(0, ("split", "data.split", "data.split_of"))
        buttons = [
            button(act, words(label), class_="act-plain", data_ref=made.ref, aria_label=words(said, ref=made.ref))
            for act, label, said in acts
        ]
        return element(
            "li",
            element("div", opener, rows, element("span", escape(kinds), class_="figures"), languages,
                    element("span", *buttons, class_="version-acts"), class_="version-head"),
            element("p", escape(" · ".join(part for part in more if part)), class_="help"),
            class_="on" if made.ref == opened else None,
        )  # fmt: skip

    def _operation(self, operation: dict[str, Any]) -> str:
        name = str(operation.get("name", ""))
        key = f"data.operation_{name}"
        return self.words(key) if self.words.has(key) else name

    def version_html(self, opened: Opened) -> str:
        """Return an opened version: its name, the choice of parts, and the part.

        Raises:
            InputError: there is no such version any more.
        """
        if not opened.ref:
            return ""
        version = self.store.get(opened.ref)
        part = opened.part if opened.part in PARTS else PARTS[0]
        tabs = [
            button("part", self.words(f"data.part_{name}"), class_="tool", data_part=name,
                    aria_pressed="true" if name == part else "false")
            for name in PARTS
        ]  # fmt: skip
        shown = {"rows": self._rows, "stats": self._stats, "diff": self._diff, "card": self._card}[part]
        choice = element("div", *tabs, class_="parts", role="group", aria_label=self.words("data.parts"))
        head = element("header", element("h2", escape(version.manifest.ref)), choice)
        return element("article", head, shown(version, opened), class_="version", data_ref=version.manifest.ref)

    def counting_html(self, opened: Opened) -> str:
        """Return what to show while a large version is being counted; nothing where that takes no time."""
        slow = opened.part in ("stats", "diff") and opened.ref not in self._counted
        return element("p", escape(self.words("data.counting")), class_="said-line", role="status") if slow else ""

    def splits(self, ref: str) -> list[str]:
        """Return the parts that a version is split into."""
        return list(self.store.get(ref).manifest.counts.get("split", {})) if ref else []

    def _rows(self, version: Version, opened: Opened) -> str:
        words, start = self.words, max(0, opened.page) * PAGE_ROWS
        found = self._taken(version, opened.filters)
        rows = list(islice(found, start, start + PAGE_ROWS + 1))
        if not rows:
            return element("p", escape(words("data.no_rows")), class_="nothing", role="status")
        last = start + min(len(rows), PAGE_ROWS)
        total = f"{version.manifest.rows:,}"
        said = words("data.shown", first=f"{start + 1:,}", last=f"{last:,}", total=total)
        if opened.filters != Filters():
            said = words("data.shown_filtered", first=f"{start + 1:,}", last=f"{last:,}", total=total)
        turns = [
            button("turn", words(f"data.{key}"), class_="act-plain", data_page=page, disabled=not there)
            for key, page, there in (
                ("earlier", opened.page - 1, start > 0),
                ("later", opened.page + 1, len(rows) > PAGE_ROWS),
            )
        ]
        bar = element("div", element("span", escape(said), class_="count", role="status"), *turns, class_="pager")
        return bar + element("ol", *(self._row(row) for row in rows[:PAGE_ROWS]), class_="data-rows", start=start + 1)

    def _taken(self, version: Version, filters: Filters) -> Iterator[Row]:
        return version.rows() if filters == Filters() else (row for row in version.rows() if filters.take(row))

    def _row(self, row: Row) -> str:
        language = language_in(row)
        marks = [self.words(f"data.kind_{kind_of(row)}"), self.words(f"language.{language}"), str(row.get("split", ""))]
        answer = (
            answer_of(row) if kind_of(row) != "unpaired" else f"{'+' if row.get('label') else '−'} {answer_of(row)}"
        )
        summary = element(
            "summary",
            _text("q", question_of(row)),
            _text("a", answer),
            element("span", escape(" · ".join(mark for mark in marks if mark)), class_="tag"),
        )
        return element("li", element("details", summary, fields_html(row)))

    def _stats(self, version: Version, opened: Opened) -> str:
        words, found = self.words, self._count(version)
        more = words("data.more_bars", n="{n}")
        named = {words(f"data.kind_{key}"): n for key, n in found["kinds"].items()}
        languages = {words(f"language.{key}"): n for key, n in found["languages"].items()}
        signals = {words(f"data.signal_{key}"): each["rows"] for key, each in found["signals"].items() if each["rows"]}
        personal = {found_said(key, words.language): n for key, n in found["personal"].items()}
        plots = [
            bars(words("data.kinds"), named),
            bars(words("data.languages"), languages),
            bars(words("data.splits"), found["splits"]),
            spread(words("data.question_characters"), found["question_characters"], words),
            spread(words("data.answer_characters"), found["answer_characters"], words),
            bars(words("data.labels"), found["labels"], more),
            bars(words("data.signals"), signals),
            bars(words("data.personal"), personal, more),
        ]
        facts = words("data.facts", groups=f"{found['groups']:,}", duplicates=f"{found['exact_duplicates']:,}",
                      conflicts=f"{found['conflicts_total']:,}")  # fmt: skip
        conflicts = [
            element("li", escape(words("data.conflict", question=each["question"], n=each["answers"])))
            for each in found["conflicts"][:10]
        ]
        listed = element("ul", *conflicts, class_="conflicts") if conflicts else ""
        return element("p", escape(facts), class_="count") + element("div", *plots, class_="plots") + listed

    def _count(self, version: Version) -> dict[str, Any]:
        key = version.manifest.ref
        if key not in self._counted:
            self._counted[key] = stats(version)
            while len(self._counted) > KEPT:
                self._counted.popitem(last=False)
        return self._counted[key]

    def _diff(self, version: Version, opened: Opened) -> str:
        words, parent = self.words, version.manifest.parent
        if parent is None:
            return element("p", escape(words("data.no_parent_diff")), class_="nothing")
        found = diff(self.store.get(f"{version.manifest.name}@{parent}"), version)
        counts = {key: f"{found[key]:,}" for key in ("added", "removed", "changed", "same", "moved")}
        parts = [element("p", escape(words("data.diff", **counts)), class_="count", role="status")]
        for key, mark in (("added", "+"), ("removed", "−"), ("changed", "~")):
            rows = [
                element("li", element("b", mark), _text("q", row["question"]), _text("a", row["answer"]))
                for row in found["rows"][key]
            ]
            if rows:
                parts += [element("h4", escape(words(f"data.{key}"))), element("ul", *rows, class_=f"changes {key}")]
        return "".join(parts)

    def _card(self, version: Version, opened: Opened) -> str:
        return element("div", markdown(version.card(self.words.language)), class_="said card-text", dir_="auto")

    def tune_html(self, ref: str) -> tuple[str, str]:
        """Write a recipe that tunes on a version; return what to say, and the recipe's key on the tune page."""
        made = perform(self.page.services, "data.recipe", {"dataset": ref})
        said = self.words(
            "data.recipe_written",
            file=f"tune/{made['source'].partition(':')[2]}.yaml",
            method=made["method"],
            n=f"{made['rows']:,}",
        )
        return element("p", escape(said), class_="said-line", role="status"), str(made["source"])


def turned(opened: Opened, **changes: Any) -> Opened:
    """Return what is looked at after a change; whatever is chosen anew starts at its first page."""
    return replace(opened, **({"page": 0} | changes))


def whole(value: object) -> int:
    """Return a page's number as the browser sent it, 0 for nonsense."""
    return int(str(value)) if str(value).isdecimal() else 0


def fields_html(row: Row) -> str:
    """Return a row's keys and values in full, long texts cut."""
    shown = []
    for key, value in row.items():
        if key in ("history", "messages"):
            text = "\n".join(f"{turn.get('role', '?')}: {text_of([turn])}" for turn in value)
        else:
            text = value if isinstance(value, str) else dumps(value).decode()
        shown.append(element("div", element("dt", escape(key)), element("dd", escape(_cut(text, LONG)), dir_="auto")))
    return element("dl", *shown, class_="fields")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _text(kind: str, text: str) -> str:
    return element("span", escape(_cut(text, SHORT)), class_=kind, dir_="auto")
