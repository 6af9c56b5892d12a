"""Token F1: overlap of content words, Korean by morphemes."""

from collections import Counter

from eval.metrics.base import TextMetric
from eval.metrics.text import clean, tokens
from eval.schema import Item


class TokenF1(TextMetric):
    """Harmonic mean of word precision and recall as multisets (Rajpurkar et al. 2016, section 6.1)."""

    name = "token_f1"

    def against(self, text: str, reference: str, item: Item) -> float:
        """Return F1 in 0..1."""
        words, wanted = tokens(text, item.language), tokens(reference, item.language)
        if not wanted or not words:
            return float(clean(text) == clean(reference))
        shared = sum((Counter(words) & Counter(wanted)).values())
        return 2.0 * shared / (len(words) + len(wanted))
