"""ROUGE-L: the longest common subsequence of content words, Korean by morphemes."""

from eval.metrics.base import TextMetric
from eval.metrics.text import clean, tokens
from eval.schema import Item


class RougeL(TextMetric):
    """ROUGE-L F1 (Lin 2004, https://aclanthology.org/W04-1013, section 3.1, beta = 1): word order counts, gaps do not.

    Over the words of :mod:`eval.metrics.text`. The usual ROUGE tokenizers drop every Hangul letter,
    so that any two Korean texts would score 0.
    """

    name = "rouge_l"

    def against(self, text: str, reference: str, item: Item) -> float:
        """Return F1 in 0..1."""
        from rapidfuzz.distance import LCSseq

        words, wanted = tokens(text, item.language), tokens(reference, item.language)
        if not wanted or not words:
            return float(clean(text) == clean(reference))
        return 2.0 * LCSseq.similarity(words, wanted) / (len(words) + len(wanted))
