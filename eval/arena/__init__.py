"""What people's side-by-side votes say: pairs, strengths with intervals, and whether to go on voting."""

from eval.arena.pairs import Pair, counted, first_votes, human_pairs

__all__ = ["Pair", "counted", "first_votes", "human_pairs"]
