"""The running score of side-by-side votes, with what it does and does not settle."""

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.records import Vote
from assistant.ui.words import Words
from eval.arena import Verdict, counted, first_votes, verdicts
from eval.arena.pairs import BAD, TIE
from eval.arena.stopping import settled_leader
from eval.evalues import about, confidence_sequence


@dataclass(frozen=True, slots=True)
class Tally:
    """Blind votes over one set of variants: wins per variant, ties, all bad; ``shown`` ones are left out.

    ``verdicts`` is what the stopping rule says of each two; it takes the first vote of a person on an
    item (``asked`` votes), the counts take the last.
    """

    wins: dict[str, int]
    ties: int
    bad: int
    shown: int
    asked: int
    verdicts: tuple[Verdict, ...]

    @property
    def decisive(self) -> int:
        """Votes that named a winner."""
        return sum(self.wins.values())

    def interval(self, name: str) -> tuple[float, float]:
        """Return the interval of a variant's share of the decisive votes; it holds at every look at once."""
        return confidence_sequence(self.wins[name], self.decisive)

    @property
    def leader(self) -> str | None:
        """The variant that is settled to be ahead of each other one; None while it is not."""
        return settled_leader(self.verdicts, list(self.wins)) or None

    @property
    def more(self) -> int | None:
        """About how many further votes would settle it if they go on as before; None where that is not in sight."""
        best = max(self.wins, key=lambda name: self.wins[name])
        needed = 0
        for verdict in self.verdicts:
            stop = verdict.stop
            if best in (verdict.first, verdict.second):
                if stop.more is None:
                    return None
                needed = max(needed, about(stop.more * self.asked / max(1, stop.decisive)))
        return needed


def tally(votes: Sequence[Vote], variants: Sequence[str]) -> Tally:
    """Count the votes that compared exactly these variants, in whatever order they were shown."""
    wanted = set(variants)
    same = [vote for vote in votes if set(vote.variants) == wanted]
    blind = counted(same)
    wins = {name: sum(vote.choice == name for vote in blind) for name in sorted(wanted)}
    ties, bad = (sum(vote.choice == choice for vote in blind) for choice in (TIE, BAD))
    shown = len(counted(same, blind=False))
    return Tally(wins, ties, bad, shown, len(first_votes(same)), tuple(verdicts(same)))


def score_line(counted_votes: Tally, words: Words) -> str:
    """Return the score in a sentence: "RAG 14 · tuned 9 · ties 5; not settled yet", and how far that is off."""
    found = counted_votes
    ahead = sorted(found.wins.items(), key=lambda each: (-each[1], each[0]))
    scores = " · ".join(words("votes.score", name=name, wins=wins) for name, wins in ahead)
    leader = found.leader
    state = words("votes.settled", name=leader) if leader else words("votes.unsettled")
    line = words(
        "votes.line_bad" if found.bad else "votes.line", scores=scores, ties=found.ties, bad=found.bad, state=state
    )
    parts = [line if line.endswith(".") else f"{line}."]
    if not leader and found.decisive:
        parts.append(words("votes.more", n=f"{found.more:,}") if found.more else words("votes.endless"))
    if found.shown:
        parts.append(words("votes.open", n=found.shown))
    return " ".join(parts)
