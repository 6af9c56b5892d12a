"""Items of a suite: JSONL or CSV rows -> ``Item``, checked in one pass that reports every bad line."""

import json
from pathlib import Path
from typing import Any

from assistant.lazy import nearest
from assistant.schema import Language, Message, Shot, digest, language_of, normalise
from eval.metrics.labels import json_object
from eval.schema import Item, Kind
from eval.strict import complain, read_rows

KEYS = {"question", "reference", "group", "language", "slice", "history", "label", "document"}
# Keys other tools write beside ours; anything else that looks like a misspelt key is refused.
KNOWN_OTHERS = {"id", "fact", "answer", "passages", "source", "notes", "tags", "origin", "synthetic", "confirmed"}
MISSPELT = 0.8
GENERATED = "generated"  # the slice of items that a model made and a person confirmed


class _Bad(ValueError):
    pass


def read_items(path: Path, kind: Kind) -> tuple[tuple[Item, ...], tuple[str, ...]]:
    """Return the items of a JSONL or CSV file and warnings about rows left out.

    Defaults: ``language`` is recognised, ``group`` is the document or, without one, the row itself.

    Raises:
        InputError: the file is empty, or rows are bad; names file:line of each.
    """
    items: dict[str, Item] = {}
    problems: dict[int, str] = {}
    warnings: list[str] = []
    for line, row in read_rows(path):
        try:
            if isinstance(row, str):
                raise _Bad(row)
            item = _item(row, line, kind)
        except _Bad as problem:
            problems[line] = str(problem)
            continue
        first = items.get(item.id)
        if first is None:
            items[item.id] = item
        elif (first.reference, first.label) == (item.reference, item.label):
            warnings.append(f"{path.name}:{line}: same question as line {first.line}; left out")
        else:
            problems[line] = f"same question as line {first.line}, but another reference"
    if problems:
        raise complain(path, problems, "mend these lines; the README's 'A suite of your own' shows the format")
    if not items:
        raise complain(path, {1: "no items"}, "add one row an item: question, reference, group, language")
    made = sum(item.slice == GENERATED for item in items.values())
    if made:
        warnings.append(f"{path.name}: {made} of {len(items)} items were made by a model and confirmed by a person")
    return tuple(items.values()), tuple(warnings)


def _item(row: dict[str, Any], line: int, kind: Kind) -> Item:
    _refuse_misspelt(row)
    if row.get("synthetic") and not row.get("confirmed"):
        raise _Bad("synthetic: a model made this row and nobody has confirmed it; accept it in the review queue first")
    _refuse_surrogates(row)
    question = _text(row, "question", needed=True)
    reference = _reference(row, kind)
    language = _text(row, "language") or language_of(question)
    if language not in ("ko", "en"):
        raise _Bad(f"language: expected 'ko' or 'en', got {language!r:.40}")
    document, *more = _documents(row)
    label, fields = _gold(row, reference) if kind == "label" else ("", {})
    checked: Language = "ko" if language == "ko" else "en"
    return Item(
        question=question,
        reference=reference,
        group=_text(row, "group") or document or f"line {line}",
        language=checked,
        slice=_text(row, "slice") or (GENERATED if row.get("synthetic") else ""),
        history=_history(row),
        document=document,
        label=label,
        fields=fields,
        line=line,
        more_documents=tuple(more),
    )


def _refuse_surrogates(row: dict[str, Any]) -> None:
    for key, value in row.items():
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise _Bad(f"{key}: broken Unicode (a lone surrogate)") from None


def _documents(row: dict[str, Any]) -> list[str]:
    """Return the documents that hold the answer; ``document`` is one name or a list of them."""
    value = row.get("document")
    if not isinstance(value, list):
        return [_text(row, "document")]
    if not value or not all(isinstance(name, str) and name for name in value):
        raise _Bad(f"document: expected a name or a list of names, got {value!r:.60}")
    return [normalise(name) for name in value]


