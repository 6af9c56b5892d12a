"""Probes: small questions whose answers are checked by rule, asked before and after tuning.

Four kinds, both languages, in ``data/forgetting/probes/<kind>.jsonl``:

* ``knowledge``: a statement with one true and some false endings; right where the model finds the
  true one least surprising (mean loss per token). Asks for no answer, so it also works for a model
  that follows no instruction.
* ``instruction`` and ``format``: an order whose fulfilment a rule can check, as in IFEval (Zhou et al.
  2023, "Instruction-following evaluation for large language models", arXiv:2311.07911).
* ``refusal``: a passage with a question; right where the model refuses exactly when the passage
  does not answer.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assistant.prompts import is_refusal, load_prompt
from assistant.schema import Language, Message, Passage, digest, language_of, normalise
from eval.metrics.labels import json_object
from eval.strict import complain, read_rows

KINDS = ("knowledge", "instruction", "refusal", "format")
_PUNCTUATION = " \t\n.,!?\"'`*‘’“”。"


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe. ``endings`` are the filled statements of a knowledge probe, the true one first."""

    id: str
    kind: str
    language: Language
    question: str = ""
    passage: str = ""
    refuse: bool = False
    check: Mapping[str, Any] = field(default_factory=dict)
    endings: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What is asked, hashed: a changed probe is another one."""
        prompt = "" if self.endings else load_prompt(self._recipe).hash
        return digest([self.kind, self.question, self.passage, self.refuse, dict(self.check), self.endings, prompt], 16)

    @property
    def _recipe(self) -> str:
        return "grounded" if self.passage else "zero_shot"

    def messages(self) -> list[Message]:
        """Return the conversation to be answered, framed as chat would frame it."""
        passages = [Passage("probe", "probe", 0, self.passage, 1.0)] if self.passage else []
        return load_prompt(self._recipe).render(self.question, language=self.language, passages=passages)

    def right(self, answer: str) -> bool:
        """Return whether an answer fulfils the probe; an empty one never does."""
        text = normalise(answer).strip()
        if self.kind == "refusal":
            return bool(text) and is_refusal(text) == self.refuse
        return bool(text) and all(_CHECKS[name](text, wanted) for name, wanted in self.check.items())


def read_probes(folder: Path) -> tuple[Probe, ...]:
    """Return every probe of a folder.

    Raises:
        InputError: a file is missing or a row is not a probe; names file:line.
    """
    found: list[Probe] = []
    for kind in KINDS:
        path, problems = folder / f"{kind}.jsonl", dict[int, str]()
        for line, row in read_rows(path):
            try:
                found.append(_probe(row, kind))
            except (KeyError, TypeError, ValueError) as error:
                problems[line] = f"not a {kind} probe ({error!s:.80})"
        if problems:
            raise complain(path, problems, "data/forgetting/README.md shows the form")
    return tuple(found)


def _probe(row: "dict[str, Any] | str", kind: str) -> Probe:
    if isinstance(row, str):
        raise ValueError(row)
    language: Language = "ko" if row["language"] == "ko" else "en"
    if kind == "knowledge":
        endings = tuple(normalise(row["statement"].replace("{}", each)) for each in (row["right"], *row["wrong"]))
        if len(set(endings)) < 2:
            raise ValueError("needs a right and a wrong ending")
        return Probe(row["id"], kind, language, endings=endings)
    question = normalise(row["question"])
    if kind == "refusal":
        return Probe(row["id"], kind, language, question, normalise(row["passage"]), bool(row["refuse"]))
    if not row["check"] or not set(row["check"]) <= set(_CHECKS):
        raise ValueError(f"check: known are {', '.join(_CHECKS)}")
    return Probe(row["id"], kind, language, question, check=row["check"])


def _plain(text: str) -> str:
    return text.strip(_PUNCTUATION).casefold()


def _length(text: str, wanted: Sequence[int]) -> bool:
    return wanted[0] <= len(text.split()) <= wanted[1]


def _letters(text: str, wanted: str) -> bool:
    cased = [char for char in text if char.lower() != char.upper()]
    return bool(cased) and all(char == (char.upper() if wanted == "upper" else char.lower()) for char in cased)


def _is_list(text: str, wanted: int) -> bool:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, list) and len(value) == wanted


def _has_keys(text: str, wanted: Sequence[str]) -> bool:
    found = json_object(text) if text.startswith("{") and text.endswith("}") else None
    return found is not None and sorted(found) == sorted(wanted)


_CHECKS: dict[str, Callable[[str, Any], bool]] = {
    "words": _length,
    "contains": lambda text, wanted: all(each.casefold() in text.casefold() for each in wanted),
    "excludes": lambda text, wanted: not any(each.casefold() in text.casefold() for each in wanted),
    "starts": lambda text, wanted: _plain(text).startswith(wanted.casefold()),
    "ends": lambda text, wanted: text.endswith(wanted) if wanted in "?!" else _plain(text).endswith(wanted.casefold()),
    "equals": lambda text, wanted: _plain(text) in [_plain(each) for each in wanted],
    "case": _letters,
    "pattern": lambda text, wanted: re.fullmatch(wanted, text, re.IGNORECASE) is not None,
    "language": lambda text, wanted: language_of(text) == wanted,
    "json_keys": _has_keys,
    "json_list": _is_list,
}
