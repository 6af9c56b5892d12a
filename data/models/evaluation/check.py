"""Check the held-out reading sets beside this file.

Run `python data/models/evaluation/check.py`. Every failure is printed as `file:line: what`, and the exit status is
then 1. Nothing is downloaded, nothing is written, and the outcome depends on the two files alone.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections import defaultdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
KEYS = ["id", "language", "subject", "passage", "question", "reference"]
SUBJECTS = 24
ANSWERED = 96
UNANSWERED = 24
PER_PASSAGE = 4
# Words of an English passage, characters of a Korean one.
LENGTH = {"en": (70, 180), "ko": (200, 420)}


def row_problems(row: dict[str, Any], language: str) -> list[str]:
    """What is wrong with one row, taken by itself.

    Args:
        row: The decoded line.
        language: `en` or `ko`, as the file's name says.

    Returns:
        One sentence for each fault; empty when the row is sound.
    """
    if list(row) != KEYS:
        return [f"keys are {list(row)}, not {KEYS}"]
    reference = row["reference"]
    if not all(isinstance(row[key], str) and row[key].strip() == row[key] != "" for key in KEYS[:-1]):
        return ["every key but reference holds trimmed, non-empty text"]
    if not isinstance(reference, list) or not all(isinstance(item, str) and item.strip() for item in reference):
        return ["reference is not a list of non-empty text"]
    problems = []
    passage, question = row["passage"], row["question"]
    if row["language"] != language or not re.fullmatch(rf"prose-{language}-\d{{3}}-\d+", row["id"]):
        problems.append(f"language or id does not fit {language}")
    if any(not unicodedata.is_normalized("NFC", text) for text in (row["subject"], passage, question, *reference)):
        problems.append("text is not NFC")
    low, high = LENGTH[language]
    size = len(passage.split()) if language == "en" else len(passage)
    if not low <= size <= high:
        problems.append(f"passage has length {size}, not {low} to {high}")
    if not question.endswith("?"):
        problems.append("question does not end in a question mark")
    if len(set(reference)) != len(reference):
        problems.append("reference repeats an entry")
    if reference:
        # An English span ends at word boundaries; in Korean a particle may follow it.
        right = r"(?!\w)" if language == "en" else ""
        if not re.search(rf"(?<!\w){re.escape(reference[0])}{right}", passage):
            problems.append(f"canonical reference is not in the passage: {reference[0]}")
        if reference[0] in question:
            problems.append("question contains its answer")
    return problems


def file_problems(path: Path, language: str) -> tuple[list[tuple[int, str]], str]:
    """Check one file.

    Args:
        path: The JSON Lines file.
        language: `en` or `ko`.

    Returns:
        The faults with their line numbers (1 for a fault of the whole file), and a one-line count.
    """
    problems: list[tuple[int, str]] = []
    first: dict[str, int] = {}
    passages: dict[str, tuple[str, str]] = {}
    answered: defaultdict[str, int] = defaultdict(int)
    unanswered = 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            problems.append((number, f"not JSON: {error}"))
            continue
        found = row_problems(row, language) if isinstance(row, dict) else ["not an object"]
        problems.extend((number, problem) for problem in found)
        if found:
            continue
        if line != json.dumps(row, ensure_ascii=False):
            problems.append((number, "not written as json.dumps(row, ensure_ascii=False) writes it"))
        for name in ("id", "question"):
            if (seen := first.setdefault(f"{name} {row[name]}", number)) != number:
                problems.append((number, f"{name} already on line {seen}"))
        group = row["id"].rpartition("-")[0]
        if passages.setdefault(group, (row["subject"], row["passage"])) != (row["subject"], row["passage"]):
            problems.append((number, f"subject or passage differs within {group}"))
        answered[group] += bool(row["reference"])
        unanswered += not row["reference"]
    subjects = {subject for subject, _ in passages.values()}
    texts = {passage for _, passage in passages.values()}
    if len(subjects) != len(passages) or len(texts) != len(passages):
        problems.append((1, "two passages share a subject or a text"))
    total = sum(answered.values())
    for name, count, least in (
        ("subjects", len(subjects), SUBJECTS),
        ("answerable questions", total, ANSWERED),
        ("unanswerable questions", unanswered, UNANSWERED),
    ):
        if count < least:
            problems.append((1, f"{count} {name}, at least {least} wanted"))
    problems.extend(
        (1, f"{group} has {count} answerable questions, at least {PER_PASSAGE} wanted")
        for group, count in answered.items()
        if count < PER_PASSAGE
    )
    return problems, f"{path.name}: {len(subjects)} passages, {total} answerable, {unanswered} unanswerable"


def main() -> int:
    """Check both files and print what was found.

    Returns:
        0 when both are sound, otherwise 1.
    """
    failed = False
    for language in ("en", "ko"):
        path = HERE / f"prose_{language}.jsonl"
        problems, summary = file_problems(path, language)
        for number, problem in problems:
            print(f"{path}:{number}: {problem}", file=sys.stderr)
        failed = failed or bool(problems)
        print(summary)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
