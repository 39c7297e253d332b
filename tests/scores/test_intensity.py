"""Divergences of grey levels: known Gaussians, a second formula, and what bit depth must not do."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from passband.scores.intensity import (
    BINS,
    IntensityScores,
    common_range,
    histograms,
    intensity_scores,
    level_spacing,
    looks_inverted,
)


def compared(real: NDArray[np.float32], generated: NDArray[np.float32], spacing: float = 0.0) -> IntensityScores:
    limits = common_range(real, generated)
    rng = np.random.default_rng(0)
    counts = [
        histograms(one, np.full(len(one), step), limits, rng=rng).sum(0, dtype=np.float64)
        for one, step in ((real, 0.0), (generated, spacing))
    ]
    return intensity_scores(*counts, limits)


def normal(seed: int, mean: float, spread: float) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(mean, spread, size=(10, 200, 200)).astype(np.float32)


def test_gaussians_have_their_closed_forms() -> None:
    """N(0, 1) and N(0.3, 1.25): within what 64 bins and cut tails cost; the two directions differ by a third."""
    found = compared(normal(0, 0.0, 1.0), normal(1, 0.3, 1.25))

    def divergence(shift: float, one: float, other: float) -> float:
        return float(np.log(other / one) + (one**2 + shift**2) / (2.0 * other**2) - 0.5)

    assert found.kl_real_generated == pytest.approx(divergence(0.3, 1.0, 1.25), rel=0.05)
    assert found.kl_generated_real == pytest.approx(divergence(0.3, 1.25, 1.0), rel=0.05)
    assert 0.0 < found.js < np.log(2.0)


def test_the_distance_is_that_of_scipy() -> None:
    real, generated = normal(0, 0.0, 1.0), normal(1, 0.3, 0.8)
    expected = wasserstein_distance(real.ravel(), generated.ravel())
    bin_width = (common_range(real, generated)[1] - common_range(real, generated)[0]) / (BINS * 16)
    assert compared(real, generated).wasserstein == pytest.approx(expected, abs=bin_width)


def test_sets_without_a_common_level_have_finite_divergences_near_their_ends() -> None:
    found = compared(normal(0, 0.0, 0.01), normal(1, 50.0, 0.01))
    assert found.js == pytest.approx(np.log(2.0), rel=1e-3)
    assert np.isfinite(found.kl_real_generated)
    assert found.wasserstein == pytest.approx(50.0, rel=1e-3)


def test_few_grey_levels_are_no_other_distribution() -> None:
    """Quantised to 25 levels a deviation: as it stands the comb costs a hundred times what is left with the dither."""
    real = normal(0, 0.0, 1.0)
    coarse = np.rint(normal(1, 0.0, 1.0) * 6.0)
    assert level_spacing(coarse[0]) == 1.0
    assert level_spacing(real[0]) == 0.0
    assert level_spacing(np.zeros((8, 8))) == 0.0
    levelled = (coarse / 6.0).astype(np.float32)
    with_comb, without = compared(real, levelled).js, compared(real, levelled, spacing=1 / 6.0).js
    assert without < 1e-3
    assert with_comb > 50 * without


def test_a_negative_is_noticed_and_a_symmetric_image_is_none() -> None:
    rng = np.random.default_rng(0)
    skewed = (rng.gamma(2.0, size=(2, 5, 64, 64)) - 2.0).astype(np.float32)
    assert looks_inverted(skewed[0], -skewed[1])
    assert not looks_inverted(skewed[0], skewed[1])
    assert not looks_inverted(normal(0, 0.0, 1.0), -normal(1, 0.0, 1.0))


def test_even_images_have_a_range() -> None:
    even = np.zeros((2, 8, 8), dtype=np.float32)
    assert compared(even, even) == pytest.approx((0.0, 0.0, 0.0, 0.0))
