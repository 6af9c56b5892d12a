"""Read labels and fields out of answers; shared by the label metrics."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from assistant.schema import normalise
from eval.schema import Item

UNPARSABLE = "(unparsable)"
OUTSIDE = "(outside the labels)"
_OBJECT_START = re.compile(r"\{")


@lru_cache(maxsize=4096)
def json_object(text: str) -> Mapping[str, Any] | None:
    """Return the first JSON object inside ``text`` (prose and code fences around it are ignored)."""
    decoder = json.JSONDecoder()
    for start in _OBJECT_START.finditer(text):
        try:
            found, _ = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    return None


def plain(value: Any) -> str:
    """Return a label or field as it is compared: NFC, case-folded, trimmed; '' for non-scalars."""
    return "" if value is None or isinstance(value, dict | list) else normalise(str(value)).strip().casefold()


def wants_json(item: Item) -> bool:
    """Return whether the item's reference is a JSON object, so that answers must be one too."""
    return bool(item.reference) and json_object(item.reference[0]) is not None


def predicted_label(item: Item, text: str, labels: tuple[str, ...]) -> str:
    """Return the answered label, ``UNPARSABLE``, or ``OUTSIDE`` for one that is not declared."""
    if wants_json(item):
        found = json_object(text)
        value = plain(found.get("label")) if found else ""
    else:
        value = plain(text).strip(" .\"'`")
    if not value:
        return UNPARSABLE
    known = {plain(label): label for label in labels} or {value: value}
    return known.get(value, OUTSIDE if wants_json(item) else UNPARSABLE)
