"""Rows that judge answers: a better and a worse one (pairs), or one answer and whether it is good (labels).

They are read and rendered like any other row, from the project's own forms::

    {"question": "...", "chosen": "...", "rejected": "..."}
    {"question": "...", "answer": "...", "label": true}

with ``messages`` instead of ``question`` where there is a conversation; and from OpenAI's, whose rows
have ``input``, ``preferred_output`` and ``non_preferred_output``
(https://platform.openai.com/docs/guides/direct-preference-optimization).
"""

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from assistant.dataset import Example, read_examples
from assistant.errors import InputError
from assistant.schema import Message
from tuning.formats import TrainingRow
from tuning.methods import Rows, load_method
from tuning.methods.classifier import label_fields
from tuning.schema import TuneRecipe

MAX_PROBLEMS = 50
_KEYS: dict[Rows, str] = {"pairs": "'chosen' and 'rejected'", "labels": "'answer' and 'label' (true or false)"}


def read_training(path: Path, rows: Rows, encoding: str) -> list[Example]:
    """Read the rows that a method learns from; a pair's better answer becomes the row's ``answer``.

    Raises:
        InputError: as :func:`assistant.dataset.read_examples`; or a row is not judged, or no label task's.
    """
    if rows in ("answers", "classes"):
        examples = read_examples(path, encoding=encoding, need_answer=True)
        if rows == "classes":
            label_fields([row.answer for row in examples], path.name)
        return examples
    examples = _read(path, encoding)
    problems = [f"{row.source}: {problem}" for row in examples if (problem := _problem(row, rows))]
    if problems:
        shown = problems[:MAX_PROBLEMS]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise InputError(f"{shown[0]}{more}", f"every row needs {_KEYS[rows]}; mend {path.name}", problems=shown)
    if rows == "labels" and len({row.extra["label"] for row in examples}) == 1:
        only = str(examples[0].extra["label"]).lower()
        raise InputError(f"{path.name}: every label is {only}", "kto needs good and bad answers; add some of the other")
    return [replace(row, answer=row.extra["chosen"]) for row in examples] if rows == "pairs" else examples


def _read(path: Path, encoding: str) -> list[Example]:
    """Read rows; OpenAI's preference form is turned into ours line by line, so that places stay true."""
    try:
        text = path.read_text(encoding)
    except (OSError, UnicodeError, LookupError):
        text = ""  # the reader says what is wrong with it
    if '"preferred_output"' not in text:
        return read_examples(path, encoding=encoding)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_text("".join(_ours(line) + "\n" for line in text.splitlines()), encoding)
        return read_examples(copy, encoding=encoding)


def _ours(line: str) -> str:
    """Return a line of OpenAI's form in ours; one that is neither stays as it is, for the reader to refuse."""
    try:
        row = json.loads(line)
        messages = [{"role": turn["role"], "content": turn["content"]} for turn in row["input"]["messages"]]
        chosen, rejected = (row[key][-1]["content"] for key in ("preferred_output", "non_preferred_output"))
    except (ValueError, KeyError, IndexError, TypeError):
        return line
    return json.dumps({"messages": messages, "chosen": chosen, "rejected": rejected}, ensure_ascii=False)


def _problem(row: Example, rows: Rows) -> str:
    if rows == "labels":
        if not row.answer.strip():
            return "answer: missing"
        return (
            "" if isinstance(row.extra.get("label"), bool) else f"label: expected true or false, {_found(row, 'label')}"
        )
    for key in ("chosen", "rejected"):
        value = row.extra.get(key)
        if not isinstance(value, str) or not value.strip():
            return f"{key}: expected text, {_found(row, key)}"
    if row.extra["chosen"].strip() == row.extra["rejected"].strip():
        return "chosen and rejected are the same: nothing to prefer"
    return ""


def _found(row: Example, key: str) -> str:
    value: Any = row.extra.get(key)
    return f"found {value!r:.60}" if value is not None else "found none"


def as_judged(recipe: TuneRecipe) -> TuneRecipe:
    """Return the recipe so that rendering leaves judged answers alone: none becomes a refusal, no plain row joins."""
    changes: dict[str, Any] = {"replay": None}
    if recipe.retrieval is not None:
        changes["retrieval"] = recipe.retrieval.model_copy(update={"missed": "keep", "wrong_share": 0.0})
    return recipe if load_method(recipe.method).rows == "answers" else recipe.model_copy(update=changes)


def with_judgement(
    rows: Sequence[TrainingRow],
    examples: Sequence[Example],
    kind: Rows,
    shorten: Callable[[Sequence[int], Message, str], tuple[int, ...]],
) -> list[TrainingRow]:
    """Return rendered rows with what their examples say about answers.

    Args:
        rows: rendered with each example's ``answer``.
        examples: what they were rendered from.
        kind: what the method learns from.
        shorten: encodes another answer to a row's prompt.
    """
    if kind in ("answers", "classes"):
        return list(rows)
    judged = {example.source or example.id: example.extra for example in examples}
    made = []
    for row in rows:
        extra = judged[row.source]
        if kind == "labels":
            made.append(replace(row, good=extra["label"]))
        else:
            worse = shorten(row.prompt_ids, row.messages[-1], extra["rejected"])
            made.append(replace(row, rejected=extra["rejected"], rejected_ids=worse))
    return made
