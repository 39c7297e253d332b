"""The distribution of a list of numbers (features, a spectrum): a mean, a few directions, and the distance from both.

Probabilistic principal components (Tipping & Bishop, J. R. Stat. Soc. B 61 (1999) 611): the largest k variances are
kept, the others replaced by their mean, which is what shrinks the covariance where there are few samples.
"""

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from passband.recipe import PassbandError, Recipe

Array = NDArray[np.float64]
FEWEST = 3  # samples
DIGITS = 4


class Subspace(Recipe):
    """Mean, principal directions with their variances, and the variance of each direction that was left out.

    Attributes
    ----------
    mean
        (d,).
    directions
        (k, d), orthonormal up to rounding.
    variances
        (k,), descending.
    remainder
        Mean variance of the other d − k directions.
    """

    mean: tuple[float, ...] = Field(min_length=1)
    directions: tuple[tuple[float, ...], ...]
    variances: tuple[float, ...]
    remainder: float = Field(gt=0.0)

    @classmethod
    def fitted(cls, samples: ArrayLike, *, most: int) -> Self:
        """Subspace of samples (n, d), with at most `most` directions and never more than a quarter of the samples.

        Raises
        ------
        PassbandError
            There are fewer than 3 samples.
        """
        values = np.asarray(samples, dtype=np.float64)
        if values.ndim != 2 or len(values) < FEWEST:
            raise PassbandError(f"samples of shape {values.shape} are too few for a distribution; give (n, d), n ≥ 3")
        mean = values.mean(axis=0)
        _, singular, rows = np.linalg.svd(values - mean, full_matrices=False)
        variances = singular**2 / (len(values) - 1)
        kept = min(most, len(values) // 4, values.shape[1] - 1)
        floor = 1e-6 * float(variances.sum()) / values.shape[1] + 1e-12
        remainder = float(variances[kept:].sum()) / max(values.shape[1] - kept, 1)
        return cls(
            mean=_rounded(mean),
            directions=tuple(_rounded(row) for row in rows[:kept]),
            variances=_rounded(np.maximum(variances[:kept], floor)),
            remainder=max(remainder, floor),
        )

    def distances(self, vectors: ArrayLike) -> Array:
        """Mahalanobis distance of vectors (n, d) divided by √d, about 1 within the distribution; (n,)."""
        scores, squared = self._parts(vectors)
        inside = (scores**2 / np.asarray(self.variances)).sum(axis=1)
        whole: Array = np.sqrt((inside + squared / self.remainder) / len(self.mean))
        return whole

    def residuals(self, vectors: ArrayLike) -> Array:
        """Root mean square of what the directions cannot reconstruct of vectors (n, d); (n,)."""
        _, squared = self._parts(vectors)
        left: Array = np.sqrt(squared / len(self.mean))
        return left

    def _parts(self, vectors: ArrayLike) -> tuple[Array, Array]:
        """Scores along the directions (n, k) and the squared length of the rest (n,)."""
        centred = np.asarray(vectors, dtype=np.float64) - np.asarray(self.mean)
        directions = np.asarray(self.directions, dtype=np.float64).reshape(-1, len(self.mean))
        scores = centred @ directions.T
        rest = centred - scores @ directions
        return scores, (rest**2).sum(axis=1)


def _rounded(values: Array) -> tuple[float, ...]:
    return tuple(float(f"{value:.{DIGITS}g}") for value in values)
