"""Duplicates, conflicts, leaks and quality signals: found and listed; left out only when asked for."""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from assistant.dataset import plain_text, trigrams
from assistant.datasets.quality import SIGNALS, Yardstick
from assistant.datasets.rows import Row, answer_of, content_digest, kind_of, question_of, text_of
from assistant.datasets.similar import DEFAULT, NearIndex, Neighbours, jaccard
from assistant.datasets.store import DatasetStore, Draft, Version
from assistant.errors import CancelledError, InputError, UsageError
from assistant.lazy import nearest
from assistant.paths import data_root
from assistant.progress import Cancelled, Progress

MOST_LISTED = 50
_EVERY = 500


def said(row: Row) -> str:
    """Return what near duplicates are compared by: the question, its history, and the answers."""
    return "\n".join(part for part in (_asked(row), _told(row)) if part)


def _asked(row: Row) -> str:
    return "\n".join(part for part in (text_of(row.get("history")), question_of(row)) if part)


def _told(row: Row) -> str:
    return "\n".join(part for part in (answer_of(row), text_of(row.get("rejected"))) if part)


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Ids of rows that repeat another: ``{row: (of, similarity)}``; 1 is an exact one."""

    repeats: Mapping[str, tuple[str, float]]
    rows: int

    def count(self, exact: bool) -> int:
        """Return how many are exact, or only near."""
        return sum((similarity == 1.0) is exact for _, similarity in self.repeats.values())


def duplicates(
    rows: Iterable[Row],
    threshold: float | None = DEFAULT,
    progress: Progress = lambda _: None,
    cancelled: Cancelled = lambda: False,
) -> Duplicates:
    """Find rows that repeat an earlier one, exactly or (``threshold``, None for not at all) nearly.

    A near one is of the same kind and label, and its answers are near by themselves: a long question with another
    short answer is a conflict, and a correction is no repeat of the pair that it makes.

    Raises:
        CancelledError: ``cancelled`` returned true.
    """
    seen: dict[bytes, str] = {}
    repeats: dict[str, tuple[str, float]] = {}
    keys, texts, count = list[str](), list[str](), 0
    teaches, answers_at, kinds = array("q"), array("q"), dict[tuple[Any, ...], int]()  # numbers: a million fit

    def told(stage: str, done: int) -> None:
        if done % _EVERY == 0:
            progress({"stage": stage, "done": done})
            if cancelled():
                raise CancelledError("the search was stopped", "nothing was changed")

    for count, row in enumerate(rows, 1):
        told("dedupe", count)
        key, digest = row["id"], content_digest(row)
        if digest in seen:
            repeats[key] = (seen[digest], 1.0)
            continue
        seen[digest] = key
        if threshold is not None:
            keys.append(key)
            texts.append(said(row))
            teaches.append(kinds.setdefault((kind_of(row), row.get("label"), row.get("tie")), len(kinds)))
            answers_at.append(len(texts[-1]) - len(_told(row)))
    del seen  # a digest of every row: memory that the rest needs more
    neighbours = Neighbours(texts, threshold or DEFAULT)

    def answers(number: int) -> frozenset[str]:
        return trigrams(texts[number][answers_at[number] :])

    for number, key in enumerate(keys):
        told("near", number)
        near = next(
            (
                each
                for each in neighbours.near(number)
                if teaches[each[0]] == teaches[number]
                and jaccard(answers(number), answers(each[0])) >= (threshold or DEFAULT)
            ),
            None,
        )
        if near is not None:
            repeats[key] = (keys[near[0]], round(min(near[1], 0.9999), 4))
        else:
            neighbours.take(number)
    return Duplicates(repeats, count)


def conflicts(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return questions that several supervised rows answer differently, for a person to decide."""
    answers: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    shown: dict[str, str] = {}
    for row in rows:
        if kind_of(row) == "supervised":
            asked = plain_text(text_of(row.get("history")) + question_of(row))
            answers[asked][plain_text(answer_of(row))].append(row["id"])
            shown.setdefault(asked, question_of(row))
    return [
        {"question": shown[asked][:200], "answers": len(ways), "rows": [ids[0] for ids in ways.values()][:10]}
        for asked, ways in answers.items()
        if len(ways) > 1
    ]


def leaks(
    rows: Iterable[Row],
    evaluations: Mapping[str, Iterable[str]],
    threshold: float = DEFAULT,
    progress: Progress = lambda _: None,
) -> list[dict[str, Any]]:
    """Return rows whose question is, or nearly is, one of an evaluation set, with that question and its similarity."""
    evaluated, found = Evaluated(evaluations, threshold), []
    for count, row in enumerate(rows, 1):
        if count % _EVERY == 0:
            progress({"stage": "leaks", "done": count})
        hits = (evaluated.find(question) for question in _questions(row))
        if hit := next((each for each in hits if each), None):
            found.append({"row": row["id"], "set": hit[0], "item": hit[1], "similarity": hit[2]})
    return found


def _questions(row: Row) -> list[str]:
    """Return the question and those before it: an answer within a conversation is read in training too."""
    earlier = row["messages"] if "messages" in row else row.get("history") or []
    return [question_of(row), *(text_of([turn]) for turn in earlier if turn.get("role") == "user")]


