"""TRL unpaired preference: ``prompt``, ``completion``, ``label`` (true: good)."""

from collections.abc import Mapping
from typing import Any

from assistant.datasets.formats import trl_parts as trl
from assistant.datasets.formats.base import RowFormat
from assistant.datasets.problems import Place
from assistant.datasets.rows import CannotHold, Row, carry, kind_of, others

_USED = frozenset({"prompt", "completion", "label", "tools"})


def parse(raw: Mapping[str, Any], place: Place) -> Row | None:
    """Return the labelled answer."""
    row, answer = trl.parse_prompt(raw, place), trl.parse_answer(raw, "completion", place)
    label = trl.parse_flag(raw, "label", place)
    if row is None or answer is None or label is None:
        return None
    row |= {"completion": answer, "label": label}
    if "tools" in raw:
        row["tools"] = raw["tools"]
    return row if len(raw) == 3 else carry(raw, _USED, row, place)


def render(row: Mapping[str, Any]) -> Row:
    """Return the labelled answer; texts where there is no history.

    Raises:
        CannotHold: no unpaired row.
    """
    if kind_of(row) != "unpaired":
        raise CannotHold(kind_of(row), "unpaired rows are a prompt, an answer and a label")
    standard = trl.is_standard(row, row["completion"])
    made: Row = {"prompt": trl.render_prompt(row, standard)}
    made |= {"completion": trl.render_answer(row["completion"], standard), "label": row["label"]}
    if "tools" in row:
        made["tools"] = row["tools"]
    return made | others(row, _USED)


FORMAT = RowFormat("unpaired", (frozenset({"prompt", "completion", "label"}),), parse, render)
