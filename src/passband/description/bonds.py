"""Which atoms are neighbours: bonds no longer than a limit, of a graph that can be drawn without crossings."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import Delaunay, QhullError

from passband.description.lattice import nearest_distances
from passband.recipe import PassbandError

_LONGEST = 1.35  # median nearest distances: between a bond and the second neighbour of every ring up to eight


def find_bonds(positions: ArrayLike, *, longest: float | None = None) -> NDArray[np.intp]:
    """Return the bonds of atoms: edges of the Delaunay triangulation that are not too long.

    No two of them cross. All pairs that are each other's nearest are among the edges, and every pair with no third atom
    in the circle whose diameter they are.

    Parameters
    ----------
    positions
        (n, 2) in Å.
    longest
        Å: longer edges are no bonds. None: 1.35 times the median distance to the nearest atom.

    Returns
    -------
    NDArray
        (bonds, 2): indices, the smaller first, in order.

    Raises
    ------
    PassbandError
        Positions are not (n, 2) and finite, or the limit is not positive.
    """
    places = np.asarray(positions, dtype=np.float64)
    nearest = nearest_distances(places)
    if longest is not None and not longest > 0:
        raise PassbandError(f"longest={longest} Å must be above 0; a bond of graphene is 1.42 Å")
    if len(places) < 2:
        return np.empty((0, 2), dtype=np.intp)
    limit = _LONGEST * float(np.median(nearest)) if longest is None else longest
    edges = _edges(places)
    length = np.hypot(*(places[edges[:, 0]] - places[edges[:, 1]]).T)
    return np.asarray(edges[length <= limit])


def _edges(places: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the edges of the triangulation; of atoms on one line those to the next."""
    try:
        corners = Delaunay(places).simplices if len(places) > 2 else None
    except QhullError:
        corners = None
    if corners is None:
        along = np.linalg.svd(places - places.mean(axis=0), full_matrices=False)[2][0]
        order = np.argsort(places @ along, kind="stable")
        edges = np.stack([order[:-1], order[1:]], axis=1)
    else:
        edges = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
    return np.asarray(np.unique(np.sort(edges, axis=1), axis=0), dtype=np.intp)