class Evaluated:
    """The questions of evaluation sets, by the name of their set; anything may be held against them."""

    def __init__(self, evaluations: Mapping[str, Iterable[str]], threshold: float = DEFAULT) -> None:
        self._exact: dict[str, tuple[str, str]] = {}
        self._index = NearIndex(threshold)
        for name, questions in evaluations.items():
            for number, question in enumerate(questions):
                self._exact.setdefault(plain_text(question), (name, question))
                self._index.add((name, number, question), question)

    def find(self, question: str) -> tuple[str, str, float] | None:
        """Return set, question and similarity of the one that a question is, or comes nearest to; None for none."""
        if hit := self._exact.get(plain_text(question)):
            return (*hit, 1.0)
        if near := self._index.find(question):
            (name, _, item), similarity = near[0]
            return name, item, round(similarity, 4)
        return None


def evaluation_questions(files: Iterable[Path]) -> dict[str, list[str]]:
    """Return the questions of evaluation sets: JSONL files of items.

    Raises:
        InputError: a file is missing or malformed.
    """
    from assistant.dataset import read_examples

    return {str(file): [example.question for example in read_examples(file)] for file in files}


def suite_items(home: Path) -> list[Path]:
    """Return the item files of the shipped suites and of those in the state folder."""
    files = []
    for folder in (data_root() / "demo" / "suites", home / "suites"):
        for suite in sorted(folder.glob("*.yaml")) if folder.is_dir() else ():
            tree = yaml.safe_load(suite.read_text(encoding="utf-8"))
            if isinstance(tree, dict) and isinstance(tree.get("items"), str):
                files.append((suite.parent / tree["items"]).resolve())
    return [file for file in dict.fromkeys(files) if file.is_file()]


def dedupe(
    store: DatasetStore,
    version: Version,
    threshold: float | None = DEFAULT,
    evaluations: Mapping[str, Iterable[str]] | None = None,
    progress: Progress = lambda _: None,
    cancelled: Cancelled = lambda: False,
) -> dict[str, Any]:
    """Make a version without the rows that repeat another; each is written down with the row it repeats.

    Conflicts, and rows that are also in an evaluation set, are listed and stay: they are for a person to decide.
    """
    found = duplicates(version.rows(), threshold, progress, cancelled)
    report: dict[str, Any] = {
        "rows": found.rows,
        "exact": found.count(True),
        "near": found.count(False),
        "threshold": threshold,
    }
    differing = conflicts(row for row in version.rows() if row["id"] not in found.repeats)
    report |= {"conflicts": differing[:MOST_LISTED], "conflicts_total": len(differing)}
    leaking = leaks(version.rows(), evaluations, threshold or DEFAULT, progress) if evaluations else []
    report |= {"leaks": leaking[:MOST_LISTED], "leaks_total": len(leaking)}
    listed = [{"row": row, "of": of, "similarity": s} for row, (of, s) in list(found.repeats.items())[:MOST_LISTED]]
    report["duplicates"] = listed
    if not found.repeats:
        return report | {"version": version.manifest.ref, "left": found.rows}

    def decide(row: Row, draft: Draft) -> Row | None:
        repeated = found.repeats.get(row["id"])
        if repeated is None:
            return row
        reason = "duplicate" if repeated[1] == 1.0 else "near duplicate"
        draft.decide(
            {"action": "left out", "reason": reason, "row": row["id"], "of": repeated[0], "similarity": repeated[1]}
        )
        return None

    made = remake(store, version, decide, {"name": "dedupe", "threshold": threshold})
    return report | {"version": made.manifest.ref, "left": made.manifest.rows}


def filter_rows(store: DatasetStore, version: Version, signals: Iterable[str]) -> dict[str, Any]:
    """Make a version without the rows that show any of some quality signals.

    Raises:
        UsageError: no such signal.
    """
    wanted = set(signals)
    if unknown := sorted(wanted - SIGNALS.keys()):
        raise UsageError(f"unknown signal {unknown[0]!r}", nearest(unknown[0], SIGNALS))
    yardstick = Yardstick.of(version.rows())

    def decide(row: Row, draft: Draft) -> Row | None:
        shown = sorted(wanted & set(yardstick.signals(row)))
        if not shown:
            return row
        draft.decide({"action": "left out", "reason": ", ".join(shown), "row": row["id"]})
        return None

    made = remake(store, version, decide, {"name": "filter", "signals": sorted(wanted)})
    left_out = version.manifest.rows - made.manifest.rows
    return {
        "version": made.manifest.ref,
        "rows": version.manifest.rows,
        "left": made.manifest.rows,
        "left_out": left_out,
    }


def remake(
    store: DatasetStore,
    version: Version,
    decide: Callable[[Row, Draft], Row | None],
    operation: Mapping[str, Any],
    notes: Mapping[str, Any] | None = None,
) -> Version:
    """Make a version out of another, row by row; ``decide`` returns the row to keep, or None, and says why.

    Raises:
        InputError: no row is left.
    """
    with store.draft(version.manifest.name) as draft:
        for row in version.rows():
            kept = decide(row, draft)
            if kept is not None:
                draft.add(kept)
        if not draft.rows:
            raise InputError(f"{version.manifest.ref}: this would leave no row", "leave fewer rows out")
        return draft.commit(operation, parent=version, notes=notes)
