"""Prompt recipes: one YAML file a recipe, with a text per language; hashed into fingerprints.

A recipe says how a question, and the passages or examples that go with it, become messages. The
chat *format* is never here: that is the tokenizer's own template. Text that people or documents
supply is only ever a value, put in by one pass, so braces in it stay braces.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from assistant.errors import UsageError
from assistant.lazy import nearest
from assistant.schema import Language, Message, Passage, Shot, digest, normalise

FOLDER = Path(__file__).parent
_SLOT = re.compile(r"\{(passages|shots|question|number|text|answer)\}")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One recipe; ``texts`` holds, per language, ``user`` and where needed ``system``, ``passage``, ``shot``."""

    name: str
    needs: Literal["nothing", "passages", "shots"]
    texts: Mapping[Language, Mapping[str, str]]
    hash: str

    def render(
        self,
        question: str,
        *,
        language: Language,
        history: Sequence[Message] = (),
        passages: Sequence[Passage] = (),
        shots: Sequence[Shot] = (),
        system: str = "",
    ) -> list[Message]:
        """Return the messages a model gets: system text, history, and the framed question.

        ``system`` is a variant's own instruction; it follows the recipe's. Examples are shown in
        the question's language where there are any, else all of them.
        """
        texts = self.texts[language]
        joiner = texts.get("joiner", "\n\n")
        values = {"question": question}
        if self.needs == "passages":
            numbered = ({"number": str(n), "text": passage.text} for n, passage in enumerate(passages, start=1))
            values["passages"] = joiner.join(_fill(texts["passage"], value) for value in numbered)
        if self.needs == "shots":
            native = [shot for shot in shots if shot.language == language] or list(shots)
            solved = ({"question": shot.question, "answer": shot.answer} for shot in native)
            values["shots"] = joiner.join(_fill(texts["shot"], value) for value in solved)
        lead = "\n".join(part for part in (texts.get("system", "").strip(), system.strip()) if part)
        frame = texts["user"] if passages or self.needs != "passages" else texts.get("without", "{question}")
        head = [Message("system", lead)] if lead else []
        return [*head, *history, Message("user", _fill(frame, values))]


def _fill(template: str, values: Mapping[str, str]) -> str:
    return _SLOT.sub(lambda match: values.get(match[1], match[0]), template)


def prompt_names() -> list[str]:
    """Return the names of all recipes that ship."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml") if not path.stem.startswith("_"))


@cache
def load_prompt(name: str) -> Prompt:
    """Return a recipe by name.

    Raises:
        UsageError: there is none of that name; the nearest is suggested.
    """
    if name not in prompt_names():
        raise UsageError(f"unknown prompt recipe {name!r}", nearest(name, prompt_names()))
    content: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    texts: dict[Language, dict[str, str]] = {"ko": content["ko"], "en": content["en"]}
    return Prompt(name, content.get("needs", "nothing"), texts, digest(content))


@cache
def _refusals() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((FOLDER / "_refusals.yaml").read_text(encoding="utf-8"))
    return content


def refusal(language: Language) -> str:
    """Return how Joyul itself says that the documents do not answer."""
    return str(_refusals()["say"][language])


def is_refusal(text: str) -> bool:
    """Return whether an answer says that it cannot answer, in either language."""
    plain = re.sub(r"\s+", " ", normalise(text).casefold().replace("’", "'"))
    return any(re.search(pattern, plain) for patterns in _refusals()["patterns"].values() for pattern in patterns)
