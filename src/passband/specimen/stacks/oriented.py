"""A crystal as it lies in a film: beam and growth along two lattice directions, in a cell with right angles.

Axes are x (in the film), y (growth) and z (beam). Directions that are not quite at right angles, as of monoclinic and
orthorhombic films, are sheared to it; lengths along the three axes stay.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

import numpy as np
from ase.build import make_supercell
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from passband.recipe import PassbandError
from passband.specimen.crystal import FloatArray, unit_cell
from passband.specimen.stacks.compounds import Compound, Zone

SKEW = np.sin(np.deg2rad(3.0))  # cosine of the angle between two directions that are taken to be at right angles
SAME = 1e-4  # of a cell, between places that a translation takes to one another
LIKE = 0.7  # Å, between metal atoms that are one site in cubes of a distorted perovskite; LaMnO3 needs 0.57
LEVEL = 0.4  # Å, likewise, along the growth
PLANE = 0.6  # Å between two lattice planes; what is nearer is one rumpled plane
COLUMN = 0.75  # Å, seen along the beam, between atoms of one column
WIDE = 0.6  # of the widest distance of planes, between which a crystal may end
THINNEST = 1.9  # Å; a step is no lower
OXYGEN = 8
MULTIPLES = (2, 3, 4)
DIVISORS = (6, 5, 4, 3, 2)

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class OrientedCell:
    """The atoms of one period along x, y (growth) and z (beam); an interface may run along its sides.

    Attributes
    ----------
    periods
        Å (3,).
    places
        Fractions of the periods (n, 3). Atoms of one column lie together, so a few are below 0 or above 1.
    elements
        Atomic numbers (n,) of the undoped crystal.
    sublattices
        Index (n,) into the names of the compound.
    cells
        Into how many equal parts each period falls that have the metal atoms of one another: cubes of a perovskite, and
        along the growth the least steps between alike faces, as double layers of silicon [111].
    columns
        Index (n,) of the atomic column.
    anchors
        Place (cells[1], 3), in fractions of the periods, of one atom for each part along the growth: of "B" in a
        perovskite, on its mean place, and of the lowest in other crystals. Films in registry have them on one another.
    """

    periods: FloatArray
    places: FloatArray
    elements: IntArray
    sublattices: IntArray
    cells: IntArray
    columns: IntArray
    anchors: FloatArray

    @property
    def step(self) -> float:
        """Height of a step by one cell, along the growth, Å."""
        return float(self.periods[1] / self.cells[1])


@lru_cache(maxsize=64)
def oriented_cell(compound: Compound, zone: Zone) -> OrientedCell:
    """Cell of a compound with the beam and the growth along lattice directions.

    Raises
    ------
    PassbandError
        The two are not at right angles, or no short lattice direction is at right angles with both.
    """
    vectors = unit_cell(compound.crystal).cell.array
    rows = np.array([_lateral(compound, vectors, zone), zone.growth, zone.beam])
    if np.linalg.det(rows) < 0:
        rows[0] *= -1
    atoms = make_supercell(unit_cell(compound.crystal), rows)
    index = {element: compound.names.index(name) for element, name in compound.sublattices}
    cell = OrientedCell(
        periods=atoms.cell.lengths(),
        places=atoms.get_scaled_positions(),
        elements=atoms.numbers.astype(np.int64),
        sublattices=np.array([index[symbol] for symbol in atoms.get_chemical_symbols()]),
        cells=np.ones(3, np.int64),
        columns=np.zeros(len(atoms), np.int64),
        anchors=np.zeros((1, 3)),
    )
    for axis in range(3):
        cell = _shortest(cell, axis)
    cell = replace(cell, cells=np.array([_parts(cell, axis) for axis in range(3)]))
    anchored = compound.names.index("B") if compound.framework == "perovskite" else -1
    bounding = cell.elements != OXYGEN if compound.framework == "layered" else cell.elements > 0
    edges = np.array([_edge(cell, axis, anchored, bounding) for axis in range(3)])
    cell = replace(cell, places=(cell.places - edges / cell.cells) % 1.0)
    return _with_columns(replace(cell, anchors=_anchors(cell, anchored)))


def _lateral(compound: Compound, vectors: FloatArray, zone: Zone) -> IntArray:
    """Shortest lattice direction at right angles with beam and growth."""
    given = np.array(zone) @ vectors
    given /= np.maximum(np.linalg.norm(given, axis=1, keepdims=True), 1e-9)
    if not given.any(axis=1).all() or abs(given[0] @ given[1]) > SKEW:
        raise PassbandError(
            f"{compound.name}: beam {list(zone.beam)} and growth {list(zone.growth)} are not at right angles; "
            f"usual is beam {list(compound.zones[0].beam)}, growth {list(compound.zones[0].growth)}"
        )
    indices = np.array([row for row in product(range(-4, 5), repeat=3) if any(row)])
    directions = indices @ vectors
    lengths = np.linalg.norm(directions, axis=1)
    skew = np.abs(directions @ given.T / lengths[:, None]).max(axis=1)
    if skew.min() > SKEW:
        raise PassbandError(
            f"{compound.name}: no short lattice direction is at right angles with beam {list(zone.beam)} and growth "
            f"{list(zone.growth)}; take directions of lower indices"
        )
    order = np.lexsort((skew.round(6), lengths.round(6), skew > SKEW))
    lateral: IntArray = indices[order[0]]
    return lateral


def _shortest(cell: OrientedCell, axis: int) -> OrientedCell:
    """Cell of the shortest period along an axis: centred lattices have one below that of their conventional cell."""
    for n in DIVISORS:
        shift = np.eye(3)[axis] / n
        if _maps(cell.places, cell.places + shift, cell.elements, SAME * np.ones(3)):
            kept = np.floor((cell.places[:, axis] + SAME) % 1.0 * n) == 0
            places = cell.places[kept].copy()
            places[:, axis] = (places[:, axis] + SAME) % 1.0 * n - SAME * n
            periods = cell.periods / np.where(np.arange(3) == axis, n, 1)
            return replace(
                cell,
                periods=periods,
                places=places % 1.0,
                elements=cell.elements[kept],
                sublattices=cell.sublattices[kept],
                columns=cell.columns[kept],
            )
    return cell


def _maps(places: FloatArray, moved: FloatArray, kinds: IntArray, reach: FloatArray) -> bool:
    """Whether every moved place lies on one of the same kind, within `reach` of a period along each axis."""
    apart = moved[:, None] - places[None]
    apart -= np.rint(apart)
    inside = ((apart / reach) ** 2).sum(axis=2) <= 1.0
    return bool((inside & (kinds[:, None] == kinds[None])).any(axis=1).all())


def _parts(cell: OrientedCell, axis: int) -> int:
    """Into how many parts of alike metal atoms a period falls; along the growth only the heights of planes count."""
    metals = cell.elements != OXYGEN
    places, kinds = cell.places[metals], cell.sublattices[metals]
    reach = (np.array([np.inf, LEVEL, np.inf]) if axis == 1 else LIKE) / cell.periods
    for n in DIVISORS:
        if cell.periods[axis] / n >= THINNEST and _maps(places, places + np.eye(3)[axis] / n, kinds, reach):
            return n
    return 1


def _edge(cell: OrientedCell, axis: int, anchored: int, bounding: NDArray[np.bool_]) -> float:
    """Where a part of the cell may begin, as a fraction of it: between two planes, one of "B" before one without.

    Planes are those of the `bounding` atoms (n,): of metal alone where oxygens of two layers reach past each other.
    """
    length = cell.periods[axis] / cell.cells[axis]
    folded = cell.places[bounding, axis] * cell.cells[axis] % 1.0
    order = np.argsort(folded, kind="stable")
    sorted_places = folded[order]
    gaps = np.roll(sorted_places, -1) - sorted_places
    gaps[-1] += 1.0
    ends = np.flatnonzero(gaps * length > PLANE)
    if len(ends) < 2:
        widest = int(np.argmax(gaps.round(6)))
        return float((sorted_places[widest] + gaps[widest] / 2.0) % 1.0)
    plane = np.searchsorted(ends, np.arange(len(order)), side="left") % len(ends)  # plane k ends with gap k
    mean = np.bincount(plane, cell.elements[bounding][order]) / np.bincount(plane)
    has = np.bincount(plane, cell.sublattices[bounding][order] == anchored) > 0
    following = np.roll(np.arange(len(ends)), -1)
    width = gaps[ends].round(4)
    fit = (width >= WIDE * width.max(), has & ~has[following], mean[following].round(6), width)
    best = max(range(len(ends)), key=lambda k: tuple(float(one[k]) for one in fit))
    return float((sorted_places[ends[best]] + gaps[ends[best]] / 2.0) % 1.0)


def _anchors(cell: OrientedCell, anchored: int) -> FloatArray:
    chosen = cell.places[cell.sublattices == anchored] if anchored >= 0 else cell.places
    part = np.floor(chosen[:, 1] * cell.cells[1]).astype(int)
    order = np.lexsort((chosen[:, 2].round(3), chosen[:, 0].round(3), part if anchored >= 0 else chosen[:, 1].round(3)))
    found = np.array([chosen[order][part[order] == k][0] for k in range(cell.cells[1])])
    if anchored >= 0:  # off the middle as tungsten is, it would take all the film with it
        regular = cell.cells * [2, 1, 2]
        apart = (chosen[None] - found[:, None]) * regular
        found = found + ((apart - np.rint(apart)) / regular).mean(axis=1)
    return found


def _with_columns(cell: OrientedCell) -> OrientedCell:
    """Atoms brought together with the others of their column."""
    seen = cell.places[:, :2] % 1.0 * cell.periods[:2]
    pairs = cKDTree(seen % cell.periods[:2], boxsize=cell.periods[:2]).query_pairs(
        min(COLUMN, 0.49 * cell.periods[:2].min()), output_type="ndarray"
    )
    n = len(seen)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    columns = connected_components(graph, directed=False)[1].astype(np.int64)
    first = np.array([np.flatnonzero(columns == label)[0] for label in range(columns.max() + 1)])
    apart = cell.places[:, :2] - cell.places[first[columns], :2]
    places = cell.places.copy()
    places[:, :2] -= np.rint(apart)
    return replace(cell, places=places, columns=columns)


def matching(period: float, substrate: float, *, misfit: float) -> tuple[int, int] | None:
    """Smallest numbers (m, n) of film and substrate periods with m·period = n·substrate to a relative misfit, or None.

    One of the two is 1: lattices of which only every second or third cell meets another grow with their own periods.

    Examples
    --------
    >>> matching(7.854, 3.905, misfit=0.08)
    (1, 2)
    """
    pairs = [(1, 1), *((1, n) for n in MULTIPLES), *((m, 1) for m in MULTIPLES)]
    return next((pair for pair in pairs if abs(pair[1] * substrate / (pair[0] * period) - 1.0) <= misfit), None)
