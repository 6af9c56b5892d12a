"""From tokens to text a person may see: whole characters only, stop strings never shown."""

from collections.abc import Callable, Sequence

_BROKEN = "\N{REPLACEMENT CHARACTER}"


class Detokeniser:
    """Decodes a growing answer piece by piece.

    A Hangul syllable is three bytes and may be spread over tokens; text is held back while it ends
    in a broken character. Only the tokens since the last settled place are decoded again, with the
    settled ones before them as context, since a tokenizer may treat the first token differently.

    Args:
        decode: token ids to text, special tokens skipped.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._ids: list[int] = []
        self._context = 0
        self._settled = 0

    def add(self, tokens: Sequence[int]) -> str:
        """Take in new tokens and return the text that is now certain."""
        self._ids.extend(tokens)
        known = self._decode(self._ids[self._context : self._settled])
        text = self._decode(self._ids[self._context :])
        if text.endswith(_BROKEN) or len(text) <= len(known):
            return ""
        self._context, self._settled = self._settled, len(self._ids)
        return text[len(known) :].replace(_BROKEN, "")

    def finish(self) -> str:
        """Return what was held back and is whole after all; a half syllable at the cut is dropped."""
        known = self._decode(self._ids[self._context : self._settled])
        return self._decode(self._ids[self._context :])[len(known) :].replace(_BROKEN, "")


class StopText:
    """Cuts an answer at the first stop string, holding back what might become one.

    Args:
        stops: the strings; empty ones are ignored.
    """

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self.hit = False
        self.watching = bool(self._stops)

    def add(self, text: str) -> str:
        """Take in text and return what may be shown; after ``hit`` nothing more is."""
        if self.hit:
            return ""
        if not self._stops:
            return text
        self._held += text
        # The one that is complete first ends the answer, so it does not matter how the text arrived in pieces.
        found = [(place + len(stop), place) for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if found:
            self.hit = True
            shown, self._held = self._held[: min(found)[1]], ""
            return shown
        keep = max(_overlap(self._held, stop) for stop in self._stops)
        shown = self._held[: len(self._held) - keep]
        self._held = self._held[len(shown) :]
        return shown

    def finish(self) -> str:
        """Return what is still held back at the end of the answer."""
        held, self._held = self._held, ""
        return held


class AnswerText:
    """What may be shown of an answer, token by token.

    White space at its beginning is dropped: byte-level tokenizers mark a word by the space before it.

    Args:
        decode: token ids to text, special tokens skipped.
        stops: strings that end the answer.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str], stops: Sequence[str] = ()) -> None:
        self._letters = Detokeniser(decode)
        self._stops = StopText(stops)
        self._begun = False
        self.used = 0  # tokens, those after a stop string not counted

    @property
    def stopped(self) -> bool:
        """Whether a stop string has come."""
        return self._stops.hit

    def add(self, tokens: Sequence[int]) -> str:
        """Take in new tokens and return the text they add."""
        if not self._stops.watching:
            self.used += len(tokens)
            return self._shown(self._letters.add(tokens))
        text = ""
        for token in tokens:
            if self.stopped:
                break
            self.used += 1
            text += self._stops.add(self._letters.add([token]))
        return self._shown(text)

    def finish(self) -> str:
        """Return what was held back and belongs to the answer."""
        if self.stopped:
            return ""
        rest = self._stops.add(self._letters.finish())
        return self._shown(rest if self.stopped else rest + self._stops.finish())

    def _shown(self, text: str) -> str:
        text = text if self._begun else text.lstrip()
        self._begun = self._begun or bool(text)
        return text


def _overlap(text: str, stop: str) -> int:
    """Return the length of the longest end of ``text`` that begins ``stop``."""
    for size in range(min(len(text), len(stop) - 1), 0, -1):
        if stop.startswith(text[-size:]):
            return size
    return 0
