"""The data curve: what is fitted, what is answered, and when neither can be."""

import numpy as np
import pytest

from eval.curve import Curve, Trial, fit_curve, value_at

SIZES = (100, 200, 400, 800)


def trial(rows: int, quality: float, *, seed: int = 0, items: int = 400, groups: int = 40) -> Trial:
    """Items of equal difficulty at every size, so that more of them are right where quality is higher."""
    hard = np.random.default_rng(3).permutation(items) / items
    vectors = {f"i{at}": (float(hard[at] < quality), 1.0) for at in range(items)}
    return Trial(rows, seed, vectors, {f"i{at}": f"g{at % groups}" for at in range(items)})


def fit(qualities: dict[int, float], margin: float = 0.02) -> Curve:
    trials = [trial(rows, quality) for rows, quality in qualities.items()]
    return fit_curve(trials, "accuracy", lambda sums: sums[..., 0] / sums[..., 1], margin)


def test_an_inverse_power_law_is_found_again() -> None:
    curve = fit({rows: 0.9 - 0.3 * (rows / 800) ** -0.4 for rows in SIZES})
    assert curve.law == "power"
    assert curve.parameters == pytest.approx((0.9, 0.3, 0.4), abs=0.05)
    assert curve.gain == pytest.approx(0.3 * (1 - 2**-0.4), abs=0.01)
    assert curve.gain_low < curve.gain < curve.gain_high
    assert [point.rows for point in curve.points] == list(SIZES)
    assert all(point.low < point.mean < point.high and point.n == 400 for point in curve.points)
    assert curve.line[0][0] == pytest.approx(100) and curve.line[-1][0] == pytest.approx(1600)


def test_a_steady_rise_is_worth_more_data() -> None:
    curve = fit({100: 0.3, 200: 0.4, 400: 0.5, 800: 0.6})
    assert curve.answer == "worth" and curve.gain_low > 0.02
    assert "800" in curve.text["en"] and "1,600" in curve.text["ko"]


def test_a_flat_curve_is_not_worth_it() -> None:
    curve = fit({100: 0.6, 200: 0.6025, 400: 0.6, 800: 0.6025}, margin=0.05)
    assert curve.answer == "not_worth" and curve.gain_high < 0.05


def test_a_zigzag_cannot_be_told() -> None:
    curve = fit({100: 0.5, 200: 0.3, 400: 0.6, 800: 0.4})
    assert curve.answer == "cannot_tell" and curve.gain_high - curve.gain_low > 0.05


def test_nothing_that_moves_is_no_certainty() -> None:
    curve = fit(dict.fromkeys(SIZES, 0.0))
    assert curve.answer == "cannot_tell" and curve.gain == pytest.approx(0.0) and curve.gain_high > 0.05


def test_three_sizes_take_a_straight_line_and_two_nothing() -> None:
    three = fit({200: 0.4, 400: 0.5, 800: 0.6})
    assert three.law == "log" and three.gain == pytest.approx(0.1, abs=0.01)
    two = fit({400: 0.5, 800: 0.6})
    assert (two.law, two.gain, two.answer, two.line) == ("none", None, "no_fit", ())
    assert two.text["ko"] and two.text["en"]


def test_the_untuned_base_is_shown_but_not_fitted() -> None:
    grown = {100: 0.3, 200: 0.4, 400: 0.5, 800: 0.6}
    with_base, without = fit({0: 0.0, **grown}), fit(grown)
    assert with_base.points[0].rows == 0 and with_base.parameters == without.parameters


def test_several_seeds_are_one_point_and_their_spread_widens_the_interval() -> None:
    def curve(spread: float) -> Curve:
        trials = [
            trial(rows, 0.3 + 0.1 * at + spread * (seed - 1), seed=seed)
            for at, rows in enumerate(SIZES)
            for seed in range(3)
        ]
        return fit_curve(trials, "accuracy", lambda sums: sums[..., 0] / sums[..., 1], 0.02)

    calm, noisy = curve(0.0), curve(0.1)
    assert [point.seeds for point in noisy.points] == [3] * 4 and noisy.points[0].n == 400
    assert noisy.gain_high - noisy.gain_low > calm.gain_high - calm.gain_low


def test_quality_stays_between_none_and_all() -> None:
    assert value_at("log", (0.9, 0.3), 4.0) == 1.0 and value_at("power", (0.2, 0.5, 1.0), 0.1) == 0.0


def test_a_size_without_scores_is_left_out() -> None:
    empty = Trial(200, 0, {}, {}, unscored=5)
    grown = [trial(rows, quality) for rows, quality in ((100, 0.3), (400, 0.5), (800, 0.6))]
    curve = fit_curve([*grown, empty], "accuracy", lambda sums: sums[..., 0] / sums[..., 1], 0.02)
    point = curve.points[1]
    assert (point.mean, point.n, point.unscored) == (None, 0, 5)
    assert curve.law == "log"
