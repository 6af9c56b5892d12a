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
        behind: how far each rival lies behind the strongest (:func:`behind`); all level without it.
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


def behind(gaps: Sequence[float], errors: Sequence[float]) -> list[float]:
    """Return how far each rival really lies behind the strongest, given that the strongest was picked by looking.

    Noise alone spreads level rivals. So the strongest few count as level, as many as describe the gaps
    best by Akaike's criterion (1974, IEEE Transactions on Automatic Control 19): a further mean of its
    own has to lower -2 log likelihood by more than 2.

    Args:
        gaps: of each rival behind the strongest, 0 for the strongest itself.
        errors: standard errors of those gaps.
    """
    import numpy as np

    gap, error = np.asarray(gaps, dtype=float), np.asarray(errors, dtype=float)
    if not (error > 0).any():
        return list(gaps)
    # The noise of two rivals makes that of a gap.
    variance = float((error[error > 0] ** 2).mean()) / 2
    ordered = np.sort(gap)
    criterion = [
        float(((ordered[:level] - ordered[:level].mean()) ** 2).sum()) / variance - 2 * level
        for level in range(1, len(gap) + 1)
    ]
    level = int(np.argmin(criterion)) + 1
    middle = float(ordered[:level].mean())
    return [0.0 if each <= ordered[level - 1] else each - middle for each in gaps]


@cache
def share_to_differ(items: int, least: float) -> float:
    """Return the share of items that must differ so that at least ``least`` of them do in 80 % of the sets."""
    from scipy.special import betaincinv

    return float(betaincinv(least, items - least + 1, POWER)) if items >= least else 1.0


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
