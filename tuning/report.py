"""What a model will really be trained on, counted before any second of training.

Made from a prepared job, so every figure is of the rows as they will be seen: after rendering,
cutting and mixing, with the tokens that carry loss told from those that do not.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from assistant.dataset import Example, near_duplicates
from assistant.schema import language_of, normalise
from tuning.formats import TrainingRow

# More different answers than this, and they are no labels.
MOST_LABELS = 40
SHOWN_ROWS = 3
NEAR = 0.8


@dataclass(frozen=True, slots=True)
class Spread:
    """How a count is distributed over rows."""

    least: int
    median: int
    p95: int
    most: int
    total: int

    @classmethod
    def of(cls, values: Sequence[int]) -> "Spread":
        """Return the spread of at least one value; quantiles are real values of the data."""
        ordered = sorted(values)

        def at(share: float) -> int:
            return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]

        return cls(ordered[0], at(0.5), at(0.95), ordered[-1], sum(ordered))


@dataclass(frozen=True, slots=True)
class Overlap:
    """Rows whose question is also, or nearly, one of an evaluation set's; the scores there would be flattered."""

    name: str
    items: int
    rows: int
    example: str


@dataclass(frozen=True, slots=True)
class DataReport:
    """What there is to train on.

    ``tokens`` and ``learnt`` are per row (whole, and those that carry loss); ``labels`` is empty where
    the answers are no labels; ``conflicts`` are questions with several different answers; ``first``
    holds rendered rows as (text, carries loss) pieces.
    """

    rows: int
    replay_rows: int
    cut: int
    dropped: int
    turns: Mapping[int, int]
    languages: Mapping[str, int]
    tokens: Spread
    learnt: Spread
    labels: Mapping[str, int]
    duplicates: int
    conflicts: int
    overlaps: tuple[Overlap, ...] = ()
    first: tuple[tuple[tuple[str, bool], ...], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def data_report(
    rows: Sequence[TrainingRow],
    examples: Sequence[Example],
    facts: Mapping[str, Any],
    tokenizer: Any,
    held_out: Mapping[str, Sequence[str]] | None = None,
) -> DataReport:
    """Return the report of a prepared job.

    Args:
        rows: everything that will be trained on, replay rows included.
        examples: the rows of the recipe's own data.
        facts: what was counted while rendering.
        tokenizer: of the base.
        held_out: questions of every evaluation set, by its name.
    """
    answers: dict[str, set[str]] = {}
    for example in examples:
        asked = "\n".join(turn.content for turn in example.messages)
        answers.setdefault(normalise(asked), set()).add(normalise(example.answer))
    labels = Counter(example.answer.strip() for example in examples)
    few = len(labels) <= min(MOST_LABELS, len(examples) // 3)
    return DataReport(
        rows=int(facts["rows"]),
        replay_rows=int(facts["replay_rows"]),
        cut=int(facts.get("rows_cut", 0)),
        dropped=int(facts.get("rows_dropped", 0)),
        turns=dict(sorted(Counter(len(row.messages) for row in rows).items())),
        languages=dict(Counter(language_of(example.question) for example in examples)),
        tokens=Spread.of([len(row.input_ids) for row in rows]),
        learnt=Spread.of([len(row.answer_ids) for row in rows]),
        labels=dict(labels.most_common()) if few else {},
        duplicates=len(examples) - sum(len(given) for given in answers.values()),
        conflicts=sum(len(given) > 1 for given in answers.values()),
        overlaps=tuple(_overlaps(examples, held_out or {})),
        first=tuple(_pieces(row, tokenizer) for row in rows[:SHOWN_ROWS]),
    )


def _overlaps(examples: Sequence[Example], held_out: Mapping[str, Sequence[str]]) -> list[Overlap]:
    # Follow-ups share their few words with everything; only whole questions can leak.
    asked = [example.question for example in examples if not example.history]
    found = []
    for name, questions in held_out.items():
        pairs = near_duplicates(questions, asked, NEAR)
        if pairs:
            item, row, _ = max(pairs, key=lambda pair: pair[2])
            both = f"{questions[item][:60]} / {asked[row][:60]}"
            found.append(Overlap(name, len({i for i, _, _ in pairs}), len({r for _, r, _ in pairs}), both))
    return found


def _pieces(row: TrainingRow, tokenizer: Any) -> tuple[tuple[str, bool], ...]:
    prompt = str(tokenizer.decode(list(row.prompt_ids)))
    answer = str(tokenizer.decode(list(row.answer_ids)))
    return ((prompt, False), (answer, True))
