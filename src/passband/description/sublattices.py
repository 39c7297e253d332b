"""The grains of an image, and the sub-lattice of every column as its class: A for the brightest of its grain."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from passband.description.columns import AtomColumns
from passband.description.lattice import FittedLattice, fit_lattice
from passband.description.sites import LatticeSites, find_sites, height_groups

_MOST = 8  # grains that are looked for
_FEWEST, _LEAST = 36, 0.03  # columns of a grain beside the first, and of all columns
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, eq=False)
class FittedGrain:
    """A lattice in an image, and its sites; `sites.index` (n,) is −1 for columns of another grain, or of none."""

    lattice: FittedLattice
    sites: LatticeSites


def find_grains(positions: ArrayLike, kinds: ArrayLike | None = None) -> list[FittedGrain]:
    """Find lattices one after the other, each among the columns that are on no site of those before.

    Parameters
    ----------
    positions, kinds
        (n, 2) in Å and (n,), as `fit_lattice` takes them.

    Returns
    -------
    list
        Eight at most, the first that of `fit_lattice`; members and sites count in all columns. Others than the first
        have 36 columns at least, and 3 % of all.
    """
    places = np.asarray(positions, dtype=np.float64)
    kind = np.zeros(len(places), np.intp) if kinds is None else np.asarray(kinds)
    left, grains = np.arange(len(places)), list[FittedGrain]()
    fewest = max(_FEWEST, _LEAST * len(places))
    while len(grains) < _MOST and (not grains or len(left) >= fewest):
        lattice = fit_lattice(places[left], kind[left])
        if lattice is None or (grains and len(lattice.members) < fewest):
            break
        sites = find_sites(places[left], lattice)
        index, cells = np.full(len(places), -1, dtype=np.intp), np.zeros((len(places), 2), dtype=np.intp)
        index[left], cells[left] = sites.index, sites.cells
        whole = replace(lattice, members=left[lattice.members])
        grains.append(FittedGrain(whole, replace(sites, index=index, cells=cells)))
        left = left[sites.index < 0]
    return grains


def name_sublattices(columns: AtomColumns) -> AtomColumns:
    """Return columns of one class with their sub-lattices as classes, those of several classes as they are.

    In each grain of more than one site, A is the site whose columns are the highest by their median, B the next.
    Columns of a grain of one site, and those that are on none, keep their class.
    """
    if len(columns.classes) != 1 or not len(columns):
        return columns
    label = np.full(len(columns), -1, dtype=np.intp)
    for grain in find_grains(columns.positions, height_groups(columns.height)):
        here = [grain.sites.index == number for number in range(len(grain.sites.fractions))]
        order = sorted((one for one in here if one.any()), key=lambda one: -float(np.median(columns.height[one])))
        for number, one in enumerate(order[: len(_LETTERS)] if len(order) > 1 else ()):
            label[one] = number
    count = int(label.max()) + 1
    names = (*_LETTERS[:count], *(columns.classes if (label < 0).any() else ()))
    return replace(columns, label=np.where(label < 0, count, label), classes=names)
