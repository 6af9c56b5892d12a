"""Votes in files: JSONL (one vote a line) and CSV (for spreadsheets), both read back as they were."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, get_args

from assistant.dataset_rows import parse_object, show
from assistant.datasets.cells import neutral, restored
from assistant.datasets.writers import new_file
from assistant.errors import InputError, UsageError
from assistant.judgements import MOST_COMPARED, vote_problem
from assistant.records import Vote
from assistant.schema import Language

MAX_PROBLEMS = 50
MAX_CELL = 16_000_000
LATEST = 1e11
LANGUAGES: tuple[str, ...] = get_args(Language)
_KEYS = tuple(field.name for field in fields(Vote))
_OPTIONAL = {"task", "suite", "item"}
_LISTS = {"variants": "variant", "answers": "answer", "receipts": "receipt"}
_TEXTS = {"id": 32, "author": 64, "task": 64, "suite": 128, "choice": 128, "item": None, "question": None}
_COLUMNS = (
    *(key for key in _KEYS if key not in _LISTS),
    *(f"{name}_{n}" for n in range(1, MOST_COMPARED + 1) for name in _LISTS.values()),
)
_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")

Place = tuple[int, dict[str, Any]]


def write_votes(path: Path, votes: Sequence[Vote]) -> None:
    """Write votes as the file's ending says; the file appears whole or not at all, readable by its owner only.

    Raises:
        UsageError: an ending other than .jsonl or .csv.
        ResourceError: it cannot be written.
    """
    if _ending(path) == ".jsonl":
        text = "".join(json.dumps(asdict(vote), ensure_ascii=False) + "\n" for vote in votes)
        data = text.encode("utf-8")
    else:
        data = _csv(votes).encode("utf-8-sig")  # without the mark, Excel takes Korean for another encoding
    with new_file(path) as stream:
        stream.write(data)


def read_votes(path: Path, known: Iterable[Vote] = ()) -> tuple[list[Vote], int]:
    """Return the votes of a file that are not ``known`` yet, and how many are.

    Raises:
        UsageError: an ending other than .jsonl or .csv.
        InputError: the file cannot be read, or has bad rows; all of them, up to ``MAX_PROBLEMS``, are
            in ``details["problems"]`` with file and line, and nothing is returned.
    """
    from eval.strict import read_text

    problems: list[str] = []
    reader = _jsonl_rows if _ending(path) == ".jsonl" else _csv_rows
    before = {vote.id: vote for vote in known}
    added: dict[str, Vote] = {}
    lines: dict[str, int] = {}
    same = 0
    for number, row in reader(path.name, read_text(path), problems):
        if len(problems) >= MAX_PROBLEMS:
            break
        vote = _vote(row, f"{path.name}:{number}", problems)
        if vote is None:
            continue
        where = f"{path.name}:{number}: id: {show(vote.id)}"
        if vote.id in lines:
            problems.append(f"{where} is already on line {lines[vote.id]}")
        elif vote.id in before and before[vote.id] != vote:
            problems.append(f"{where} is kept already, with other content; history is never changed")
        elif vote.id in before:
            same += 1
        else:
            added[vote.id] = vote
        lines.setdefault(vote.id, number)
    if problems:
        raise _refusal(path.name, problems)
    return list(added.values()), same


def _ending(path: Path) -> str:
    ending = path.suffix.lower()
    if ending not in (".jsonl", ".csv"):
        raise UsageError(
            f"votes are kept as JSONL or CSV, not {path.name!r}", "give a file name ending in .jsonl or .csv"
        )
    return ending


def _refusal(name: str, problems: list[str]) -> InputError:
    shown = problems[:MAX_PROBLEMS]
    more = f" (and {len(shown) - 1} more)" if len(shown) > 1 else ""
    return InputError(f"{shown[0]}{more}", f"mend {name}; nothing was imported", problems=shown)


def _csv(votes: Sequence[Vote]) -> str:
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(_COLUMNS)
    for vote in votes:
        cells = {key: value for key, value in asdict(vote).items() if key not in _LISTS}
        cells |= {"blind": json.dumps(vote.blind), "created": repr(vote.created)}
        for key, name in _LISTS.items():
            for n, value in enumerate(getattr(vote, key), 1):
                cells[f"{name}_{n}"] = json.dumps(value, ensure_ascii=False) if key == "receipts" else value
        table.writerow([neutral(cells.get(column, "")) for column in _COLUMNS])
    return out.getvalue()


def _jsonl_rows(name: str, text: str, problems: list[str]) -> Iterator[Place]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            row = parse_object(line, f"{name}:{number}", problems)
            if row is not None:
                yield number, row


def _csv_rows(name: str, text: str, problems: list[str]) -> Iterator[Place]:
    csv.field_size_limit(MAX_CELL)
    table = csv.reader(io.StringIO(text, newline=""), strict=True)
    header, end = None, 0
    try:
        for cells in table:
            start, end = end + 1, table.line_num
            if not any(cells):
                continue
            if header is None:
                header = cells
                if sorted(header) != sorted(_COLUMNS):
                    problems.append(f"{name}:{start}: expected the columns {', '.join(_COLUMNS[:4])}, ... as exported")
                    return
            elif len(cells) != len(header):
                problems.append(f"{name}:{start}: {len(cells)} cells under {len(header)} columns")
            else:
                yield (
                    start,
                    _from_cells(dict(zip(header, map(restored, cells), strict=True)), f"{name}:{start}", problems),
                )
    except csv.Error as error:
        problems.append(f"{name}:{table.line_num}: not readable as CSV: {error}")


def _from_cells(cells: dict[str, str], where: str, problems: list[str]) -> dict[str, Any]:
    row: dict[str, Any] = {key: cells[key] for key in _KEYS if key not in _LISTS}
    row["blind"] = {"true": True, "false": False}.get(cells["blind"].lower(), cells["blind"])
    with suppress(ValueError):  # _vote says what is wrong with it
        row["created"] = float(cells["created"])
    count = max((n for n in range(1, MOST_COMPARED + 1) if cells[f"variant_{n}"]), default=0)
    for key, name in _LISTS.items():
        row[key] = [cells[f"{name}_{n}"] for n in range(1, count + 1)]
    row["receipts"] = [
        parse_object(text, f"{where}: receipt_{n}", problems) for n, text in enumerate(row["receipts"], 1)
    ]
    return row


def _vote(row: dict[str, Any], where: str, problems: list[str]) -> Vote | None:
    """Turn one row into a vote, or add what is wrong with it to ``problems``."""
    before = len(problems)

    def note(key: str, problem: str) -> None:
        problems.append(f"{where}: {key}: {problem}")

    for key in [key for key in _KEYS if key not in row and key not in _OPTIONAL]:
        note(key, "missing")
    for key in [key for key in row if key not in _KEYS]:
        note(show(key), "unknown key")
    for key, most in _TEXTS.items():
        if key in row:
            _check_text(key, row[key], most, note)
    if not _ID.fullmatch(str(row.get("id", "x"))):
        note("id", "expected 1 to 32 letters, digits, - or _")
    for key, kind in (("variants", str), ("answers", str), ("receipts", dict)):
        value = row.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, kind) for each in value):
            note(key, f"expected a list of {'objects' if kind is dict else 'texts'}, found {show(value)}")
    created = row.get("created", 0.0)
    if isinstance(created, bool) or not isinstance(created, int | float) or not 0 <= created < LATEST:
        note("created", f"expected seconds since 1970, found {show(created)}")
    if not isinstance(row.get("blind", True), bool):
        note("blind", f"expected true or false, found {show(row['blind'])}")
    if row.get("language", "en") not in LANGUAGES:
        note("language", f"expected one of {', '.join(LANGUAGES)}, found {show(row['language'])}")
    if len(problems) > before:
        return None
    vote = Vote(**{**row, "created": float(row["created"])})
    problem = vote_problem(vote)
    if problem:
        problems.append(f"{where}: {problem}")
    return None if problem else vote


def _check_text(key: str, value: Any, most: int | None, note: Callable[[str, str], None]) -> None:
    if not isinstance(value, str):
        note(key, f"expected text, found {show(value)}")
    elif most is not None and len(value) > most:
        note(key, f"has {len(value)} characters; at most {most} are kept")
    elif any("\ud800" <= char <= "\udfff" for char in value):
        note(key, "holds half a surrogate pair; remove it")
