"""The face between two layers: its height over x and the beam, in whole steps where the layer below is a crystal."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, maximum_filter, minimum_filter

from passband.specimen.crystal import FloatArray
from passband.specimen.film import HIGHEST, random_relief
from passband.specimen.stacks.stack import Roughness

SMOOTH = 2.0  # Å between the points of a face that has no lattice below it


class Grid(NamedTuple):
    """Rectangles that a face is divided into: their sides and the corner of one, (x, z) in Å, and the step of heights.

    A step of 0 leaves heights as they are drawn.
    """

    sides: tuple[float, float]
    corner: tuple[float, float]
    step: float


@dataclass(frozen=True)
class Face:
    """Heights (n, m) in Å of a face on rectangles over x, in which it is periodic, and z."""

    heights: FloatArray
    sides: tuple[float, float]
    corner: tuple[float, float]

    def _rows(self, x: FloatArray) -> NDArray[np.int64]:
        rows: NDArray[np.int64] = np.floor((x - self.corner[0]) / self.sides[0]).astype(np.int64) % len(self.heights)
        return rows

    def at(self, x: FloatArray, z: FloatArray) -> FloatArray:
        """Height at places, Å."""
        columns = np.floor((z - self.corner[1]) / self.sides[1]).astype(np.int64)
        found: FloatArray = self.heights[self._rows(x), np.clip(columns, 0, self.heights.shape[1] - 1)]
        return found

    def profile(self, x: FloatArray) -> FloatArray:
        """Height below which more than half of the thickness is the lower layer, at places along x; Å."""
        found: FloatArray = np.median(self.heights, axis=1)[self._rows(x)]
        return found

    def near(self, positions: FloatArray, reach: float) -> NDArray[np.bool_]:
        """Which positions (n, 3) are nearer than about `reach` to the face or to the wall of a step."""
        lowest = Face(minimum_filter(self.heights, 3, mode=("wrap", "nearest")), self.sides, self.corner)
        highest = Face(maximum_filter(self.heights, 3, mode=("wrap", "nearest")), self.sides, self.corner)
        x, y, z = positions.T
        inside: NDArray[np.bool_] = (y > self.heights.min() - reach) & (y < self.heights.max() + reach)
        some = np.flatnonzero(inside)
        inside[some] = (y[some] > lowest.at(x[some], z[some]) - reach) & (
            y[some] < highest.at(x[some], z[some]) + reach
        )
        return inside


def rough_face(
    rough: Roughness, level: float, *, grid: Grid, room: tuple[float, float], rng: np.random.Generator
) -> Face:
    """Face about a level; `room` is what it covers along x and z, Å.

    A Gaussian height of autocorrelation exp(−r²/L²), clipped at three times its rms, is rounded to whole steps, the
    level being anywhere between two of them: heights of an rms well below a step give islands of one step.
    """
    counts = tuple(max(1, round(side / one)) + extra for side, one, extra in zip(room, grid.sides, (0, 2), strict=True))
    corner = grid.corner[0], grid.corner[1] % grid.sides[1] - grid.sides[1]
    middle = [(np.arange(n) + 0.5) * one for n, one in zip(counts, grid.sides, strict=True)]
    waves = np.zeros(counts)
    if rough.rms > 0:
        relief = random_relief(room, rough.correlation_length, rng)
        points = [places * (n / side) for places, n, side in zip(middle, relief.shape, room, strict=True)]
        waves = map_coordinates(relief, np.meshgrid(*points, indexing="ij"), order=1, mode="grid-wrap")
        waves = rough.rms * np.clip(waves, -HIGHEST, HIGHEST)
        if grid.step > 0:
            waves = grid.step * np.round(waves / grid.step + rng.uniform(-0.5, 0.5))
    edges = np.sort(rng.uniform(0.0, room[0], rough.steps))
    up = np.count_nonzero(middle[0][:, None] > edges, axis=1) % 2
    height = grid.step if grid.step > 0 else SMOOTH
    return Face(level + waves + height * up[:, None], grid.sides, corner)
