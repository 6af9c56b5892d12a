"""Intervals and tests over clusters, for any metric that is a function of summed vectors.

Everything takes per-item vectors of shape ``(n, d)`` and one cluster name an item, sums within
clusters (items of one document or template are not independent), and then treats the *clusters* as
the sample. Heavy imports stay inside functions.

An interval (:func:`interval`) is made like this:

* 100 clusters or more: BCa bootstrap over clusters (Efron 1987, "Better bootstrap confidence
  intervals", JASA 82) with ``scipy.stats.bootstrap``; whole clusters are drawn (Davison and
  Hinkley 1997, section 3.8). Where BCa is undefined the percentile interval stands in.
* Fewer: Student's t with G - 1 degrees of freedom on the delete-one-cluster jackknife (Cameron
  and Miller 2015, "A practitioner's guide to cluster-robust inference", section VI); with equal
  clusters this is the textbook t interval of the cluster means. Simulated (``joyul eval
  simulate``), BCa held the true difference in only 91 to 95 % of the studies with 24 or 40
  clusters, t in 93 to 96 %; from 150 on both do.
* Few items differ (``eval.verdict.few_differ``): neither end may lie nearer to zero than the exact
  bound on how many clusters differ at all, each by at most ``width`` (Clopper and Pearson 1934,
  Biometrika 26). Where nothing varies this is the "rule of three" (Hanley and Lippman-Hand 1983,
  JAMA 249) round the value.
* Several training seeds: their variance is added to the clusters' (:func:`pooled`) and both ends
  move out by as much as the t interval does; never in.
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

# From ``joyul eval simulate``, see above.
FEW_CLUSTERS = 100
RESAMPLES = 4999
BATCH_CELLS = 2_000_000
NOTHING, ROUNDED = 1e-12, 12


@dataclass(frozen=True, slots=True)
class Interval:
    """A point with its interval; None where the data allow none.

    ``se`` is the standard error with ``df`` degrees of freedom: the clusters' jackknife error and, where
    there are several, that of the training seeds.
    """

    value: float | None
    low: float | None
    high: float | None
    method: str
    clusters: int
    se: float | None
    df: float = 0.0


@dataclass(frozen=True, slots=True)
class SeedNoise:
    """Variance of a mean over training seeds, with the degrees of freedom of that estimate."""

    variance: float
    df: float

    @classmethod
    def of(cls, *sides: Sequence[float]) -> "SeedNoise | None":
        """Return the noise of a difference whose sides were trained with several seeds each.

        Args:
            sides: per side, the figure of each adapter; sides with one adapter bring no noise that can be seen.
        """
        import numpy as np

        parts = [(float(np.var(side, ddof=1)) / len(side), len(side) - 1.0) for side in sides if len(side) > 1]
        return cls(*map(float, pooled(parts))) if parts else None


def pooled(parts: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Return the sum of independent variance estimates and its degrees of freedom.

    Satterthwaite 1946, "An approximate distribution of estimates of variance components", Biometrics
    Bulletin 2: ``df = (sum v)^2 / sum(v^2 / df)``. Numbers or arrays of them.
    """
    import numpy as np

    total = sum(np.asarray(variance) for variance, _ in parts)
    spread = sum(np.asarray(variance) ** 2 / df for variance, df in parts)
    with _quiet_division():
        return total, np.where(spread > 0, total**2 / spread, max(np.max(df) for _, df in parts))


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
    rare: int | None = None,
    seeds: SeedNoise | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return ``statistic(sum of vectors)`` and an interval that leaves ``tail`` outside each end; see the module.

    Args:
        vectors: shape ``(n, d)``.
        clusters: n names.
        statistic: ``(..., d) -> (...)``.
        tail: error probability outside each end.
        width: the largest possible effect of a cluster (1 for fractions); None where unbounded.
        bounds: the interval is cut to these.
        rare: in how many clusters an item differs, where only few items do.
        seeds: noise between training seeds.
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
    se = float(jackknife_error(sums, statistic))
    drawn, method = None, "cluster t"
    if not se > NOTHING:
        method = "no variation"
    elif count >= FEW_CLUSTERS:
        *drawn, method = _bootstrap(sums, statistic, tail, seed, resamples)
    low, high, total, df = ends(value, se, count, tail, drawn=drawn, width=width, rare=rare, seeds=seeds, bounds=bounds)
    method = "few differ" if rare and se > NOTHING and width is not None else method
    return Interval(value, float(low), float(high), method, count, float(total), float(df))


