"""Masks of points: a disc around each, kept apart from those of its neighbours."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

SHARE = 0.4  # of the distance to the nearest neighbour, that a disc reaches at most: between two of them is a gap
SMALLEST = 0.71  # pixels of radius: every point inside the image has at least a pixel


def disc_mask(
    places: NDArray[np.float64], kind: NDArray[np.int64], shape: tuple[int, int], *, radius: float
) -> NDArray[np.int64]:
    """Mask (y, x) with a disc around each point; where discs meet the nearest point counts.

    Parameters
    ----------
    places
        (n, 2), row and column in pixels; some may lie outside.
    kind
        (n,) class, from 1.
    shape
        Pixels (y, x).
    radius
        Pixels; at most 0.4 of the distance to the nearest other point, and at least 0.71.

    Examples
    --------
    >>> disc_mask(np.array([[1.0, 1.0]]), np.array([2]), (3, 3), radius=1.0).tolist()
    [[0, 2, 0], [2, 2, 2], [0, 2, 0]]
    """
    mask = np.zeros(shape, dtype=np.int64)
    if not len(places):
        return mask
    tree = cKDTree(places)
    apart = np.full(1, np.inf)
    if len(places) > 1:
        apart = np.asarray(tree.query(places, k=2)[0])[:, 1]
    reach = np.maximum(np.minimum(radius, SHARE * apart), SMALLEST)
    grid = np.stack(np.meshgrid(*(np.arange(size, dtype=np.float64) for size in shape), indexing="ij"), axis=-1)
    near = tree.query(grid.reshape(-1, 2), distance_upper_bound=max(radius, SMALLEST) + 1e-9)
    distance, nearest = (np.asarray(one) for one in near)
    flat, found = mask.reshape(-1), np.isfinite(distance)
    found[found] &= distance[found] <= reach[nearest[found]]
    flat[found] = kind[nearest[found]]
    return mask
