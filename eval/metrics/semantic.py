"""How close an answer's meaning is to the reference, by the app's configured embedder."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from assistant.schema import Language, language_of, normalise
from eval.metrics.base import Live, TextMetric
from eval.schema import Answer, Item, Score

if TYPE_CHECKING:
    import numpy as np


class SemanticSimilarity(TextMetric):
    """Cosine of the two texts' vectors, cut to 0..1.

    An embedder gives numbers for any text, also in a language it never learnt; these would look like
    scores and be noise. So items in a language that the embedder cannot read are unscored.
    """

    name = "semantic_similarity"

    def __init__(self) -> None:
        self._embedder = ""
        self._languages: tuple[Language, ...] = ()
        self._vectors: dict[str, np.ndarray] = {}

    def prepare(self, live: Live, items: Sequence[Item], answers: Sequence[Mapping[str, Answer]]) -> None:
        """Embed every distinct answer and reference of the readable items in one go."""
        if live.embedder is None:
            return
        identity = live.embedder.identity
        self._embedder, self._languages = identity.name, identity.languages
        texts: dict[str, None] = {}
        for item in items:
            if item.language in self._languages:
                given = [row[item.id].text for row in answers if item.id in row and not row[item.id].error]
                texts |= dict.fromkeys(normalise(text) for text in (*given, *item.reference) if text.strip())
        missing = [text for text in texts if text not in self._vectors]
        if missing:
            self._vectors |= dict(zip(missing, live.embedder.embed(missing), strict=True))

    def value(self, item: Item, answer: Answer) -> Score:
        """Score the closest reference; refusals as in every text metric."""
        if not self._embedder:
            return Score(None, "no embedder is at hand")
        for language in (item.language, language_of(answer.text) if answer.text.strip() else item.language):
            if language not in self._languages:
                return Score(None, f"the embedder {self._embedder!r} cannot read {_NAMES[language]}")
        return super().value(item, answer)

    def against(self, text: str, reference: str, item: Item) -> float:
        """Return the cosine; an empty text means nothing and gets 0."""
        left, right = self._vectors.get(normalise(text)), self._vectors.get(normalise(reference))
        if left is None or right is None:
            return 0.0
        return min(1.0, max(0.0, float(left @ right)))


_NAMES = {"ko": "Korean", "en": "English"}
