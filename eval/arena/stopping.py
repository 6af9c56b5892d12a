"""May we stop voting on two variants? The stopping rule of :mod:`eval.evalues` over people's votes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from assistant.records import Vote
from eval.arena.pairs import Pair, first_votes, pairs_of
from eval.evalues import ALPHA, Stop, may_stop


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether voting on two variants may stop; ``ahead`` is empty until it is settled."""

    first: str
    second: str
    ties: int
    stop: Stop

    @property
    def ahead(self) -> str:
        """The variant that people prefer, once that is settled."""
        if not self.stop.settled:
            return ""
        return self.first if 2 * self.stop.wins > self.stop.decisive else self.second


def verdicts(votes: Iterable[Vote], *, blind: bool = True, alpha: float = ALPHA) -> list[Verdict]:
    """Return the stopping rule's answer for each two variants that met; together they err with ``alpha``.

    One vote a person and item counts, the first (:func:`eval.arena.pairs.first_votes`). The promise is
    about votes that are independent coins while neither is better; several people who vote on one item
    are a little less than that, so more items are worth more than more votes on each.
    """
    met: dict[tuple[str, str], list[Pair]] = {}
    for vote in first_votes(votes, blind=blind):
        for first, second in combinations(sorted(vote.variants), 2):
            met.setdefault((first, second), [])
        for pair in pairs_of(vote):
            met[pair.first, pair.second].append(pair)
    return [
        Verdict(first, second, sum(p.outcome == "tie" for p in pairs), _stop(pairs, len(met), alpha))
        for (first, second), pairs in sorted(met.items())
    ]


def _stop(pairs: Sequence[Pair], asked: int, alpha: float) -> Stop:
    wins, losses = (sum(pair.outcome == outcome for pair in pairs) for outcome in ("first", "second"))
    return may_stop(wins, wins + losses, pairs=asked, alpha=alpha)


def settled_leader(found: Sequence[Verdict], names: Sequence[str]) -> str:
    """Return the variant that is settled to be ahead of each other one, or nothing."""
    for name in names:
        rivals = {v.first if v.second == name else v.second: v.ahead for v in found if name in (v.first, v.second)}
        if set(rivals) >= set(names) - {name} and all(ahead == name for ahead in rivals.values()):
            return name
    return ""
