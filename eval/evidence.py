"""Scores -> what the rule reads: paired comparisons with their bounds, and how their noise hangs together."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from eval.metrics.base import Metric
from eval.paired_tests import mcnemar_p, sign_flip_p
from eval.schema import TUNED, UNTUNED, Approach, Comparison, Estimate, Item, Score
from eval.stats import (
    NOTHING,
    RESAMPLES,
    Interval,
    SeedNoise,
    cluster_sums,
    difference_statistic,
    interval,
    jackknife_values,
)
from eval.verdict import Evidence, few_differ, tail_for

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray
else:
    Array = Any

# Scores of one variant by item id, for one metric.
Row = Mapping[str, Score]


def gather(
    metric: Metric,
    items: Sequence[Item],
    rows: Mapping[str, Row],
    approaches: Mapping[str, Approach],
    *,
    margin: float,
    alpha: float,
    resamples: int = RESAMPLES,
    with_test: bool = True,
) -> Evidence:
    """Compare every pair of variants on the items that the metric applies to.

    Args:
        metric: the primary one.
        items: those it applies to.
        rows: scores by variant; one without a row was not scored at all.
        approaches: of every variant of the run.
        margin: the smallest difference that matters.
        alpha: the error that the rule may make.
        resamples: of the bootstrap.
        with_test: also compute the descriptive p-values.
    """
    candidates = [name for name, approach in approaches.items() if approach in TUNED]
    rivals = [name for name, approach in approaches.items() if approach in UNTUNED]
    tail = tail_for(alpha, len(candidates), len(rivals))
    # Tuned first, so that a positive difference reads "tuning gains".
    order = [name for name in (*candidates, *rivals) if name in rows]
    pairs = {
        (a, b): compare(metric, items, rows[a], rows[b], (a, b), tail, resamples=resamples, with_test=with_test)
        for a, b in combinations(order, 2)
    }
    correlations = {
        tuned: found
        for tuned in candidates
        if tuned in rows and all(rival in rows for rival in rivals)
        if (found := _correlation(metric, items, rows, tuned, rivals, pairs)) is not None
    }
    return Evidence(
        approaches=approaches,
        pairs=pairs,
        means={name: mean_of(metric, items, rows[name]) if name in rows else None for name in approaches},
        items=len(items),
        metric=metric.name,
        margin=margin,
        alpha=alpha,
        correlations=correlations,
        seeds={name: adapters_of(row) for name, row in rows.items()},
    )


def parts_of(score: Score) -> list[Score]:
    """Return the scores of each adapter that has one; the score itself where there is one adapter."""
    return [part for part in score.replicates if part.value is not None] or [score]


def adapters_of(row: Row) -> int:
    """Return how many adapters (training seeds) stand behind a variant's scores."""
    return max((len(score.replicates) for score in row.values()), default=0) or 1


def vectors_of(metric: Metric, scores: Sequence[Score]) -> Array:
    """Return the summable form of scores, shape ``(n, d)``; several adapters count as their mean."""
    import numpy as np

    parts = [(at, part) for at, score in enumerate(scores) for part in parts_of(score)]
    flat = metric.vectors([part for _, part in parts])
    if len(flat) == len(scores):
        return flat
    owner = np.array([at for at, _ in parts])
    sums = np.zeros((len(scores), flat.shape[1]))
    np.add.at(sums, owner, flat)
    return sums / np.bincount(owner)[:, None]


def mean_of(metric: Metric, items: Sequence[Item], row: Row) -> float | None:
    """Return the metric over the items that have a score."""
    kept = [row[item.id] for item in items if row[item.id].value is not None]
    return float(metric.statistic(vectors_of(metric, kept).sum(0))) if kept else None


def adapter_figures(metric: Metric, items: Sequence[Item], row: Row) -> list[float | None]:
    """Return the metric of each adapter alone; one figure where there is one adapter."""
    if adapters_of(row) == 1:
        return [mean_of(metric, items, row)]
    alone = [
        {item.id: each.replicates[at] if (each := row[item.id]).replicates else each for item in items}
        for at in range(adapters_of(row))
    ]
    return [mean_of(metric, items, one) for one in alone]


def _seed_noise(metric: Metric, items: Sequence[Item], *rows: Row) -> SeedNoise | None:
    """Return the noise of a new training seed: items and seeds are crossed, every adapter answers every item.

    The variance between the adapters' means also holds a share of the noise of items, which the
    clusters' error holds too: counted twice, on the safe side.
    """
    figures = [[figure for figure in adapter_figures(metric, items, row) if figure is not None] for row in rows]
    return SeedNoise.of(*figures) if any(adapters_of(row) > 1 for row in rows) else None


def estimate(
    metric: Metric, items: Sequence[Item], row: Row, *, tail: float = 0.025, resamples: int = 1999
) -> Estimate:
    """Return a metric over items: mean and interval over those with a score, and how many have none."""
    kept = [item for item in items if row[item.id].value is not None]
    if not kept:
        return Estimate(None, None, None, 0, len(items), "nothing scored")
    found = interval(
        vectors_of(metric, [row[item.id] for item in kept]),
        [item.group for item in kept],
        metric.statistic,
        tail=tail,
        resamples=resamples,
        seeds=_seed_noise(metric, kept, row),
        **_limits(metric, 1.0),
    )
    return Estimate(found.value, found.low, found.high, len(kept), len(items) - len(kept), found.method)


