"""What the compare page does, without Gradio: a :class:`Round` goes from question to vote to reveal."""

import random
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, field, replace

from assistant.chat import OPEN, ChatUpdate
from assistant.collect import Kept, drop, keep_example, keep_item
from assistant.compare import compare
from assistant.errors import InputError
from assistant.records import new_id
from assistant.schema import Generation, language_of
from assistant.ui.context import Page
from assistant.ui.convert import act, figures_html, form_html, receipt_html, sources_html
from assistant.ui.icons import icon
from assistant.ui.markup import element, escape, markdown, plain_marks
from assistant.ui.running import BusyError
from assistant.ui.score import Tally, score_line, tally
from assistant.ui.variant_look import badge, kind_of
from assistant.ui.welcome import examples_html

LETTERS = "ABCD"
MOST = 4
TIE, BAD = "tie", "both_bad"


@dataclass(frozen=True)
class Round:
    """One question on its way; ``names`` are in the order of the columns. Stays on the server."""

    question: str = ""
    names: tuple[str, ...] = ()
    blind: bool = True
    updates: tuple[ChatUpdate, ...] = ()
    done: bool = False
    vote: str = ""
    kept: tuple[Kept, ...] = ()
    key: str = field(default_factory=new_id)

    @property
    def hidden(self) -> bool:
        """Whether names, passages and figures must not be shown yet."""
        return self.blind and not self.vote and not self.broken

    @property
    def broken(self) -> bool:
        """Whether it ended with a column that has no whole answer; a vote on that would not be about answers."""
        return self.done and any(u.status != "done" or not u.generation.text for u in self.updates)

    @property
    def answered(self) -> bool:
        """Whether there is a vote to cast."""
        return self.done and not self.broken