def _refuse_misspelt(row: dict[str, Any]) -> None:
    from difflib import get_close_matches

    for key in row:
        if key not in KEYS | KNOWN_OTHERS and get_close_matches(key, KEYS - set(row), n=1, cutoff=MISSPELT):
            raise _Bad(f"{key}: unknown key; {nearest(key, KEYS - set(row))}")


def _text(row: dict[str, Any], key: str, *, needed: bool = False) -> str:
    value = row.get(key)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or (needed and not value.strip()):
        raise _Bad(f"{key}: expected a text, got {value!r:.60}")
    return normalise(value)


def _reference(row: dict[str, Any], kind: Kind) -> tuple[str, ...]:
    value = row.get("reference")
    if value is None:  # rows of a dataset have an answer instead
        value = (row.get("label") if kind == "label" else None) or row.get("answer")
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(each, str) and each.strip() for each in value):
        raise _Bad(f"reference: expected a text, a list of texts, or [] for 'not answerable', got {value!r:.60}")
    return tuple(normalise(each) for each in value)


def _gold(row: dict[str, Any], reference: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    if len(reference) != 1:
        raise _Bad("reference: a label item needs exactly one")
    found = json_object(reference[0])
    label = _text(row, "label") or (str(found.get("label", "")) if found else reference[0].strip())
    if not label:
        raise _Bad("label: missing, and the reference's JSON has no 'label' either")
    if found and "label" in found and str(found["label"]) != label:
        raise _Bad(f"label: {label!r:.40} differs from the reference's {str(found['label'])!r:.40}")
    return label, {key: str(value) for key, value in (found or {}).items() if key != "label"}


def _history(row: dict[str, Any]) -> tuple[Message, ...]:
    turns = row.get("history") or []
    if not isinstance(turns, list):
        raise _Bad(f"history: expected a list of turns, got {turns!r:.60}")
    found = []
    for turn in turns:
        role = turn.get("role") if isinstance(turn, dict) else None
        content = turn.get("content") if isinstance(turn, dict) else None
        if role not in ("user", "assistant") or not isinstance(content, str):
            raise _Bad('history: each turn needs "role" (user or assistant) and "content"')
        found.append(Message(role, normalise(content)))
    return tuple(found)


def read_examples(path: Path) -> tuple[Shot, ...]:
    """Return the solved examples of a JSONL file (``answer``, else the first reference).

    Follow-ups are left out: an example without its conversation would mislead.

    Raises:
        InputError: bad rows; names file:line of each.
    """
    problems: dict[int, str] = {}
    found: list[Shot] = []
    for line, row in read_rows(path):
        try:
            if isinstance(row, str):
                raise _Bad(row)
            question = _text(row, "question", needed=True)
            reference = row.get("reference")
            answer = row.get("answer") or (reference[0] if isinstance(reference, list) and reference else reference)
            if not isinstance(answer, str) or not answer:
                raise _Bad("answer: missing")
            if not row.get("history"):
                language: Language = "ko" if (row.get("language") or language_of(question)) == "ko" else "en"
                found.append(Shot(question, normalise(answer), language))
        except _Bad as problem:
            problems[line] = str(problem)
    if problems:
        raise complain(path, problems, "each example needs 'question' and 'answer'")
    return tuple(found)


def pick_shots(examples: tuple[Shot, ...], count: int, seed: int = 0) -> tuple[Shot, ...]:
    """Return ``count`` examples per language, spread over labels where answers repeat, reproducibly.

    The order is a hash of seed and text: no library's generator decides which examples are seen.
    """
    chosen: list[Shot] = []
    languages: tuple[Language, ...] = ("ko", "en")
    for language in languages:
        pool = [shot for shot in examples if shot.language == language]
        pool.sort(key=lambda shot: digest([seed, shot.question, shot.answer]))
        seen: dict[str, int] = {}
        ranked: list[tuple[int, int, Shot]] = []
        for place, shot in enumerate(pool):
            found = json_object(shot.answer)
            key = str(found.get("label")) if found else shot.answer
            seen[key] = seen.get(key, 0) + 1
            ranked.append((seen[key], place, shot))
        chosen.extend(shot for _, _, shot in sorted(ranked, key=lambda entry: entry[:2])[:count])
    return tuple(chosen)
