"""How columns depart from a plane lattice: strain, dislocations, polar shifts and random displacements.

Displacements are fields u(x, y) in Å that are added to the places of a perfect lattice.
"""

from math import pi
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from passband.distribution import Choice, LogUniform, Scalar, Uniform, check_limits, drawn
from passband.recipe import Recipe
from passband.specimen.crystal import FloatArray
from passband.specimen.planes.cell import PlaneCell
from passband.specimen.sheets.springs import IntArray
from passband.specimen.sheets.triangular import turned

POISSON = 0.3  # of an isotropic crystal
LONGEST = 6.5  # Å, of a Burgers vector: in larger cells a dislocation would cost too much
_WAVES = np.array([(0, 1), (1, 0), (1, 1), (1, -1), (2, 0), (0, 2), (2, 1), (1, 2)], float)  # of the strain, per cell
_CORE = 0.3  # of the Burgers vector: radius within which the displacement is damped
_RANDOM, _POLAR = 0.08, 0.15  # of the distance to the neighbour, at most


class PlaneDistortion(Recipe):
    """Which distortions may occur.

    Attributes
    ----------
    strain
        Root mean square of each component of the gradient of a smooth displacement that repeats with the field.
    displacement
        Of single columns, root mean square along each axis, Å; at most 8 % of the distance to the nearest neighbour.
    polar
        Probability that one of the columns of a cell is shifted, as in a ferroelectric, where there are several.
    polar_shift
        Å, at most 15 % of its distance to the nearest neighbour.
    domains
        Probability that the shift changes its sign across a straight wall.
    dislocations
        Pairs of edge dislocations with opposite Burgers vectors, of the length of the shortest lattice vector, on one
        glide plane, rounded. Lattices of which that is longer than 6.5 Å have none.
    """

    strain: Scalar = LogUniform(log_uniform=(0.001, 0.03))
    displacement: Scalar = LogUniform(log_uniform=(0.02, 0.2))
    polar: float = Field(default=0.2, ge=0, le=1)
    polar_shift: Scalar = Uniform(uniform=(0.05, 0.4))
    domains: float = Field(default=0.5, ge=0, le=1)
    dislocations: Scalar = Choice(choice=(0, 0, 0, 0, 1, 2))

    @model_validator(mode="after")
    def _check(self) -> Self:
        ranges = {
            "strain": (0.0, 0.1),
            "displacement": (0.0, 1.0),
            "polar_shift": (0.0, 2.0),
            "dislocations": (0.0, 5.0),
        }
        check_limits(self, ranges)
        return self


def smooth_strain(points: FloatArray, field: float, gradient: float, *, rng: np.random.Generator) -> FloatArray:
    """Displacement (n, 2) at points (n, 2) that repeats with the field and is at most three waves across it.

    `gradient` is the root mean square of ∂uᵢ/∂xⱼ.
    """
    amplitude = rng.standard_normal((len(_WAVES), 2)) / np.hypot(*_WAVES.T)[:, None]
    phase = rng.uniform(0.0, 2.0 * pi, (len(_WAVES), 2))
    waves = 2.0 * pi / field * _WAVES
    size = np.sqrt((amplitude[:, :, None] ** 2 * waves[:, None] ** 2).sum() / 8.0)  # two axes, two derivatives, ⟨cos²⟩
    angle = (points @ waves.T)[:, :, None] + phase
    found: FloatArray = (gradient / size) * (amplitude * np.sin(angle)).sum(axis=1)
    return found


def dislocation_pair(points: FloatArray, cores: FloatArray, burgers: FloatArray) -> FloatArray:
    """Displacement (n, 2) at points (n, 2) around two edge dislocations.

    Isotropic elasticity, plane strain (Hirth & Lothe, Theory of Dislocations, 2nd ed., section 3-4), without images.
    The Burgers vector is b around the first and −b around the second: the displacement grows by it along a
    counter-clockwise loop. It jumps by b on the line between them, where b is a lattice vector and nobody sees it.

    Parameters
    ----------
    points
        Å.
    cores
        (2, 2); the second lies along `burgers` from the first, so that the glide plane joins them.
    burgers
        (2,) b, Å.
    """
    length, angle = float(np.hypot(*burgers)), float(np.arctan2(burgers[1], burgers[0]))
    total = np.zeros_like(points)
    for core, sign in zip(cores, (1.0, -1.0), strict=True):
        x, y = turned(points - core, -angle).T
        squared = x**2 + y**2 + (_CORE * length) ** 2
        along = np.arctan2(y, x) + x * y / (2.0 * (1.0 - POISSON) * squared)
        across = (1.0 - 2.0 * POISSON) / 2.0 * np.log(squared / length**2) + (x**2 - y**2) / (2.0 * squared)
        total += sign * length / (2.0 * pi) * np.stack([along, -across / (2.0 * (1.0 - POISSON))], axis=1)
    return turned(total, angle)


def glide_pair(
    cell: PlaneCell, rotation: float, half: float, *, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray] | None:
    """Cores (2, 2) of a pair within ±`half` Å, and its Burgers vector (2,); none where the cell is too large."""
    first, second = turned(cell.vectors, rotation)
    candidates = np.array([first, second, first + second, first - second])
    lengths = np.hypot(*candidates.T)
    middle, apart = rng.uniform(-0.6, 0.6, 2) * half, rng.uniform(0.3, 0.9) * half
    burgers = (1.0 if rng.random() < 0.5 else -1.0) * candidates[int(lengths.argmin())]
    if lengths.min() > LONGEST:
        return None
    step = 0.5 * apart * burgers / lengths.min()
    return np.stack([middle - step, middle + step]), burgers


def random_shifts(
    recipe: PlaneDistortion, points: FloatArray, rooms: FloatArray, *, rng: np.random.Generator
) -> FloatArray:
    """Displacement (n, 2) of single columns at points (n, 2) with neighbours at distances (n,)."""
    most = np.minimum(drawn(recipe.displacement, rng), _RANDOM * rooms)
    shifts: FloatArray = most[:, None] * rng.standard_normal(points.shape)
    return shifts


def polar_shifts(
    recipe: PlaneDistortion, cell: PlaneCell, points: FloatArray, site: IntArray, *, rng: np.random.Generator
) -> FloatArray:
    """Displacement (n, 2) of one of the columns of each cell, at points (n, 2) that are columns `site` (n,) of it."""
    polar, walled = rng.random() < recipe.polar, rng.random() < recipe.domains
    moved = int(rng.integers(len(cell.sites)))
    length = min(drawn(recipe.polar_shift, rng), _POLAR * float(cell.rooms[moved]))
    shift, normal = (turned(np.array([1.0, 0.0]), rng.uniform(0.0, 2.0 * pi)) for _ in range(2))
    if not polar or len(cell.sites) == 1:
        return np.zeros_like(points)
    sign = np.where(points @ normal < 0.0, -1.0, 1.0) if walled else np.ones(len(points))
    return np.where(site == moved, sign * length, 0.0)[:, None] * shift
