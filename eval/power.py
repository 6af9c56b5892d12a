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
    """Return how far a candidate's true score must lie above what the strongest rival scored here, for 80 % power.

    The rule says "tune" where the candidate's score lies above a bar: the highest, over the rivals, of a
    rival's score plus the reach of its bound, plus the margin. This set shows one draw of that bar, so on
    average its mean is known without error. Only how far the bar and the candidate's score scatter round
    their means has to be modelled: from fixed normal points with the correlation of the differences (they
    share the candidate). Each standard error is an estimate too, a chi with ``df`` degrees of freedom
    (Wilson and Hilferty 1931), and two of them correlate with the square of what their differences do
    (Anderson 2003, An Introduction to Multivariate Statistical Analysis, section 7.2). Against one rival
    this is Cohen's noncentral t (1988, chapter 2; margin as in Schuirmann 1987) on average over the error.

    The lead over the rival that is *truly* strongest is deliberately not given. It depends on how far the
    rivals truly lie apart, and within their noise no set tells: the expectation of any estimate is a smooth
    function of the true means, their maximum is not (Blumenthal and Cohen 1968, JASA 63).

    Args:
        errors: standard error of the candidate's difference from each rival.
        margin: what the lower bounds must exceed.
        tail: error outside each bound.
        correlation: of those differences.
        df: degrees of freedom of the errors.
        behind: how far each rival's score lies behind the strongest one's; all level without it.
    """
    import numpy as np
    from scipy.special import ndtri, stdtrit

    scale = np.asarray(errors, dtype=float)
    count = len(scale)
    gaps = np.zeros(count) if behind is None else np.asarray(behind, dtype=float)
    matrix = np.eye(count) if correlation is None else np.asarray(correlation)
    points, chi = _normals(2 * count), 1.0
    if df < 1e6:
        chi = np.maximum(1 - 2 / (9 * df) + _root(matrix**2) @ points[count:] * np.sqrt(2 / (9 * df)), 0.0) ** 1.5
    critical = -float(stdtrit(df, tail) if df < 1e6 else ndtri(tail))
    bar = float((critical * scale - gaps).max())
    scatter = (_evened(scale, df)[:, None] * (critical * chi - _root(matrix) @ points[:count]) - gaps[:, None]).max(0)
    return margin + bar + float(np.quantile(scatter, POWER) - scatter.mean())


def _root(matrix: Array) -> Array:
    """Return what turns independent normals into ones with this correlation."""
    import numpy as np

    values, axes = np.linalg.eigh(matrix)
    return np.asarray(axes * np.sqrt(np.maximum(values, 0.0)))


def _evened(errors: Array, df: float) -> Array:
    """Return standard errors without the part of their differences that is noise of their estimation.

    The largest of several noisy errors is too large. So the variances are drawn to their mean by the share of
    their spread that ``2 V^2 / df``, the noise of a variance, explains (Efron and Morris 1973, JASA 68).
    """
    import numpy as np

    variances = errors**2
    middle = float(variances.mean())
    spread = float(variances.var(ddof=1)) if len(errors) > 1 else 0.0
    kept = max(0.0, 1.0 - 2.0 * middle**2 / df / spread) if spread > 0 else 0.0
    return np.asarray(np.sqrt(middle + kept * (variances - middle)))


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
