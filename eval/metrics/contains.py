"""Whether the reference occurs in a longer answer."""

from eval.metrics.base import TextMetric
from eval.metrics.text import clean, tokens
from eval.schema import Item


class Contains(TextMetric):
    """1 where a reference's content words occur in the answer in one piece.

    Kinder than exact match to whole sentences, and blind to what else the answer says.
    """

    name = "contains"

    def against(self, text: str, reference: str, item: Item) -> float:
        """Return 1.0 or 0.0."""
        words, wanted = tokens(text, item.language), tokens(reference, item.language)
        if not wanted:
            return float(clean(reference) in clean(text))
        span = len(wanted)
        return float(any(words[at : at + span] == wanted for at in range(len(words) - span + 1)))
