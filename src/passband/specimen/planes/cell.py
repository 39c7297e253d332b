"""Any lattice of atomic columns, seen along the beam: two vectors and up to five columns in a cell.

A crystal on a zone axis is a plane lattice of columns, one of five kinds. Cells here are drawn and not taken from
crystals, so that a network learns no structure by heart. Vectors and places are (x, y) in Å.
"""

from typing import Any, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, model_validator

from passband.distribution import (
    Choice,
    LogUniform,
    Scalar,
    Uniform,
    check_limits,
    check_weights,
    chosen,
    drawn,
)
from passband.recipe import Recipe
from passband.specimen.crystal import FloatArray
from passband.specimen.sheets.springs import IntArray
from passband.specimen.sheets.triangular import turned

_Places = tuple[tuple[float, float], ...]
PlaneKind = Literal["square", "hexagonal", "rectangular", "centred", "oblique"]

_KINDS: dict[PlaneKind, float] = {"square": 3.0, "hexagonal": 3.0, "rectangular": 2.0, "centred": 2.0, "oblique": 1.0}
LIGHTEST, HEAVIEST = 6, 83  # atomic numbers that a column may have
_HALVES: _Places = ((0.0, 0.0), (0.5, 0.5), (0.5, 0.0), (0.0, 0.5))
_QUARTERS: _Places = ((0.25, 0.25), (0.75, 0.75), (0.25, 0.75), (0.75, 0.25))
_THIRDS: _Places = ((0.0, 0.0), (1.0 / 3.0, 2.0 / 3.0), (2.0 / 3.0, 1.0 / 3.0))
_TRIES = 12  # for a column of a basis; the one farthest from the others is taken
_CLEARANCE = 2.2  # times the length of a dumbbell, between the middles of two
_ALONG = 0.7  # of the dumbbells lie along a vector of the cell
_IMAGES = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 2), axis=-1).reshape(-1, 2).astype(float)


class PlaneCells(Recipe):
    """Which cells may occur.

    Attributes
    ----------
    kinds
        Relative weights of the kinds of plane lattices; "centred" is the centred rectangular one.
    spacing
        Distance of the nearest columns, or of the middles of dumbbells, Å.
    sites
        How many columns a cell has, rounded; special positions and dumbbells may allow fewer.
    special
        Probability that they lie on special positions: halves, quarters or, in a hexagonal cell, thirds.
    dumbbell
        Probability that each column of a cell with one or two is a pair, as in Si, Ge or GaAs along [110].
    dumbbell_length
        Distance of the pair, Å. Middles of dumbbells are at least 2.2 times as far apart.
    ratio
        Of the sides of rectangular, centred and oblique cells.
    angle
        Between the vectors of an oblique cell, rad.
    numbers
        Atomic number of a column, rounded.
    elemental
        Probability that all columns have the same one.
    filling
        How many atoms a column has beside the others of as thick a specimen, for each column of a cell.
    """

    kinds: dict[PlaneKind, float] = Field(default_factory=lambda: dict(_KINDS))
    spacing: Scalar = LogUniform(log_uniform=(1.2, 4.5))
    sites: Scalar = Choice(choice=(1, 1, 2, 2, 2, 3, 4, 5))
    special: float = Field(default=0.6, ge=0, le=1)
    dumbbell: float = Field(default=0.15, ge=0, le=1)
    dumbbell_length: Scalar = Uniform(uniform=(1.0, 1.6))
    ratio: Scalar = Uniform(uniform=(1.0, 2.2))
    angle: Scalar = Uniform(uniform=(1.15, 2.0))
    numbers: Scalar = Uniform(uniform=(LIGHTEST, HEAVIEST))
    elemental: float = Field(default=0.35, ge=0, le=1)
    filling: Scalar = Choice(choice=(0.5, 1.0, 1.0, 1.0))

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_weights("kinds", self.kinds)
        ranges = {
            "spacing": (1.0, 20.0),
            "sites": (1.0, 8.0),
            "dumbbell_length": (0.7, 5.0),
            "ratio": (1.0, 4.0),
            "angle": (0.8, np.pi - 0.8),
            "numbers": (LIGHTEST, HEAVIEST),
            "filling": (0.1, 4.0),
        }
        check_limits(self, ranges)
        return self


