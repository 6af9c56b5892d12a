"""Each variant has one colour and one letter wherever it appears."""

from collections.abc import Iterable

from assistant.errors import JoyulError
from assistant.prompts import load_prompt
from assistant.schema import Variant
from assistant.ui.markup import element, escape
from assistant.ui.words import Words
from assistant.variants import VariantFactory

KINDS = ("zero-shot", "few-shot", "rag", "tuned", "rag-tuned", "remote")
LETTERS = {"zero-shot": "Z", "few-shot": "F", "rag": "R", "tuned": "T", "rag-tuned": "RT", "remote": "S"}


def kind_of(name: str, factory: VariantFactory | None = None) -> str:
    """Return which of the six looks a variant has; its name decides, else what it is made of."""
    if name in KINDS:
        return name
    if factory is not None:
        try:
            return _by_parts(factory.spec(name))
        except JoyulError:
            pass  # its adapter or file was removed since
    lowered = name.lower()
    if "rag" in lowered:
        return "rag-tuned" if "tuned" in lowered else "rag"
    return "tuned" if "tuned" in lowered else "remote" if "remote" in lowered else "zero-shot"


def _by_parts(spec: Variant) -> str:
    if spec.model != "default":
        return "remote"
    needs = load_prompt(spec.recipe).needs
    if spec.adapter:
        return "rag-tuned" if needs == "passages" else "tuned"
    return {"passages": "rag", "shots": "few-shot"}.get(str(needs), "zero-shot")


def badge(name: str, factory: VariantFactory | None = None) -> str:
    """Return a variant's name with its colour and letter."""
    kind = kind_of(name, factory)
    letter = element("span", LETTERS[kind], class_="letter", aria_hidden="true")
    return element("span", letter, escape(name), class_=f"variant v-{kind}")


def described(name: str, words: Words) -> str:
    """Return a variant's name and, for the usual ones, what it does in a few words."""
    key = f"variant.{name.replace('-', '_')}"
    return f"{name} · {words(key)}" if words.has(key) else name


def first_of(names: Iterable[str], wanted: str, otherwise: str = "") -> str:
    """Return ``wanted`` where it is offered, else the first name there is."""
    offered = list(names)
    return wanted if wanted in offered else (offered[0] if offered else otherwise)
