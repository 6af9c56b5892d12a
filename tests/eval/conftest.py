from collections.abc import Callable, Mapping
from typing import Any

import pytest

from assistant.schema import Variant
from eval.result import RunResult, assemble
from eval.schema import Answer, Item, Suite

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
