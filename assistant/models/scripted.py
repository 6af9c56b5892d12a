"""A deterministic model without weights, for tests and demos: rules first, else the passage, else an echo."""

import re
from collections.abc import Generator, Sequence

from assistant.adapters import Adapter
from assistant.errors import InputError
from assistant.models.context import fit
from assistant.models.stream_text import StopText
from assistant.schema import Delta, Message, Origin, Sampling, Usage, digest
from assistant.settings import EngineSettings, ModelSettings

Rule = tuple[str, str]
# Greetings only: what the demo says comes from the documents it is given.
RULES: tuple[Rule, ...] = (
    (r"^\s*(안녕|반가)", "안녕하세요! 무엇을 도와드릴까요?"),
    (r"(?i)^\s*(hi|hello)\b", "Hello! How can I help you?"),
)
_PASSAGE = re.compile(r"\[\d+\]\s*(.+(?:\n.+)*)")
_PIECE = re.compile(r"\s*\S+|\s+$")


class ScriptedModel:
    """Answers word by word, always alike.

    Args:
        backend: whose identity the answers carry.
        rules: pairs of a regular expression searched in the newest message and its answer.
    """

    def __init__(self, backend: "ScriptedBackend", rules: Sequence[Rule] = RULES) -> None:
        self._backend = backend
        self._rules = [(re.compile(pattern), answer) for pattern, answer in rules]
        self.window = backend.window

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return the number of words, which are this model's tokens."""
        return sum(len(message.content.split()) for message in messages)

    def reply(self, message: str) -> str:
        """Return the whole answer to one message."""
        for pattern, answer in self._rules:
            if pattern.search(message):
                return answer
        passage = _PASSAGE.search(message)
        if passage:
            body = passage[1].strip().splitlines()[-1]  # a heading may stand above it
            return re.split(r"(?<=[.!?])\s", body)[0]
        return message.strip().splitlines()[-1] if message.strip() else ""

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Generator[Delta, None, None]:
        """Yield the answer in words; see ``protocols.ChatModel``."""
        yield Delta()  # closing lands before any work, as with a real model
        fitted = fit(messages, self.window, self.count_tokens)
        for notice in fitted.notices:
            yield Delta(notice=notice)
        pieces = _PIECE.findall(self.reply(fitted.messages[-1].content))
        stops = StopText(sampling.stop)
        used = 0
        for piece in pieces[: sampling.max_tokens]:
            used += 1
            text = stops.add(piece)
            if text:
                yield Delta(text=text)
            if stops.hit:
                break
        if not stops.hit and (rest := stops.finish()):
            yield Delta(text=rest)
        usage = Usage(self.count_tokens(fitted.messages), used)
        cut = not stops.hit and len(pieces) > sampling.max_tokens
        yield Delta(usage=usage, finish="length" if cut else "stop", origin=Origin(self._backend.base))


class ScriptedBackend:
    """The scripted model as a backend; it has no weights, so it takes no adapter."""

    def __init__(self, rules: Sequence[Rule] = RULES, window: int = 4096) -> None:
        self.base_hash = digest([list(rule) for rule in rules], 64)
        self.base = f"scripted@{self.base_hash[:8]}"
        self.window = window
        self._rules = rules

    def model(self, adapter: Adapter | None = None) -> ScriptedModel:
        """Return the model.

        Raises:
            InputError: an adapter was asked for.
        """
        if adapter is not None:
            raise InputError(f"the scripted model cannot carry adapter {adapter.name!r}", "choose a real base model")
        return ScriptedModel(self, self._rules)

    def memory_mb(self) -> float:
        """Return 0: nothing is held."""
        return 0.0

    def close(self) -> None:
        """Do nothing; there is nothing to free."""


def open_scripted(settings: ModelSettings, engine: EngineSettings) -> ScriptedBackend:
    """Open the scripted model with its built-in rules."""
    return ScriptedBackend(window=settings.window or 4096)
