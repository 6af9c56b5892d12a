"""The questions that a run puts to its judge, each with a key, and the score that every answer has by them.

A key says all that a reply depends on (metric version, judge, item, answer), so two variants that say
the same are judged once, and nothing is asked again in another run.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, cast

from assistant.errors import UnavailableError
from assistant.schema import Language, digest
from eval.judge.aids import Aids
from eval.judge.executor import Work
from eval.judge.pairwise import both_orders, prefer
from eval.judge.prompts import question_of, version
from eval.judge.ragas_calls import load_ragas, ragas_score
from eval.judge.rubric import grade, version_of
from eval.metrics import metric_named
from eval.metrics.base import said
from eval.metrics.judged import JudgedMetric
from eval.metrics.token_f1 import TokenF1
from eval.replicates import names_of
from eval.schema import TUNED, UNTUNED, Answer, Approach, Item, Score, Suite

if TYPE_CHECKING:
    from eval.arena.pairs import Pair

# Newest votes of people that the judge is asked about too.
MOST_VOTES = 300
Found = Mapping[str, Score]


class RubricMetric(JudgedMetric):
    """A criterion of the user's own; also for items without a reference."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name  # type: ignore[misc]

    def applies(self, item: Item) -> bool:
        """Return True."""
        return True


class Questions:
    """What is asked about one run.

    Args:
        suite: with judged metrics or a ``judge`` key.
        answers: by variant (and further adapter of one, see :mod:`eval.replicates`) and item id, complete.
        approaches: by variant.
        aids: embedder and votes.
        judge: the judge's identity.
    """

    def __init__(
        self,
        suite: Suite,
        answers: Mapping[str, Mapping[str, Answer]],
        approaches: Mapping[str, Approach],
        aids: Aids,
        judge: str,
    ) -> None:
        self.suite, self.answers, self.approaches, self.judge = suite, answers, approaches, judge
        names = [name for name in suite.metrics if metric_named(name).judged]
        self._ragas = {name: cast(JudgedMetric, metric_named(name)) for name in names}
        rubric = suite.judge.rubric if suite.judge else None
        self._criteria = {each.metric: each for each in (rubric.criteria if rubric else ())}
        self.metrics = {**self._ragas, **{name: RubricMetric(name) for name in self._criteria}}
        self._embedder = aids.opened() if "response_relevancy" in self._ragas else None
        self.preferred = self.pairs() if suite.judge and suite.judge.pairwise else []
        self.votes = [pair for pair in aids.votes if pair.outcome != "bad"][-MOST_VOTES:] if self.preferred else []
        self._broken, self._version = "", ""
        if self._ragas:
            try:
                self._version = load_ragas()
            except UnavailableError as error:
                self._broken = error.message

    def pairs(self) -> list[tuple[str, str]]:
        """Return the pairs the verdict is about: tuned with untuned; all of them where that leaves none.

        Of a variant with several adapters the first one's answers are preferred or not.
        """
        tuned = [name for name, approach in self.approaches.items() if approach in TUNED]
        untuned = [name for name, approach in self.approaches.items() if approach in UNTUNED]
        return [(a, b) for a in tuned for b in untuned] or list(combinations(self.approaches, 2))

    def variants(self, metric: JudgedMetric) -> list[str]:
        """Return the variants that a metric looks at."""
        if not metric.searches:
            return list(self.approaches)
        return [
            name
            for name, approach in self.approaches.items()
            if "rag" in approach or any(answer.query is not None for answer in self.answers[name].values())
        ]

    def works(self) -> dict[str, Work]:
        """Return every question by key."""
        works: dict[str, Work] = {}
        for name, metric in self.metrics.items():
            if name in self._ragas and self._broken:
                continue
            for item in self.suite.items:
                for variant in self.variants(metric) if metric.applies(item) else ():
                    for answer in (self.answers[each][item.id] for each in names_of(self.suite, variant)):
                        if not answer.error and metric.settled(item, answer) is None:
                            works[self._key(name, item, answer)] = self._work(name, item, answer)
        for first, second in self.preferred:
            for item in self.suite.items:
                one, other = (self.answers[name][item.id] for name in (first, second))
                if not (one.error or other.error) and one.text.strip() != other.text.strip():
                    reference = reference_for(item, one)
                    works |= self._both(question_of(item), item.language, one.text, other.text, reference)
        for vote in self.votes:
            works |= self._both(vote.question, language_of_vote(vote), vote.first_answer, vote.second_answer, "")
        return works

    def judged(self, found: Found) -> dict[str, dict[tuple[str, str], Score]]:
        """Return what was found per metric and answer, as :class:`eval.metrics.base.Live` wants it."""
        judged: dict[str, dict[tuple[str, str], Score]] = {name: {} for name in self.metrics}
        for name in self.metrics:
            for item in self.suite.items:
                for row in self.answers.values():
                    score = found.get(self._key(name, item, row[item.id]))
                    if name in self._ragas and self._broken:
                        score = Score(None, self._broken, {"cause": "ragas"})
                    if score is not None:
                        judged[name][said(item, row[item.id])] = score
        return judged

    def preference(self, item: Item, first: str, second: str, found: Found) -> Score:
        """Return one variant's score against another on an item; equal words are a tie that needs no judge."""
        one, other = (self.answers[name][item.id] for name in (first, second))
        if one.error or other.error:
            return Score(None, one.error or other.error, {"cause": "no_answer"})
        if one.text.strip() == other.text.strip():
            return Score(0.5)
        return self._in_both(question_of(item), one.text, other.text, reference_for(item, one), found)

    def on_vote(self, vote: "Pair", found: Found) -> Score:
        """Return the judge's score for the first answer of a person's pair."""
        return self._in_both(vote.question, vote.first_answer, vote.second_answer, "", found)

    def _in_both(self, question: str, one: str, other: str, reference: str, found: Found) -> Score:
        there, back = (self._order(question, a, b, reference) for a, b in ((one, other), (other, one)))
        return both_orders(found[there], found[back])

    def _key(self, name: str, item: Item, answer: Answer) -> str:
        if name in self._criteria:
            how = version_of(self._criteria[name])
        else:
            embedder = self._embedder.identity.hash if self._embedder and name == "response_relevancy" else ""
            how = f"ragas {self._version} {embedder}"
        metric, reference = self.metrics[name], reference_for(item, answer)
        # Only what the judge is shown: equal words from two variants are one question.
        seen = [answer.text if metric.reads_answer else "", [p.text for p in answer.passages if metric.searches]]
        return digest([name, how, self.judge, item.language, item.id, reference, seen], 32)

    def _work(self, name: str, item: Item, answer: Answer) -> Work:
        reference, embedder = reference_for(item, answer), self._embedder
        if name in self._criteria:
            return lambda client: grade(client, self._criteria[name], item, answer, reference)
        return lambda client: ragas_score(name, client, item, answer, reference, embedder)

    def _both(self, question: str, language: Language, one: str, other: str, reference: str) -> dict[str, Work]:
        def work(first: str, second: str) -> Work:
            return lambda client: prefer(client, question, language, first, second, reference)

        orders = ((one, other), (other, one))
        return {self._order(question, a, b, reference): work(a, b) for a, b in orders}

    def _order(self, question: str, first: str, second: str, reference: str) -> str:
        return digest(["pairwise", version(), self.judge, question, reference, first, second], 32)


def reference_for(item: Item, answer: Answer) -> str:
    """Return the accepted answer that is closest to the given one by token F1, "" where there is none."""
    if len(item.reference) < 2:
        return item.reference[0] if item.reference else ""
    return max(item.reference, key=lambda reference: TokenF1().against(answer.text, reference, item))


def language_of_vote(vote: "Pair") -> Language:
    """Return the language that a vote's question was asked in."""
    return "ko" if vote.language == "ko" else "en"
