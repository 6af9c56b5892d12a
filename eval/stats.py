"""Intervals and tests over clusters, for any metric that is a function of summed vectors.

Everything takes per-item vectors of shape ``(n, d)`` and one cluster name an item, sums within
clusters (items of one document or template are not independent), and then treats the *clusters* as
the sample. Heavy imports stay inside functions.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray
else:
    Array = Any
Statistic = Callable[[Array], Array]

FEW_CLUSTERS = 20
RESAMPLES = 4999
BATCH_CELLS = 2_000_000
POWER = 0.8


@dataclass(frozen=True, slots=True)
class Interval:
    """A point with its interval; None where the data allow none. ``se`` is the jackknife's."""

    value: float | None
    low: float | None
    high: float | None
    method: str
    clusters: int
    se: float | None


def cluster_sums(vectors: Array, clusters: Sequence[str]) -> Array:
    """Return the sums within clusters, shape ``(clusters, d)``, in order of first appearance."""
    import numpy as np

    place = {name: at for at, name in enumerate(dict.fromkeys(clusters))}
    sums = np.zeros((len(place), vectors.shape[1]))
    np.add.at(sums, [place[name] for name in clusters], vectors)
    return sums


def interval(
    vectors: Array,
    clusters: Sequence[str],
    statistic: Statistic,
    *,
    tail: float = 0.025,
    width: float | None = 1.0,
    bounds: tuple[float, float] | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return ``statistic(sum of vectors)`` with a two-sided interval that leaves ``tail`` outside each end.

    * 20 clusters or more: BCa bootstrap over clusters (Efron 1987, "Better bootstrap confidence
      intervals", JASA 82) with ``scipy.stats.bootstrap``; whole clusters are drawn (Davison and
      Hinkley 1997, section 3.8). Where BCa is undefined the percentile interval stands in. Neither
      end may lie inside the t interval below: simulated over 24 to 40 clusters, BCa alone held the
      true difference in 82 to 93 % of the studies (worst for rare successes), the wider of the two
      in 94 to 98 %.
    * Fewer: Student's t with G - 1 degrees of freedom on the delete-one-cluster jackknife (Cameron
      and Miller 2015, "A practitioner's guide to cluster-robust inference", section VI); with equal
      clusters this is the textbook t interval of the cluster means. The bootstrap is too narrow there.
    * No variation at all: the observed spread says nothing, so the bound is that of the exact
      "rule of three" (Hanley and Lippman-Hand 1983, JAMA 249): with probability 1 - tail fewer than
      ``1 - tail ** (1 / G)`` of the clusters differ, each by at most ``width``.

    Args:
        vectors: shape ``(n, d)``.
        clusters: n names.
        statistic: ``(..., d) -> (...)``.
        tail: error probability outside each end.
        width: the largest possible effect of a cluster (1 for fractions); None where unbounded.
        bounds: the interval is cut to these.
        seed: of the bootstrap.
        resamples: of the bootstrap.
    """
    import numpy as np

    if len(vectors) == 0:
        return Interval(None, None, None, "nothing scored", 0, None)
    sums = cluster_sums(np.asarray(vectors, dtype=float), clusters)
    count = len(sums)
    value = float(statistic(sums.sum(0)))
    if count < 2:
        return Interval(value, None, None, "one cluster", count, None)
    se = jackknife_error(sums, statistic)
    if not se > 1e-12:
        reach = (1.0 - tail ** (1.0 / count)) * width if width is not None else 0.0
        low, high, method = value - reach, value + reach, "no variation"
    else:
        from scipy.stats import t

        reach = float(t.ppf(1.0 - tail, count - 1)) * se
        low, high, method = value - reach, value + reach, "cluster t"
        if count >= FEW_CLUSTERS:
            drawn_low, drawn_high, method = _bootstrap(sums, statistic, tail, seed, resamples)
            low, high = min(low, drawn_low), max(high, drawn_high)
    if bounds is not None:
        low, high = max(low, bounds[0]), min(high, bounds[1])
    return Interval(value, low, high, method, count, se)


def jackknife_values(sums: Array, statistic: Statistic) -> Array:
    """Return the statistic with each cluster left out, shape ``(clusters,)`` (Quenouille-Tukey)."""
    with _quiet_division():
        return statistic(sums.sum(0) - sums)


def jackknife_error(sums: Array, statistic: Statistic) -> float:
    """Return the delete-one-cluster standard error (Efron and Tibshirani 1993, chapter 11)."""
    import numpy as np

    left = jackknife_values(sums, statistic)
    left = left[np.isfinite(left)]
    if len(left) < 2:
        return 0.0
    return float(np.sqrt((len(left) - 1) / len(left) * ((left - left.mean()) ** 2).sum()))


def _quiet_division() -> Any:
    import numpy as np

    return np.errstate(divide="ignore", invalid="ignore")


def _bootstrap(sums: Array, statistic: Statistic, tail: float, seed: int, resamples: int) -> tuple[float, float, str]:
    import numpy as np
    from scipy.stats import bootstrap

    count = len(sums)

    def resampled(drawn: Array, axis: int = -1) -> Array:
        # Drawing clusters with replacement = weighing their sums by how often each was drawn.
        flat = np.asarray(drawn, dtype=np.int64).reshape(-1, drawn.shape[-1])
        offsets = flat + count * np.arange(len(flat))[:, None]
        weights = np.bincount(offsets.ravel(), minlength=count * len(flat)).reshape(len(flat), count)
        with _quiet_division():
            return statistic(weights @ sums).reshape(drawn.shape[:-1])

    def run(method: str) -> tuple[float, float]:
        with warnings.catch_warnings(), _quiet_division():
            warnings.simplefilter("ignore")
            found = bootstrap(
                (np.arange(count),),
                resampled,
                n_resamples=resamples,
                batch=max(1, BATCH_CELLS // count),
                vectorized=True,
                axis=-1,
                confidence_level=1.0 - 2.0 * tail,
                method=method,
                rng=np.random.default_rng(seed),
            ).confidence_interval
        return float(found.low), float(found.high)

    low, high = run("BCa")
    if np.isfinite(low) and np.isfinite(high) and low < high:
        return low, high, "BCa bootstrap"
    low, high = run("percentile")
    return low, high, "percentile bootstrap"


def difference_statistic(statistic: Statistic, size: int) -> Statistic:
    """Return the statistic of two variants' vectors side by side (``size`` columns each): first minus second."""

    def difference(sums: Array) -> Array:
        return statistic(sums[..., :size]) - statistic(sums[..., size:])

    return difference


