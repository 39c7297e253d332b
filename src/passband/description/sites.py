"""Which kinds of columns there are: groups of heights, and the sites of a lattice's basis."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree
from sklearn.mixture import GaussianMixture

from passband.description.lattice import FittedLattice

Array = NDArray[np.float64]
_MOST = 3  # groups
_APART = 3.0  # Ashman's D: so far apart means must be, in rms standard deviations
_FEWEST = 8  # columns of a group
_NEAR = 0.18  # of |a|: columns of one site
_LEAST = 0.2  # of the cells have a site, or it is none


@dataclass(frozen=True, eq=False)
class LatticeSites:
    """The basis of a lattice.

    Attributes
    ----------
    fractions
        (sites, 2): in units of a and b, from 0 to 1; the first is that of the lattice's members.
    index
        (n,): site of each column, −1 of those that are on none.
    cells
        (n, 2): whole numbers of its cell.
    """

    fractions: Array
    index: NDArray[np.intp]
    cells: NDArray[np.intp]


def height_groups(heights: ArrayLike) -> NDArray[np.intp]:
    """Group (n,) of each column by its height, 0 for the highest: mixtures of up to three Gaussians.

    More groups must have a better Bayesian information criterion, each eight columns at least, and means that are 3
    apart by Ashman's D, √2·|μ₁ − μ₂|/√(σ₁² + σ₂²): two peaks with a gap between them, not one that is wide or skew.
    """
    values = np.asarray(heights, dtype=np.float64)
    best, level = np.zeros(len(values), dtype=np.intp), np.inf
    most = min(_MOST, len(values) // _FEWEST, len(np.unique(np.round(values, 9))))
    for count in range(1, most + 1):
        scaled = ((values - values.mean()) / max(values.std(), 1e-300))[:, None]
        model = GaussianMixture(count, n_init=3, random_state=0, reg_covar=1e-4).fit(scaled)
        order = np.argsort(-model.means_[:, 0])
        mean, variance = model.means_[order, 0], model.covariances_[order, 0, 0]
        group = np.argsort(order)[model.predict(scaled)]
        apart = np.sqrt(2.0) * -np.diff(mean) / np.sqrt(variance[1:] + variance[:-1])
        enough = np.bincount(group, minlength=count).min() >= _FEWEST and (apart >= _APART).all()
        if enough and model.bic(scaled) < level:
            best, level = group.astype(np.intp), float(model.bic(scaled))
    return best


def find_sites(positions: ArrayLike, lattice: FittedLattice) -> LatticeSites:
    """Find the sites of the basis among all columns (n, 2) in Å, by their places from the nearest member.

    From the nearest member, and not from the origin, so that a slow distortion does not smear the sites. Columns
    further than a cell's diagonal from all members belong to another grain.
    """
    places = np.asarray(positions, dtype=np.float64)
    distance, nearest = cKDTree(places[lattice.members]).query(places)
    inverse = np.linalg.inv(lattice.vectors)
    offset = (places - places[lattice.members][nearest]) @ inverse
    base = np.floor(offset + 1e-9 + _NEAR)  # fractions near 1 are near 0
    fraction = offset - base
    inside = distance <= np.hypot(*(lattice.vectors[0] + lattice.vectors[1])) + lattice.lengths[1]
    cells = lattice.cells[nearest] + base.astype(np.intp)
    index = np.full(len(places), -1, dtype=np.intp)
    found: list[Array] = []
    fractions = _clustered(fraction[inside], lattice)
    for number, site in enumerate(fractions):
        step = fraction - site
        away = np.hypot(*((step - np.rint(step)) @ lattice.vectors).T)
        here = inside & (away < _NEAR * lattice.lengths[0]) & (index < 0)
        index[here] = number
        cells[here] += np.rint(step[here]).astype(np.intp)
        found.append(site)
    return LatticeSites(np.array(found).reshape(-1, 2), index, cells)


def _clustered(fraction: Array, lattice: FittedLattice) -> list[Array]:
    """Centres of the clouds of fractions, that of the members first and then by their size."""
    radius = _NEAR * lattice.lengths[0]
    sites, left = [np.zeros(2)], fraction
    least = max(3.0, _LEAST * len(lattice.members))
    while True:
        away = [np.hypot(*(((left - site) - np.rint(left - site)) @ lattice.vectors).T) for site in sites[-1:]]
        left = left[away[0] > 1.5 * radius]
        if len(left) < least:
            return sites
        shifted = np.concatenate([left + np.array((i, j)) for i in (-1, 0, 1) for j in (-1, 0, 1)]) @ lattice.vectors
        near = cKDTree(shifted).query_ball_point(left @ lattice.vectors, radius)
        biggest = max(range(len(near)), key=lambda number: len(near[number]))
        if len(near[biggest]) < least:
            return sites
        centre = shifted[near[biggest]].mean(axis=0) @ np.linalg.inv(lattice.vectors)
        sites.append(np.mod(centre, 1.0))
