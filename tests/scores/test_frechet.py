"""Fréchet distance of Gaussians: closed form, a second formula, and what rounding must not do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.linalg import sqrtm
from scipy.stats import ortho_group

from passband.scores.frechet import Moments, frechet_distance, is_small

Array = NDArray[np.float64]


def drawn(seed: int, dimensions: int = 6, count: int = 40) -> Array:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, dimensions)) @ rng.normal(size=(dimensions, dimensions)) + rng.normal(
        size=dimensions
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_gaussians_that_commute_have_the_closed_form(seed: int) -> None:
    """Σ (μ₁ − μ₂)² + (σ₁ − σ₂)² along the common axes, to float64: single precision would be off by 1e-6."""
    rng = np.random.default_rng(seed)
    axes = ortho_group.rvs(8, random_state=rng)
    means, spreads = rng.normal(size=(2, 8)), rng.uniform(0.0, 3.0, size=(2, 8))
    one, other = (Moments(axes @ mean, axes * spread**2 @ axes.T) for mean, spread in zip(means, spreads, strict=True))
    exact = np.square(means[0] - means[1]).sum() + np.square(spreads[0] - spreads[1]).sum()
    assert frechet_distance(one, other) == pytest.approx(exact, rel=1e-10, abs=1e-10)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_it_is_that_of_the_matrix_square_root(seed: int) -> None:
    """The formula of Heusel et al. with scipy's square root of a product that is not symmetric."""
    one, other = Moments.of(drawn(seed)), Moments.of(drawn(seed + 1))
    root = sqrtm(one.covariance @ other.covariance).real
    expected = np.square(one.mean - other.mean).sum() + np.trace(one.covariance + other.covariance - 2.0 * root)
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(other, one) == pytest.approx(expected, rel=1e-8)


def test_moments_are_unbiased_and_weights_repeat_rows() -> None:
    features = drawn(3)
    weights = np.random.default_rng(0).integers(0, 4, size=len(features)).astype(np.float64)
    repeated = np.repeat(features, weights.astype(int), axis=0)
    found = Moments.of(features, weights)
    np.testing.assert_allclose(found.mean, repeated.mean(0))
    np.testing.assert_allclose(found.covariance, np.cov(repeated.T), atol=1e-12)


def test_fewer_images_than_features_give_a_finite_distance_and_equal_sets_none() -> None:
    few, other = drawn(5, dimensions=30, count=4), drawn(6, dimensions=30, count=5)
    assert frechet_distance(Moments.of(few), Moments.of(few)) == pytest.approx(0.0, abs=1e-5)
    assert np.isfinite(frechet_distance(Moments.of(few), Moments.of(other)))
    assert np.isfinite(frechet_distance(Moments.of(few[:1]), Moments.of(other)))


def test_small_sets_are_known() -> None:
    assert is_small(639, 64)
    assert not is_small(640, 64)
