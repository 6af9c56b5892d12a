"""Small helpers on words: Korean particles, normalised text, hashes, seeded random sources."""

from __future__ import annotations

import hashlib
import random
import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

Language = Literal["ko", "en"]
LANGUAGES: tuple[Language, Language] = ("ko", "en")
Messages = list[tuple[str, str]]
REFUSAL: dict[str, str] = {
    "ko": "문서에서 답을 찾을 수 없어요.",
    "en": "I can't find that in the documents.",
}
_PARTICLE = re.compile(r"\[([가-힣]*)/([가-힣]*)\]")
_NO_FINAL_SOUND = "24579aeiouwyAEIOUWY"


@dataclass(slots=True)
class Sample:
    """One training example: messages, or for ``plain`` a text as its only message's content."""

    skill: str
    messages: Messages

    @property
    def is_plain(self) -> bool:
        """Whether the sample is text to continue and no conversation."""
        return len(self.messages) == 1 and self.messages[0][0] == "text"


def stream(*parts: int | str) -> random.Random:
    """Return a random source that depends on ``parts`` only, the same on every machine."""
    return random.Random("/".join(map(str, parts)))


def has_final(text: str) -> bool:
    """Return whether the last syllable read aloud ends in a consonant (numbers and letters guessed)."""
    bare = text.rstrip("'\"’”)]》」.,!? ")
    if not bare:
        return False
    last = bare[-1]
    if "가" <= last <= "힣":
        return (ord(last) - ord("가")) % 28 != 0
    return last not in _NO_FINAL_SOUND


def ends_in_rieul(text: str) -> bool:
    """Return whether the last syllable ends in ㄹ, after which ``로`` stands and not ``으로``."""
    bare = text.rstrip("'\"’”)]》」.,!? ")
    if not bare:
        return False
    return bare[-1] in "178l" if not "가" <= bare[-1] <= "힣" else (ord(bare[-1]) - ord("가")) % 28 == 8


def particles(text: str) -> str:
    """Resolve every ``[은/는]`` (after a consonant / after a vowel) by the syllable before it."""

    def choose(match: re.Match[str]) -> str:
        before = text[: match.start()]
        if match[1] == "으로" and ends_in_rieul(before):
            return match[2]
        return match[1] if has_final(before) else match[2]

    return _PARTICLE.sub(choose, text)


def fill(template: str, **values: str) -> str:
    """Put values into ``{slots}`` and resolve particles; an English sentence gets its capital."""
    for name, value in values.items():
        template = template.replace("{" + name + "}", value)
    text = particles(template)
    return text[:1].upper() + text[1:] if text[:1].isascii() else text


def squeeze(text: str) -> str:
    """Return NFC text with every run of white space as one space."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def text_hash(text: str) -> int:
    """Return a 64-bit number that depends on letters and digits alone, so layout does not matter."""
    plain = re.sub(r"[\W_]+", "", unicodedata.normalize("NFC", text).casefold())
    return int.from_bytes(hashlib.sha256(plain.encode()).digest()[:8], "big")


def language_of(text: str) -> Language:
    """Return ``ko`` where a fifth of the letters or more are Hangul."""
    letters = [c for c in text if c.isalpha()]
    korean = sum("가" <= c <= "힣" for c in letters)
    return "ko" if letters and korean >= len(letters) / 5 else "en"


def sentences(text: str) -> list[str]:
    """Split a paragraph at sentence ends; abbreviations and initials are not split at."""
    parts = re.split(r"(?<=[.!?。][\"'”’)])\s+|(?<=[a-z0-9가-힣%)][.!?])\s+(?=[\"“‘'(A-Z0-9가-힣《<])", text)
    return [part.strip() for part in parts if part and part.strip()]


def window(text: str, answer: str, limit: int, rng: random.Random) -> str:
    """Return whole sentences around ``answer``, at most about ``limit`` characters in all.

    The answer stays in; where it stands in the window is drawn at random.
    """
    if len(text) <= limit:
        return text
    parts = sentences(text)
    homes = [i for i, part in enumerate(parts) if answer in part]
    if not homes:
        start = max(0, text.find(answer) - rng.randint(0, max(0, limit - len(answer) - 1)))
        return text[start : start + limit].strip()
    low = high = homes[0]
    size = len(parts[low])
    while True:
        options = [i for i in (low - 1, high + 1) if 0 <= i < len(parts) and size + len(parts[i]) < limit]
        if not options:
            return " ".join(parts[low : high + 1])
        pick = rng.choice(options)
        size += len(parts[pick]) + 1
        low, high = min(low, pick), max(high, pick)
