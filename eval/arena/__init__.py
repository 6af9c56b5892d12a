"""What people's side-by-side votes say: pairs, strengths with intervals, and whether to go on voting.

>>> from eval.arena import human_pairs, rank, slices, verdicts
"""

from eval.arena.pairs import Pair, counted, first_votes, human_pairs
from eval.arena.ranking import Ranking, rank, slices
from eval.arena.stopping import Verdict, verdicts

__all__ = ["Pair", "Ranking", "Verdict", "counted", "first_votes", "human_pairs", "rank", "slices", "verdicts"]
