"""How far columns are from where the lattice wants them, and the strain that neighbours see."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from passband.description.lattice import FittedLattice
from passband.description.sites import LatticeSites

Array = NDArray[np.float64]
_AROUND = 1.6  # longest vector of the cell: neighbours that a strain is fitted to
_FEWEST = 3


def displacements(positions: ArrayLike, lattice: FittedLattice, sites: LatticeSites) -> Array:
    """Return the displacement (n, 2) of each column in Å from its place in the lattice; NaN where it is on no site.

    The reference is the lattice fitted to the dominant grain, vectors and origin, and the median place of each site.
    """
    places = np.asarray(positions, dtype=np.float64)
    known = sites.index >= 0
    moved = np.full(places.shape, np.nan)
    moved[known] = places[known] - lattice.origin - _reference(lattice.vectors, sites, known)
    for site in range(len(sites.fractions)):
        here = sites.index == site
        if here.any():
            moved[here] -= np.median(moved[here], axis=0)
    return moved


def strain(
    positions: ArrayLike, lattice: FittedLattice, sites: LatticeSites, *, reference: ArrayLike | None = None
) -> Array:
    """Return the strain (n, 4) at each column: ε_xx, ε_yy, ε_xy and the rotation in rad, right-handed from x to y.

    The deformation F of the neighbours of the same site within 1.6 of the longer vector is fitted by least squares,
    Δr = F·Δr₀; then ε = ½(F + Fᵀ) − 1, and the rotation is ½(F_yx − F_xy), of small strain. NaN where fewer than three
    neighbours tell it.

    Parameters
    ----------
    positions, lattice, sites
        (n, 2) in Å, and what was found of them.
    reference
        (2, 2): vectors in Å of a cell that is called unstrained, turned as the crystal is to within the strain; the
        order and the choice of the cell do not matter. None: those of the lattice, the mean of the grain.
    """
    places = np.asarray(positions, dtype=np.float64)
    vectors = lattice.vectors
    if reference is not None:
        cell = np.asarray(reference, dtype=np.float64)
        vectors = np.rint(vectors @ np.linalg.inv(cell)) @ cell
    found = np.full((len(places), 4), np.nan)
    for site in range(len(sites.fractions)):
        here = np.flatnonzero(sites.index == site)
        if len(here) <= _FEWEST:
            continue
        pairs = cKDTree(places[here]).query_pairs(_AROUND * lattice.lengths[1], output_type="ndarray")
        first, second = here[np.concatenate([pairs, pairs[:, ::-1]]).T]
        ideal = (sites.cells[second] - sites.cells[first]) @ vectors
        seen = places[second] - places[first]
        normal, mixed = np.zeros((2, len(places), 2, 2))
        np.add.at(normal, first, ideal[:, :, None] * ideal[:, None, :])
        np.add.at(mixed, first, seen[:, :, None] * ideal[:, None, :])
        size = np.trace(normal, axis1=1, axis2=2)
        good = (np.bincount(first, minlength=len(places)) >= _FEWEST) & (np.linalg.det(normal) > 0.02 * size**2)
        F = mixed[good] @ np.linalg.inv(normal[good])
        found[good, 0], found[good, 1] = F[:, 0, 0] - 1.0, F[:, 1, 1] - 1.0
        found[good, 2], found[good, 3] = 0.5 * (F[:, 0, 1] + F[:, 1, 0]), 0.5 * (F[:, 1, 0] - F[:, 0, 1])
    return found


def _reference(vectors: Array, sites: LatticeSites, known: NDArray[np.bool_]) -> Array:
    return np.asarray((sites.cells[known] + sites.fractions[sites.index[known]]) @ vectors)
