"""Conformal intervals keep their level on whatever is exchangeable."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passband.performance.conformal import check_level, conformal_quantile, coverage, p_value
from passband.recipe import PassbandError


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
@pytest.mark.parametrize("draw", ["normal", "standard_cauchy"])
def test_coverage_is_nominal_whatever_the_distribution(level: float, draw: str) -> None:
    """3,000 repetitions of 39 calibration scores and a new one; (n + 1)·level is whole, so the level is met exactly.

    Four standard errors of the share; a quantile that forgets the + 1 is low by 0.0125 to 0.0225.
    """
    rng = np.random.default_rng(7)
    repetitions = 6000
    scores = np.abs(getattr(rng, draw)(size=(repetitions, 40)))
    covered = [row[-1] <= conformal_quantile(row[:-1], level) for row in scores]
    assert np.mean(covered) == pytest.approx(level, abs=4 * math.sqrt(level * (1 - level) / repetitions))


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.floats(0.05, 0.9), st.floats(0.0, 0.09))
def test_a_wider_level_never_shrinks_the_quantile_and_order_does_not_matter(
    scores: list[float], level: float, more: float
) -> None:
    here = conformal_quantile(scores, level)
    assert conformal_quantile(scores, level + more) >= here
    assert conformal_quantile(scores[::-1], level) == here


def test_too_few_scores_exclude_nothing() -> None:
    assert conformal_quantile([1.0, 2.0], 0.9) == math.inf


def test_p_values_of_in_distribution_signals_are_uniform() -> None:
    """P(p ≤ α) ≤ α for an exchangeable value: 19 signals and a new one, α = 0.05 and 0.2 are multiples of 1/20."""
    draws = np.random.default_rng(3).exponential(size=(4000, 20))
    values = np.array([p_value(row[:-1], row[-1]) for row in draws])
    for alpha in (0.05, 0.2, 0.5):
        assert np.mean(values <= alpha + 1e-12) == pytest.approx(alpha, abs=4 * math.sqrt(alpha * (1 - alpha) / 4000))


def test_a_p_value_is_small_for_large_signals_and_never_zero() -> None:
    known = np.arange(1.0, 100.0)
    assert p_value(known, 1e9) == pytest.approx(0.01)
    assert p_value(known, 0.0) == 1.0
    assert p_value(known, 99.0) == pytest.approx(0.02)  # a tie counts against the value


def test_coverage_counts_the_ends() -> None:
    assert coverage([0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.5]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("level", [0.0, 1.0, 80.0, -0.1])
def test_a_level_is_a_fraction(level: float) -> None:
    with pytest.raises(PassbandError, match=r"is not between 0 and 1; write the nominal coverage as 0\.8"):
        check_level(level)
