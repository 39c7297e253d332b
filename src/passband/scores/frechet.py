"""Fréchet distance between the features of two sets of images, each taken to be a Gaussian."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ENOUGH = 10  # images for each feature: with fewer the distance is mostly the scatter of the covariances


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean (d,) and covariance (d, d) of features."""

    mean: Array
    covariance: Array

    @classmethod
    def of(cls, features: Array, weights: Array | None = None) -> Self:
        """Take those of features (n, d), each counted as often as its weight (n,) says; once by default.

        The covariance is unbiased; of a single row it is 0.
        """
        counts = np.ones(len(features)) if weights is None else weights
        total = float(counts.sum())
        mean = counts @ features / total
        centred = (features - mean) * np.sqrt(counts)[:, None]
        return cls(mean, centred.T @ centred / max(total - 1.0, 1.0))


def frechet_distance(one: Moments, other: Moments) -> float:
    """Return |m₁ − m₂|² + tr(S₁ + S₂ − 2 (S₁^½ S₂ S₁^½)^½), in the square of the features' unit.

    By two symmetric eigenvalue problems in float64, so that nothing imaginary or negative comes out of rounding. With
    finite sets it is biased upwards, the more the fewer images there are for each feature (`ENOUGH`): compare sets of
    equal size only.

    References
    ----------
    Dowson & Landau, J. Multivariate Anal. 12 (1982) 450; Heusel et al., NeurIPS 2017 (arXiv:1706.08500).

    Examples
    --------
    >>> flat = np.zeros(1), np.zeros((1, 1))
    >>> frechet_distance(Moments(*flat), Moments(np.array([3.0]), np.array([[4.0]])))
    13.0
    """
    shift = one.mean - other.mean
    variances, axes = np.linalg.eigh(one.covariance)
    root = axes * np.sqrt(np.maximum(variances, 0.0)) @ axes.T
    product = root @ other.covariance @ root
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(0.5 * (product + product.T)), 0.0)).sum()
    spread = np.trace(one.covariance) + np.trace(other.covariance) - 2.0 * shared
    return float(shift @ shift + max(spread, 0.0))


def is_small(images: int, features: int) -> bool:
    """Whether a set has so few images for the number of features that the kernel distance should be read instead."""
    return images < ENOUGH * features
