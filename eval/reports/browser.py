"""The data of the item browser: every question with all answers side by side, as compact JSON.

``items.js`` draws it, in the report file and on the page; every text stays a text there (textContent).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from eval.metrics import EFFICIENCY
from eval.metrics.labels import UNPARSABLE
from eval.record import Record, Row
from eval.replicates import MARK
from eval.reports.look import LETTERS, kind_of, label, metric
from eval.reports.scores import primary_of
from eval.words import word

WRONG_BELOW = 0.5
WORDS = (
    *("all", "differ", "wrong", "failed", "unscored", "reference", "unanswerable"),
    *("passages", "query", "history", "error", "search_items", "any_part", "order"),
    *("order_file", "order_low", "order_gap", "clear", "earlier", "later", "of_items"),
    *("no_items", "page_of", "language_ko", "language_en", "label_said", "nothing_said", "group"),
    *("browser", "other_seeds"),
)


def browser_data(record: Record) -> dict[str, Any]:
    """Return what ``items.js`` reads.

    An item is ``{q, r, g, l, s, h, t, f, a}``: question, references, group, language, slice, history,
    true label, flags (d: scores differ, w: wrong everywhere, f: failed or unparsable, u: unscored).
    An answer in ``a`` (in the order of ``variants``) is ``[text, error, query, passages, scores, label, others]``
    with, in ``others``, what adapters of other training seeds said;
    passages are ``[place in "passages", score]``, scores stand in the order of ``metrics``, with null for
    unscored and false for a metric that does not apply.
    """
    variants = list(record.document["variants"])
    primary = primary_of(record.document)
    found = {name for row in record.rows for metrics in row.scores.values() for name in metrics}
    ordered = [primary, *sorted(found - {primary, *EFFICIENCY})]
    passages: dict[tuple[str, str], int] = {}
    items = [_item(row, variants, ordered, passages) for row in record.rows]
    return {
        "primary": primary,
        "metrics": [{"name": name, **metric(name)._asdict()} for name in ordered],
        "variants": [_variant(name, record.document["variants"][name]) for name in variants],
        "passages": [list(passage) for passage in passages],
        "items": items,
        "words": {code: {key: word(key, code, n="{n}", total="{total}") for key in WORDS} for code in ("ko", "en")},
    }


def script_json(data: Mapping[str, Any]) -> str:
    """Return JSON that cannot end the script element it stands in, nor start another."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _variant(name: str, row: Mapping[str, Any]) -> dict[str, str]:
    kind = kind_of(name, row)
    return {"name": name, "kind": kind, "letter": LETTERS[kind], **label(name)._asdict()}


def _item(
    row: Row, variants: Sequence[str], metrics: Sequence[str], passages: dict[tuple[str, str], int]
) -> dict[str, Any]:
    item = row.item
    values: dict[str, Any] = {
        "q": item.question,
        "r": list(item.reference),
        "g": item.group,
        "l": item.language,
        "f": flags(row, metrics[0]),
        "a": [_answer(row, name, metrics, passages) for name in variants],
    }
    optional = {"s": item.slice, "t": item.label, "h": [[turn.role, turn.content] for turn in item.history]}
    return values | {key: value for key, value in optional.items() if value}


def _answer(row: Row, name: str, metrics: Sequence[str], passages: dict[tuple[str, str], int]) -> list[Any]:
    answer, scores = row.answers[name], row.scores.get(name, {})
    read = []
    for passage in answer.passages:
        place = passages.setdefault((passage.document, passage.text), len(passages))
        read.append([place, round(passage.score, 3)])
    values: list[Any] = []
    for name in metrics:
        score = scores.get(name)
        values.append(False if score is None else None if score.value is None else round(score.value, 4))
    said = next((score.detail["predicted"] for score in scores.values() if "predicted" in score.detail), "")
    others = [other.text or other.error for key, other in row.answers.items() if key.startswith(f"{name}{MARK}")]
    return [answer.text, answer.error, answer.query or "", read, values, said, others]


def flags(row: Row, primary: str) -> str:
    """Return what the filters look at: d, w, f and u (see :func:`browser_data`)."""
    scores = [metrics[primary] for metrics in row.scores.values() if primary in metrics]
    values = [score.value for score in scores if score.value is not None]
    broken = any(answer.error for answer in row.answers.values())
    unparsable = any(score.detail.get("predicted") == UNPARSABLE for score in scores)
    found = (
        ("d", len({round(value, 6) for value in values}) > 1),
        ("w", bool(values) and max(values) < WRONG_BELOW),
        ("f", broken or unparsable),
        ("u", len(values) < len(scores)),
    )
    return "".join(letter for letter, true in found if true)
