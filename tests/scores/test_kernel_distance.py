"""Kernel distance: the sum over pairs written out, and no bias."""

import numpy as np
import pytest
from numpy.typing import NDArray

from passband.scores import kernel_distance as module
from passband.scores.kernel_distance import kernel_distance, kernel_distances

Array = NDArray[np.float64]


def written_out(real: Array, generated: Array, w: Array, v: Array) -> float:
    """Weighted U-statistic, one pair after the other."""

    def kernel(x: Array, y: Array) -> float:
        return float((x @ y / len(x) + 1.0) ** 3)

    def within(features: Array, weights: Array) -> float:
        pairs = [(i, j) for i in range(len(features)) for j in range(len(features)) if i != j]
        total = sum(weights[i] * weights[j] * kernel(features[i], features[j]) for i, j in pairs)
        return float(total / sum(weights[i] * weights[j] for i, j in pairs))

    between = sum(w[i] * v[j] * kernel(real[i], generated[j]) for i in range(len(real)) for j in range(len(generated)))
    return within(real, w) + within(generated, v) - 2.0 * float(between / (w.sum() * v.sum()))


def test_it_is_the_sum_over_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROWS", 4)  # so that blocks end within the sets
    rng = np.random.default_rng(0)
    real, generated = rng.normal(size=(9, 5)), rng.normal(0.4, 1.2, size=(6, 5))
    assert kernel_distance(real, generated) == pytest.approx(written_out(real, generated, np.ones(9), np.ones(6)))
    weights = rng.integers(0, 3, size=(2, 9)).astype(float), rng.integers(1, 3, size=(2, 6)).astype(float)
    expected = [written_out(real, generated, w, v) for w, v in zip(*weights, strict=True)]
    np.testing.assert_allclose(kernel_distances(real, generated, *weights), expected)


def test_sets_of_one_distribution_are_at_0_in_the_mean() -> None:
    """Within four standard errors; with the pairs of an image with itself counted it would be 30 above."""
    rng = np.random.default_rng(1)
    found = np.array([kernel_distance(rng.normal(size=(12, 4)), rng.normal(size=(20, 4))) for _ in range(400)])
    error = found.std() / np.sqrt(len(found))
    assert abs(found.mean()) < 4.0 * error
    assert (found < 0).mean() > 0.2


def test_another_distribution_is_away() -> None:
    rng = np.random.default_rng(2)
    assert kernel_distance(rng.normal(size=(50, 4)), rng.normal(1.0, 1.0, size=(50, 4))) > 0.5
