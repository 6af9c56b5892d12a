"""Figures that a judge model gives, computed by Ragas; here only when they apply and how they are looked up.

The asking is done before scoring by :mod:`eval.judge.session`, once for all variants; without a judge
every one of these is unscored.
"""

from collections.abc import Mapping, Sequence

from eval.metrics.base import Live, Metric, said
from eval.schema import Answer, Item, Score


class JudgedMetric(Metric):
    """A figure of Ragas (0.4, ``ragas.metrics.collections``), 0..1.

    ``reads_answer`` says whether the judge sees the answer itself; passages it sees where ``searches``.
    """

    judged = True
    reads_answer = True

    def __init__(self) -> None:
        self._judged: Mapping[tuple[str, str], Score] = {}

    def prepare(self, live: Live, items: Sequence[Item], answers: Sequence[Mapping[str, Answer]]) -> None:
        """Take what the judge said of this metric."""
        self._judged = live.judged.get(self.name, {})

    def applies(self, item: Item) -> bool:
        """Return whether the item can be answered and so has a reference to judge by."""
        return bool(item.reference)

    def settled(self, item: Item, answer: Answer) -> Score | None:
        """Return the score of an answer that no judge need look at: an empty one is 0."""
        return None if answer.text.strip() else Score(0.0)

    def value(self, item: Item, answer: Answer) -> Score:
        """Look the score up."""
        known = self.settled(item, answer)
        return known or self._judged.get(said(item, answer), Score(None, "no judge was asked"))


class _OverPassages(JudgedMetric):
    searches = True
    reads_answer = False

    def settled(self, item: Item, answer: Answer) -> Score | None:
        """A search that found nothing found nothing right."""
        return None if answer.passages else Score(0.0)


class Faithfulness(JudgedMetric):
    """Share of an answer's statements that its passages support; refusals and empty answers state nothing."""

    name = "faithfulness"
    searches = True

    def applies(self, item: Item) -> bool:
        """Return True: no reference is needed."""
        return True

    def settled(self, item: Item, answer: Answer) -> Score | None:
        """Return an unscored score where nothing is stated or nothing was shown."""
        from assistant.prompts import is_refusal

        if not answer.text.strip() or is_refusal(answer.text):
            return Score(None, "an empty answer or a refusal states nothing", {"cause": "nothing_stated"})
        if not answer.passages:
            return Score(None, "no passage was shown", {"cause": "no_passages"})
        return None


class ResponseRelevancy(JudgedMetric):
    """Cosine of the question and the one that the judge makes of the answer; evasive answers get 0.

    The judge is greedy, so one made-up question is asked for instead of Ragas' three equal ones. The
    vectors are the app's embedder's: for a language it cannot read this is unscored.
    """

    name = "response_relevancy"


class ContextPrecision(_OverPassages):
    """Average precision of the passages, each judged useful or not for the reference answer."""

    name = "context_precision"


class ContextRecall(_OverPassages):
    """Share of the reference's statements that the passages hold."""

    name = "context_recall"


class FactualCorrectness(JudgedMetric):
    """F1 of the answer's and the reference's statements, each checked against the other."""

    name = "factual_correctness"


class AnswerAccuracy(JudgedMetric):
    """Agreement with the reference, rated 0, 2 or 4 by two prompts and averaged."""

    name = "answer_accuracy"
