"""Grains of plane lattices that fill a periodic field: places of their columns, before these are given atoms.

Each grain is the part of the field nearer to its centre than to any other, and its lattice is that of an endless
crystal around the centre. A rotated lattice does not repeat with a square field: where a grain meets itself across the
border, as a single one does on all four sides, there is a seam like a grain boundary.
"""

from typing import Any, NamedTuple, Self

import numpy as np
from pydantic import Field, model_validator
from scipy.spatial import cKDTree

from passband.distribution import Choice, LogUniform, Scalar, Uniform, check_limits, drawn
from passband.recipe import Recipe
from passband.specimen.crystal import FloatArray
from passband.specimen.planes.cell import PlaneCell, PlaneCells, plane_cell
from passband.specimen.planes.distortion import (
    PlaneDistortion,
    dislocation_pair,
    glide_pair,
    polar_shifts,
    random_shifts,
    smooth_strain,
)
from passband.specimen.sheets.springs import IntArray, inside
from passband.specimen.sheets.triangular import turned

CLOSEST = 0.6  # of the distance to the neighbour in the lattice: columns that come nearer give way
_MARGIN = 8.0  # Å around the field, from which displacements may bring columns in


class PlaneGrains(Recipe):
    """Which grains may occur.

    Attributes
    ----------
    count
        Of grains, rounded; 1 is a single crystal.
    rotation
        Of the first, about the beam, rad.
    misorientation
        By which each of the others is turned against the first, to either side, rad.
    other
        Probability that each of the others has a lattice of its own.
    faults
        Straight boundaries through every grain across which the lattice is shifted, rounded.
    shift
        By which it is, in parts of a vector of the cell: ½ is an antiphase boundary of many structures.
    """

    count: Scalar = Choice(choice=(1, 1, 1, 1, 2, 3, 5))
    rotation: Scalar = Uniform(uniform=(0.0, 2.0 * np.pi))
    misorientation: Scalar = LogUniform(log_uniform=(0.03, 1.5))
    other: float = Field(default=0.25, ge=0, le=1)
    faults: Scalar = Choice(choice=(0, 0, 0, 0, 1))
    shift: Scalar = Choice(choice=(0.5, 0.5, 0.3333333333333333, 0.25))

    @model_validator(mode="after")
    def _check(self) -> Self:
        ranges = {
            "count": (1.0, 50.0),
            "rotation": (-2.0 * np.pi, 2.0 * np.pi),
            "misorientation": (0.0, np.pi),
            "faults": (0.0, 5.0),
            "shift": (0.0, 1.0),
        }
        check_limits(self, ranges)
        return self


class PlaneSites(NamedTuple):
    """Columns of all grains, one entry for each of n.

    `positions` (n, 2) are (x, y) in Å in the field, `numbers` atomic numbers, `filling` relative numbers of atoms,
    `rooms` distances to the nearest neighbour in the perfect lattice, Å, and `grains` tell whose it is.
    """

    positions: FloatArray
    numbers: IntArray
    filling: FloatArray
    rooms: FloatArray
    grains: IntArray

    def kept(self, rows: IntArray) -> "PlaneSites":
        """Take some of the columns."""
        lattice, room = (self.positions[rows], self.numbers[rows], self.filling[rows]), self.rooms[rows]
        return PlaneSites(*lattice, room, self.grains[rows])


class _Grain(NamedTuple):
    """A lattice turned by `rotation` rad about a `centre` (2,), with its origin at `origin` (2,) from there; Å."""

    cell: PlaneCell
    rotation: float
    centre: FloatArray
    origin: FloatArray


