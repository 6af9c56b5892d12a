"""Did the search find the document that holds the answer?"""

from math import log2
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
        """Return the 1-based rank of the first passage of a right document; 0 where there is none."""
        return min((place for place in self.ranks(item, answer) if place), default=0)

    def ranks(self, item: Item, answer: Answer) -> list[int]:
        """Return, for each right document, the 1-based rank of its first passage; 0 where there is none."""
        return [
            next((at for at, passage in enumerate(answer.passages, 1) if same_document(passage.document, wanted)), 0)
            for wanted in (item.document, *item.more_documents)
        ]


class HitAtK(RetrievalMetric):
    """1 where any of the k passages comes from a right document."""

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


class RecallAtK(RetrievalMetric):
    """Share of the right documents among the k passages; equals hit@k where an item names one document."""

    name = "recall_at_k"

    def value(self, item: Item, answer: Answer) -> Score:
        """Return the share."""
        places = self.ranks(item, answer)
        return Score(sum(place > 0 for place in places) / len(places))


class NDCG(RetrievalMetric):
    """Normalised discounted cumulative gain with binary relevance (Järvelin and Kekäläinen 2002, TOIS 20(4)).

    A document gains once, at its first passage: further passages of it bring no new document.
    """

    name = "ndcg"

    def value(self, item: Item, answer: Answer) -> Score:
        """Return the gain over that of all right documents on top."""
        places = self.ranks(item, answer)
        gain = sum(1.0 / log2(place + 1) for place in places if place)
        return Score(gain / sum(1.0 / log2(place + 1) for place in range(1, len(places) + 1)))
