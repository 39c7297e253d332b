"""Regression by a Gaussian process: a value with its uncertainty, from a few hundred measured ones.

The covariance of two cases a distance r apart, in standard deviations of the features, is

    v (1 + √5 r/ℓ + 5r²/3ℓ²) exp(−√5 r/ℓ),

a Matérn kernel with ν = 5/2, plus the noise w of each case (Rasmussen & Williams, Gaussian Processes for Machine
Learning (2006), sections 2.2, 4.2.1 and 5.4.2). v, ℓ and w have to be searched for, by scikit-learn; once they are
known, the rest is one decomposition of a matrix, for which scipy is enough.
"""

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.linalg.lapack import dpotri
from scipy.spatial.distance import cdist

from passband.recipe import Recipe

Array = NDArray[np.float64]

JITTER = 1e-10  # on the diagonal, in units of the values' variance, against rounding


class Kernel(Recipe):
    """What was searched for, in units of the values' variance and the features' standard deviations.

    Attributes
    ----------
    variance
        v, of the smooth part.
    length
        ℓ, over which it changes.
    noise
        w, variance of a single case about it.
    """

    variance: float = Field(gt=0.0)
    length: float = Field(gt=0.0)
    noise: float = Field(gt=0.0)

    def covariance(self, one: Array, other: Array) -> Array:
        """Covariance (n, m) of the smooth part at scaled features (n, d) and (m, d)."""
        step: Array = cdist(one, other)
        step *= np.sqrt(5.0) / self.length
        smooth: Array = np.exp(-step)
        smooth *= self.variance
        smooth *= 1.0 + step * (1.0 + step / 3.0)
        return smooth


@dataclass(frozen=True)
class Decomposition:
    """Cholesky factor of the covariance of some cases, `lower` (n, n), and what follows from it."""

    lower: Array

    def solve(self, values: Array) -> Array:
        """Return covariance⁻¹ times values (n,)."""
        return np.asarray(cho_solve((self.lower, True), values))

    @cached_property
    def inverse(self) -> Array:
        """Inverse of the covariance, (n, n)."""
        lower, _ = dpotri(self.lower, lower=1)
        return np.asarray(lower + np.tril(lower, -1).T)


@dataclass(frozen=True)
class GaussianProcess:
    """A process conditioned on some values.

    Attributes
    ----------
    kernel
        Its covariance.
    features, values
        Of the cases that it is conditioned on, (n, d) and (n,).
    """

    kernel: Kernel
    features: Array
    values: Array
    _cases: Decomposition
    _weights: Array  # covariance⁻¹ times the scaled values, (n,)

    @classmethod
    def conditioned(cls, kernel: Kernel, features: Array, values: Array, *, like: Self | None = None) -> Self:
        """Process with a known kernel, conditioned on the values (n,) of cases with features (n, d).

        What it takes long for is shared with another process, `like`, where kernel and features are the same.
        """
        if like is not None and like.kernel == kernel and np.array_equal(like.features, features):
            cases = like._cases
        else:
            scaled = _scaled(features, features)
            covariance = kernel.covariance(scaled, scaled)
            covariance.flat[:: len(values) + 1] += kernel.noise + JITTER
            cases = Decomposition(cholesky(covariance, lower=True, overwrite_a=True))
        return cls(kernel, features, values, cases, cases.solve((values - values.mean()) / _spread(values)))

    @property
    def noise(self) -> float:
        """Standard deviation of a single case about the smooth part."""
        return _spread(self.values) * float(np.sqrt(self.kernel.noise))

    def predict(self, features: Array) -> tuple[Array, Array]:
        """Values for features (n, d), and the standard deviation of a new case about each; (n,) both."""
        near = self.kernel.covariance(_scaled(features, self.features), _scaled(self.features, self.features))
        spread = _spread(self.values)
        known = np.square(solve_triangular(self._cases.lower, near.T, lower=True)).sum(axis=0)
        variance = np.maximum(self.kernel.variance + self.kernel.noise - known, 0.0)
        return self.values.mean() + spread * (near @ self._weights), spread * np.sqrt(variance)

    def leave_one_out(self) -> tuple[Array, Array]:
        """Value of each case predicted from all others, and its standard deviation; (n,) both.

        The kernel is the one that all of them chose.
        """
        precision = np.diag(self._cases.inverse)
        spread = _spread(self.values)
        return self.values - spread * self._weights / precision, spread / np.sqrt(precision)

    def left_out(self, out: NDArray[np.bool_], values: Array) -> tuple[Array, Array]:
        """Values of some cases, `out` (n,), predicted from `values` (n,) of all others, and their deviations.

        As if the process had been conditioned on the others alone; mean and spread stay those of all cases
        (Rasmussen & Williams, section 5.4.2, for blocks).
        """
        spread, precision = _spread(self.values), self._cases.inverse[out]
        pulled = precision @ (values - self.values.mean())
        covariance = np.linalg.inv(precision[:, out])
        return values[out] - covariance @ pulled, spread * np.sqrt(np.diag(covariance))


def fitted_kernel(features: Array, values: Array) -> Kernel:
    """Kernel that makes values (n,) at features (n, d) most likely; deterministic."""
    # here and not above: only a new table needs it, and it takes longer to import than to segment an image
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    kernel = ConstantKernel(1.0) * Matern(4.0, (0.5, 50.0), nu=2.5) + WhiteKernel(0.1, (1e-4, 2.0))
    process = GaussianProcessRegressor(kernel, alpha=JITTER, normalize_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a length at its bound is as good a length
        process.fit(_scaled(features, features), values)
    found = process.kernel_.get_params()
    return Kernel(
        variance=float(found["k1__k1__constant_value"]),
        length=float(found["k1__k2__length_scale"]),
        noise=float(found["k2__noise_level"]),
    )


def _scaled(features: Array, seen: Array) -> Array:
    """Features in standard deviations of those that were seen; one that never varied stays as it is."""
    deviation = seen.std(axis=0)
    scaled: Array = (features - seen.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    return scaled


def _spread(values: Array) -> float:
    return float(values.std()) or 1.0
