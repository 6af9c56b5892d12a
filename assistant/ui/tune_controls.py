"""Which keys of a recipe have a field on the tune page, in which group, and for which methods; read from the schema."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from pydantic import BaseModel

from assistant.prompts import load_prompt
from assistant.ui.words import Words
from tuning.fields import Setting, allowed, number, setting, settings_in
from tuning.methods import METHODS, load_method
from tuning.methods.auto import automatic_span
from tuning.schema import ANSWERS_ONLY, After, Replay, Retrieval, TuneRecipe

METHOD, RATES, OPTIMIZER, ROWS, PROMPT, END = "method", "rates", "optimizer", "rows", "prompt", "end"
# The page's order of the schema's keys. A method's own come from its schema, so they are named nowhere.
GROUPS: Mapping[str, tuple[str, ...]] = {
    RATES: ("epochs", "steps", "learning_rate", "schedule", "warmup", "batch_size", "accumulate"),
    OPTIMIZER: ("optimizer", "weight_decay", "clip", "neftune", "precision", "seed"),
    ROWS: ("max_length", "packing", "replay.ratio"),
    PROMPT: (
        *("recipe", "shots", "retrieval.collection", "retrieval.k", "retrieval.wrong_share", "retrieval.missed"),
        *("retrieval.leave_out",),
    ),
    END: ("validation", "evaluate_steps", "patience", "keep", "save_steps", "save_seconds", "after.forgetting"),
}
# What stays YAML: it is rare, of a shape that no field has, or belongs to the data that the source brings.
BOXED = ("data", "encoding", "description", "model", "system", "replay.path", "grid")
PARTS: Mapping[str, type[BaseModel]] = {"retrieval": Retrieval, "replay": Replay, "after": After}


class Chosen(NamedTuple):
    """What decides which keys a recipe has: the training method, and the prompt that rows are shown with."""

    method: str
    prompt: str


@dataclass(frozen=True, slots=True)
class Control:
    """A field of the page: the ``key`` it is known by, where its value stands in the recipe, its group.

    ``off`` is a value that leaves the key out of the recipe though the schema does not have it.
    """

    key: str
    path: tuple[str, ...]
    group: str
    off: float | None = None

    def setting(self, chosen: Chosen) -> Setting | None:
        """Return what the schema says about it; None where the method or the prompt has no such key."""
        if self.group == METHOD:
            found = settings_in(load_method(chosen.method).params).get(self.path[-1])
            return found if found and found.word == self.key and not found.fixed else None
        if self.path[0] in ANSWERS_ONLY and load_method(chosen.method).rows != "answers":
            return None
        if self.path[0] in ("retrieval", "shots"):
            needs = load_prompt(chosen.prompt).needs
            return self._common() if needs == ("shots" if self.path[0] == "shots" else "passages") else None
        return self._common()

    def any_setting(self) -> Setting:
        """Return what the schema says about it for the first method that has it."""
        if self.group != METHOD:
            return self._common()
        return next(found for method in METHODS if (found := self.setting(Chosen(method, ""))))

    def _common(self) -> Setting:
        return setting(PARTS[self.path[0]] if len(self.path) > 1 else TuneRecipe, self.path[-1])


@cache
def controls() -> tuple[Control, ...]:
    """Return all fields in the page's order, those of every method first."""
    words: dict[str, str] = {}
    for method in METHODS:
        words |= {each.word: each.name for each in settings_in(load_method(method).params).values()}
    own = [Control(word, ("params", name), METHOD) for word, name in words.items()]
    common = [(group, tuple(key.split("."))) for group, keys in GROUPS.items() for key in keys]
    return (
        *own,
        *(Control(path[-1], path, group, 0 if path[0] == "replay" else None) for group, path in common),
    )


def field_id(key: str) -> str:
    """Return the id that a field, known by its key, has on the page."""
    return f"tune-{key.replace('_', '-')}"


def info_text(control: Control, found: Setting, method: str, words: Words) -> str:
    """Return what stands under a field's label: its bounds, its default or automatic value, and what it does."""
    parts = []
    if found.kind in ("whole", "real"):
        parts.append(allowed(found, words.language, off=control.off is not None))
    if found.automatic:
        low, high = automatic_span(found.name, method)
        parts.append(words("tune.auto_zero", low=number(low), high=number(high)))
    elif shown := default_text(control, found, words):
        parts.append(words("tune.default", value=shown))
    facts = ", ".join(part for part in parts if part)
    help_ = words(f"tune.help_{found.word}") if words.has(f"tune.help_{found.word}") else ""
    return " ".join(f"{part[0].upper()}{part[1:]}." for part in (facts, help_) if part)


def default_text(control: Control, found: Setting, words: Words) -> str:
    """Return a default in words, "" where it is empty."""
    value = control.off if control.off is not None else found.default
    if found.kind == "switch":
        return words("tune.switched_on" if value else "tune.switched_off")
    if found.kind == "choice":
        return choice_text(found.word, str(value), words)
    return number(value) if isinstance(value, int | float) else shown_value(value)


def choice_text(word: str, value: str, words: Words) -> str:
    """Return a choice as the page calls it; one that has no other name stands as in the recipe."""
    key = f"tune.choice_{word}_{value}"
    return words(key) if words.has(key) else value


def shown_value(value: Any) -> str:
    """Return a list, or a word in its place, as one line of text; layers that follow each other become a range."""
    if not isinstance(value, list):
        return str(value or "")
    if not all(isinstance(each, int) for each in value):
        return ", ".join(map(str, value))
    runs: list[list[int]] = []
    for layer in value:
        if runs and layer == runs[-1][1] + 1:
            runs[-1][1] = layer
        else:
            runs.append([layer, layer])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)
