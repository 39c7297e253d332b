"""The grains of an image, and the sub-lattice of every column as its class: A for the brightest of its grain."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kruskal

from passband.description.columns import AtomColumns
from passband.description.lattice import FittedLattice, fit_lattice
from passband.description.sites import LatticeSites, find_sites, height_groups

Array = NDArray[np.float64]
_MOST = 8  # grains that are looked for
_FEWEST, _LEAST = 36, 0.03  # columns of a grain beside the first, and of all columns
_PARTS = ((2, 1, 0), (2, 0, 1), (2, 1, 1), (3, 1, 0), (3, 0, 1), (3, 1, 1), (3, 1, 2))
_BY_CHANCE, _DIFFERENT = 1e-9, 0.1
_FEW = 8  # columns of a part
_SAME_CELL = 0.2  # of a cell
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, eq=False)
class FittedGrain:
    """A lattice in an image, and its sites; `sites.index` (n,) is −1 for columns of another grain, or of none."""

    lattice: FittedLattice
    sites: LatticeSites


def find_grains(columns: AtomColumns, *, most: int = _MOST) -> list[FittedGrain]:
    """Find lattices one after the other, each among the columns that are on no site of those before.

    Columns are of kinds that must not be mistaken for each other: their classes, or groups of their heights where all
    are of one. Heights that overlap make no groups; they tell kinds nevertheless where they change from cell to cell of
    the lattice (`superstructure`).

    Returns
    -------
    list
        `most` at most, the largest first; members and sites count in all columns. Others than the first have 36 columns
        at least, and 3 % of all.
    """
    places = columns.positions
    kind = columns.label if len(columns.classes) > 1 else height_groups(columns.height)
    left, grains = np.arange(len(places)), list[FittedGrain]()
    fewest = max(_FEWEST, _LEAST * len(places))
    while len(grains) < most and (not grains or len(left) >= fewest):
        lattice = _lattice(places[left], kind[left], columns.height[left])
        if lattice is None or (grains and len(lattice.members) < fewest):
            break
        sites = find_sites(places[left], lattice)
        index, cells = np.full(len(places), -1, dtype=np.intp), np.zeros((len(places), 2), dtype=np.intp)
        index[left], cells[left] = sites.index, sites.cells
        whole = replace(lattice, members=left[lattice.members])
        grains.append(FittedGrain(whole, replace(sites, index=index, cells=cells)))
        left = left[sites.index < 0]
    return grains


def _lattice(places: Array, kind: NDArray[np.intp], heights: Array) -> FittedLattice | None:
    """Lattice of the largest grain, of which no superstructure has other heights."""
    lattice = fit_lattice(places, kind)
    part = None if lattice is None else superstructure(lattice.cells, heights[lattice.members])
    if lattice is None or part is None:
        return lattice
    kind = np.full(len(places), part.max() + 1, dtype=np.intp)
    kind[lattice.members] = part
    finer = fit_lattice(places, kind)
    cell, wanted = (abs(float(np.linalg.det(one.vectors))) for one in (finer or lattice, lattice))
    return finer if finer is not None and abs(cell / wanted - (part.max() + 1)) < _SAME_CELL else lattice


def superstructure(cells: NDArray[np.intp], heights: Array) -> NDArray[np.intp] | None:
    """Part (n,) of each column of a lattice where every second or third cell is higher; None where heights are alike.

    Parts are those of the lattices whose cell is twice or three times as large: u·i + v·j modulo 2 or 3 of cell (i, j).
    Their heights differ by the test of Kruskal and Wallis, at 10⁻⁹, and their medians by a tenth or more. It tells the
    two columns of a perovskite at doses where no single one can be told.
    """
    best, least = None, _BY_CHANCE
    for number, u, v in _PARTS:
        part = np.mod(u * cells[:, 0] + v * cells[:, 1], number)
        groups = [heights[part == one] for one in range(number)]
        if min(map(len, groups)) < _FEW:
            continue
        medians = [float(np.median(group)) for group in groups]
        chance = float(kruskal(*groups).pvalue) if np.ptp(heights) > 0.0 else 1.0
        if chance < least and np.ptp(medians) > _DIFFERENT * np.median(heights):
            best, least = part, chance
    return best


def name_sublattices(columns: AtomColumns) -> AtomColumns:
    """Return columns of one class with their sub-lattices as classes, those of several classes as they are.

    In each grain of more than one site, A is the site whose columns are the highest by their median, B the next.
    Columns of a grain of one site, and those that are on none, keep their class.
    """
    if len(columns.classes) != 1 or not len(columns):
        return columns
    label = np.full(len(columns), -1, dtype=np.intp)
    for grain in find_grains(columns):
        here = [grain.sites.index == number for number in range(len(grain.sites.fractions))]
        order = sorted((one for one in here if one.any()), key=lambda one: -float(np.median(columns.height[one])))
        for number, one in enumerate(order[: len(_LETTERS)] if len(order) > 1 else ()):
            label[one] = number
    count = int(label.max()) + 1
    names = (*_LETTERS[:count], *(columns.classes if (label < 0).any() else ()))
    return replace(columns, label=np.where(label < 0, count, label), classes=names)
