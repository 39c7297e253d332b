"""The damped normal equations of a fit of columns and background, solved without writing the matrix down."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from passband.description.background import Background
from passband.description.gaussian_sum import PARAMETERS, Array, GaussianSum

_SOLVING = 30  # conjugate gradients at most
_INEXACT = 0.1  # of the gradient that may be left: the step is only a step
_RIDGE = 4e-3  # of a usual node's weight, for nodes without pixels


@dataclass(frozen=True, eq=False)
class NormalEquations:
    """JᵀWJ + damping of columns and background; solved by conjugate gradients, preconditioned column by column.

    Attributes
    ----------
    columns, background
        Model of the image.
    weight
        Of the pixels, (y, x): 1/variance, 0 where they do not count.
    blocks
        (n, 4, 4): JᵀWJ of each column with itself.
    damping
        (n,): what is added to the diagonal, in units of it (Levenberg–Marquardt).
    prior
        Weight of ln σ about its median.
    heights_only
        Positions and widths stay as they are.
    """

    columns: GaussianSum
    background: Background
    weight: Array
    blocks: Array
    damping: Array
    prior: float
    heights_only: bool = False

    @cached_property
    def stiff(self) -> float:
        """Weight of a usual node of the background."""
        weight = self._node_weight
        return float(np.median(weight[weight > 0])) if (weight > 0).any() else 1.0

    @cached_property
    def _node_weight(self) -> Array:
        return self.background.curvature(self.weight)

    @cached_property
    def _added(self) -> Array:
        """What is added to the diagonal, (n, 4)."""
        diagonal = np.einsum("nii->ni", self.blocks)
        added = self.damping[:, None] * diagonal + 1e-12 * diagonal.max(initial=0.0)
        added[:, 3] += self.prior
        return np.asarray(added)

    @cached_property
    def _inverse(self) -> Array:
        blocks = self.blocks + self._added[:, :, None] * np.eye(PARAMETERS)
        if self.heights_only:
            inverse = np.zeros_like(blocks)
            inverse[:, 2, 2] = 1.0 / blocks[:, 2, 2]
            return inverse
        return np.asarray(np.linalg.inv(blocks))

    def solve(self, force: Array, node_force: Array) -> tuple[Array, Array]:
        """Return the steps of columns (n, 4) and nodes (y, x) for the downhill gradients of both."""
        left, found = (force, node_force), (np.zeros_like(force), np.zeros_like(node_force))
        scaled = self._scaled(left)
        way, size = scaled, _dot(left, scaled)
        enough = _INEXACT**2 * size
        for _ in range(_SOLVING):
            if size <= enough:
                break
            image = self._times(way)
            length = size / _dot(way, image)
            found, left = _along(found, length, way), _along(left, -length, image)
            scaled = self._scaled(left)
            before, size = size, _dot(left, scaled)
            way = _along(scaled, size / before, way)
        return found

    def _times(self, way: tuple[Array, Array]) -> tuple[Array, Array]:
        columns, nodes = way
        image = self.weight * (self.columns.tangent(columns) + self.background.image(nodes))
        over = self.columns.gradient(image) + self._added * columns
        if self.heights_only:
            over[:, [0, 1, 3]] = 0.0
        return over, self.background.gradient(image) + self.background.stiffness(nodes, self.stiff)

    def _scaled(self, left: tuple[Array, Array]) -> tuple[Array, Array]:
        nodes = left[1] / (self._node_weight + _RIDGE * self.stiff)
        return np.einsum("nij,nj->ni", self._inverse, left[0]), nodes


def _dot(one: tuple[Array, Array], other: tuple[Array, Array]) -> float:
    return float(np.vdot(one[0], other[0]) + np.vdot(one[1], other[1]))


def _along(start: tuple[Array, Array], length: float, way: tuple[Array, Array]) -> tuple[Array, Array]:
    return start[0] + length * way[0], start[1] + length * way[1]
