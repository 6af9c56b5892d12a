"""The folds around the tune page's fields: how many in each differ from what they started as."""

from collections.abc import Mapping
from typing import Any

from assistant.ui.tune_controls import GROUPS, METHOD, controls
from assistant.ui.tune_form import MORE, Form, counts_steps, switched
from assistant.ui.words import Words

ALL = "all"  # the fold around all others
Changes = Mapping[str, int]


def untouched(start: Form, form: Form, passes: float, words: Words) -> Form:
    """Return what the fields would hold had nobody touched them.

    Args:
        start: what the source filled them with.
        form: what they hold; its method's own settings start at their defaults where the source has another.
        passes: those of the chosen preset.
        words: of the page.
    """
    if form.method != start.method:
        start = switched(start, str(form.method), words)
    return start if counts_steps(form) else start.changed(epochs=passes)


def changes(form: Form, start: Form) -> Changes:
    """Return for every fold how many fields in sight differ from what they started as."""
    found = dict.fromkeys((ALL, METHOD, *GROUPS), 0)
    for each in controls():
        differs = _plain(form.values.get(each.key)) != _plain(start.values.get(each.key))
        if differs and each.setting(form.chosen) is not None:
            found[each.group] += 1
            found[ALL] += 1
    return found


def folds_around(key: str) -> tuple[str, ...]:
    """Return the folds that a field, known by its key, lies in, the outer one first."""
    if key == MORE:
        return (ALL,)
    return next(((ALL, each.group) for each in controls() if each.key == key), ())


def heading(fold: str, changed: int, words: Words) -> str:
    """Return what a fold is called, with how many of its fields differ."""
    name = words("tune.experts") if fold == ALL else words(f"tune.group_{fold}")
    return words("tune.group_changed", name=name, n=changed) if changed else name


def _plain(value: Any) -> Any:
    return "" if value is None else value.strip() if isinstance(value, str) else value