def sign_flip_p(differences: Array, clusters: Sequence[str], *, seed: int = 0, resamples: int = RESAMPLES) -> float:
    """Return the two-sided p-value of "the mean difference is zero" by flipping signs of cluster sums.

    Under the null a cluster's difference is as likely with either sign; with few clusters all
    sign patterns are tried (Fisher 1935; Canay, Romano and Shaikh 2017, Econometrica 85, for
    clusters). ``scipy.stats.permutation_test(permutation_type="samples")`` does the work.
    """
    import numpy as np
    from scipy.stats import permutation_test

    sums = cluster_sums(np.asarray(differences, dtype=float).reshape(-1, 1), clusters)[:, 0]
    if not np.any(sums):
        return 1.0
    found = permutation_test(
        (sums,),
        lambda sample, axis: sample.sum(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=resamples,
        batch=max(1, BATCH_CELLS // len(sums)),
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def mcnemar_p(first: Array, second: Array) -> float:
    """Return the exact McNemar p-value for paired pass/fail without clusters (McNemar 1947, Psychometrika 12)."""
    import numpy as np
    from statsmodels.stats.contingency_tables import mcnemar

    won = int(np.sum((first == 1) & (second == 0)))
    lost = int(np.sum((first == 0) & (second == 1)))
    both, neither = int(np.sum((first == 1) & (second == 1))), int(np.sum((first == 0) & (second == 0)))
    return float(mcnemar([[both, won], [lost, neither]], exact=True).pvalue)


def detectable(
    errors: Sequence[float], margin: float, tail: float, correlation: Sequence[Sequence[float]] | None = None
) -> float:
    """Return the true difference that all comparisons would show above the margin with 80 % power.

    One comparison needs ``margin + (z_tail + z_power) * se`` (Cohen 1988, chapter 2; margin as in
    Schuirmann 1987). Against several rivals every lower bound must clear the margin at once; their
    noise is correlated (they share the candidate), so the quantile is read from normal draws with
    that correlation, seeded.
    """
    import numpy as np
    from scipy.stats import norm

    z = float(norm.isf(tail))
    scale = np.asarray(errors, dtype=float)
    if len(scale) == 1:
        return float(margin + (z + norm.ppf(POWER)) * scale[0])
    matrix = np.eye(len(scale)) if correlation is None else np.asarray(correlation)
    noise = np.random.default_rng(0).multivariate_normal(np.zeros(len(scale)), matrix, 20_000, check_valid="ignore")
    needed = (margin + z * scale - noise * scale).max(axis=1)
    return float(np.quantile(needed, POWER))


def items_needed(n: int, se: float, gap: float, tail: float) -> int | None:
    """Return how many items in all would settle a difference that lies ``gap`` beyond its bound (80 % power).

    The error shrinks with the root of n while groups stay as large as they are. None where the gap
    is so small that no reasonable number would do (over 50 times as many).
    """
    from scipy.stats import norm

    if gap <= 0 or se <= 0:
        return None
    factor = ((float(norm.isf(tail)) + float(norm.ppf(POWER))) * se / gap) ** 2
    return None if factor > 50 else max(n, int(-(-n * factor // 1)))
