"""The record of a finished run: all that report, compare, gate and rescore need, without any model.

``result.json`` is the document of ``eval run --json``; ``record.jsonl`` beside it holds what is behind
the figures. Its first line has the declaration and every passage once, each further line an item with
every variant's answer and every metric's score.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import DamagedError
from assistant.schema import Variant
from eval.schema import Answer, Item, Score, Suite

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from eval.result import RunResult

RECORD, RESULT = "record.jsonl", "result.json"
# A passage without what differs from search to search.
_SCORES = ("score", "keyword_score", "meaning_score")


@dataclass(frozen=True, slots=True)
class Row:
    """One item with what every variant answered and how each metric scored it."""

    item: Item
    answers: Mapping[str, Answer]
    scores: Mapping[str, Mapping[str, Score]]


@dataclass(frozen=True, slots=True)
class Declaration:
    """What was asked of whom; ``suite`` comes without its items, which are the rows'."""

    suite: Suite
    specs: Mapping[str, Variant]
    fingerprints: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Record:
    """A finished run: the document of its figures, its declaration and its rows in the suite's order."""

    document: Mapping[str, Any]
    declaration: Declaration
    rows: tuple[Row, ...]

    @property
    def suite(self) -> Suite:
        """The suite with its items."""
        return replace(self.declaration.suite, items=tuple(row.item for row in self.rows))


def record_of(result: "RunResult") -> Record:
    """Return the record of a run that has just been scored."""
    suite, scores = result.suite, result.scored.scores
    rows = []
    for item in suite.items:
        key = item.id
        rows.append(
            Row(
                item,
                {name: row[key] for name, row in result.answers.items()},
                {
                    name: {metric: row[key] for metric, row in metrics.items() if key in row}
                    for name, metrics in scores.items()
                },
            )
        )
    bare = replace(suite, items=(), validation=(), examples=())
    return Record(result.to_json(), Declaration(bare, result.specs, result.fingerprints), tuple(rows))


def lines(record: Record) -> Iterator[str]:
    """Yield the lines of ``record.jsonl``."""
    places: dict[str, int] = {}
    passages: list[dict[str, Any]] = []
    rows = []
    for row in record.rows:
        values = _adapter(Row).dump_python(row, mode="json", exclude_defaults=True)
        for answer in values["answers"].values():
            if "passages" in answer:
                answer["passages"] = [_interned(passage, places, passages) for passage in answer["passages"]]
        rows.append(_line(values))
    yield _line(
        {
            **_adapter(Declaration).dump_python(record.declaration, mode="json", exclude_defaults=True),
            "passages": passages,
        }
    )
    yield from rows


def _interned(passage: dict[str, Any], places: dict[str, int], passages: list[dict[str, Any]]) -> list[Any]:
    """Return the passage's place in ``passages``, where it is put if it is new, and its own scores."""
    scores = [passage.pop(key, None) for key in _SCORES]
    mark = _line(passage)
    if mark not in places:
        places[mark] = len(passages)
        passages.append(passage)
    return [places[mark], *scores]


def load_record(folder: Path) -> Record:
    """Return a finished run's record.

    Raises:
        DamagedError: it is missing, cut short or not readable.
    """
    try:
        document = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        with (folder / RECORD).open(encoding="utf-8") as stream:
            head = json.loads(next(stream))
            passages = head.pop("passages")
            declaration = _adapter(Declaration).validate_python(head)
            rows = tuple(_row(json.loads(line), passages) for line in stream)
    except (OSError, ValueError, KeyError, IndexError, TypeError, StopIteration) as error:
        problem = error.strerror if isinstance(error, OSError) else type(error).__name__
        raise DamagedError(
            f"{folder / RECORD}: the run's record cannot be read ({problem})",
            "run the suite again; its finished answers are kept",
        ) from error
    if len(rows) != document.get("declared", {}).get("items", len(rows)):
        raise DamagedError(f"{folder / RECORD}: rows are missing", "run the suite again; its answers are kept")
    return Record(document, declaration, rows)


def _row(values: dict[str, Any], passages: list[dict[str, Any]]) -> Row:
    for answer in values["answers"].values():
        answer["passages"] = [
            {**passages[place], **dict(zip(_SCORES, scores, strict=True))}
            for place, *scores in answer.get("passages", ())
        ]
    row: Row = _adapter(Row).validate_python(values)
    return row


@cache
def _adapter(kind: type) -> "TypeAdapter[Any]":
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _line(values: Any) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))