class PlaneCell(NamedTuple):
    """One cell: the unrotated lattice `vectors` (2, 2), one a row, and its k columns.

    `sites` (k, 2) are their places, `numbers` (k,) atomic numbers, `filling` (k,) relative numbers of atoms, and
    `rooms` (k,) the distance of each to its nearest neighbour.
    """

    kind: str
    vectors: FloatArray
    sites: FloatArray
    numbers: IntArray
    filling: FloatArray
    rooms: FloatArray

    @property
    def nearest(self) -> float:
        """Distance of the nearest two columns, Å."""
        return float(self.rooms.min())

    def points(self, half: float, rotation: float) -> tuple[FloatArray, IntArray]:
        """Columns with |x| and |y| up to `half` Å, turned by `rotation` rad: places (n, 2), and which of the k (n,)."""
        vectors = turned(self.vectors, rotation)
        corners = half * np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]) @ np.linalg.inv(vectors)
        low, high = np.floor(corners.min(axis=0)) - 2.0, np.ceil(corners.max(axis=0)) + 3.0
        steps = np.stack(np.meshgrid(*[np.arange(*ends) for ends in zip(low, high, strict=True)]), axis=-1)
        origins = steps.reshape(-1, 2) @ vectors
        places = (origins[:, None] + turned(self.sites, rotation)).reshape(-1, 2)
        inside = (np.abs(places) <= half).all(axis=1)
        return places[inside], np.tile(np.arange(len(self.sites)), len(origins))[inside]

    def to_json(self) -> dict[str, Any]:
        """Kind, vectors, places, atomic numbers, filling and nearest distance."""
        values = {name: getattr(self, name).tolist() for name in ("vectors", "sites", "numbers", "filling")}
        return {"kind": self.kind, **values, "nearest": self.nearest}


def plane_cell(recipe: PlaneCells, *, rng: np.random.Generator) -> PlaneCell:
    """One cell; the same one for the same recipe and generator."""
    kind = chosen(recipe.kinds, rng)
    vectors = _vectors(kind, drawn(recipe.ratio, rng), drawn(recipe.angle, rng))
    count = round(drawn(recipe.sites, rng))
    paired = count <= 2 and rng.random() < recipe.dumbbell
    special = rng.random() < recipe.special
    middles = (_special(kind, count, rng) if special else _spread(vectors, count, rng)) @ vectors
    length = drawn(recipe.dumbbell_length, rng)
    spacing = max(drawn(recipe.spacing, rng), _CLEARANCE * length if paired else 0.0)
    scale = spacing / _rooms(middles, vectors).min()
    vectors, sites = scale * vectors, scale * middles
    numbers, filling = _contents(recipe, len(sites), rng)
    if paired:
        half = 0.5 * length * _direction(vectors, rng)
        sites = np.stack([sites - half, sites + half], axis=1).reshape(-1, 2)
        same = rng.random() < 0.5
        numbers = np.repeat(numbers, 2) if same else _contents(recipe, len(sites), rng)[0]
        filling = np.repeat(filling, 2)
    return PlaneCell(kind, vectors, sites, numbers, filling, _rooms(sites, vectors))


def _vectors(kind: PlaneKind, ratio: float, angle: float) -> FloatArray:
    """Vectors (2, 2) of a cell of its kind, the first along x with length 1."""
    shapes = {
        "square": ((1.0, 0.0), (0.0, 1.0)),
        "hexagonal": ((1.0, 0.0), (-0.5, np.sqrt(0.75))),
        "rectangular": ((1.0, 0.0), (0.0, ratio)),
        "centred": ((1.0, 0.0), (0.5, 0.5 * ratio)),
        "oblique": ((1.0, 0.0), (ratio * np.cos(angle), ratio * np.sin(angle))),
    }
    return np.array(shapes[kind])


def _special(kind: PlaneKind, count: int, rng: np.random.Generator) -> FloatArray:
    """Fractional places of a basis on special positions, at most as many as there are."""
    pool = _HALVES if count <= len(_HALVES) and rng.random() < 0.7 else _HALVES + _QUARTERS
    if kind == "hexagonal" and count <= len(_THIRDS) and rng.random() < 0.7:
        pool = _THIRDS
    return np.array(pool)[rng.permutation(len(pool))[:count]]


def _spread(vectors: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    """Fractional places of a random basis: of several tries for a column that one which lies farthest from others."""
    found = np.zeros((1, 2))
    for _ in range(count - 1):
        tried = rng.random((_TRIES, 2))
        apart = (tried[:, None, None] - found[:, None] + _IMAGES) @ vectors
        best = np.hypot(apart[..., 0], apart[..., 1]).min(axis=(1, 2)).argmax()
        found = np.vstack([found, tried[best]])
    return found


def _rooms(sites: FloatArray, vectors: FloatArray) -> FloatArray:
    """Distance (k,) of each column of a cell to the nearest other one."""
    apart = sites[:, None, None] - sites[:, None] + _IMAGES @ vectors
    distance = np.hypot(apart[..., 0], apart[..., 1])
    distance[distance < 1e-9] = np.inf
    rooms: FloatArray = distance.min(axis=(1, 2))
    return rooms


def _direction(vectors: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Draw a unit vector along one of the cell, or in any direction."""
    if rng.random() < _ALONG:
        vector = vectors[int(rng.integers(2))]
        along: FloatArray = vector / np.hypot(*vector)
        return along
    return turned(np.array([1.0, 0.0]), rng.uniform(0.0, np.pi))


def _contents(recipe: PlaneCells, count: int, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
    """Atomic numbers and relative numbers of atoms (count,)."""
    alike = rng.random() < recipe.elemental
    numbers = np.array([round(drawn(recipe.numbers, rng)) for _ in range(count)])
    filling = np.array([drawn(recipe.filling, rng) for _ in range(count)])
    return (np.full(count, numbers[0]), np.ones(count)) if alike else (numbers, filling)
