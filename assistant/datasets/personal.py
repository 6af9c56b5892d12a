"""Personal data in text: numbers and addresses of machines are masked, names and places flagged for review.

presidio-analyzer is not used. Its engine loads spaCy and a language model before the first pattern runs,
while all that is masked here is a pattern, a check and the words around it; those fit in two files, run
without a model, and are measured by ``python -m assistant.datasets.pii_benchmark``.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from assistant.datasets.recognisers import RECOGNISERS, REVIEWS, Recogniser
from assistant.datasets.rows import Row

Action = Literal["masked", "review", "kept"]

# One character for one, so that places in the folded text are places in the text.
_FOLD = str.maketrans("０１２３４５６７８９－‐‑‒–—−＠．（）＋：", "0123456789-------@.()+:")
_BEFORE, _AFTER = 24, 12
_SENTENCE = re.compile(r"(?<!\b[Nn]o)[.!?。]\s|\n|\d{3,}")
# Nine digits, as the shortest number has, or the sign of an address or passport: a date or a price has neither.
_WORTH_A_LOOK = re.compile(r"\d(?:[ .()-]*\d){8}|\d\.\d{1,3}\.\d|@|[0-9a-f]:[0-9a-f:]|[A-Z]{1,2}\d", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One piece of personal data: its kind, where it stands, and what became of it."""

    kind: str
    start: int
    end: int
    confidence: float
    action: Action = "masked"
    key: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the finding for the audit; the text itself is never part of it."""
        return asdict(self)


def find(text: str) -> list[Finding]:
    """Return the numbers, mail and machine addresses of persons in a text, in order, without overlaps."""
    if not _WORTH_A_LOOK.search(text if text.isascii() else text.translate(_FOLD)):
        return []
    folded = text.translate(_FOLD)
    found = [finding for recogniser in RECOGNISERS for finding in _matches(recogniser, folded)]
    chosen: list[Finding] = []
    for finding in sorted(found, key=lambda each: -each.confidence):
        if all(finding.end <= other.start or finding.start >= other.end for other in chosen):
            chosen.append(finding)
    return sorted(chosen, key=lambda each: each.start)


def _matches(recogniser: Recogniser, text: str) -> Iterator[Finding]:
    for match in recogniser.pattern.finditer(text):
        piece = match[0].rstrip(" .-")
        confidence = recogniser.check(piece, "".join(char for char in piece if char.isdigit()))
        if not confidence:
            continue
        start, end = match.start(), match.start() + len(piece)
        before, after = _near(text[max(0, start - _BEFORE) : start]), _until(text[end : end + _AFTER])
        needed = _last(recogniser.needs, before)
        ruled_out = _last(recogniser.never, before)
        if ruled_out > needed or (recogniser.never is not None and _counted(after)):
            continue
        if needed >= 0 or _last(recogniser.needs, after) >= 0:
            confidence = min(1.0, confidence + 0.3)
        if confidence >= max(recogniser.sure, 0.5):
            yield Finding(recogniser.kind, start, end, round(confidence, 2))


def _near(before: str) -> str:
    """Return what stands before a number in its sentence, back to another number: words there are about that one."""
    return _SENTENCE.split(before)[-1]


def _until(after: str) -> str:
    """Return what stands after a number in its sentence, up to another number."""
    return _SENTENCE.split(after)[0]


def _last(words: re.Pattern[str] | None, text: str) -> int:
    """Return where the last of some words stands, -1 for none; the nearest word decides what a number is."""
    return max((match.start() for match in words.finditer(text)), default=-1) if words else -1


def _counted(after: str) -> bool:
    """Return whether a unit follows: then it is an amount."""
    return bool(re.match(r"\s?(?:원(?![가-힣])|개(?![가-힣])|권|명|건|won\b|KRW\b|USD\b|kg\b|km\b|%)", after))


def review(text: str) -> list[Finding]:
    """Return what may be names and postal addresses: for a person to look at, never masked by itself."""
    found: list[Finding] = []
    for kind, pattern in REVIEWS:
        for match in pattern.finditer(text):
            start, end = match.span(match.lastindex or 0)
            if all(end <= other.start or start >= other.end for other in found):
                found.append(Finding(kind, start, end, 0.5, "review"))
    return sorted(found, key=lambda each: each.start)


def masked(text: str, findings: list[Finding]) -> str:
    """Return a text with each finding replaced by its kind, e.g. ``[PHONE]``."""
    for finding in reversed(findings):
        text = f"{text[: finding.start]}[{finding.kind.upper()}]{text[finding.end :]}"
    return text


# Marks of a row that people do not write in.
_UNTOUCHED = frozenset({"language", "split", "recipe", "role", "type"})
# Marks that keep rows together: of different persons they must stay different.
_GROUPING = frozenset({"group", "user", "document", "author"})
# Keys whose names say nothing of what stands under them.
_PLAIN_KEYS = frozenset({"question", "answer", "content", "value", "text", "chosen", "rejected", "completion"})


def _find_under(name: str, value: str) -> list[Finding]:
    """Return what is found in a value; its key counts among the words around it."""
    if name in _PLAIN_KEYS or not name:
        return find(value)
    lead = f"{name}: "
    found = (replace(each, start=each.start - len(lead), end=each.end - len(lead)) for each in find(lead + value))
    return [each for each in found if each.start >= 0]


def _pseudonym(text: str, findings: list[Finding]) -> str:
    """Return a masked text that differs where the persons do.

    Two bytes of a hash: few rows share them, and of a hundred million telephone numbers a thousand and more do, so
    that nobody can tell from them whose it was.
    """
    mark = hashlib.sha256(text.encode()).hexdigest()[:4]
    return "".join([masked(text, findings), f"-{mark}"])


def treat_row(row: Row, mask: bool = True) -> tuple[Row, list[Finding]]:
    """Return a row with its personal data masked (or only looked for), and all findings with their keys."""
    findings: list[Finding] = []

    def walk(value: Any, key: str) -> Any:
        name = key.rpartition(".")[2]
        number = isinstance(value, int) and not isinstance(value, bool)
        if isinstance(value, str) or number:
            direct = _find_under(name, str(value))
            action: Action = "review" if key == "id" else "masked" if mask else "kept"
            findings.extend(Finding(f.kind, f.start, f.end, f.confidence, action, key) for f in direct)
            if number or name in {"id", *_GROUPING}:
                return _pseudonym(str(value), direct) if action == "masked" and direct else value
            findings.extend(Finding(f.kind, f.start, f.end, f.confidence, "review", key) for f in review(value))
            return masked(value, direct) if action == "masked" and direct else value
        if isinstance(value, Mapping):
            return {
                name: item if name in _UNTOUCHED else walk(item, f"{key}.{name}" if key else name)
                for name, item in value.items()
            }
        if isinstance(value, list):
            return [walk(item, f"{key}[{index}]") for index, item in enumerate(value)]
        return value

    fresh = walk(row, "")
    return (fresh if mask else row), findings
