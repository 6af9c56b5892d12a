"""What is in a version, and what changed between two."""

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Any

from assistant.datasets.cleaning import MOST_LISTED, conflicts, duplicates
from assistant.datasets.quality import SIGNALS, Yardstick
from assistant.datasets.rows import answer_of, kind_of, language_in, question_of
from assistant.datasets.store import Version
from assistant.datasets.strict_json import dumps

_MOST_LABELS = 50


def stats(version: Version) -> dict[str, Any]:
    """Return counts, lengths in characters, labels, exact duplicates, conflicts and quality signals."""
    kinds, languages, splits, answers = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    questions, replies, groups = [], [], set[str]()
    yardstick = Yardstick.of(version.rows())
    signals: dict[str, list[str]] = {name: [] for name in SIGNALS}
    for row in version.rows():
        kinds[kind_of(row)] += 1
        languages[language_in(row)] += 1
        splits[str(row.get("split", ""))] += 1
        answer = answer_of(row)
        answers[answer[:100]] += 1
        questions.append(len(question_of(row)))
        if answer:
            replies.append(len(answer))
        groups.add(str(row.get("group", row["id"])))
        for name in yardstick.signals(row):
            signals[name].append(row["id"])
    differing = conflicts(version.rows())
    labels = dict(answers.most_common(_MOST_LABELS)) if len(answers) <= _MOST_LABELS else {}
    return {
        "dataset": version.manifest.ref,
        "rows": version.manifest.rows,
        "kinds": dict(kinds),
        "languages": dict(languages),
        "splits": {name: count for name, count in splits.items() if name},
        "groups": len(groups),
        "question_characters": quantiles(questions),
        "answer_characters": quantiles(replies),
        "labels": labels if any(count > 1 for count in labels.values()) else {},
        "exact_duplicates": duplicates(version.rows(), None).count(True),
        "conflicts": differing[:MOST_LISTED],
        "conflicts_total": len(differing),
        "signals": {name: {"rows": len(ids), "first": ids[:10]} for name, ids in signals.items()},
        "personal": version.manifest.personal,
    }


def quantiles(numbers: Sequence[int]) -> dict[str, int]:
    """Return least, quarters and most of some numbers; nothing of none."""
    ranked = sorted(numbers)
    if not ranked:
        return {}
    places = {"min": 0.0, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95, "max": 1.0}
    return {name: ranked[round(place * (len(ranked) - 1))] for name, place in places.items()}


def diff(before: Version, after: Version) -> dict[str, Any]:
    """Return which rows were added, removed or changed (same id, other content) between two versions.

    ``moved`` are rows that belong to another part now; that alone is no change.
    """
    old, before_parts = _contents(before)
    new, after_parts = _contents(after)
    added = [key for key in new if key not in old]
    removed = [key for key in old if key not in new]
    changed = [key for key in new if key in old and old[key] != new[key]]
    moved = sum(before_parts[key] != part for key, part in after_parts.items() if key in before_parts)
    reasons = Counter(f"{each['action']}: {each.get('reason', '')}" for each in after.decisions())
    return {
        "from": before.manifest.ref,
        "to": after.manifest.ref,
        "added": len(added),
        "removed": len(removed),
        "changed": len(changed),
        "moved": moved,
        "same": len(new) - len(added) - len(changed),
        "rows": {
            "added": _examples(after, added),
            "removed": _examples(before, removed),
            "changed": _examples(after, changed),
        },
        "decisions": dict(reasons.most_common()),
    }


def _contents(version: Version) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return what each row says, and the part it belongs to, by id."""
    contents, parts = {}, {}
    for row in version.rows():
        parts[row["id"]] = str(row.pop("split", ""))
        contents[row["id"]] = dumps(dict(sorted(row.items())))  # in whatever order a file had its keys
    return contents, parts


def _examples(version: Version, keys: Sequence[str]) -> list[dict[str, str]]:
    wanted = set(keys[:MOST_LISTED])
    rows = (row for row in version.rows() if row["id"] in wanted)
    return [
        {"id": row["id"], "question": question_of(row)[:200], "answer": answer_of(row)[:200]}
        for row in islice(rows, MOST_LISTED)
    ]
