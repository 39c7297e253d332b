"""Kernel distance between the features of two sets of images: unbiased, so that it serves for small sets as well."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_ROWS = 512  # of a kernel matrix at a time


def kernel_distance(real: Array, generated: Array) -> float:
    """Return the squared maximum mean discrepancy with the kernel (x·y/d + 1)³, without bias.

    All pairs of different images are used, so that no subsets need be drawn. Around 0 for sets of one distribution, and
    below 0 as often as above.

    Parameters
    ----------
    real, generated
        Features (n, d) and (m, d), of two images each at least.

    References
    ----------
    Bińkowski et al., ICLR 2018 (arXiv:1801.01401); Gretton et al., J. Mach. Learn. Res. 13 (2012) 723, eq. 3.
    """
    ones = np.ones((1, len(real))), np.ones((1, len(generated)))
    return float(kernel_distances(real, generated, *ones)[0])


def kernel_distances(real: Array, generated: Array, real_weights: Array, generated_weights: Array) -> Array:
    """Return the kernel distance (r,) of several resamplings of the same sets.

    An image is paired with all others, and never with a copy of itself that the resampling made.

    Parameters
    ----------
    real, generated
        Features (n, d) and (m, d).
    real_weights, generated_weights
        (r, n) and (r, m): how often each image counts.
    """
    within = (_pairs(real, real_weights), _pairs(generated, generated_weights))
    between = _sums(real, generated, real_weights, generated_weights)
    between /= real_weights.sum(1) * generated_weights.sum(1)
    return within[0] + within[1] - 2.0 * between


def _pairs(features: Array, weights: Array) -> Array:
    """Mean of the kernel over pairs of different images."""
    itself = (np.square(features).sum(1) / features.shape[1] + 1.0) ** 3
    squares = np.square(weights)
    mean: Array = (_sums(features, features, weights, weights) - squares @ itself) / (
        np.square(weights.sum(1)) - squares.sum(1)
    )
    return mean


def _sums(one: Array, other: Array, one_weights: Array, other_weights: Array) -> Array:
    """Weighted sums (r,) of the kernel over all pairs."""
    total = np.zeros(len(one_weights))
    for start in range(0, len(one), _ROWS):
        rows = slice(start, start + _ROWS)
        kernel = (one[rows] @ other.T / one.shape[1] + 1.0) ** 3
        total += np.einsum("ri,ir->r", one_weights[:, rows], kernel @ other_weights.T)
    return total
