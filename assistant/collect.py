"""What people keep while they use the app: questions become evaluation items, better answers training examples.

Two drafts in the state folder, one JSON object a line: ``suites/collected.jsonl`` beside a suite
that ``joyul eval run`` takes as it is, and ``datasets/collected.jsonl`` for ``joyul tune run``.
"""

import json
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from assistant.errors import InputError, ResourceError
from assistant.files import write_whole
from assistant.paths import Home
from assistant.schema import Language, Message, digest, normalise

ITEMS, EXAMPLES = "suites/collected.jsonl", "datasets/collected.jsonl"
SYNTHETIC = "datasets/synthetic.jsonl"  # rows that a model made; they wait for a person
SUITE = "suites/collected.yaml"
_LOCK = threading.Lock()
_HEAD = "# Questions kept on the Compare page. Run it with: joyul eval run collected\n"


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a row went: the draft's path inside the state folder, and the row's id."""

    draft: str
    id: str


def keep_item(
    home: Home, question: str, references: Sequence[str], language: Language, adapters: Mapping[str, str] | None = None
) -> Kept:
    """Keep a question as an evaluation item.

    Args:
        home: the state folder.
        question: what was asked.
        references: accepted answers, any of which is right.
        language: of the question.
        adapters: for ``tuned`` and ``rag-tuned``, should the suite be written now.

    Raises:
        InputError: no question or no answer.
        ResourceError: it cannot be written.
    """
    accepted = [normalise(each.strip()) for each in references if each.strip()]
    row = {"question": normalise(question.strip()), "reference": accepted, "language": language}
    if not accepted or not row["question"]:
        raise InputError("an evaluation item needs a question and an answer", "write the accepted answer")
    row["id"] = row["group"] = digest(row)
    kept = _keep(home, ITEMS, row)
    suite = home.root / SUITE
    if not suite.exists():
        variants: dict[str, Any] = {"zero-shot": None, "rag": None}
        variants |= {name: {"adapter": adapter} for name, adapter in (adapters or {}).items()}
        title = {"ko": "모아 둔 질문", "en": "Collected questions"}
        values = {"suite": "collected", "title": title, "kind": "qa", "items": Path(ITEMS).name, "variants": variants}
        _write(suite, _HEAD + yaml.safe_dump(values, allow_unicode=True, sort_keys=False))
    return kept


def keep_example(home: Home, question: str, answer: str, language: Language, history: Sequence[Message] = ()) -> Kept:
    """Keep an answer as it should have been as a training example.

    Raises:
        InputError: no question or no answer.
        ResourceError: it cannot be written.
    """
    row: dict[str, Any] = {"question": normalise(question.strip()), "answer": normalise(answer.strip())}
    if not all(row.values()):
        raise InputError("a training example needs a question and an answer", "write the answer")
    row |= {"language": language, "history": [asdict(each) for each in history]}
    row["id"] = digest(row)
    return _keep(home, EXAMPLES, row)


def keep_rows(home: Home, draft: str, rows: Sequence[Mapping[str, Any]]) -> int:
    """Append rows that have ids, but none twice; return how many are new.

    Raises:
        InputError: the draft is none of ours.
        ResourceError: it cannot be written.
    """
    with _LOCK:
        text = read(home, draft)
        known = set(map(_id, text.splitlines()))
        fresh = {str(row["id"]): row for row in rows if row["id"] not in known}
        if fresh:
            if text and not text.endswith("\n"):  # a person's editor may leave the last line open
                text += "\n"
            _write(
                home.root / draft, text + "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in fresh.values())
            )
    return len(fresh)


def drop(home: Home, kept: Kept) -> None:
    """Take a row back.

    Raises:
        InputError: the draft is none of ours.
        ResourceError: it cannot be written.
    """
    with _LOCK:
        lines = [line for line in read(home, kept.draft).splitlines() if _id(line) != kept.id]
        _write(home.root / kept.draft, "".join(f"{line}\n" for line in lines))


def read(home: Home, draft: str) -> str:
    """Return a draft's text; empty where nothing is kept.

    Raises:
        InputError: the draft is none of ours.
    """
    if draft not in (ITEMS, EXAMPLES, SYNTHETIC):
        raise InputError(f"no draft {draft[:80]!r}", "reload the page")
    with suppress(FileNotFoundError):
        return (home.root / draft).read_text(encoding="utf-8")
    return ""


def _keep(home: Home, draft: str, row: Mapping[str, Any]) -> Kept:
    """Append a row unless it is there."""
    keep_rows(home, draft, [row])
    return Kept(draft, str(row["id"]))


def _id(line: str) -> str:
    try:
        row = json.loads(line)
    except ValueError:
        return ""
    return str(row.get("id", "")) if isinstance(row, dict) else ""


def _write(file: Path, text: str) -> None:
    """Replace a file whole or not at all."""
    try:
        write_whole(file, [text])
    except OSError as error:
        raise ResourceError(f"cannot keep it in {file}: {error.strerror}", "free some space and try again") from error