class ComparePage:
    """The compare page's handlers for one language."""

    def __init__(self, page: Page, shuffle: random.Random | None = None) -> None:
        self.page = page
        self.words = page.words
        self.variants = page.services.variants
        self._random = shuffle or random.SystemRandom()

    def offered(self) -> list[str]:
        """Return the variants to choose from."""
        return self.variants.names()

    def start(self, question: str, names: Sequence[str], blind: bool) -> Generator[Round, None, None]:
        """Stream all answers together; the columns' order is drawn anew for every question.

        Raises:
            InputError: no question, or not two to four different variants.
        """
        if not question.strip():
            raise InputError(self.words("compare.none_yet"), "")
        if not 2 <= len(set(names)) == len(names) <= MOST:
            raise InputError(self.words("compare.choose"), "")
        order = list(names)
        self._random.shuffle(order)
        waiting = tuple(ChatUpdate("", Generation(), "searching") for _ in order)
        current = Round(question.strip(), tuple(order), blind, waiting)
        try:
            live = self.page.rounds.start(current.key, compare(self.variants, current.question, order), list(waiting))
        except BusyError as error:
            raise InputError(self.words("chat.full", n=error.ahead), "") from None
        try:
            yield current
            for updates in live.follow():
                current = replace(current, updates=tuple(updates))
                yield current
        finally:  # nobody else can see this round
            live.stopping.set()
        settled = [replace(u, status="stopped") if u.status in OPEN else u for u in live.value]
        yield replace(current, updates=tuple(settled), done=True)

    def stop(self, current: Round) -> None:
        """Stop all columns."""
        self.page.rounds.stop(current.key)

    def vote(self, current: Round, choice: str) -> Round:
        """Keep a vote and reveal what was hidden; ``choice`` is a column's letter, ``tie`` or ``both_bad``.

        Of a person who refused that anything is collected, nothing is kept.

        Raises:
            InputError: nothing to vote on, already voted, or no such column.
        """
        if not current.answered:
            raise InputError(self.words("compare.unfinished" if current.question else "compare.none_yet"), "")
        if current.vote:
            raise InputError(self.words("compare.voted"), "")
        letters = LETTERS[: len(current.names)]
        if choice not in (*letters, TIE, BAD):
            raise InputError(self.words("compare.vote"), "")
        chosen = current.names[letters.index(choice)] if choice in letters else choice
        if self.page.collects:
            self.page.services.store.add_vote(
                current.question,
                current.names,
                [update.generation.text for update in current.updates],
                [asdict(update.receipt) if update.receipt else {} for update in current.updates],
                chosen,
                blind=current.blind,
                language=language_of(current.question),
            )
        return replace(current, vote=chosen)

    def keep(self, current: Round, kind: str, answer: str) -> Round:
        """Keep the question with the answer it should have: ``item`` for evaluation, ``example`` for training.

        Raises:
            InputError: no vote yet, or no answer, or the person refused that anything is collected.
        """
        if not current.vote:
            raise InputError(self.words("compare.unfinished"), "")
        self.page.must_collect()
        home, language = self.page.services.home, language_of(current.question)
        if kind == "item":
            specs = {name: self.variants.spec(name) for name in self.offered() if name in ("tuned", "rag-tuned")}
            adapters = {name: spec.adapter for name, spec in specs.items() if spec.adapter}
            kept = keep_item(home, current.question, answer.splitlines(), language, adapters)
        else:
            kept = keep_example(home, current.question, answer, language)
        return replace(current, kept=(*(each for each in current.kept if each != kept), kept))

    def undo(self, current: Round, row: str) -> Round:
        """Take back what was kept; unknown rows change nothing."""
        for each in current.kept:
            if each.id == row:
                drop(self.page.services.home, each)
        return replace(current, kept=tuple(each for each in current.kept if each.id != row))

    def html(self, current: Round) -> str:
        """Return the columns, the vote bar and, after the vote, the score."""
        words = self.words
        if not current.question:
            said = element("p", escape(words("compare.empty")), class_="nothing")
            return element("div", said, examples_html(words), class_="columns-area")
        columns = [self._column(current, at) for at in range(len(current.names))]
        asked = element("h2", escape(current.question), class_="asked", tabindex=-1)
        grid = element("div", *columns, class_=f"columns n{len(columns)}")
        foot = self._keeping(current) + self._score(current) if current.vote else self._votes(current)
        return element("div", asked, grid, foot, class_="columns-area", data_key=current.key)

    def _column(self, current: Round, at: int) -> str:
        words, update, name, letter = self.words, current.updates[at], current.names[at], LETTERS[at]
        made = update.generation
        label = element("span", letter, class_="letter-mark", aria_hidden="true")
        shown = "" if current.hidden else badge(name, self.variants)
        best = element("span", icon("check"), escape(words("compare.reveal")), class_="best")
        head = element("header", label, shown, best if current.vote == name else "")
        if made.text:
            marks = () if current.hidden else range(1, len(made.passages) + 1)
            writing = " writing" if update.status == "streaming" else ""
            body = element(
                "div", markdown(made.text, marks, hide_marks=current.hidden), class_=f"said{writing}", dir_="auto"
            )
        elif update.status in ("searching", "streaming"):
            body = element("div", escape(words("chat.searching")), class_="waiting")
        else:
            body = ""
        parts = [head, body, self._note(current, update)]
        if not current.hidden:
            parts.append(sources_html(made.text, made.passages, words))
            if update.receipt and current.done:
                receipt = asdict(update.receipt)
                opener = act("receipt", words("chat.receipt"), icon("receipt"), local=True, aria_expanded="false")
                parts.append(element("div", figures_html(receipt, words), opener, class_="foot"))
                parts.append(element("div", receipt_html(receipt, words), class_="opened", hidden=True))
        kind = "" if current.hidden else f" v-{kind_of(name, self.variants)}"
        title = words("compare.column", letter=letter)
        return element("section", *parts, class_=f"answer-column{kind}", aria_label=title, id=f"column-{letter}")

    def _note(self, current: Round, update: ChatUpdate) -> str:
        if update.status == "stopped":
            return element("div", escape(self.words("state.stopped")), class_="notes")
        if update.status == "failed" or (current.done and not update.generation.text):
            # While it is blind, the reason would tell who is who: it names files and adapters.
            reason = "" if current.hidden else self.words.said(update.error)
            text = self.words("compare.failed") + (f": {reason}" if reason else "")
            return element("div", escape(text), class_="notes failed")
        return ""

    def _votes(self, current: Round) -> str:
        words = self.words
        if not current.done:
            return element("p", escape(words("compare.unfinished")), class_="help vote-help")
        if not current.answered:
            return element("p", escape(words("compare.broken")), class_="help vote-help")
        many = len(current.names) > 2
        choices = [(letter, letter, letter) for letter in LETTERS[: len(current.names)]]
        choices += [
            (TIE, words("compare.tie"), ""),
            (BAD, words("compare.all_bad" if many else "compare.both_bad"), ""),
        ]
        buttons = [
            element(
                "button",
                escape(shown),
                element("kbd", str(key), aria_hidden="true"),
                type="button",
                class_="vote",
                data_act="vote",
                data_choice=choice,
                data_key=key,
                aria_label=words("compare.column", letter=letter) if letter else shown,
            )
            for key, (choice, shown, letter) in enumerate(choices, 1)
        ]
        question = element(
            "span", escape(words("compare.vote_many" if many else "compare.vote")), class_="vote-question"
        )
        keys = element("span", escape(words("compare.keys", n=len(choices))), class_="keys")
        return element("div", question, element("div", *buttons, class_="votes", role="group"), keys, class_="vote-bar")

    def _keeping(self, current: Round) -> str:
        """Return the two ways to keep the question, and what was kept with its undo."""
        words = self.words
        chosen = current.names.index(current.vote) if current.vote in current.names else None
        best = plain_marks(current.updates[chosen].generation.text) if chosen is not None else ""
        parts = []
        for kind in ("item", "example"):
            label = words(f"collect.{kind}")
            opener = act("form", label, escape(label), local=True, class_="act-plain", data_to=kind)
            said = words("collect.label"), words(f"collect.{kind}_help"), words("collect.save")
            parts.append(element("div", opener, form_html(kind, best, *said, words), class_="keeping-one"))
        rows = [
            element(
                "p",
                icon("check"),
                escape(words("collect.kept", file=each.draft)),
                act("kept", words("collect.show"), escape(words("collect.show")), class_="link",
                    data_draft=each.draft, data_row=each.id),
                act("undo", words("collect.undo"), escape(words("collect.undo")), class_="link", data_row=each.id),
                class_="said-line",
                role="status",
            )
            for each in current.kept
        ]  # fmt: skip
        return element("div", *parts, *rows, class_="keeping")

    def _score(self, current: Round) -> str:
        counted = tally(self.page.services.store.votes(), current.names)
        words = self.words
        rows = [self._score_row(name, counted) for name in counted.wins]
        choice = {
            TIE: words("compare.tie"),
            BAD: words("compare.both_bad" if len(current.names) == 2 else "compare.all_bad"),
        }
        voted = words("compare.voted_for", choice=choice.get(current.vote, current.vote))
        return element(
            "div",
            element("p", escape(voted), class_="voted"),
            "" if self.page.collects else element("p", escape(words("review.not_collected")), class_="note"),
            element("h3", escape(words("compare.score"))),
            element("p", escape(score_line(counted, words)), class_="score-line", role="status"),
            *rows,
            class_="score",
        )

    def _score_row(self, name: str, counted: Tally) -> str:
        words = self.words
        low, high = counted.interval(name)
        share = counted.wins[name] / counted.decisive if counted.decisive else 0.0
        kind = kind_of(name, self.variants)
        band = element("i", class_="band", style=f"left:{100 * low:.1f}%;width:{100 * (high - low):.1f}%")
        dot = element("i", class_="dot", style=f"left:{100 * share:.1f}%")
        interval = words("compare.interval", low=f"{100 * low:.0f}", high=f"{100 * high:.0f}")
        return element(
            "div",
            badge(name, self.variants),
            element(
                "span", escape(words("compare.score_of", wins=counted.wins[name], n=counted.decisive)), class_="wins"
            ),
            element("span", band, dot, class_="track", aria_hidden="true") if counted.decisive else "",
            element("span", escape(interval), class_="figures") if counted.decisive else "",
            class_=f"score-row v-{kind}",
        )
