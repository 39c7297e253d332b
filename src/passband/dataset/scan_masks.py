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
    most = int(np.ceil(reach.max()))
    steps = np.arange(-most, most + 1)
    down, across = (one.ravel() for one in np.meshgrid(steps, steps, indexing="ij"))
    middle = np.rint(places).astype(np.int64)
    rows, columns = middle[:, :1] + down, middle[:, 1:] + across
    away = np.hypot(rows - places[:, :1], columns - places[:, 1:])
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1]) & (away <= reach[:, None])
    point = np.broadcast_to(np.arange(len(places))[:, None], away.shape)[inside]
    order = np.argsort(-away[inside], kind="stable")  # the nearest is written last
    mask[rows[inside][order], columns[inside][order]] = kind[point[order]]
    return mask
