import json
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest

from assistant.models.pool import ModelPool
from assistant.models.scripted import ScriptedBackend, ScriptedModel
from assistant.paths import Home
from assistant.retrieval.library import Library
from assistant.schema import Delta, Message, Sampling, Variant
from assistant.settings import ModelSettings, Settings
from assistant.variants import VariantFactory
from eval.result import RunResult, assemble
from eval.runner import run_suite
from eval.schema import Answer, Item, Suite
from eval.suite import load_suite

USUAL = ("zero-shot", "few-shot", "rag", "tuned", "rag-tuned")
Right = Mapping[str, Callable[[int], bool]]


def variant(name: str) -> Variant:
    recipe = "grounded" if "rag" in name else "zero_shot"
    return Variant(name, recipe=recipe, adapter="an-adapter" if "tuned" in name else None)


@pytest.fixture
def make_suite() -> Callable[..., Suite]:
    def make(count: int = 40, names: tuple[str, ...] = USUAL, groups: int = 0, **changes: Any) -> Suite:
        items = tuple(
            Item(
                question=f"question {at}",
                reference=(f"answer {at}",),
                group=f"group {at % groups if groups else at}",
                language="ko" if at % 2 else "en",
                slice="first" if at % 3 else "second",
                line=at + 1,
            )
            for at in range(count)
        )
        settings: dict[str, Any] = {
            "name": "made-up",
            "kind": "qa",
            "items": items,
            "variants": tuple(variant(name) for name in names),
            "primary": "exact_match",
            "metrics": ("exact_match", "prompt_tokens", "completion_tokens", "seconds"),
        }
        return Suite(**settings | changes)

    return make


@pytest.fixture
def judged(make_suite: Callable[..., Suite]) -> Callable[..., RunResult]:
    """Score made-up answers: ``right[name](number of the item)`` says which are right."""

    def judge(right: Right, *, errors: Right | None = None, suite: Suite | None = None, **changes: Any) -> RunResult:
        suite = suite or make_suite(names=tuple(right), **changes)
        answers = {}
        for spec in suite.variants:
            row = {}
            for at, item in enumerate(suite.items):
                failed = errors is not None and spec.name in errors and errors[spec.name](at)
                text = item.reference[0] if right[spec.name](at) else "something else"
                row[item.id] = Answer(
                    text="" if failed else text,
                    error="it broke" if failed else "",
                    prompt_tokens=10,
                    completion_tokens=2,
                    seconds=0.5,
                    base="made-up@12345678",
                    adapter=spec.adapter,
                    query="q" if "rag" in spec.name else None,
                )
            answers[spec.name] = row
        specs = {spec.name: spec for spec in suite.variants}
        return assemble(suite, specs=specs, fingerprints=dict.fromkeys(specs, "f"), answers=answers)

    return judge


COUNT = 30
SUITE = """\
suite: numbers
kind: qa
items: items.jsonl
primary: exact_match
variants:
  zero-shot:
  rag: {recipe: zero_shot, approach: rag, k: 3}
  tuned: {model: clever}
"""


class Plain(ScriptedBackend):
    """Knows nothing: echoes."""

    asked: list[str]
    hook: Callable[[str], None]

    def model(self, adapter: Any = None) -> ScriptedModel:
        backend = self

        class Watched(ScriptedModel):
            def stream(self, messages: Sequence[Message], sampling: Sampling) -> Generator[Delta, None, None]:
                backend.asked.append(messages[-1].content)
                backend.hook(messages[-1].content)
                yield from super().stream(messages, sampling)

        return Watched(self, self._rules)


@pytest.fixture
def model() -> Iterator[ModuleType]:
    """Two scripted models whose every question is noted; ``hook`` may make them fail or wait."""
    module = ModuleType("made_up_models")
    module.asked = []  # type: ignore[attr-defined]
    module.hook = lambda question: None  # type: ignore[attr-defined]

    def opened(rules: Sequence[tuple[str, str]]) -> Plain:
        backend = Plain(rules)
        backend.asked = module.asked
        backend.hook = lambda question: module.hook(question)
        return backend

    module.plain = lambda settings, engine: opened([])  # type: ignore[attr-defined]
    rules = [(rf"number {at}$", f"answer {at}") for at in range(COUNT)]
    module.clever = lambda settings, engine: opened(rules)  # type: ignore[attr-defined]
    sys.modules["made_up_models"] = module
    yield module
    del sys.modules["made_up_models"]


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    rows = [{"question": f"number {at}", "reference": [f"answer {at}"], "language": "en"} for at in range(COUNT)]
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "suite.yaml").write_text(SUITE)
    return load_suite(tmp_path / "suite.yaml")


@pytest.fixture
def run(tmp_path: Path, model: ModuleType) -> Callable[..., RunResult]:
    settings = Settings(
        home=tmp_path / "home",
        model=ModelSettings(name="made_up_models:plain"),
        models={"clever": ModelSettings(name="made_up_models:clever")},
    )
    home = Home(settings.home).create()
    # No variant here searches, so nothing ever asks the library.
    library = cast(Library, None)

    def parts() -> dict[str, Any]:
        variants = VariantFactory(settings, home, ModelPool(settings), library)
        return {"variants": variants, "library": library, "runs": home.runs}

    def go(suite: Suite, **options: Any) -> RunResult:
        return run_suite(suite, **parts(), **options)

    go.parts = parts  # type: ignore[attr-defined]
    return go
