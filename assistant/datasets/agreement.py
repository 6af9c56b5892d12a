"""How far reviewers agree where they decided about the same candidates."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from assistant.datasets.review import Candidate

_SURE = 1.959964  # the normal quantile of a 95 % interval


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two reviewers agree on taking or leaving ``n`` candidates.

    ``kappa`` is Cohen's (1960), ``low`` to ``high`` its 95 % interval by his standard error; None where both
    gave one and the same verdict throughout, as chance alone then explains everything.
    """

    first: str
    second: str
    n: int
    agreed: int
    kappa: float | None
    low: float | None
    high: float | None


def agreement(found: Iterable[Candidate]) -> list[Agreement]:
    """Return the agreement of every two reviewers who decided about the same candidates."""
    both: dict[tuple[str, str], list[tuple[bool, bool]]] = defaultdict(list)
    for each in found:
        takes: Mapping[str, bool] = {name: made.action != "reject" for name, made in each.settled.items()}
        for one, two in combinations(sorted(takes), 2):
            both[one, two].append((takes[one], takes[two]))
    return [_agreement(*names, verdicts) for names, verdicts in sorted(both.items())]


def _agreement(first: str, second: str, verdicts: Sequence[tuple[bool, bool]]) -> Agreement:
    n = len(verdicts)
    agreed = sum(one == two for one, two in verdicts)
    shares = [sum(pair[place] for pair in verdicts) / n for place in (0, 1)]
    chance = shares[0] * shares[1] + (1 - shares[0]) * (1 - shares[1])
    if chance == 1:
        return Agreement(first, second, n, agreed, None, None, None)
    observed = agreed / n
    kappa = (observed - chance) / (1 - chance)
    error = (observed * (1 - observed) / n) ** 0.5 / (1 - chance)
    low, high = max(-1.0, kappa - _SURE * error), min(1.0, kappa + _SURE * error)
    return Agreement(first, second, n, agreed, kappa, low, high)