def lattice_sites(
    cells: PlaneCells, grains: PlaneGrains, distortion: PlaneDistortion, *, field: float, rng: np.random.Generator
) -> tuple[PlaneSites, list[dict[str, Any]]]:
    """Columns of a periodic square field of `field` Å, and what was drawn for each grain."""
    drawn_grains = _drawn_grains(cells, grains, field, rng)
    centres = cKDTree(np.array([grain.centre for grain in drawn_grains]), boxsize=np.full(2, field))
    parts, records = [], []
    for number, grain in enumerate(drawn_grains):
        shifts = [drawn(grains.shift, rng) for _ in range(round(drawn(grains.faults, rng)))]
        places, site, record = _grown(grain, shifts, distortion, 0.5 * field, rng)
        own = (np.abs(places) < 0.5 * field).all(axis=1)
        places, site = inside(places[own] + grain.centre, np.full(2, field)), site[own]
        own = centres.query(places)[1] == number
        cell = grain.cell
        columns = (cell.numbers[site], cell.filling[site], cell.rooms[site], np.full(len(site), number))
        parts.append(PlaneSites(places, *columns).kept(np.flatnonzero(own)))
        records.append(record)
    joined = PlaneSites(*(np.concatenate(values) for values in zip(*parts, strict=True)))
    return joined.kept(columns_apart(joined, field)), records


def columns_apart(sites: PlaneSites, field: float) -> IntArray:
    """Rows of columns of a periodic field that stay: one after the other, each that is not too near to one before it.

    Too near is nearer than `CLOSEST` of the greater of their `rooms`.
    """
    reach = CLOSEST * float(sites.rooms.max(initial=1.0))
    pairs = cKDTree(sites.positions, boxsize=np.full(2, field)).query_pairs(reach, output_type="ndarray")
    apart = sites.positions[pairs[:, 0]] - sites.positions[pairs[:, 1]]
    apart -= field * np.rint(apart / field)
    close = np.hypot(*apart.T) < CLOSEST * sites.rooms[pairs].max(axis=1)
    kept = np.ones(len(sites.positions), bool)
    for one, other in sorted(pairs[close].tolist()):
        if kept[one]:
            kept[other] = False
    return np.flatnonzero(kept)


def _drawn_grains(cells: PlaneCells, grains: PlaneGrains, field: float, rng: np.random.Generator) -> list[_Grain]:
    count = round(drawn(grains.count, rng))
    centres = rng.random((count, 2)) * field if count > 1 else np.full((1, 2), 0.5 * field)
    first, rotation = plane_cell(cells, rng=rng), drawn(grains.rotation, rng)
    found = []
    for number, centre in enumerate(centres):
        other = number > 0 and rng.random() < grains.other
        turn = (1.0 if rng.random() < 0.5 else -1.0) * drawn(grains.misorientation, rng) if number else 0.0
        cell = plane_cell(cells, rng=rng) if other else first
        origin = turned((rng.random(2) - 0.5) @ cell.vectors, rotation + turn)
        found.append(_Grain(cell, rotation + turn, centre, origin))
    return found


def _grown(
    grain: _Grain, shifts: list[float], distortion: PlaneDistortion, half: float, rng: np.random.Generator
) -> tuple[FloatArray, IntArray, dict[str, Any]]:
    """Columns around the centre of a grain: places (n, 2), column of the cell (n,), and what was drawn."""
    cell = grain.cell
    reach = half + _MARGIN + float(np.abs(grain.origin).max())
    points, site = cell.points(reach, grain.rotation)
    points += grain.origin
    moved = points + polar_shifts(distortion, cell, points, site, rng=rng)
    for shift in shifts:
        normal = turned(np.array([1.0, 0.0]), rng.uniform(0.0, 2.0 * np.pi))
        step = shift * turned(cell.vectors[int(rng.integers(2))], grain.rotation)
        moved[points @ normal > rng.uniform(-0.6, 0.6) * half] += step
    pairs = [glide_pair(cell, grain.rotation, half, rng=rng) for _ in range(round(drawn(distortion.dislocations, rng)))]
    seen = [pair for pair in pairs if pair is not None]
    for cores, burgers in seen:
        moved += dislocation_pair(points, cores, burgers)
    strain = drawn(distortion.strain, rng)
    moved += smooth_strain(points, 2.0 * half, strain, rng=rng)
    moved += random_shifts(distortion, points, cell.rooms[site], rng=rng)
    record = {
        "cell": cell.to_json(),
        "rotation": grain.rotation,
        "centre": grain.centre.tolist(),
        "strain": strain,
        "faults": len(shifts),
        "dislocations": [
            {"cores": inside(cores + grain.centre, np.full(2, 2.0 * half)).tolist(), "burgers": burgers.tolist()}
            for cores, burgers in seen
        ],
    }
    return moved, site, record
