"""May we stop voting? An answer that stays right however often somebody looks.

Each decisive vote between two variants is a coin; "neither is better" says that the coin is fair.
The evidence against it is an e-value, the likelihood of the votes averaged over all coins against
that of the fair one: ``E = B(k + 1, n - k + 1) / (1/2)^n`` for ``k`` wins of ``n`` (uniform mixture:
Robbins 1970, "Statistical methods related to the law of the iterated logarithm", Annals of
Mathematical Statistics 41; Howard, Ramdas, McAuliffe and Sekhon 2021, "Time-uniform, nonparametric,
nonasymptotic confidence sequences", Annals of Statistics 49, section 3). While the coin is fair E is a
nonnegative martingale from 1, so by Ville's inequality it ever reaches ``1 / alpha`` with probability
at most ``alpha``: looking after every vote costs nothing. An interval or p-value made for a fixed
number of votes has no such promise. Several pairs at once share ``alpha`` (Bonferroni, which for
e-values is a bar ``pairs`` times as high; Vovk and Wang 2021, Annals of Statistics 49).
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray
else:
    Array = Any

ALPHA = 0.05
MOST_MORE = 10_000


@dataclass(frozen=True, slots=True)
class Stop:
    """What ``wins`` of ``decisive`` votes settle.

    ``low`` and ``high`` bound the probability that a decisive vote is a win, at every look at once
    (confidence ``1 - alpha / pairs``). ``more`` is about how many further decisive votes would
    settle it if they go on as before; None where that is more than ``MOST_MORE``, or nobody voted.
    """

    wins: int
    decisive: int
    e_value: float
    bar: float
    low: float
    high: float
    more: int | None

    @property
    def settled(self) -> bool:
        """Whether stopping now is safe."""
        return self.e_value >= self.bar


def log_e(wins: Array | float, decisive: Array | float) -> Array:
    """Return the natural logarithm of the e-value against a fair coin; arrays go element by element."""
    from scipy.special import betaln

    found: Array = betaln(wins + 1.0, decisive - wins + 1.0) + decisive * math.log(2.0)
    return found


def may_stop(wins: int, decisive: int, *, pairs: int = 1, alpha: float = ALPHA) -> Stop:
    """Return what the votes so far settle about two variants.

    Args:
        wins: decisive votes for the first.
        decisive: votes for either.
        pairs: how many pairs are asked about together; they share ``alpha``.
        alpha: probability of ever calling a fair coin unfair.

    Raises:
        ValueError: counts that cannot be.
    """
    if not 0 <= wins <= decisive or pairs < 1:
        raise ValueError(f"{wins} wins of {decisive} in {pairs} pairs")
    bar = pairs / alpha
    low, high = confidence_sequence(wins, decisive, alpha / pairs)
    e_value = math.exp(min(700.0, float(log_e(wins, decisive))))
    more = 0 if e_value >= bar else _more(wins, decisive, bar)
    return Stop(wins, decisive, e_value, bar, low, high, more)


def confidence_sequence(wins: int, decisive: int, alpha: float = ALPHA) -> tuple[float, float]:
    """Return bounds of the win probability that hold at all looks together (Robbins 1970).

    They are the coins ``p`` that the same mixture does not refute:
    ``B(k + 1, n - k + 1) < p^k (1 - p)^(n - k) / alpha``; 1/2 lies outside exactly when the e-value
    has reached ``1 / alpha``.
    """
    if not decisive:
        return 0.0, 1.0
    from scipy.optimize import brentq
    from scipy.special import betaln, xlog1py, xlogy

    losses, share = decisive - wins, wins / decisive
    mixture, bar = float(betaln(wins + 1.0, losses + 1.0)), math.log(1.0 / alpha)

    def over(p: float) -> float:
        return mixture - float(xlogy(wins, p) + xlog1py(losses, -p)) - bar

    low = float(brentq(over, 1e-300, share)) if wins else 0.0
    high = float(brentq(over, share, 1.0 - 1e-16)) if losses else 1.0
    return low, high


def _more(wins: int, decisive: int, bar: float) -> int | None:
    """Return how many votes like those so far reach the bar; the share is Laplace's, so few votes promise little."""
    import numpy as np

    if not decisive:
        return None
    share = (wins + 1.0) / (decisive + 2.0)
    further = np.arange(1, MOST_MORE + 1)
    reached = np.flatnonzero(log_e(wins + share * further, decisive + further) >= math.log(bar))
    return about(float(further[reached[0]])) if len(reached) else None


def about(count: float) -> int:
    """Return a number of votes rounded up to two digits; a plan knows no more."""
    whole = math.ceil(count)
    unit = int(10 ** max(0, len(str(whole)) - 2))
    return -(-whole // unit) * unit
