"""Distance from a distribution: about 1 within it, large outside, and steady with few samples."""

import numpy as np
import pytest

from passband.performance.subspace import Subspace
from passband.recipe import PassbandError


def test_distance_is_that_of_mahalanobis_where_all_directions_are_kept() -> None:
    """Against NumPy's covariance of 2,000 samples in 3 dimensions; kept are 2, and the third is alone in the rest."""
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(2000, 3)) @ np.array([[2.0, 0.3, 0.0], [0.0, 1.0, 0.2], [0.0, 0.0, 0.5]]) + 5.0
    space = Subspace.fitted(samples, most=2)
    there = rng.normal(size=(5, 3)) * 3.0
    centred = there - samples.mean(axis=0)
    exact = np.sqrt(np.einsum("ij,jk,ik->i", centred, np.linalg.inv(np.cov(samples.T)), centred) / 3.0)
    np.testing.assert_allclose(space.distances(there), exact, rtol=2e-3)  # four digits are kept


def test_samples_of_the_distribution_are_near_one_and_shifted_ones_far() -> None:
    rng = np.random.default_rng(1)
    mixing = rng.normal(size=(4, 30))
    inside, new = (rng.normal(size=(n, 4)) @ mixing + 0.1 * rng.normal(size=(n, 30)) for n in (300, 200))
    space = Subspace.fitted(inside, most=4)
    assert np.median(space.distances(new)) == pytest.approx(1.0, abs=0.15)
    outside = new + 2.0 * rng.normal(size=30)  # small beside the directions, large beside what is left
    assert np.median(space.distances(outside)) > 5.0
    assert np.median(space.residuals(outside)) > 5.0 * np.median(space.residuals(new))


def test_few_samples_keep_few_directions_and_constant_ones_do_not_divide_by_zero() -> None:
    space = Subspace.fitted(np.ones((5, 8)), most=24)
    assert len(space.directions) == 1
    assert np.isfinite(space.distances(np.ones((1, 8)))).all()
    assert space.distances(np.full((1, 8), 1.1))[0] > 1e3


def test_variances_of_few_samples_are_not_biased() -> None:
    samples = np.random.default_rng(2).normal(size=(8, 3)) * np.array([5.0, 2.0, 1.0])
    space = Subspace.fitted(samples, most=2)
    exact = np.sort(np.linalg.eigvalsh(np.cov(samples.T)))[::-1]
    assert space.variances == pytest.approx(tuple(exact[:2]), rel=1e-3)
    assert space.remainder == pytest.approx(exact[2], rel=1e-3)


def test_two_samples_are_refused() -> None:
    with pytest.raises(PassbandError, match=r"samples of shape \(2, 4\) are too few for a distribution"):
        Subspace.fitted(np.zeros((2, 4)), most=3)
