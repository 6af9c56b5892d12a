"""What is wrong with a file, row by row: every problem has a place, a key and a mend."""

from dataclasses import asdict, dataclass, field
from typing import Any

from assistant.dataset_rows import MAX_SHOWN, show

__all__ = ["MAX_PROBLEMS", "MAX_SHOWN", "Place", "Problem", "Problems", "show"]

MAX_PROBLEMS = 50


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend; ``line`` counts from 1 and is 0 where it concerns the whole file."""

    file: str
    line: int
    key: str
    problem: str
    fix: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, self.key, self.problem) if part)

    def to_json(self) -> dict[str, Any]:
        """Return the problem as ``--json`` prints it."""
        return asdict(self)


@dataclass
class Problems:
    """The problems of one file, and what a format could not take over; all counted, the first of each kept."""

    file: str
    kept: list[Problem] = field(default_factory=list)
    total: int = 0
    lost: list[dict[str, Any]] = field(default_factory=list)
    lost_total: int = 0

    def add(self, line: int, key: str, problem: str, fix: str) -> None:
        """Note one problem."""
        self.total += 1
        if len(self.kept) < MAX_PROBLEMS:
            self.kept.append(Problem(self.file, line, key, problem, fix))

    def lose(self, line: int, key: str, what: str) -> None:
        """Note something that is left out although nothing is wrong with it."""
        self.lost_total += 1
        if len(self.lost) < MAX_PROBLEMS:
            self.lost.append({"file": self.file, "line": line, "key": key, "what": what})

    def to_json(self) -> list[dict[str, Any]]:
        """Return the kept problems, as ``--json`` prints them."""
        return [problem.to_json() for problem in self.kept]


@dataclass(slots=True)
class Place:
    """One row of a file: problems noted here know their line."""

    problems: Problems
    line: int

    def bad(self, key: str, problem: str, fix: str) -> None:
        """Note what is wrong with a key."""
        self.problems.add(self.line, key, problem, fix)

    def lose(self, key: str, what: str) -> None:
        """Note what the own form leaves out."""
        self.problems.lose(self.line, key, what)
