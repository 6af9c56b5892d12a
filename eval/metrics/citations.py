"""Whether the numbers an answer cites point at passages, and whether these say what the sentence says."""

import re
from collections.abc import Iterator, Sequence

from assistant.citations import false_marks
from eval.metrics.base import Metric
from eval.metrics.text import tokens
from eval.schema import Answer, Item, Score

_MARK = re.compile(r"\[(\d{1,2})\]")
# A sentence takes the marks behind its full stop with it; a stop inside a number ends nothing.
_SENTENCE = re.compile(r".+?(?:[.!?。…](?=\s|\[|$)(?:\s*\[\d{1,2}\])*|\n|$)", re.DOTALL)
# Half of the words is also what the app's own attribution asks for (``assistant.citations``).
SHARE = 0.5
STRETCH = 2


class _CitationMetric(Metric):
    searches = True

    def value(self, item: Item, answer: Answer) -> Score:
        """Score an answer that cites; one that cites nothing has nothing to check."""
        if not _MARK.search(answer.text):
            return Score(None, "the answer cites nothing")
        return self.checked(item, answer)

    def checked(self, item: Item, answer: Answer) -> Score:
        """Score an answer with at least one mark."""
        raise NotImplementedError


class CitationsExist(_CitationMetric):
    """Share of the distinct numbers cited that belong to a passage which was shown."""

    name = "citations_exist"

    def checked(self, item: Item, answer: Answer) -> Score:
        """Return the share; the false numbers are in the detail."""
        cited = {int(number) for number in _MARK.findall(answer.text)}
        false = false_marks(answer.text, answer.passages)
        return Score(1.0 - len(false) / len(cited), detail={"false": false})


class CitationsSupport(_CitationMetric):
    """Share of the citations whose passage holds their sentence in one stretch.

    A stretch of the passage twice as long as the sentence must hold at least half of the sentence's
    content words and every number in it. That is a check of words, not of logic: it finds passages
    about something else and wrong figures, and cannot see a lost "not".
    """

    name = "citations_support"

    def checked(self, item: Item, answer: Answer) -> Score:
        """Return the share over all (sentence, mark) pairs; unsupported numbers are in the detail."""
        checks = [
            (number, 1 <= number <= len(answer.passages) and holds(answer.passages[number - 1].text, sentence, item))
            for sentence, number in cited_sentences(answer.text)
        ]
        false = sorted({number for number, right in checks if not right})
        return Score(sum(right for _, right in checks) / len(checks), detail={"unsupported": false})


def cited_sentences(text: str) -> Iterator[tuple[str, int]]:
    """Yield every sentence without its marks, once for each number it cites.

    A sentence of marks alone speaks for the sentence before it.
    """
    before = ""
    for match in _SENTENCE.finditer(text):
        plain = _MARK.sub(" ", match[0]).strip(" .,;\n")
        before = plain or before
        for number in _MARK.findall(match[0]):
            yield before, int(number)


def holds(passage: str, sentence: str, item: Item) -> bool:
    """Return whether one stretch of the passage holds half of the sentence's words and all its numbers."""
    wanted, found = tokens(sentence, item.language), tokens(passage, item.language)
    if not wanted:
        return False
    numbers = {word for word in wanted if any(char.isdigit() for char in word)}
    length = STRETCH * len(wanted)
    return any(
        _share(wanted, window) >= SHARE and numbers <= set(window)
        for window in (found[at : at + length] for at in range(max(1, len(found) - length + 1)))
    )


def _share(wanted: Sequence[str], window: Sequence[str]) -> float:
    inside = set(window)
    return sum(word in inside for word in wanted) / len(wanted)
