"""Atoms of two layers that came too near to one another at their face, or of two grains at their boundary."""

import numpy as np
from ase.data import covalent_radii
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from passband.specimen.crystal import FloatArray
from passband.specimen.scene import CONTACT

FARTHEST = 2.6  # Å; no two atoms are kept farther apart: metals, that have no bond in an oxide, come as near as that


def least_distance(first: NDArray[np.int64], second: NDArray[np.int64], bond: FloatArray | float) -> FloatArray:
    """Å that atoms of two layers are apart at least, from their atomic numbers: `CONTACT` of a bond.

    The bond is the sum of the covalent radii (Cordero et al., Dalton Trans. (2008) 2832), and at least the shortest one
    of the two materials.
    """
    bonds = np.maximum(covalent_radii[first] + covalent_radii[second], bond)
    found: FloatArray = np.minimum(CONTACT * bonds, FARTHEST)
    return found


def crowded(
    positions: FloatArray,
    numbers: NDArray[np.int64],
    group: NDArray[np.int64],
    *,
    bonds: FloatArray,
    loose: NDArray[np.bool_],
    period: float,
) -> NDArray[np.bool_]:
    """Which atoms to take out, so that none is too near to one of another group.

    Of two that are too near the one of a loose group goes, else the lighter one, as oxygen does, else the later.

    Parameters
    ----------
    positions
        Å (n, 3).
    numbers, group
        Atomic numbers and groups (n,).
    bonds
        Shortest bond in each group, Å.
    loose
        Which groups have no lattice.
    period
        Along x, Å; 0 for none.
    """
    out = np.zeros(len(positions), bool)
    if len(positions) < 2:
        return out
    places = positions - positions.min(axis=0)
    if period > 0:
        places[:, 0] = positions[:, 0] % period
        places[places[:, 0] >= period, 0] = 0.0
    tree = cKDTree(places, boxsize=np.array([period, 0.0, 0.0]))
    pairs = tree.query_pairs(FARTHEST, output_type="ndarray")
    one, other = pairs[group[pairs[:, 0]] != group[pairs[:, 1]]].T
    apart = places[one] - places[other]
    if period > 0:
        apart[:, 0] -= period * np.rint(apart[:, 0] / period)
    shortest = np.minimum(bonds[group[one]], bonds[group[other]])
    near = (apart**2).sum(axis=1) < least_distance(numbers[one], numbers[other], shortest) ** 2
    one, other = one[near], other[near]
    rank = np.lexsort((-group, numbers, ~loose[group]))  # from the first to go
    place = np.empty_like(rank)
    place[rank] = np.arange(len(rank))
    out[np.where(place[one] < place[other], one, other)] = True
    return out