def _limits(metric: Metric, width: float, low: float = 0.0) -> dict[str, Any]:
    fraction = metric.unit == "fraction"
    return {"width": width if fraction else None, "bounds": (low, 1.0) if fraction else None}


def compare(
    metric: Metric,
    items: Sequence[Item],
    first: Row,
    second: Row,
    names: tuple[str, str],
    tail: float,
    *,
    resamples: int = RESAMPLES,
    with_test: bool = True,
) -> Comparison:
    """Return ``first`` minus ``second`` on the items that both have a score for, paired and clustered.

    ``with_test`` adds the descriptive p-value; the rule does not read it.
    """
    import numpy as np

    kept, vectors = _paired(metric, items, first, second)
    if not kept:
        return Comparison(*names, metric.name, None, None, None, 0, 0, tail, "nothing scored")
    groups, half = [item.group for item in kept], vectors.shape[1] // 2
    seeds = _seed_noise(metric, kept, first, second)
    differing = np.flatnonzero((np.abs(vectors[:, :half] - vectors[:, half:]) > NOTHING).any(axis=1))
    where = {groups[at] for at in differing}
    found: Interval = interval(
        vectors,
        groups,
        difference_statistic(metric.statistic, half),
        tail=tail,
        resamples=resamples,
        rare=len(where) if few_differ(len(differing), len(kept), len(set(groups))) else None,
        seeds=seeds,
        **_limits(metric, 1.0, -1.0),
    )
    p, test = None, ""
    if metric.is_mean and with_test:
        left = np.array([first[item.id].value for item in kept], dtype=float)
        right = np.array([second[item.id].value for item in kept], dtype=float)
        if len(set(groups)) == len(kept) and set(np.unique([left, right])) <= {0.0, 1.0}:
            p, test = mcnemar_p(left, right), "McNemar exact"
        else:
            p, test = sign_flip_p(left - right, groups), "sign-flip permutation"
    ends = (found.value, found.low, found.high)
    noise = float(np.sqrt(seeds.variance)) if seeds is not None else 0.0
    return Comparison(
        *names,
        metric.name,
        *ends,
        len(kept),
        found.clusters,
        tail,
        found.method,
        p,
        test,
        found.se,
        found.df,
        noise,
        len(differing),
    )


def _paired(metric: Metric, items: Sequence[Item], first: Row, second: Row) -> tuple[list[Item], Array]:
    import numpy as np

    kept = [item for item in items if first[item.id].value is not None and second[item.id].value is not None]
    if not kept:
        return [], np.zeros((0, 2))
    # Both sides through one call, so that set-level metrics use the same classes for both.
    both = vectors_of(metric, [row[item.id] for row in (first, second) for item in kept])
    return kept, np.hstack([both[: len(kept)], both[len(kept) :]])


def _correlation(
    metric: Metric,
    items: Sequence[Item],
    rows: Mapping[str, Row],
    tuned: str,
    rivals: Sequence[str],
    pairs: Mapping[tuple[str, str], Comparison],
) -> list[list[float]] | None:
    """Return the correlation of a candidate's differences from its rivals, None where it cannot be told."""
    import numpy as np

    shared = [item for item in items if all(rows[name][item.id].value is not None for name in (tuned, *rivals))]
    if len({item.group for item in shared}) < 3 or len(rivals) < 2:
        return None
    left = []
    for rival in rivals:
        _, vectors = _paired(metric, shared, rows[tuned], rows[rival])
        statistic = difference_statistic(metric.statistic, vectors.shape[1] // 2)
        left.append(jackknife_values(cluster_sums(vectors, [item.group for item in shared]), statistic))
    errors = np.array([pairs[tuned, rival].se or 0.0 for rival in rivals])
    found: list[list[float]] = correlation_of(np.stack(left), errors, pairs[tuned, rivals[0]].seed_se).tolist()
    return found


def correlation_of(left: Array, errors: Array, seed_se: Any) -> Array:
    """Return the correlation of differences, ``(..., r, clusters) -> (..., r, r)``.

    Args:
        left: leave-one-out values of each difference.
        errors: their standard errors with the seeds' part, shape ``(..., r)``.
        seed_se: that part; a candidate's seeds move all its differences alike.
    """
    import numpy as np

    centred = left - left.mean(-1, keepdims=True)
    size = np.sqrt((centred**2).sum(-1))
    shared = np.asarray(seed_se)[..., None, None] ** 2
    own = np.sqrt(np.maximum(errors**2 - np.asarray(seed_se)[..., None] ** 2, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        alike = np.nan_to_num(centred @ np.swapaxes(centred, -1, -2) / (size[..., :, None] * size[..., None, :]))
        total = (alike * own[..., :, None] * own[..., None, :] + shared) / (errors[..., :, None] * errors[..., None, :])
    total = np.nan_to_num(total)
    places = np.arange(total.shape[-1])
    total[..., places, places] = 1.0
    return np.asarray(total)
