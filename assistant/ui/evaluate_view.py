"""What the evaluate page shows: progress, a run's evidence, two runs side by side, earlier and unfinished runs."""

import time
from collections.abc import Mapping
from typing import Any

from assistant.errors import InputError
from assistant.schema import Variant
from assistant.ui.context import Page
from assistant.ui.evaluations import Evaluations, Progress
from assistant.ui.icons import icon
from assistant.ui.markup import element, escape

Row = Mapping[str, Any]
HISTORY = 20
STAGES = ("documents", "answers", "judging", "scoring")


class EvaluatePage:
    """The evaluate page's handlers for one language."""

    def __init__(self, page: Page, runs: Evaluations) -> None:
        self.page = page
        self.words = page.words
        self.runs = runs
        self.variants = page.services.variants

    def start(self, suite: str) -> Progress:
        """Start a suite.

        Raises:
            InputError: none is chosen, or one is running.
        """
        if not suite:
            raise InputError(self.words("evaluate.no_suites"), "")
        return self.runs.start(suite, self.words("evaluate.running"))

    def resume(self, run: str) -> Progress:
        """Take up an unfinished run.

        Raises:
            InputError: one is running.
        """
        return self.runs.resume(run, self.words("evaluate.running"))

    def finished(self) -> list[dict[str, Any]]:
        """Return finished runs, newest first."""
        from eval.run_folder import finished_runs

        return finished_runs(self.page.services.home.runs)

    def progress_html(self, now: Progress) -> str:
        """Return how far the evaluation is."""
        words = self.words
        if now.phase == "idle" or now.phase == "done":
            return ""
        if now.phase == "cancelled":
            return element("p", escape(words("evaluate.cancelled")), class_="notes", role="status")
        if now.phase == "failed":
            reason = words.failure(now.error) if now.error else words("error.bug", id=now.bug)
            return element("p", escape(words("evaluate.failed", reason=reason)), class_="notes failed", role="status")
        stage = now.stage if now.stage in STAGES else "waiting"
        if stage == "answers" and not now.variant:
            stage = "waiting"
        parts = [words(f"evaluate.stage_{stage}", variant=now.variant)]
        if now.total:
            parts.append(words("evaluate.count", done=now.done, total=now.total))
        if now.seconds_left is not None:
            parts.append(words("evaluate.left", time=words.seconds(max(1.0, now.seconds_left))))
        share = 100 * now.done / now.total if now.total else 0
        bar = element(
            "div",
            element("i", style=f"width:{share:.1f}%"),
            class_="meter",
            role="progressbar",
            aria_valuemin=0,
            aria_valuemax=100,
            aria_valuenow=f"{share:.0f}",
            aria_label=now.suite,
        )
        return element("div", element("p", escape(" · ".join(parts))), bar, class_="running", role="status")

    def report_html(self, run: str = "") -> str:
        """Return one run's evidence: verdict, sections, item browser; by default the newest run's.

        Raises:
            InputError: that run is not there any more.
        """
        from eval.reports import sections_of
        from eval.reports.html import Writer, verdict_html

        found = self.finished()
        if not found:
            return element("p", escape(self.words("evaluate.empty")), class_="nothing")
        chosen = next((each for each in found if each["run"] == run), None) if run else found[0]
        if chosen is None:
            raise InputError(self.words("evaluate.no_run"), "")
        document, name = chosen["result"], str(chosen["run"])
        writer = Writer(document, self.words.language)
        sections = sections_of(document)
        places = [(f"[data-section={each.key}]", writer.text(each.title)) for each in sections]
        parts = [verdict_html(document, writer), self._use(document), self._jumps(places), writer.sections(sections)]
        return element("div", *parts, self._items(name), self._foot(document, name), class_="report", data_run=name)

    def _use(self, document: Row) -> str:
        """Return the button that takes the chosen way of answering to chat, "" where chat has none that is the same."""
        verdict = document["verdict"]
        row = document["variants"].get(verdict.get("chosen") or "")
        if row is None or verdict["choice"] == "not_enough_evidence":
            return ""
        specs = list(self.variants.declared().values())
        if row.get("adapter") in self.variants.names():  # the one variant besides that can be the same
            specs.append(self.variants.spec(row["adapter"]))
        name = next((spec.name for spec in specs if _same_way(spec, row)), "")
        if not name:
            return ""
        text = escape(self.words("evaluate.use", variant=name))
        more = {"data_act": "use", "data_variant": name, "data_local": "page", "data_to": "chat"}
        return element("p", element("button", text, type="button", class_="act-main", **more), class_="acts")

    def _jumps(self, places: list[tuple[str, str]]) -> str:
        """Return links to the parts of a report, which is long; ``places`` are (selector, title as HTML)."""
        words = self.words
        places = [each for each in places if "warnings" not in each[0]]
        places += [
            ("#items-section", escape(words("evaluate.browser"))),
            ("#history", escape(words("evaluate.history"))),
            ("#arena", escape(words("votes.title"))),
        ]
        links = [
            element("button", title, type="button", class_="tool", data_local="jump", data_to=place)
            for place, title in places
        ]
        return element("nav", *links, class_="jumps", aria_label=words("evaluate.jumps"))

    def compare_html(self, first: str, second: str) -> str:
        """Return two runs side by side, the earlier one first.

        Raises:
            InputError: one of them is gone, or they have nothing in common.
        """
        from assistant.operations.evaluation import record_named
        from eval.pairing import compare_runs
        from eval.reports.compared import sections
        from eval.reports.html import Writer

        records = [record_named(self.page.services, run) for run in (first, second)]
        records.sort(key=lambda record: str(record.document.get("created", "")))
        document = compare_runs(*records)
        writer = Writer(records[1].document, self.words.language)
        back = element(
            "button",
            icon("left"),
            escape(self.words("evaluate.back")),
            type="button",
            class_="report-link",
            data_act="show",
            data_run=second,
        )
        foot = element("div", back, class_="report-foot")
        return element("div", writer.sections(sections(document)), foot, class_="report", data_run=second)

    def _items(self, run: str) -> str:
        words = self.words
        box = element(
            "div",
            escape(words("evaluate.loading")),
            class_="items",
            data_items=f"/reports/{run}/items",
            data_failed=words("evaluate.no_items"),
        )
        return element("section", element("h2", escape(words("evaluate.browser"))), box, id="items-section")

    def _foot(self, result: Row, run: str) -> str:
        link = element(
            "a",
            icon("open"),
            escape(self.words("evaluate.report")),
            href=f"/reports/{run}",
            target="_blank",
            rel="noopener",
            class_="report-link",
            id="report-link",
        )
        return element("div", link, class_="report-foot")

    def history_html(self, shown: str = "") -> str:
        """Return earlier runs, and those that can be taken up again; ``shown`` is the one on the page."""
        words, found = self.words, self.finished()[:HISTORY]
        shown = shown or (str(found[0]["run"]) if found else "")
        rows = [self._earlier(each["run"], each["result"], shown) for each in found] if len(found) > 1 else []
        unfinished = self._unfinished()
        if not rows and not unfinished:
            return ""
        title = element("h2", escape(words("evaluate.history")))
        return element("section", title, element("ul", *unfinished, *rows, class_="runs"))

    def _earlier(self, run: str, result: Row, shown: str) -> str:
        words = self.words
        name = element(
            "button",
            escape(str(result.get("suite", ""))),
            type="button",
            class_="name",
            data_act="show",
            data_run=run,
            aria_current="true" if run == shown else None,
        )
        choice = str(result["verdict"]["choice"]).replace("+", "_")
        parts = [name, element("span", escape(words(f"evaluate.badge_{choice}")), class_="badge small")]
        reads = result.get("reads", {}).get("items")
        if reads:
            parts.append(element("span", escape(words("evaluate.reads", n=reads)), class_="help"))
        if run != shown:
            parts.append(self._button("compare", words("evaluate.compare"), run=run, shown=shown))
        when = str(result.get("created", "")).replace("T", " ").rstrip("Z")
        return element("li", *parts, element("span", escape(when), class_="when"))

    def _unfinished(self) -> list[str]:
        from eval.run_folder import unfinished_runs

        if self.runs.progress.phase == "running":
            return []  # the one under way is among them
        words, rows = self.words, []
        for each in unfinished_runs(self.page.services.home.runs)[:HISTORY]:
            name = element("span", escape(each.suite), class_="name")
            state = element("span", escape(words("evaluate.unfinished")), class_="badge small")
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(each.started))
            button = self._button("resume", words("evaluate.resume"), run=each.run)
            rows.append(element("li", name, state, button, element("span", escape(when), class_="when")))
        return rows

    @staticmethod
    def _button(act: str, text: str, **data: str) -> str:
        values = {f"data_{key}": value for key, value in data.items()}
        return element("button", escape(text), type="button", class_="act-plain retry", data_act=act, **values)


def _same_way(spec: Variant, row: Row) -> bool:
    """Return whether a variant answers as a run's one did: the same model, adapter, recipe, passages and examples."""
    same = all(getattr(spec, key) == row.get(key) for key in ("model", "adapter", "recipe"))
    return same and row.get("k") in (None, spec.k) and row.get("shots", 0) == len(spec.shots)
