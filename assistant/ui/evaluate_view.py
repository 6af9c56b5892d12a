"""What the evaluate page shows: progress, verdict, differences, variants, earlier runs."""

from collections.abc import Mapping, Sequence
from typing import Any

from assistant.errors import InputError
from assistant.ui.context import Page
from assistant.ui.evaluations import Evaluations, Progress
from assistant.ui.icons import icon
from assistant.ui.markup import element, escape
from assistant.ui.variant_look import badge, kind_of

Row = Mapping[str, Any]
HISTORY = 20
STAGES = ("documents", "answers", "scoring")


class EvaluatePage:
    """The evaluate page's handlers for one language."""

    def __init__(self, page: Page, runs: Evaluations) -> None:
        self.page = page
        self.words = page.words
        self.runs = runs

    def start(self, suite: str) -> Progress:
        """Start a suite.

        Raises:
            InputError: none is chosen, or one is running.
        """
        if not suite:
            raise InputError(self.words("evaluate.no_suites"), "")
        return self.runs.start(suite, self.words("evaluate.running"))

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
        """Return one run's verdict and figures; by default the newest run's.

        Raises:
            InputError: that run is not there any more.
        """
        found = self.finished()
        if not found:
            return element("p", escape(self.words("evaluate.empty")), class_="nothing")
        chosen = next((each for each in found if each["run"] == run), None) if run else found[0]
        if chosen is None:
            raise InputError(self.words("evaluate.no_run"), "")
        result = chosen["result"]
        return element(
            "div",
            self._verdict(result),
            self._forest(result),
            self._table(result),
            self._foot(result, str(chosen["run"])),
            class_="report",
            data_run=chosen["run"],
        )

    def _verdict(self, result: Row) -> str:
        words, verdict = self.words, result["verdict"]
        choice = str(verdict["choice"])
        sentence = verdict.get("text", {}).get(words.language, "")
        label = element("span", escape(words(f"evaluate.badge_{choice.replace('+', '_')}")), class_="badge")
        suite = element("span", escape(result["suite"]), class_="suite-name")
        css = "verdict open" if choice == "not_enough_evidence" else "verdict"
        return element(
            "section", element("div", label, suite, class_="badges"), element("p", escape(sentence)), class_=css
        )

    def _forest(self, result: Row) -> str:
        words, variants = self.words, result["variants"]
        tuned = {name for name, row in variants.items() if "tune" in str(row.get("approach"))}
        pairs = [
            pair
            for pair in result.get("pairs", ())
            if pair["first"] in tuned and pair["second"] not in tuned and pair["delta"] is not None
        ]
        if not pairs:
            return ""
        margin = float(result.get("declared", {}).get("margin") or 0.0)
        reach = max(
            [margin, *(abs(float(pair[key])) for pair in pairs for key in ("delta", "low", "high") if pair[key])]
        )
        reach = reach * 1.08 or 0.01
        rows = [self._forest_row(pair, reach, margin) for pair in pairs]
        level = f"{100 * float(pairs[0].get('level') or 0.95):.3g}"
        helped = words("evaluate.forest_help", metric=_metric(pairs[0]["metric"], words.language), level=level)
        scale = element(
            "div",
            element("span", f"−{100 * reach:.0f}"),
            element("span", "0"),
            element("span", f"+{100 * reach:.0f}"),
            class_="scale",
            aria_hidden="true",
        )
        return element(
            "section",
            element("h2", escape(words("evaluate.forest"))),
            element("p", escape(helped), class_="help"),
            element(
                "div",
                *rows,
                element("div", element("span"), scale, element("span"), class_="forest-row"),
                class_="forest",
            ),
        )

    def _forest_row(self, pair: Row, reach: float, margin: float) -> str:
        def at(value: float) -> float:
            return 50 + 50 * value / reach

        delta = float(pair["delta"])
        low = float(pair["low"]) if pair["low"] is not None else delta
        high = float(pair["high"]) if pair["high"] is not None else delta
        band = element("i", class_="margin", style=f"left:{at(-margin):.2f}%;width:{at(margin) - at(-margin):.2f}%")
        line = element("i", class_="span", style=f"left:{at(low):.2f}%;width:{at(high) - at(low):.2f}%")
        dot = element("i", class_="dot", style=f"left:{at(delta):.2f}%")
        names = element(
            "span", badge(pair["first"]), element("span", "−", class_="minus"), badge(pair["second"]), class_="pair"
        )
        figures = f"{_signed(delta)} [{_signed(low)}, {_signed(high)}]"
        track = element("span", band, element("i", class_="zero"), line, dot, class_="track", aria_hidden="true")
        return element(
            "div",
            names,
            track,
            element("span", figures, class_="figures"),
            class_=f"forest-row v-{kind_of(str(pair['first']))}",
        )

    def _table(self, result: Row) -> str:
        words, variants = self.words, result["variants"]
        primary = str(result.get("declared", {}).get("primary") or result["verdict"]["metric"])
        metrics = [primary, *dict.fromkeys(m for row in variants.values() for m in row["metrics"] if m != primary)]
        lead = [element("th", escape(words("evaluate.variant")), scope="col")]
        for metric in metrics:
            mark = element("small", escape(words("evaluate.primary"))) if metric == primary else ""
            lead.append(element("th", escape(_metric(metric, words.language)), mark, scope="col"))
        lead += [element("th", escape(words(f"evaluate.{key}")), scope="col") for key in ("read", "written", "seconds")]
        rows = [self._table_row(name, row, metrics) for name, row in variants.items()]
        table = element("table", element("thead", element("tr", *lead)), element("tbody", *rows))
        declared = result.get("declared", {})
        counted = words("evaluate.items", items=declared.get("items", 0), groups=declared.get("groups", 0))
        return element(
            "section",
            element("h2", escape(words("evaluate.table"))),
            element("p", escape(counted), class_="help"),
            element("div", table, class_="wide", tabindex=0),
        )

    def _table_row(self, name: str, row: Row, metrics: Sequence[str]) -> str:
        cells = [element("th", badge(name), scope="row")]
        for metric in metrics:
            cells.append(element("td", self._estimate(row["metrics"].get(metric))))
        for key, digits in (("prompt_tokens", 0), ("completion_tokens", 0), ("seconds", 2)):
            value = row.get(key)
            cells.append(element("td", "–" if value is None else f"{float(value):,.{digits}f}"))
        return element("tr", *cells)

    def _estimate(self, each: Row | None) -> str:
        if each is None or each.get("mean") is None:
            return "–"
        mean = element("b", f"{100 * float(each['mean']):.1f}")
        low, high = each.get("low"), each.get("high")
        around = f"{100 * float(low):.1f}–{100 * float(high):.1f}" if low is not None and high is not None else ""
        failed = self.words("evaluate.unscored", n=each["unscored"]) if each.get("unscored") else ""
        return (
            mean + element("small", escape(around)) + (element("small", escape(failed), class_="bad") if failed else "")
        )

    def _foot(self, result: Row, run: str) -> str:
        words = self.words
        link = element(
            "a",
            icon("open"),
            escape(words("evaluate.report")),
            href=f"/reports/{run}",
            target="_blank",
            rel="noopener",
            class_="report-link",
            id="report-link",
        )
        base = element("span", escape(f"{words('evaluate.base')}: {result.get('base', '')}"), class_="help")
        return element("div", link, base, class_="report-foot")

    def history_html(self) -> str:
        """Return the list of earlier runs."""
        words, found = self.words, self.finished()[:HISTORY]
        if len(found) < 2:
            return ""
        rows = [
            element(
                "li",
                element(
                    "button",
                    escape(str(each["result"].get("suite", ""))),
                    type="button",
                    class_="name",
                    data_act="show",
                    data_run=each["run"],
                ),
                element("span", escape(self._badge_word(each["result"])), class_="badge small"),
                element(
                    "span", escape(str(each["result"].get("created", "")).replace("T", " ").rstrip("Z")), class_="when"
                ),
            )
            for each in found
        ]
        return element("section", element("h2", escape(words("evaluate.history"))), element("ul", *rows, class_="runs"))

    def _badge_word(self, result: Row) -> str:
        return self.words(f"evaluate.badge_{str(result['verdict']['choice']).replace('+', '_')}")


def _metric(name: str, language: str) -> str:
    from eval.words import metric_name

    return str(metric_name(name, language))


def _signed(value: float) -> str:
    points = f"{abs(100 * value):.1f}"
    return points if float(points) == 0 else ("+" if value > 0 else "−") + points
