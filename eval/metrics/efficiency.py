"""What an answer costs: tokens and seconds. Never a primary metric; seconds are under the run's load."""

from pathlib import Path

from eval.metrics.base import Metric
from eval.schema import Answer, Item, Score


class _Efficiency(Metric):
    kinds = ("qa", "label")
    higher_is_better = False


class PromptTokens(_Efficiency):
    """Tokens read per answer."""

    name, unit = "prompt_tokens", "tokens"

    def value(self, item: Item, answer: Answer) -> Score:
        """Return the count."""
        return Score(float(answer.prompt_tokens))


class CompletionTokens(_Efficiency):
    """Tokens written per answer."""

    name, unit = "completion_tokens", "tokens"

    def value(self, item: Item, answer: Answer) -> Score:
        """Return the count."""
        return Score(float(answer.completion_tokens))


class Seconds(_Efficiency):
    """Seconds from asking to the last token, while the run keeps the batch full."""

    name, unit = "seconds", "seconds"

    def value(self, item: Item, answer: Answer) -> Score:
        """Return the time."""
        return Score(answer.seconds)


class FirstTokenSeconds(_Efficiency):
    """Seconds to the first token; an answer without any text has none."""

    name, unit = "first_token_seconds", "seconds"

    def value(self, item: Item, answer: Answer) -> Score:
        """Return the time."""
        first = answer.first_token_seconds
        return Score(first, "" if first is not None else "no text came")


class TokensPerSecond(_Efficiency):
    """Tokens written per second of the whole answer."""

    name, unit, higher_is_better = "tokens_per_second", "tokens/second", True

    def value(self, item: Item, answer: Answer) -> Score:
        """Return the rate."""
        if answer.seconds <= 0:
            return Score(None, "no time was measured")
        return Score(answer.completion_tokens / answer.seconds)


def adapter_megabytes(folder: Path) -> float:
    """Return what an adapter takes on disk, in 10^6 bytes: weights and whatever is needed to load them."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
