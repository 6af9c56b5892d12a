"""The passages a training row sees: what retrieval really brings, less what would give the answer away."""

import random
from collections.abc import Sequence

from assistant.dataset import Example
from assistant.protocols import Retriever
from assistant.schema import Passage, normalise
from tuning.schema import Retrieval

# How much deeper than k the search goes for ``missed: recover`` and to replace passages left out.
DEEPER = 12


class RowRetriever:
    """The real retriever, minus what a row must not see, or another question's passages."""

    def __init__(self, inner: Retriever, how: Retrieval, examples: Sequence[Example]) -> None:
        self.inner, self.how = inner, how
        self.groups = {normalise(row.question).strip(): row.group for row in examples}
        self.row = examples[0]
        self.other: Example | None = None
        self.random = random.Random(0)

    def search(self, query: str, k: int) -> list[Passage]:
        """Return at most ``k`` passages that this row may see, or those of another question."""
        if self.other is not None:
            return self._wrong(self.other.question, k)
        found = self._allowed(self.inner.search(query, k + (DEEPER if self.how.leave_out == "group" else 1)))
        kept = found[:k]
        if self.how.missed == "recover" and kept and not answered(self.row, kept):
            deeper = self._allowed(self.inner.search(query, k + DEEPER))
            right = next((passage for passage in deeper if answered(self.row, [passage])), None)
            if right is not None:
                kept = [*kept[: k - 1], right]
                self.random.shuffle(kept)
        return kept

    def _wrong(self, query: str, k: int) -> list[Passage]:
        return [passage for passage in self.inner.search(query, k + 2) if not answered(self.row, [passage])][:k]

    def _allowed(self, passages: Sequence[Passage]) -> list[Passage]:
        return [passage for passage in passages if not self._own(passage)]

    def _own(self, passage: Passage) -> bool:
        text = normalise(passage.text)
        if normalise(self.row.question).strip() in text:
            return True
        if self.how.leave_out == "question" or not self.row.group:
            return False
        return any(group == self.row.group and question in text for question, group in self.groups.items())


class FixedPassages:
    """The passages that a row brings along."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts

    def search(self, query: str, k: int) -> list[Passage]:
        """Return all of them, whatever is asked."""
        return [Passage(f"row-{index}", "row", index, text, 1.0) for index, text in enumerate(self.texts)]


def answered(row: Example, passages: Sequence[Passage]) -> bool:
    """Return whether an accepted answer stands in the passages (in the row's own document, if it names one)."""
    named = str(row.extra.get("document") or "")
    wanted = [normalise(text).casefold() for text in (row.answer, *(row.references or ())) if text]
    for passage in passages:
        if named and not (named.endswith(passage.document) or passage.document.endswith(named)):
            continue
        text = normalise(passage.text).casefold()
        if any(answer in text for answer in wanted):
            return True
    return False
