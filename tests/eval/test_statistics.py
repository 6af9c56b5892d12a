"""Intervals and tests against closed forms, and their coverage in a small simulation."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from eval.metrics.base import Metric
from eval.paired_tests import mcnemar_p, sign_flip_p
from eval.power import detectable, items_needed, share_to_differ
from eval.stats import (
    Interval,
    SeedNoise,
    cluster_sums,
    difference_statistic,
    interval,
    jackknife_error,
)
from eval.verdict import few_differ

MEAN = Metric().statistic


def vectors(values: np.ndarray) -> np.ndarray:
    return np.column_stack([values, np.ones(len(values))])


def mean_interval(values: np.ndarray, clusters: list[str] | None = None, **options: float) -> Interval:
    names = clusters or [str(at) for at in range(len(values))]
    return interval(vectors(np.asarray(values, float)), names, MEAN, **options)  # type: ignore[arg-type]


def test_sums_within_clusters() -> None:
    sums = cluster_sums(vectors(np.array([1.0, 2.0, 4.0])), ["a", "b", "a"])
    assert sums.tolist() == [[5.0, 2.0], [2.0, 1.0]]


def test_jackknife_of_a_mean_is_the_standard_error() -> None:
    values = np.array([0.1, 0.4, 0.7, 0.2, 0.9])
    assert jackknife_error(vectors(values), MEAN) == pytest.approx(values.std(ddof=1) / np.sqrt(5))


def test_few_clusters_take_the_t_interval() -> None:
    values = np.array([0.1, 0.4, 0.7, 0.2, 0.9, 0.3])
    found = mean_interval(values)
    low, high = scipy_stats.t.interval(0.95, 5, loc=values.mean(), scale=scipy_stats.sem(values))
    assert found.method == "cluster t"
    assert (found.low, found.high) == pytest.approx((low, high))


def test_equal_clusters_are_as_good_as_their_means() -> None:
    values = np.array([0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0])
    names = ["a", "a", "b", "b", "c", "c", "d", "d"]
    means = values.reshape(4, 2).mean(1)
    low, high = scipy_stats.t.interval(0.95, 3, loc=means.mean(), scale=scipy_stats.sem(means))
    found = mean_interval(values, names)
    assert (found.low, found.high) == pytest.approx((low, high))


def test_many_clusters_take_the_bootstrap_near_the_normal_interval() -> None:
    values = np.random.default_rng(3).normal(0.5, 0.1, 400)
    found = mean_interval(values)
    error = values.std(ddof=1) / 20
    assert found.method == "BCa bootstrap"
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_bootstrap_equals_scipys_own_over_values() -> None:
    values = np.random.default_rng(1).random(120) ** 6
    found = mean_interval(values, resamples=999)
    # The same draws, straight through scipy: weighing cluster sums must be the same as drawing them.
    straight = scipy_stats.bootstrap(
        (np.arange(120),),
        lambda index, axis: values[index.astype(int)].mean(axis=axis),
        n_resamples=999,
        vectorized=True,
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert found.method == "BCa bootstrap"
    assert (found.low, found.high) == pytest.approx((straight.low, straight.high))


def test_under_a_hundred_clusters_t_as_the_simulation_asks_for() -> None:
    values = np.random.default_rng(1).random(99)
    found = mean_interval(values)
    assert found.method == "cluster t"
    assert (found.low, found.high) == pytest.approx(
        scipy_stats.t.interval(0.95, 98, loc=values.mean(), scale=scipy_stats.sem(values))
    )


def difference_interval(first: np.ndarray, second: np.ndarray, **options: object) -> Interval:
    both, names = np.hstack([vectors(first), vectors(second)]), [str(at) for at in range(len(first))]
    differing = int((first != second).sum())
    rare = differing if few_differ(differing, len(first), len(first)) else None
    return interval(both, names, difference_statistic(MEAN, 2), rare=rare, **options)  # type: ignore[arg-type]


def test_few_differing_items_never_bring_a_bound_near_zero() -> None:
    """3 wins in 300: t alone would say 'at most 2.1 points'; the exact bound on how many differ does not."""
    first, second = np.zeros(300), np.zeros(300)
    first[:3] = 1.0
    found = difference_interval(first, second, tail=0.05 / 3)
    exact = scipy_stats.binomtest(3, 300).proportion_ci(1 - 0.1 / 3, "exact").high
    assert found.method == "few differ"
    assert found.low == pytest.approx(-exact)
    assert found.high is not None and found.high >= exact
    first[:10] = 1.0
    assert difference_interval(first, second).method == "BCa bootstrap"


def test_seeds_widen_and_never_narrow() -> None:
    values = np.random.default_rng(2).normal(0.5, 0.2, 60)
    alone = mean_interval(values)
    same = mean_interval(values, seeds=SeedNoise.of([0.5, 0.5, 0.5]))  # type: ignore[arg-type]
    apart = mean_interval(values, seeds=SeedNoise.of([0.44, 0.5, 0.56]))  # type: ignore[arg-type]
    assert alone.low is not None and same.low is not None and apart.low is not None and alone.se is not None
    assert same.low <= alone.low + 1e-12
    # By hand: variances add up, degrees of freedom after Satterthwaite.
    seeds = 0.06**2 / 3
    total = alone.se**2 + seeds
    df = total**2 / (alone.se**4 / 59 + seeds**2 / 2)
    assert apart.se == pytest.approx(np.sqrt(total)) and apart.df == pytest.approx(df)
    assert apart.low == pytest.approx(values.mean() - scipy_stats.t.isf(0.025, df) * np.sqrt(total))
    assert SeedNoise.of([0.5], [0.4]) is None
    still = mean_interval(np.ones(60), seeds=SeedNoise.of([0.4, 0.5, 0.6]))  # type: ignore[arg-type]
    assert still.low == pytest.approx(0.025 ** (1 / 60) - scipy_stats.t.isf(0.025, 2) * 0.1 / np.sqrt(3))


def test_no_variation_gives_the_rule_of_three_not_certainty() -> None:
    found = mean_interval(np.zeros(60), bounds=(0.0, 1.0))
    assert (found.low, found.value) == (0.0, 0.0)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 60))
    assert found.method == "no variation"


def test_one_cluster_and_nothing_have_no_interval() -> None:
    alone = mean_interval(np.array([1.0, 0.0]), ["a", "a"])
    assert (alone.value, alone.low, alone.high) == (0.5, None, None)
    assert interval(np.zeros((0, 2)), [], MEAN).value is None


def test_same_seed_same_interval() -> None:
    values = np.random.default_rng(5).random(50)
    assert mean_interval(values) == mean_interval(values)


def test_sign_flips_against_all_patterns() -> None:
    differences = np.array([0.5, 0.3, 0.2, -0.1])
    patterns = np.array(np.meshgrid(*[[-1, 1]] * 4)).reshape(4, -1)
    totals = (patterns * differences[:, None]).sum(0)
    by_hand = (np.abs(totals) >= abs(differences.sum()) - 1e-12).mean()
    assert sign_flip_p(differences, list("abcd")) == pytest.approx(by_hand)


def test_sign_flips_see_clusters_not_items() -> None:
    many = np.tile([1.0, -0.2], 30)
    apart = sign_flip_p(many, [str(at) for at in range(60)])
    together = sign_flip_p(many, [str(at % 4) for at in range(60)])
    assert apart < 0.001 < 0.05 < together
    assert sign_flip_p(np.zeros(5), list("abcde")) == 1.0


def test_mcnemar_is_the_binomial_test_of_the_discordant() -> None:
    first = np.array([1] * 9 + [0] * 2 + [1] * 20 + [0] * 9)
    second = np.array([0] * 9 + [1] * 2 + [1] * 20 + [0] * 9)
    assert mcnemar_p(first, second) == pytest.approx(scipy_stats.binomtest(9, 11).pvalue)


def test_detectable_effect_in_closed_form_and_against_several_rivals() -> None:
    z = scipy_stats.norm.isf(0.025) + scipy_stats.norm.ppf(0.8)
    assert detectable([0.03], 0.02, 0.025) == pytest.approx(0.02 + z * 0.03, abs=1e-4)
    alike = detectable([0.03, 0.03], 0.02, 0.025, [[1.0, 1.0], [1.0, 1.0]])
    assert alike == pytest.approx(0.02 + z * 0.03, abs=0.001)
    # Both at once: each is found with probability sqrt(0.8), less how far the luckier of two level rivals lies ahead.
    apart = detectable([0.03, 0.03], 0.02, 0.025, [[1.0, 0.0], [0.0, 1.0]])
    both = scipy_stats.norm.isf(0.025) + scipy_stats.norm.ppf(0.8**0.5) - 1 / np.sqrt(np.pi)
    assert apart == pytest.approx(0.02 + both * 0.03, abs=0.0005)


def test_detectable_effect_with_few_clusters_is_the_noncentral_t_on_average_over_the_error() -> None:
    chi = np.sqrt(scipy_stats.chi2.ppf((np.arange(2000) + 0.5) / 2000, 7) / 7)
    found = float(np.mean([detectable([0.03 * each], 0.0, 0.025, df=7) for each in chi]))
    assert scipy_stats.nct.sf(scipy_stats.t.isf(0.025, 7), 7, found / 0.03) == pytest.approx(0.8, abs=0.015)


def test_a_rival_far_behind_costs_no_power_and_one_near_by_costs_some() -> None:
    def against(gap: float) -> float:
        return detectable([0.03, 0.03], 0.02, 0.025, [[1.0, 0.5], [0.5, 1.0]], behind=[0.0, gap])

    alone = detectable([0.03], 0.02, 0.025)
    assert against(0.5) == pytest.approx(alone, abs=0.0005)
    # The rival with the wider bound decides, though it lies behind.
    wide = detectable([0.03, 0.09], 0.02, 0.025, [[1.0, 0.5], [0.5, 1.0]], behind=[0.0, 0.01])
    assert wide > 0.02 + 0.09 * scipy_stats.norm.isf(0.025) - 0.01 + 0.03


@pytest.mark.parametrize("df", [7.0, float("inf")])
@pytest.mark.parametrize("gaps", [(0.0, 0.0, 0.0), (0.0, 1.0, 1.0), (0.0, 1.0, 2.0), (0.0, 0.0, 4.0)], ids=str)
def test_at_the_detectable_effect_four_of_five_studies_find_it_however_far_the_rivals_lie_apart(
    gaps: tuple[float, ...], df: float
) -> None:
    """Normal scores, the truth unknown to the formula; gaps in standard errors, where level and apart look alike."""
    random, studies, size = np.random.default_rng(3), 1200, 8 if df < 100 else 400
    truth = np.array([0.0, *(-np.array(gaps))])
    noise = random.standard_normal((studies, 4, size)) * np.sqrt(size / 2)
    scores = truth[:, None] + noise
    differences = scores[:, :1] - scores[:, 1:]
    errors = differences.std(-1, ddof=1) / np.sqrt(size)
    seen, tail = scores.mean(-1), 0.025
    wanted = [
        detectable(
            errors[at],
            0.0,
            tail,
            np.corrcoef(differences[at]),
            df=size - 1.0,
            behind=seen[at, 1:].max() - seen[at, 1:],
        )
        + seen[at, 1:].max()
        for at in range(studies)
    ]
    shift = float(np.mean(wanted))
    bounds = shift + differences.mean(-1) - scipy_stats.t.isf(tail, size - 1) * errors
    assert (bounds > 0).all(-1).mean() == pytest.approx(0.8, abs=0.03)


def test_errors_that_noise_explains_count_as_equal() -> None:
    even = detectable([0.03] * 3, 0.0, 0.025, df=7, behind=[0.0, 0.5, 0.5])
    # Which rival decides is the bar's part; how the scatter is modelled takes the errors as equal.
    noisy = detectable([0.03, 0.033, 0.0267], 0.0, 0.025, df=7, behind=[0.0, 0.5, 0.5])
    assert noisy == pytest.approx(even, abs=0.0005)
    # With many items such errors do differ.
    real = detectable([0.03, 0.09, 0.09], 0.0, 0.025, df=5000, behind=[0.0, 0.5, 0.5])
    assert real == pytest.approx(detectable([0.03], 0.0, 0.025, df=5000), abs=0.001)
    assert detectable([0.0, 0.0], 0.02, 0.025) == pytest.approx(0.02)


def test_share_that_must_differ_finds_enough_items_in_four_of_five_sets() -> None:
    for items, least in ((40, 10), (300, 30)):
        assert scipy_stats.binom.sf(least - 1, items, share_to_differ(items, least)) == pytest.approx(0.8)
    assert share_to_differ(5, 10) == 1.0


def test_items_needed() -> None:
    z = scipy_stats.norm.isf(0.025) + scipy_stats.norm.ppf(0.8)
    assert items_needed(100, 0.05, 0.1, 0.025) == int(np.ceil(100 * (z * 0.05 / 0.1) ** 2))
    assert items_needed(100, 0.01, 0.5, 0.025) == 100
    assert items_needed(100, 0.05, 0.0001, 0.025) is None
    assert items_needed(100, 0.05, 0.0, 0.025) is None


@pytest.mark.parametrize(("clusters", "size"), [(60, 1), (24, 4), (8, 8)])
def test_coverage_of_the_paired_interval(clusters: int, size: int) -> None:
    """About 95 % of the intervals hold the truth; 4 standard errors of slack for 250 studies."""
    random = np.random.default_rng(11)
    truth, studies, held = 0.10, 250, 0
    statistic = difference_statistic(MEAN, 2)
    names = [str(at // size) for at in range(clusters * size)]
    for _ in range(studies):
        shared = np.repeat(random.normal(0, 0.1, clusters), size)
        first = np.clip(0.5 + truth + shared + random.normal(0, 0.15, clusters * size), 0, None)
        second = np.clip(0.5 + random.normal(0, 0.15, clusters * size), 0, None)
        found = interval(np.hstack([vectors(first), vectors(second)]), names, statistic, resamples=499, bounds=(-1, 1))
        assert found.low is not None and found.high is not None
        held += found.low <= truth <= found.high
    assert held / studies == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / studies))


def test_coverage_where_successes_are_rare() -> None:
    """Pass/fail at 5 % over 40 items: the bootstrap alone would hold the truth in about 84 % of the studies."""
    random = np.random.default_rng(12)
    studies, held = 250, 0
    statistic = difference_statistic(MEAN, 2)
    names = [str(at) for at in range(40)]
    for _ in range(studies):
        first = (random.random(40) < 0.07).astype(float)
        second = (random.random(40) < 0.05).astype(float)
        found = interval(np.hstack([vectors(first), vectors(second)]), names, statistic, resamples=499, bounds=(-1, 1))
        assert found.low is not None and found.high is not None
        held += found.low <= 0.02 <= found.high
    assert held / studies >= 0.92
