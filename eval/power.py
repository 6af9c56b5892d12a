"""What a set could have found: the detectable difference, and how many more items would settle it."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray
else:
    Array = Any

POWER = 0.8
DRAWS = 10
SHRINK = 1.5


@cache
def _normals(count: int) -> Array:
    """Return fixed standard normal points, shape ``(count, 1024)``: scrambled Sobol points, evenly spread."""
    import numpy as np
    from scipy.special import ndtri
    from scipy.stats import qmc

    points = qmc.Sobol(count, scramble=True, rng=np.random.default_rng(0)).random_base2(DRAWS)
    return np.ascontiguousarray(ndtri(points).T)


def detectable(
    errors: Sequence[float],
    margin: float,
    tail: float,
    correlation: Sequence[Sequence[float]] | None = None,
    *,
    df: float = float("inf"),
    behind: Sequence[float] | None = None,
) -> float:
    """Return the true lead over the strongest rival at which the rule would say "tune" with 80 % power.

    Against one rival this is the effect that solves ``P(T > t_tail) = 0.8`` for a noncentral t (Cohen
    1988, chapter 2; margin as in Schuirmann 1987). Against several every lower bound must clear the
    margin at once, and their noise is correlated (they share the candidate), so the quantile is read
    from fixed normal points with that correlation; the standard error is itself an estimate (a chi
    with ``df`` degrees of freedom, by Wilson and Hilferty 1931).

    Args:
        errors: standard error of the candidate's difference from each rival.
        margin: what the lower bounds must exceed.
        tail: error outside each bound.
        correlation: of those differences.
        df: degrees of freedom of the errors.
        behind: how far each rival lies behind the strongest (:func:`shrunk`); all level without it.
    """
    import numpy as np
    from scipy.special import ndtri, stdtrit

    scale = np.asarray(errors, dtype=float)
    points = _normals(len(scale) + 1)
    matrix = np.eye(len(scale)) if correlation is None else np.asarray(correlation)
    values, axes = np.linalg.eigh(matrix)
    noise = (axes * np.sqrt(np.maximum(values, 0.0))) @ points[1:]
    if df < 1e6:
        chi = np.maximum(1 - 2 / (9 * df) + points[0] * np.sqrt(2 / (9 * df)), 0.0) ** 1.5
        reach = -float(stdtrit(df, tail)) * chi - noise
    else:
        reach = -float(ndtri(tail)) - noise
    gaps = np.zeros(len(scale)) if behind is None else np.asarray(behind, dtype=float)
    needed = (scale[:, None] * reach - gaps[:, None]).max(axis=0)
    needed.sort()
    return float(margin + np.interp(POWER * (len(needed) - 1), np.arange(len(needed)), needed))


def shrunk(gap: float, error: float) -> float:
    """Return how far a rival really lies behind, given that the strongest was picked by looking.

    The positive part of a James-Stein shrinkage (Baranchik 1964), one gap at a time: what noise alone
    would show counts as nothing. The factor is the one of ``joyul eval simulate`` at which equal and
    unequal rivals miss 80 % power by about the same.
    """
    return max(0.0, gap - SHRINK * error**2 / gap) if gap > 0 else 0.0


def items_needed(n: int, se: float, gap: float, tail: float) -> int | None:
    """Return how many items in all would settle a difference that lies ``gap`` beyond its bound (80 % power).

    The error shrinks with the root of n while groups stay as large as they are. None where the gap
    is so small that no reasonable number would do (over 50 times as many).
    """
    from scipy.special import ndtri

    if gap <= 0 or se <= 0:
        return None
    factor = ((float(ndtri(POWER)) - float(ndtri(tail))) * se / gap) ** 2
    return None if factor > 50 else max(n, int(-(-n * factor // 1)))
