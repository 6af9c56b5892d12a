"""Did the search find the document that holds the answer?"""

from pathlib import PurePosixPath

from assistant.schema import normalise
from eval.metrics.base import Metric
from eval.schema import Answer, Item, Score


def same_document(found: str, wanted: str) -> bool:
    """Return whether two document names mean one file; a shorter name matches the end of a longer path."""
    left, right = (PurePosixPath(normalise(name)).parts for name in (found, wanted))
    shared = min(len(left), len(right))
    return shared > 0 and left[-shared:] == right[-shared:]


class RetrievalMetric(Metric):
    """A metric over the ranked passages; items without a known document are left out."""

    kinds = ("qa", "label")
    searches = True

    def applies(self, item: Item) -> bool:
        """Return whether the item names its document."""
        return bool(item.document)

    def rank(self, item: Item, answer: Answer) -> int:
        """Return the 1-based rank of the first passage of the right document; 0 where there is none."""
        for place, passage in enumerate(answer.passages, 1):
            if same_document(passage.document, item.document):
                return place
        return 0


class HitAtK(RetrievalMetric):
    """1 where any of the k passages comes from the right document."""

    name = "hit_at_k"

    def value(self, item: Item, answer: Answer) -> Score:
        """Score 1 or 0."""
        return Score(float(self.rank(item, answer) > 0))


class ReciprocalRank(RetrievalMetric):
    """1 / rank of the first right passage, 0 without one; its mean is MRR (Voorhees 1999, TREC-8)."""

    name = "mrr"

    def value(self, item: Item, answer: Answer) -> Score:
        """Return the reciprocal rank."""
        place = self.rank(item, answer)
        return Score(1.0 / place if place else 0.0)
