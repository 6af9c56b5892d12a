"""chrF by sacrebleu: character n-gram F-score, at home in both languages."""

from typing import Any

from assistant.schema import normalise
from eval.metrics.base import TextMetric
from eval.schema import Item


class ChrF(TextMetric):
    """Sentence chrF (n = 6, beta = 2; Popović 2015, https://aclanthology.org/W15-3049) as a fraction."""

    name = "chrf"

    def __init__(self) -> None:
        self._scorer: Any = None

    def against(self, text: str, reference: str, item: Item) -> float:
        """Return chrF / 100."""
        if self._scorer is None:
            from sacrebleu.metrics.chrf import CHRF

            self._scorer = CHRF()
        return float(self._scorer.sentence_score(normalise(text), [normalise(reference)]).score) / 100.0
