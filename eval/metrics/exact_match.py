"""Exact match after normalisation."""

from eval.metrics.base import TextMetric
from eval.metrics.text import clean, tokens
from eval.schema import Item


class ExactMatch(TextMetric):
    """1 where the content words equal a reference's, in order (Rajpurkar et al. 2016, normalised)."""

    name = "exact_match"

    def against(self, text: str, reference: str, item: Item) -> float:
        """Return 1.0 or 0.0."""
        left, right = tokens(text, item.language), tokens(reference, item.language)
        # A reference of symbols only has no content words; then the cleaned text decides.
        return float(left == right if right else clean(text) == clean(reference))