def ends(
    value: Any,
    se: Any,
    count: int,
    tail: float,
    *,
    drawn: Sequence[Any] | None = None,
    width: float | None = 1.0,
    rare: Any = None,
    seeds: SeedNoise | None = None,
    bounds: tuple[float, float] | None = None,
) -> tuple[Any, Any, Any, Any]:
    """Return ``(low, high, standard error, degrees of freedom)``; see :func:`interval`. Numbers or arrays of them.

    Args:
        value: the point.
        se: the clusters' jackknife error.
        count: how many clusters.
        tail: error probability outside each end.
        drawn: the bootstrap's ends; None for the t interval.
        width: the largest possible effect of a cluster.
        rare: how many clusters differ, where only few items do; None or NaN otherwise.
        seeds: noise between training seeds.
        bounds: the interval is cut to these.
    """
    import numpy as np
    from scipy.stats import t

    critical = t.isf(tail, count - 1)
    low, high = drawn if drawn is not None else (value - critical * se, value + critical * se)
    if width is not None:
        still, reach = se <= NOTHING, width * rare_share(0, count, tail)
        low, high = np.where(still, value - reach, low), np.where(still, value + reach, high)
        if rare is not None:
            few, reach = ~still & np.isfinite(rare), width * rare_share(np.nan_to_num(rare), count, tail)
            low, high = np.where(few, np.minimum(low, -reach), low), np.where(few, np.maximum(high, reach), high)
    total, df = se, count - 1.0
    if seeds is not None:
        variance, df = pooled([(se**2, count - 1.0), (seeds.variance, seeds.df)])
        total = np.sqrt(variance)
        further, some = np.maximum(t.isf(tail, df) * total, critical * se), se > NOTHING
        with _quiet_division():
            factor, extra = np.where(some, further / (critical * se), 1.0), np.where(some, 0.0, further)
        low, high = value - (value - low) * factor - extra, value + (high - value) * factor + extra
    if bounds is not None:
        low, high = np.maximum(low, bounds[0]), np.minimum(high, bounds[1])
    return low, high, total, df


def rare_share(seen: Any, count: int, tail: float) -> Any:
    """Return the exact upper bound on a share of which ``seen`` of ``count`` were observed (Clopper-Pearson)."""
    import numpy as np
    from scipy.special import betaincinv

    return np.where(count > seen, betaincinv(seen + 1.0, np.maximum(count - seen, 1), 1.0 - tail), 1.0)


def jackknife_values(sums: Array, statistic: Statistic) -> Array:
    """Return the statistic with each cluster left out, ``(..., clusters, d) -> (..., clusters)`` (Quenouille-Tukey)."""
    with _quiet_division():
        return statistic(sums.sum(-2, keepdims=True) - sums)


def jackknife_error(sums: Array, statistic: Statistic) -> Array:
    """Return the delete-one-cluster standard error (Efron and Tibshirani 1993, chapter 11), one a batch."""
    return spread_error(jackknife_values(sums, statistic))


def spread_error(left: Array) -> Array:
    """Return the jackknife error of leave-one-out values, ``(..., clusters) -> (...)``; undefined ones are left out."""
    import numpy as np

    fine = np.isfinite(left)
    count = fine.sum(-1)
    with _quiet_division():
        mean = np.where(fine, left, 0.0).sum(-1, keepdims=True) / count[..., None]
        squares = (np.where(fine, left - mean, 0.0) ** 2).sum(-1)
        return np.where(count > 1, np.sqrt((count - 1) / count * squares), 0.0)


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
            # Rounded, so that equal resamples tie with the estimate whatever the order of adding up.
            return np.round(statistic(weights @ sums), ROUNDED).reshape(drawn.shape[:-1])

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
