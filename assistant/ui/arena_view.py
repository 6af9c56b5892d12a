"""The votes panel: a ranking with intervals, by language and task, and whether voting may stop.

For the evaluate page: ``panel(ArenaView(page).html(), "arena")``, refreshed when the page is opened.
"""

from collections.abc import Sequence

from assistant.ui.context import Page
from assistant.ui.markup import element, escape
from assistant.ui.variant_look import badge, kind_of
from eval.arena import Ranking, Verdict, counted, slices
from eval.arena.ranking import FEW_ITEMS, Standing

TRACK_HEIGHT = 26


class ArenaView:
    """The panel for one language; the figures are computed again only when there are new votes."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.words = page.words
        self._known: tuple[int, list[Ranking]] | None = None

    def html(self) -> str:
        """Return the panel."""
        words, votes = self.words, self.page.services.store.votes()
        if self._known is None or self._known[0] != len(votes):  # votes are only ever added
            self._known = len(votes), slices(votes)
        found = self._known[1]
        shown = len(counted(votes, blind=False))
        left_out = element("p", escape(words("votes.open", n=shown)), class_="help") if shown else ""
        lead = [element("h2", escape(words("votes.title"))), element("p", escape(words("votes.what")), class_="help")]
        if not found:
            return element(
                "section", *lead, element("p", escape(words("votes.none")), class_="nothing"), left_out, class_="arena"
            )
        whole = found[0]
        parts = [self._counts(whole), self._plot(whole), self._notes(whole), self._slices(found), self._stopping(whole)]
        return element("section", *lead, *parts, left_out, class_="arena")

    def _counts(self, ranking: Ranking) -> str:
        names = ("votes", "people", "items", "ties", "bad")
        counts = {name: f"{getattr(ranking, name):,}" for name in names}
        return element("p", escape(self.words("votes.counts", **counts)), class_="counts")

    def _plot(self, ranking: Ranking) -> str:
        words = self.words
        if not ranking.standings:
            return ""
        rows = [self._row(row) for row in ranking.standings]
        marks = (element("span", text) for text in ("0", "50", "100 %"))
        scale = element("span", *marks, class_="scale", aria_hidden="true")
        rows.append(element("div", element("span"), scale, element("span"), class_="arena-row"))
        helped = [words("votes.ranking_help"), words("votes.few_items") if ranking.items < FEW_ITEMS else ""]
        return (
            element("h3", escape(words("votes.ranking")))
            + element("p", escape(" ".join(filter(None, helped))), class_="help")
            + element("div", *rows, class_="arena-plot")
        )

    def _row(self, row: Standing) -> str:
        """Return rank and name, the interval as a drawing, and the figures."""
        middle, at = TRACK_HEIGHT / 2, row.beats
        drawing = element(
            "svg",
            element("line", x1="0", x2="100%", y1=middle, y2=middle, class_="axis"),
            element("line", x1="50%", x2="50%", y1=0, y2=TRACK_HEIGHT, class_="even"),
            element("line", x1=_place(at.low), x2=_place(at.high), y1=middle, y2=middle, class_="reach"),
            element("circle", cx=_place(at.value), cy=middle, r=6, class_="point"),
            width="100%",
            height=TRACK_HEIGHT,
            role="img",
            aria_label=f"{row.name}: {self._reach(row)}",
        )
        place = element("span", escape(self.words("votes.rank", n=row.rank)), class_="rank")
        return element(
            "div",
            element("span", place, badge(row.name, self.page.services.variants), class_="who"),
            drawing,
            element("span", escape(self._reach(row)), class_="figures"),
            class_=f"arena-row v-{kind_of(row.name, self.page.services.variants)}",
        )

    def _notes(self, ranking: Ranking) -> str:
        """Return what a reader of the plot must know: who has no place and why, length, names that changed meaning."""
        words = self.words
        told = [
            words("votes.unranked", name=name, why=words(f"votes.why.{why}")) for name, why in ranking.unranked.items()
        ]
        if ranking.longer:
            factor = ranking.longer
            span = {key: f"{getattr(factor, key):.2f}" for key in ("value", "low", "high")}
            even = [
                f"{row.name} {self._percent(row.even_length.value)} ({words('votes.rank', n=row.even_length_rank)})"
                for row in ranking.standings
                if row.even_length is not None
            ]
            told.append(f"{words('votes.even_length')}: {' · '.join(even)}. {words('votes.even_help', **span)}")
        elif ranking.no_length_control:
            told.append(words(f"votes.no_length.{ranking.no_length_control}"))
        told += [
            words("votes.renamed", name=name, n=tally.fingerprints)
            for name, tally in ranking.tallies.items()
            if tally.fingerprints > 1
        ]
        return "".join(element("p", escape(text), class_="help") for text in told)

    def _slices(self, found: Sequence[Ranking]) -> str:
        if len(found) < 2:
            return ""
        words = self.words
        heads = [element("th", escape(words(f"votes.{key}")), scope="col") for key in ("slice", "count", "leaders")]
        rows = [
            element(
                "tr",
                element("th", escape(self._title(each)), scope="row"),
                element("td", f"{each.votes:,}"),
                element("td", self._leaders(each)),
            )
            for each in found
        ]
        table = element("table", element("thead", element("tr", *heads)), element("tbody", *rows))
        return element("h3", escape(words("votes.slices"))) + element("div", table, class_="wide", tabindex=0)

    def _title(self, ranking: Ranking) -> str:
        words, parts = self.words, []
        if ranking.task is not None:
            parts.append(ranking.task or words("votes.no_task"))
        if ranking.language is not None:
            key = f"language.{ranking.language}"
            parts.append(words(key) if words.has(key) else ranking.language)
        return " · ".join(parts) or words("votes.all")

    def _leaders(self, ranking: Ranking) -> str:
        """Return everybody who shares the first rank, never one of them alone."""
        first = [row for row in ranking.standings if row.rank == 1]
        if not first:
            return element("span", escape(self.words("votes.nobody")), class_="tag")
        names = [
            element("span", badge(row.name, self.page.services.variants), element("small", escape(self._reach(row))))
            for row in first
        ]
        everybody = len(first) == len(ranking.standings)
        together = element("span", escape(self.words("votes.together")), class_="tag") if everybody else ""
        return element("span", together, *names, class_="leaders")

    def _stopping(self, ranking: Ranking) -> str:
        words = self.words
        rows = [
            element("li", escape(self._verdict(each)), element("small", escape(self._figures(each))))
            for each in ranking.verdicts
        ]
        return (
            element("h3", escape(words("votes.stopping")))
            + element("p", escape(words("votes.stopping_help")), class_="help")
            + element("ul", *rows, class_="verdicts")
        )

    def _verdict(self, verdict: Verdict) -> str:
        words, stop = self.words, verdict.stop
        counts = {verdict.first: stop.wins, verdict.second: stop.decisive - stop.wins}
        scores = " · ".join(words("votes.score", name=name, wins=wins) for name, wins in counts.items())
        state = words("votes.settled", name=verdict.ahead) if verdict.ahead else words("votes.unsettled")
        line = words("votes.line", scores=scores, ties=verdict.ties, state=state)
        if verdict.ahead or not stop.decisive:
            return line
        more = words("votes.more", n=f"{stop.more:,}") if stop.more else words("votes.endless")
        return f"{line if line.endswith('.') else line + '.'} {more}"

    def _figures(self, verdict: Verdict) -> str:
        stop, bounds = verdict.stop, {"low": verdict.stop.low, "high": verdict.stop.high}
        shown = {key: f"{100 * value:.0f}" for key, value in bounds.items()}
        return self.words("votes.figures", e=_short(stop.e_value), bar=f"{stop.bar:.0f}", name=verdict.first, **shown)

    def _percent(self, share: float) -> str:
        return self.words("votes.percent", n=f"{100 * share:.0f}")

    def _reach(self, row: Standing) -> str:
        return f"{self._percent(row.beats.value)} [{100 * row.beats.low:.0f}, {100 * row.beats.high:.0f}]"


def _place(share: float) -> str:
    return f"{100 * share:.1f}%"


def _short(e_value: float) -> str:
    """Return an e-value as people read numbers; beyond a million nobody asks how much."""
    return f"{e_value:.2g}" if e_value < 100 else f"{e_value:,.0f}" if e_value < 1e6 else "> 1,000,000"
