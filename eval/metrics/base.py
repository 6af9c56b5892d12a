"""What every metric shares: when it applies, when an answer is unscored, and how a set adds up.

A set-level figure is a function of *sums* of per-item vectors: a mean is ``sum(value) / sum(1)``,
macro F1 a function of summed true positives, predictions and truths per class. That one shape lets
``eval.stats`` resample clusters of any metric with one matrix product.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from eval.schema import Answer, Item, Score

if TYPE_CHECKING:
    import numpy as np

    from assistant.retrieval.embeddings import LiveEmbedder

Unit = Literal["fraction", "correlation", "tokens", "seconds", "tokens/second"]


@dataclass(frozen=True)
class Live:
    """What a run has that a text alone does not: the configured embedder, and what the judge said.

    ``judged`` holds, per metric, a score for every pair of :func:`said`.
    """

    embedder: "LiveEmbedder | None" = None
    judged: Mapping[str, Mapping[tuple[str, str], Score]] = field(default_factory=dict)


def said(item: Item, answer: Answer) -> tuple[str, str]:
    """Return what identifies an answer to an item for whoever judges it: words and passages, not who said them."""
    from assistant.schema import digest

    return item.id, digest([answer.text, [passage.text for passage in answer.passages]], 16)


class Metric:
    """A figure about an answer; subclasses give :meth:`value`.

    ``kinds`` are the task kinds it makes sense for, ``searches`` whether it looks at passages and
    so only applies to variants that retrieve; ``judged`` whether a judge model gives the scores.
    """

    name: ClassVar[str]
    higher_is_better: ClassVar[bool] = True
    unit: ClassVar[Unit] = "fraction"
    kinds: ClassVar[tuple[str, ...]] = ("qa",)
    searches: ClassVar[bool] = False
    judged: ClassVar[bool] = False

    def prepare(self, live: Live, items: Sequence[Item], answers: Sequence[Mapping[str, Answer]]) -> None:
        """Get ready for a run, once: ask in one go for what every score needs. By default nothing.

        Args:
            live: what the run has.
            items: those that apply.
            answers: of each variant, by item id.
        """

    def applies(self, item: Item) -> bool:
        """Return whether the item can be scored at all; others are no part of ``n`` or ``unscored``."""
        return True

    def value(self, item: Item, answer: Answer) -> Score:
        """Score an answer that exists."""
        raise NotImplementedError

    def score(self, item: Item, answer: Answer) -> Score:
        """Score an answer; one that failed is unscored with its reason, never 0."""
        if answer.error:
            return Score(None, answer.error)
        return self.value(item, answer)

    def vectors(self, scores: Sequence[Score]) -> "np.ndarray":
        """Return the summable form, shape ``(len(scores), d)``; every score must have a value."""
        import numpy as np

        return np.array([[score.value, 1.0] for score in scores], dtype=float).reshape(-1, 2)

    def statistic(self, sums: "np.ndarray") -> "np.ndarray":
        """Return the set-level figure from summed vectors, shape ``(..., d) -> (...)``."""
        result: np.ndarray = sums[..., 0] / sums[..., 1]
        return result

    @property
    def is_mean(self) -> bool:
        """Whether the set-level figure is the plain mean of the values."""
        return type(self).statistic is Metric.statistic


class TextMetric(Metric):
    """A metric against reference answers that treats refusals alike everywhere.

    An unanswerable item (no reference) scores 1 for a refusal and 0 for anything else; refusing an
    answerable item scores 0, whatever words the refusal shares with the reference. With several
    references the best one counts.
    """

    def value(self, item: Item, answer: Answer) -> Score:
        """Score against every reference, best one counts."""
        from assistant.prompts import is_refusal

        refused = is_refusal(answer.text)
        if item.unanswerable:
            return Score(float(refused), detail={"refused": refused})
        if refused:
            return Score(0.0, detail={"refused": True})
        return Score(max(self.against(answer.text, reference, item) for reference in item.reference))

    def against(self, text: str, reference: str, item: Item) -> float:
        """Return the similarity to one reference in 0..1."""
        raise NotImplementedError
