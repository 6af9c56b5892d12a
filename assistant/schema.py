"""Frozen values that every part of Joyul speaks in; no behaviour beyond folding and hashing."""

import hashlib
import json
import time
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

Role = Literal["system", "user", "assistant"]
Finish = Literal["stop", "length", "loop", "cancelled", "error"]
Language = Literal["ko", "en"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn; temperature 0 is greedy."""

    max_tokens: int = 128
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    repetition_penalty: float = 1.0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one answer."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document that was found for a question.

    ``score`` is the fused score in 0..1; ``keyword_score`` (BM25) and ``meaning_score`` (cosine)
    are None where that half of the search did not see the passage. ``start`` counts characters
    from the beginning of the document's extracted text.
    """

    document_id: str
    document: str
    chunk: int
    text: str
    score: float
    keyword_score: float | None = None
    meaning_score: float | None = None
    start: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know about an answer; ``key`` is a locale key under ``notice``."""

    key: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Origin:
    """What really produced an answer, as reported by the model itself, never by the caller."""

    base: str
    adapter: str | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """One step of a streamed answer; every field is optional and only news is set."""

    text: str = ""
    passages: tuple[Passage, ...] | None = None
    query: str | None = None
    notice: Notice | None = None
    usage: Usage | None = None
    origin: Origin | None = None
    finish: Finish | None = None


@dataclass(frozen=True, slots=True)
class Generation:
    """A whole answer: the fold of its deltas. Times are seconds since the stream was asked for."""

    text: str = ""
    passages: tuple[Passage, ...] = ()
    query: str | None = None
    notices: tuple[Notice, ...] = ()
    usage: Usage = field(default_factory=Usage)
    origin: Origin | None = None
    finish: Finish = "error"
    first_token_seconds: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Shot:
    """One worked example shown to the model."""

    question: str
    answer: str
    language: Language = "en"


@dataclass(frozen=True, slots=True)
class Variant:
    """A way of answering: model + adapter + prompt recipe + retriever + sampling.

    A specification, not the live object; ``assistant.variants.build_variant`` makes that.
    ``model`` names an entry of the settings (``default`` is the configured one); ``adapter`` an
    installed adapter; ``recipe`` a file in ``assistant/prompts``; ``collection`` the documents
    searched when the recipe wants passages; ``shots`` the examples when it wants some; ``system``
    an instruction for all languages, or (language, text) pairs.
    """

    name: str
    model: str = "default"
    adapter: str | None = None
    recipe: str = "zero_shot"
    collection: str = "documents"
    k: int = 2
    shots: tuple[Shot, ...] = ()
    system: str | tuple[tuple[str, str], ...] = ""
    sampling: Sampling = field(default_factory=Sampling)

    def instruction(self, language: Language) -> str:
        """Return the variant's own instruction in a language."""
        return self.system if isinstance(self.system, str) else dict(self.system).get(language, "")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What produced one answer, complete enough to run it again (``joyul replay``)."""

    variant: str
    fingerprint: str
    base: str
    adapter: str | None
    recipe: str
    query: str | None
    sampling: Sampling
    prompt_tokens: int
    completion_tokens: int
    first_token_seconds: float | None
    seconds: float
    finish: Finish


class Fold:
    """Accumulates deltas into a :class:`Generation`; usable while the stream still runs."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._parts: list[str] = []
        self.generation = Generation()

    def add(self, delta: Delta) -> Generation:
        """Take in one delta and return the answer so far."""
        now = time.perf_counter() - self._started
        current = self.generation
        if delta.text:
            self._parts.append(delta.text)
        first = current.first_token_seconds
        self.generation = replace(
            current,
            text="".join(self._parts),
            passages=current.passages if delta.passages is None else delta.passages,
            query=delta.query or current.query,
            notices=(*current.notices, delta.notice) if delta.notice else current.notices,
            usage=delta.usage or current.usage,
            origin=delta.origin or current.origin,
            finish=delta.finish or current.finish,
            first_token_seconds=now if first is None and delta.text else first,
            seconds=now,
        )
        return self.generation


def collect(deltas: Iterable[Delta]) -> Generation:
    """Fold a whole stream into one answer."""
    fold = Fold()
    for delta in deltas:
        fold.add(delta)
    return fold.generation


def normalise(text: str) -> str:
    """Return ``text`` in Unicode NFC, so that composed and decomposed Hangul are one."""
    return unicodedata.normalize("NFC", text)


def well_formed(text: str) -> str:
    """Return ``text`` with every lone surrogate, which no file and no connection can carry, as U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def language_of(text: str) -> Language:
    """Return ``ko`` where Hangul is at least a fifth of the letters, else ``en``."""
    letters = [char for char in normalise(text) if char.isalpha()]
    hangul = sum("가" <= char <= "힣" or "ㄱ" <= char <= "ㅣ" for char in letters)
    return "ko" if letters and hangul * 5 >= len(letters) else "en"


def digest(value: Any, length: int = 12) -> str:
    """Return a short SHA-256 of a value's canonical JSON; dataclasses count as dictionaries."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=asdict)
    return hashlib.sha256(text.encode()).hexdigest()[:length]
