"""Descriptive tests of "no difference". The rule does not read them; it reads bounds."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from eval.stats import BATCH_CELLS, cluster_sums

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray
else:
    Array = Any

FLIPS = 4999


def sign_flip_p(differences: Array, clusters: Sequence[str], *, seed: int = 0, resamples: int = FLIPS) -> float:
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
