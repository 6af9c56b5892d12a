"""Items whose wording a model may have seen: in the training data or among the shown examples.

Such an item measures memory. It stays in the set (it is part of what was declared), but every score it
enters is marked, and the figure without it stands beside.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from assistant.dataset import near_duplicates
from assistant.schema import Message
from eval.schema import Item

# Words in which questions differ are few; below this, templates would count as leaks.
ALIKE = 0.8


def wording(question: str, history: Sequence[Message] = ()) -> str:
    """Return what is compared: the whole conversation, so that short follow-ups are not all alike."""
    return "\n".join([*(turn.content for turn in history), question])


def training_wordings(path: Path) -> list[str]:
    """Return the conversations of a training file.

    Raises:
        InputError: it is missing or has bad rows.
    """
    from assistant.dataset import read_examples

    return [wording(row.question, row.history) for row in read_examples(path)]


def find_leaks(items: Sequence[Item], seen: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return, by item id, where its wording was found.

    Args:
        items: the held-out set.
        seen: wordings by the name of their source.
    """
    texts = [wording(item.question, item.history) for item in items]
    found: dict[str, str] = {}
    for source, wordings in seen.items():
        for at, row, alike in near_duplicates(texts, wordings, ALIKE):
            found.setdefault(items[at].id, f"{source}: row {row + 1}, {alike:.0%} alike")
    return found


def near_copies(items: Sequence[Item]) -> list[tuple[Item, Item]]:
    """Return pairs of items of different groups that are nearly the same text, so nearly one item twice."""
    texts = [wording(item.question, item.history) for item in items]
    pairs = near_duplicates(texts, texts, 0.95)
    return [(items[i], items[j]) for i, j, _ in pairs if i < j and items[i].group != items[j].group]
