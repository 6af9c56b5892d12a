"""The running score of side-by-side votes, with what it does and does not settle."""

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.records import Vote

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Tally:
    """Votes over one set of variants: wins per variant, ties, all bad."""

    wins: dict[str, int]
    ties: int
    bad: int

    @property
    def decisive(self) -> int:
        """Votes that named a winner."""
        return sum(self.wins.values())

    def interval(self, name: str) -> tuple[float, float]:
        """Return the Wilson interval of a variant's share of the decisive votes; 0 to 1 without any."""
        if not self.decisive:
            return 0.0, 1.0
        from scipy.stats import binomtest

        found = binomtest(self.wins[name], self.decisive).proportion_ci(CONFIDENCE, method="wilson")
        return float(found.low), float(found.high)

    @property
    def leader(self) -> str | None:
        """The variant that is surely ahead: its interval lies above every other one's; None while unsettled.

        With two variants that is the same as an interval above one half.
        """
        if not self.decisive:
            return None
        best = max(self.wins, key=lambda name: self.wins[name])
        low = self.interval(best)[0]
        rivals = [name for name in self.wins if name != best]
        return best if all(low > self.interval(name)[1] for name in rivals) else None


def tally(votes: Sequence[Vote], variants: Sequence[str]) -> Tally:
    """Count the votes that compared exactly these variants, in whatever order they were shown."""
    wanted = set(variants)
    counted = [vote for vote in votes if set(vote.variants) == wanted]
    wins = {name: sum(vote.choice == name for vote in counted) for name in sorted(wanted)}
    ties = sum(vote.choice == "tie" for vote in counted)
    return Tally(wins, ties, sum(vote.choice == "both_bad" for vote in counted))
