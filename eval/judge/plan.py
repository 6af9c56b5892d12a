"""What a suite asks of the judge besides its metrics: a rubric's criteria, and comparing answers in pairs."""

from collections.abc import Mapping
from dataclasses import dataclass

from assistant.schema import Language


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing to grade from ``low`` to ``high``; ``texts`` has both languages."""

    name: str
    texts: Mapping[Language, str]
    low: int
    high: int

    @property
    def metric(self) -> str:
        """The name of its figure in reports."""
        return f"rubric.{self.name}"


@dataclass(frozen=True, slots=True)
class Rubric:
    """The criteria of one file."""

    name: str
    criteria: tuple[Criterion, ...]


@dataclass(frozen=True, slots=True)
class JudgePlan:
    """The suite's ``judge`` key without its metrics, which stand among the suite's own."""

    rubric: Rubric | None = None
    pairwise: bool = False
