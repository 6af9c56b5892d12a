"""Which variants can be ranked together, and why the others cannot."""

from collections.abc import Sequence

from eval.arena.pairs import Pair
from eval.arena.strength import duels, finite


def ranked_together(pairs: Sequence[Pair], names: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return the largest set of variants with finite strengths, and why each other one is not in it.

    A strength needs wins and losses (or ties) that lead from each variant to each other one (Ford
    1957, "Solution of a ranking problem from binary comparisons", American Mathematical Monthly 64).
    """
    import numpy as np
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    place = {name: at for at, name in enumerate(names)}
    edges = np.zeros((len(names), len(names)))
    for pair in pairs:
        first, second = place[pair.first], place[pair.second]
        edges[first, second] += pair.outcome in ("first", "tie")
        edges[second, first] += pair.outcome in ("second", "tie")
    if not names:
        return [], {}
    _, strong = connected_components(csr_array(edges), connection="strong")
    _, weak = connected_components(csr_array(edges), directed=False)
    votes = edges.sum(0) + edges.sum(1)
    best = max(set(strong), key=lambda group: ((strong == group).sum(), votes[strong == group].sum(), -group))
    ranked = [name for name in names if strong[place[name]] == best]
    inside = [pair for pair in pairs if pair.first in ranked and pair.second in ranked]
    if len(ranked) < 2 or not finite(duels(inside, ranked)):
        ranked, best = [], -1
    reasons = {}
    for name in names:
        at = place[name]
        if name in ranked:
            continue
        met = not ranked or weak[at] == weak[place[ranked[0]]]
        reasons[name] = _reason(edges[at].sum(), edges[:, at].sum(), met)
    return ranked, reasons


def _reason(won: float, lost: float, met: bool) -> str:
    if not won and not lost:
        return "no_votes"
    if not met:
        return "never_met"
    return "never_lost" if not lost else "never_won" if not won else "too_few"
