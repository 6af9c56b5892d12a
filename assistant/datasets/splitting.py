"""Training, validation and test rows: whole groups, every label and language in each part, frozen once made."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.dataset import plain_text
from assistant.datasets.cleaning import leaks, remake, said
from assistant.datasets.rows import Row, answer_of, kind_of, language_in, question_of
from assistant.datasets.similar import DEFAULT, Neighbours, Unions
from assistant.datasets.store import DatasetStore, Draft, Version
from assistant.errors import InputError, UsageError
from assistant.lazy import nearest
from assistant.progress import Progress

BY = ("group", "document", "user")
SHARES: Mapping[str, float] = {"train": 0.8, "validation": 0.1, "test": 0.1}
_MOST_LABELS = 50
_ROWS_A_LABEL = 5
_EVERY = 500


@dataclass(frozen=True, slots=True)
class SplitOptions:
    """How rows are split.

    ``by`` are row keys whose equal values stay together; equal questions and near-duplicate clusters
    (``threshold``) always do. ``leaking`` says what becomes of rows that are in an evaluation set:
    ``refuse``, ``drop`` or ``keep`` (marked). ``redo`` forgets an earlier split.
    """

    shares: Mapping[str, float]
    by: Sequence[str] = BY
    threshold: float = DEFAULT
    seed: int = 0
    leaking: str = "refuse"
    redo: bool = False


def parse_shares(text: str) -> dict[str, float]:
    """Return shares out of ``train=80,validation=10,test=10``.

    Raises:
        UsageError: another form, or shares that are not positive.
    """
    shares = {}
    for part in text.split(","):
        name, _, number = part.partition("=")
        try:
            shares[name.strip()] = float(number)
        except ValueError:
            raise UsageError(
                f"--shares {text!r}: {part!r} has no number", "e.g. train=80,validation=10,test=10"
            ) from None
    if not all(name.isidentifier() and share > 0 for name, share in shares.items()):
        raise UsageError(f"--shares {text!r}: names need letters, shares more than 0", "e.g. train=80,test=20")
    total = sum(shares.values())
    return {name: share / total for name, share in shares.items()}


def split(
    store: DatasetStore,
    version: Version,
    options: SplitOptions,
    evaluations: Mapping[str, Sequence[str]],
    progress: Progress = lambda _: None,
) -> dict[str, Any]:
    """Make a version whose rows say which part they belong to.

    Rows that have a part keep it, and so does whatever belongs to their group: a split is frozen.

    Raises:
        InputError: rows of an evaluation set (unless ``leaking`` says otherwise), or no row left.
    """
    leaking = leaks(version.rows(), evaluations, options.threshold, progress) if evaluations else []
    if leaking and options.leaking == "refuse":
        first = leaking[0]
        message = f"{version.manifest.ref}: {len(leaking):,} rows are in an evaluation set, first row {first['row']}"
        hint = "leave them out with --drop-leaks, or keep them, marked, with --allow-leaks"
        raise InputError(f"{message} in {first['set']}", hint, leaks=leaking[:50], leaks_total=len(leaking))
    leaked = {leak["row"]: leak["set"] for leak in leaking}
    kept = 0 if options.leaking == "drop" else len(leaking)
    notes = {"leaks_checked": sorted(evaluations), "leaked_rows": kept} if evaluations else {}
    made, groups, torn = split_known(store, version, options, leaked, notes, progress)
    return {
        "version": made.manifest.ref,
        "rows": made.manifest.rows,
        "splits": made.manifest.counts.get("split", {}),
        "groups": groups,
        "torn_groups": torn,
        "leaks": leaking[:50],
        "leaks_total": len(leaking),
    }


def split_known(
    store: DatasetStore,
    version: Version,
    options: SplitOptions,
    leaked: Mapping[str, str],
    notes: Mapping[str, Any] | None = None,
    progress: Progress = lambda _: None,
) -> tuple[Version, int, int]:
    """Split a version whose leaks are known: row -> evaluation set.

    Returns the new version, how many groups it has, and how many an earlier split had torn.
    """
    rows = [_Line.of(row) for row in version.rows() if options.leaking != "drop" or row["id"] not in leaked]
    if not rows:
        raise InputError(f"{version.manifest.ref}: this would leave no row", "leave fewer rows out")
    known = {key for row in rows for key in row.marks}
    if tuple(options.by) != BY and (unknown := [key for key in options.by if key not in known]):
        raise InputError(f"{version.manifest.ref}: no row has the key {unknown[0]!r}", nearest(unknown[0], known))
    groups = _groups(rows, options, progress)
    parts, torn = _assign(rows, groups, options)
    place = {line.id: parts[group] for line, group in zip(rows, groups, strict=True)}

    def decide(row: Row, draft: Draft) -> Row | None:
        if row["id"] in leaked:
            action = "left out" if options.leaking == "drop" else "kept"
            draft.decide({"action": action, "reason": f"in evaluation set {leaked[row['id']]}", "row": row["id"]})
            if options.leaking == "drop":
                return None
        part = place[row["id"]] if options.redo or "split" not in row else row["split"]
        return row | {"split": part}

    operation = {"name": "split", "shares": dict(options.shares), "by": list(options.by), "seed": options.seed}
    operation |= {"threshold": options.threshold, "leaking": options.leaking, "redo": options.redo}
    return remake(store, version, decide, operation, notes), len(set(groups)), torn


@dataclass(frozen=True, slots=True)
class _Line:
    """What the split needs of a row."""

    id: str
    asked: str
    said: str
    stratum: tuple[str, str]
    answer: str
    marks: Mapping[str, str]
    part: str

    @classmethod
    def of(cls, row: Row) -> "_Line":
        marks = {key: str(value) for key, value in row.items() if isinstance(value, str | int)}
        label = str(row["label"]) if kind_of(row) == "unpaired" else str(row.get("slice", ""))
        return cls(
            row["id"], plain_text(question_of(row)), said(row), (label, language_in(row)), answer_of(row), marks,
            str(row.get("split", "")),
        )  # fmt: skip


def _groups(rows: Sequence[_Line], options: SplitOptions, progress: Progress) -> list[int]:
    """Return for each row the number of the group that it cannot leave."""
    unions, first = Unions(len(rows)), dict[tuple[str, str], int]()
    neighbours = Neighbours([row.said for row in rows], options.threshold)
    for number, row in enumerate(rows):
        if number % _EVERY == 0:
            progress({"stage": "group", "done": number, "total": len(rows)})
        for mark in [("", row.asked), *((key, row.marks[key]) for key in options.by if row.marks.get(key))]:
            unions.join(first.setdefault(mark, number), number)
        for other, _ in neighbours.near(number):
            unions.join(other, number)
        neighbours.take(number)
    return [unions.root(number) for number in range(len(rows))]


def _strata(rows: Sequence[_Line]) -> list[tuple[str, str]]:
    """Return label and language of each row; short answers that come again and again are labels too."""
    if any(row.stratum[0] for row in rows):
        return [row.stratum for row in rows]
    answers = Counter(row.answer for row in rows)
    if len(answers) > _MOST_LABELS or len(rows) < _ROWS_A_LABEL * len(answers):
        return [row.stratum for row in rows]
    return [(row.answer, row.stratum[1]) for row in rows]


def _assign(rows: Sequence[_Line], groups: Sequence[int], options: SplitOptions) -> tuple[dict[int, str], int]:
    """Give each group the part that lacks its kind of rows most, large groups first.

    Returns the part of every group, and how many groups an earlier split had torn already.
    """
    strata = _strata(rows)
    members: dict[int, Counter[tuple[str, str]]] = defaultdict(Counter)
    frozen: dict[int, Counter[str]] = defaultdict(Counter)
    for row, group, stratum in zip(rows, groups, strata, strict=True):
        members[group][stratum] += 1
        if row.part and not options.redo:
            frozen[group][row.part] += 1
    totals = Counter(strata)
    held: dict[str, Counter[tuple[str, str]]] = {part: Counter() for part in options.shares}
    parts = {group: counts.most_common(1)[0][0] for group, counts in frozen.items()}
    for group, part in parts.items():
        held.setdefault(part, Counter()).update(members[group])

    def lack(part: str, counts: Counter[tuple[str, str]]) -> float:
        share = options.shares[part]
        return sum(n * (share * totals[s] - held[part][s]) / (share * totals[s]) for s, n in counts.items())

    order = sorted(
        members.keys() - parts.keys(), key=lambda group: (-members[group].total(), _shuffled(rows[group], options))
    )
    for group in order:
        parts[group] = max(options.shares, key=lambda part: lack(part, members[group]))
        held[parts[group]].update(members[group])
    return parts, sum(len(counts) > 1 for counts in frozen.values())


def _shuffled(row: _Line, options: SplitOptions) -> str:
    return hashlib.sha256(f"{options.seed}\0{row.id}".encode()).hexdigest()
