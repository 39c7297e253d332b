"""Atoms of a layer with a lattice: its columns seen along the beam, grain by grain, and the sites along each column."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from passband.specimen.crystal import FloatArray
from passband.specimen.stacks.placement import Lattice, PlacedLayer

IntArray = NDArray[np.int64]
OVERLAP = 0.8  # Å; makes up for the atoms that are taken out at a boundary of grains
SLANT = 0.1  # rad, standard deviation of the angle between a boundary and the growth


class Room(NamedTuple):
    """What atoms fill: from `low` to `high` along (x, y) and from 0 to `depth` along z, Å; `period` is that of x."""

    low: tuple[float, float]
    high: tuple[float, float]
    depth: float
    period: float


@dataclass(frozen=True)
class Boundary:
    """A line in a layer where its lattice is shifted ("antiphase") or turned ("grain"), along the beam.

    Attributes
    ----------
    kind
        "antiphase" or "grain".
    layer
        Number of the layer.
    start, slope
        x in Å at y = 0, and its change per Å along y.
    angle
        By which the lattice is turned at larger x against that at smaller x, rad.
    shift
        By which it is shifted along the growth, Å.
    """

    kind: str
    layer: int
    start: float
    slope: float
    angle: float = 0.0
    shift: float = 0.0

    @property
    def overlap(self) -> float:
        """Å by which grains on both sides grow over the line before atoms that are too near are taken out."""
        return OVERLAP if self.kind == "grain" else 0.0

    def at(self, y: FloatArray) -> FloatArray:
        """Places of the line along x, Å."""
        found: FloatArray = self.start + self.slope * y
        return found

    def parameters(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "kind": self.kind,
            "layer": self.layer,
            "start": self.start,
            "slope": self.slope,
            "angle": self.angle,
            "shift": self.shift,
        }


class Sites(NamedTuple):
    """Sites of a lattice: places (n, 3) in Å, index of the sublattice, of the grain and of the column of each."""

    positions: FloatArray
    sublattices: IntArray
    grains: IntArray
    columns: IntArray


def draw_boundaries(number: int, one: PlacedLayer, period: float, rng: np.random.Generator) -> list[Boundary]:
    """Draw the boundaries of a layer, about evenly apart and of one slant; the lattice is the same at both ends.

    With a single boundary it is not: the box is then not periodic.
    """
    layer, lattice = one.layer, one.lattice
    count = layer.antiphase + layer.grain_boundaries
    if lattice is None or count == 0:
        return []
    places = (np.arange(count) + 0.5 + rng.uniform(-0.3, 0.3, count)) / count * period
    slope = float(np.tan(np.clip(rng.normal(0.0, SLANT), -3.0 * SLANT, 3.0 * SLANT)))
    starts = places - slope * 0.5 * (one.base + one.top)
    if layer.antiphase:
        half = 0.5 * lattice.step
        return [Boundary("antiphase", number, float(x), slope, shift=half * (-1.0) ** k) for k, x in enumerate(starts)]
    angles = rng.normal(0.0, layer.misorientation, count)
    if count > 1:
        angles[-1] = -angles[:-1].sum()
    return [Boundary("grain", number, float(x), slope, angle=float(by)) for x, by in zip(starts, angles, strict=True)]


def fill_lattice(one: PlacedLayer, boundaries: list[Boundary], room: Room) -> Sites:
    """Sites of a layer's lattice in a room, about whose middle it leans; whole columns belong to a grain."""
    assert one.lattice is not None  # asked for layers with a lattice only
    angle, shift, first = one.layer.rotation, np.zeros(2), 0
    found: list[Sites] = []
    for grain in range(len(boundaries) + 1):
        if grain:
            angle += boundaries[grain - 1].angle
            shift[1] += boundaries[grain - 1].shift
        periodic = one.periodic and abs(angle) < 1e-12
        x, y, kinds = _columns(one.lattice, room, (angle, shift), periodic)
        x = x % room.period if periodic else x
        inside = (y >= room.low[1]) & (y < room.high[1])
        inside &= periodic | (x >= room.low[0]) & (x < room.high[0])
        if grain:
            inside &= x >= boundaries[grain - 1].at(y) - boundaries[grain - 1].overlap
        if grain < len(boundaries):
            inside &= x < boundaries[grain].at(y) + boundaries[grain].overlap
        found.append(_sites(one.lattice, (x[inside], y[inside], kinds[inside]), angle, room.depth, (grain, first)))
        first += int(np.count_nonzero(inside))
    sites = Sites(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
    sites.positions[:, :2] += (sites.positions[:, 2:] - 0.5 * room.depth) * np.tan(
        np.array(one.layer.lean)[::-1] * 1e-3
    )
    return sites


def _columns(
    lattice: Lattice, room: Room, motion: tuple[float, FloatArray], periodic: bool
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Middles (x, y) of the columns in and around a room, and which column of the cell each is."""
    angle, shift = motion
    turn = _turn(angle)
    corners = np.array([(x, y) for x in (room.low[0], room.high[0]) for y in (room.low[1], room.high[1])])
    pivot = _pivot(lattice, room)
    back = (corners - shift - pivot) @ turn + pivot  # into the axes of the lattice
    low = np.floor((back.min(axis=0) - lattice.origin[:2]) / lattice.periods[:2]).astype(int) - 1
    high = np.ceil((back.max(axis=0) - lattice.origin[:2]) / lattice.periods[:2]).astype(int) + 1
    along = np.arange(round(room.period / lattice.periods[0])) if periodic else np.arange(low[0], high[0] + 1)
    middles = _middles(lattice)
    i, j, kinds = (one.ravel() for one in np.meshgrid(along, np.arange(low[1], high[1] + 1), np.arange(len(middles))))
    places = middles[kinds] + np.stack([i, j], axis=1) * lattice.periods[:2] + lattice.origin[:2]
    x, y = ((places - pivot) @ turn.T + pivot + shift).T
    return x, y, kinds


def _pivot(lattice: Lattice, room: Room) -> FloatArray:
    return np.array([0.5 * (room.low[0] + room.high[0]), lattice.origin[1]])


def _turn(angle: float) -> FloatArray:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _middles(lattice: Lattice) -> FloatArray:
    """Mean places (n, 2) of the columns of a cell, Å."""
    cell = lattice.cell
    sums = [np.bincount(cell.columns, cell.places[:, axis]) for axis in (0, 1)]
    found: FloatArray = np.stack(sums, axis=1) / np.bincount(cell.columns)[:, None] * lattice.periods[:2]
    return found


def _sites(
    lattice: Lattice,
    columns: tuple[FloatArray, FloatArray, IntArray],
    angle: float,
    depth: float,
    names: tuple[int, int],
) -> Sites:
    """Sites along columns; `names` are the grain and the number of its first column."""
    cell, (x, y, kinds), (grain, first) = lattice.cell, columns, names
    offsets = (cell.places[:, :2] * lattice.periods[:2] - _middles(lattice)[cell.columns]) @ _turn(angle).T
    parts: list[tuple[FloatArray, IntArray, IntArray]] = []
    for k, (place, column) in enumerate(zip(cell.places, cell.columns, strict=True)):
        z = (lattice.origin[2] + place[2] * lattice.periods[2]) % lattice.periods[2]
        z = np.arange(z, depth, lattice.periods[2])
        here = np.flatnonzero(kinds == column)
        positions = np.empty((len(here), len(z), 3))
        positions[..., 0] = (x[here] + offsets[k, 0])[:, None]
        positions[..., 1] = (y[here] + offsets[k, 1])[:, None]
        positions[..., 2] = z
        kind = np.full(len(here) * len(z), cell.sublattices[k])
        parts.append((positions.reshape(-1, 3), kind, np.repeat(here + first, len(z))))
    positions, sublattices, numbers = (np.concatenate(one) for one in zip(*parts, strict=True))
    return Sites(positions, sublattices, np.full(len(positions), grain), numbers)
