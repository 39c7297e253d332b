"""A smooth background under atom columns: bilinear between the nodes of a coarse grid."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Array = NDArray[np.float64]
_STIFFNESS = 1e-3  # of the penalty on steps between nodes, in units of the median weight of a node


@dataclass(frozen=True, eq=False)
class Background:
    """Hat functions on nodes: slopes are exact, and nothing as narrow as a column can be drawn with them.

    Attributes
    ----------
    rows, columns
        (y, nodes along y) and (x, nodes along x): the hat functions along both axes.
    """

    rows: csr_array
    columns: csr_array

    @property
    def nodes(self) -> tuple[int, int]:
        """Number of nodes, (y, x)."""
        return self.rows.shape[1], self.columns.shape[1]

    def image(self, values: Array) -> Array:
        """Background (y, x) of the values at the nodes (nodes along y, along x)."""
        return np.asarray(self.rows @ (self.columns @ values.T).T)

    def gradient(self, image: Array) -> Array:
        """Sum of `image` (y, x) times each hat function, (nodes along y, along x)."""
        rows, columns = self._transposed
        return np.asarray((columns @ (rows @ image).T).T)

    def curvature(self, weight: Array) -> Array:
        """Sum of `weight` (y, x) times the square of each hat function, (nodes along y, along x)."""
        return Background(self.rows.power(2), self.columns.power(2)).gradient(weight)

    def stiffness(self, values: Array, strength: float) -> Array:
        """Gradient of ½·strength·Σ(step between neighbouring nodes)², of nodes that few pixels determine."""
        rows, columns = self._steps
        return np.asarray(_STIFFNESS * strength * (rows @ values + values @ columns))

    @cached_property
    def _transposed(self) -> tuple[csr_array, csr_array]:
        return self.rows.T.tocsr(), self.columns.T.tocsr()

    @cached_property
    def _steps(self) -> tuple[Array, Array]:
        """DᵀD along both axes, of the differences D between neighbouring nodes."""
        along = [np.diff(np.eye(count), axis=0) for count in self.nodes]
        return along[0].T @ along[0], along[1].T @ along[1]


def make_background(shape: tuple[int, int], spacing: tuple[float, float]) -> Background:
    """Return a background for images of `shape` (y, x) with nodes at most `spacing` pixels (y, x) apart."""
    return Background(*(_hats(length, step) for length, step in zip(shape, spacing, strict=True)))


def _hats(length: int, spacing: float) -> csr_array:
    count = max(2, int(np.ceil((length - 1) / max(spacing, 1.0))) + 1)
    place = np.linspace(0.0, count - 1.0, length)
    return csr_array(np.maximum(0.0, 1.0 - np.abs(place[:, None] - np.arange(count))))
