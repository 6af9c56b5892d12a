"""The stopping rule: exact values, and its promise under a look after every vote, by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import beta, binomtest

from eval.evalues import ALPHA, about, confidence_sequence, log_e, may_stop

STREAMS, LOOKS = 2000, 1000
MONTE_CARLO_BOUND = 0.06


def _upper(claims: int) -> float:
    """Return the exact 95 % upper bound of a share that was seen ``claims`` times (Clopper and Pearson 1934)."""
    return float(beta.ppf(0.95, claims + 1, STREAMS - claims))


def _counts(share: float, seed: int) -> np.ndarray:
    """Return the wins after every vote of every stream, shape ``(STREAMS, LOOKS)``."""
    return np.cumsum(np.random.default_rng(seed).random((STREAMS, LOOKS)) < share, axis=1)


def test_the_value_is_the_mixture_over_all_coins() -> None:
    for wins, decisive in ((0, 0), (1, 1), (3, 4), (7, 20), (25, 30)):
        coins, _ = quad(lambda p, k=wins, n=decisive: p**k * (1 - p) ** (n - k), 0.0, 1.0)
        assert np.exp(log_e(wins, decisive)) == pytest.approx(coins * 2.0**decisive, rel=1e-9)


def test_looking_after_every_vote_makes_few_false_claims() -> None:
    wins, decisive = _counts(0.5, seed=1), np.arange(1, LOOKS + 1)
    claims = int((log_e(wins, decisive).max(axis=1) >= np.log(1 / ALPHA)).sum())
    assert claims <= ALPHA * STREAMS and _upper(claims) <= MONTE_CARLO_BOUND


def test_a_test_for_a_fixed_number_of_votes_would_not_hold_it() -> None:
    """The same streams: what "p < 0.05 at some look" claims, so the test above can tell a wrong rule."""
    wins, decisive = _counts(0.5, seed=1)[:, 9:], np.arange(10, LOOKS + 1)
    score = np.abs(wins - decisive / 2) / np.sqrt(decisive / 4)
    assert (score.max(axis=1) > 1.96).mean() > 0.3


def test_three_variants_share_the_error() -> None:
    """Three equal variants, three pairs, a look after every three-way vote: a claim about any pair is false."""
    choices = np.random.default_rng(2).integers(0, 3, (STREAMS, LOOKS))
    won = [np.cumsum(choices == variant, axis=1) for variant in range(3)]
    highest = np.maximum.reduce([log_e(won[i], won[i] + won[j]).max(axis=1) for i, j in ((0, 1), (0, 2), (1, 2))])
    claims = int((highest >= np.log(may_stop(0, 0, pairs=3).bar)).sum())
    assert _upper(claims) <= MONTE_CARLO_BOUND


@pytest.mark.parametrize("share", [0.5, 0.7])
def test_the_interval_holds_the_truth_at_all_looks_together(share: float) -> None:
    looks = (5, 20, 80, 320, 1000)
    wins = _counts(share, seed=3)[:200, [look - 1 for look in looks]]
    missed = 0
    for row in wins:
        bounds = [confidence_sequence(int(k), n) for k, n in zip(row, looks, strict=True)]
        missed += any(not low <= share <= high for low, high in bounds)
    assert missed <= 0.05 * len(wins)


def test_a_real_difference_is_found_and_the_promised_number_of_votes_is_about_right() -> None:
    wins, decisive = _counts(0.7, seed=4), np.arange(1, LOOKS + 1)
    reached = log_e(wins, decisive) >= np.log(1 / ALPHA)
    assert reached.any(axis=1).all()
    needed = np.median(reached.argmax(axis=1) + 1)
    now = may_stop(21, 30)
    assert not now.settled and now.more is not None
    assert needed / 2 < 30 + now.more < needed * 2


@given(st.integers(0, 400), st.integers(0, 400), st.integers(1, 6))
def test_interval_and_evidence_agree(wins: int, losses: int, pairs: int) -> None:
    found = may_stop(wins, wins + losses, pairs=pairs)
    mirrored = may_stop(losses, wins + losses, pairs=pairs)
    assert found.e_value == pytest.approx(mirrored.e_value)
    assert found.low == pytest.approx(1 - mirrored.high, abs=1e-9)
    assert 0.0 <= found.low <= (wins / (wins + losses) if wins + losses else 0.5) <= found.high <= 1.0
    if abs(found.e_value / found.bar - 1) > 1e-6:
        assert found.settled == (not found.low <= 0.5 <= found.high)


def test_it_is_wider_than_an_interval_for_one_look() -> None:
    low, high = confidence_sequence(30, 50)
    once = binomtest(30, 50).proportion_ci(0.95)
    assert low < once.low and high > once.high


@pytest.mark.parametrize(("exact", "said"), [(0.2, 1), (9, 9), (99, 99), (101, 110), (9914, 10_000)])
def test_plans_are_round(exact: float, said: int) -> None:
    assert about(exact) == said


def test_few_or_even_votes_promise_nothing() -> None:
    assert may_stop(0, 0).more is None and not may_stop(0, 0).settled
    assert may_stop(500, 1000).more is None
    assert may_stop(40, 50).settled and may_stop(40, 50).more == 0
    with pytest.raises(ValueError, match="3 wins of 2"):
        may_stop(3, 2)
