"""Which atomic columns an annular dark field shows: what a network is asked to find, and where.

An image has a limited range of grey: beside gold a column of oxygen is not seen, on its own it is. So a column is
visible if its signal is at least a share of the brightest one's nearby; and what lies nearer together than a probe can
tell apart is one column.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from passband.recipe import PassbandError
from passband.specimen.crystal import FloatArray
from passband.specimen.sheets.springs import IntArray, inside

_CELL = 2.0  # Å: of the grid by which most columns are decided


class VisibleColumns(NamedTuple):
    """Columns that are seen, in the order of their brightest member.

    Attributes
    ----------
    places
        float64 (m, 2) as (x, y), Å: signal-weighted mean of the members, within the cell.
    signal
        float64 (m,): sum over the members, in the unit that was given.
    members
        int64 (n,): row of `places` that each given column is part of, −1 where it is not seen.
    """

    places: FloatArray
    signal: FloatArray
    members: IntArray


def visible_columns(
    positions: FloatArray,
    signal: FloatArray,
    *,
    sides: tuple[float, float],
    share: float = 0.12,
    reach: float = 15.0,
    merge: float = 0.6,
) -> VisibleColumns:
    """Columns that stand out in a periodic cell.

    Columns that lie within `merge` of one another, or are so linked by others, are one first. Of these, one is visible
    if it has at least `share` of the signal of the brightest within `reach`. Columns without signal are not there.

    Parameters
    ----------
    positions
        (n, 2) as (x, y), Å.
    signal
        (n,), in any unit: with a mean number Z and n atoms about n·Z^1.7.
    sides
        Of the cell (y, x), Å.
    share
        Between 0 and 1.
    reach, merge
        Å.

    Raises
    ------
    PassbandError
        A signal is negative or not finite, `share` is outside 0 to 1, or `reach` is below 1 Å.
    """
    if not 0.0 <= share <= 1.0:
        raise PassbandError(f"share={share:g} is outside 0 to 1; it is a fraction of the brightest column nearby")
    if not reach >= 1.0:
        raise PassbandError(f"reach={reach:g} Å holds no neighbour; it is the radius in which the brightest is sought")
    if not (np.isfinite(signal) & (np.asarray(signal) >= 0.0)).all():
        raise PassbandError("a signal is negative or not finite; give one number from 0 on for each column")
    box = np.array([sides[1], sides[0]])
    there = np.flatnonzero(np.asarray(signal) > 0.0)
    places, total, which = _joined(inside(positions[there], box), np.asarray(signal, float)[there], box, merge)
    seen = _stands_out(places, total, box, share=share, reach=reach)
    rows = np.where(seen, np.cumsum(seen) - 1, -1)
    members = np.full(len(positions), -1, np.int64)
    members[there] = rows[which]
    return VisibleColumns(places[seen], total[seen], members)


def _joined(
    positions: FloatArray, signal: FloatArray, box: FloatArray, merge: float
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Places (k, 2), signal (k,) of joined columns, and which of them each is in (n,)."""
    count = len(positions)
    if not count:
        return positions, signal, np.zeros(0, np.int64)
    pairs = cKDTree(positions, boxsize=box).query_pairs(merge, output_type="ndarray")
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    found, label = connected_components(graph, directed=False)
    order = np.lexsort((signal, label))
    leading = np.sort(order[np.searchsorted(label[order], np.arange(found), side="right") - 1])  # the brightest members
    row = np.empty(found, np.int64)
    row[label[leading]] = np.arange(found)
    which: IntArray = row[label]
    apart = positions - positions[leading][which]
    apart -= box * np.rint(apart / box)
    total = np.bincount(which, signal, found).astype(float)
    shift = np.stack([np.bincount(which, signal * apart[:, axis], found) for axis in (0, 1)], axis=1)
    return inside(positions[leading] + shift / total[:, None], box), total, which


def _stands_out(
    places: FloatArray, signal: FloatArray, box: FloatArray, *, share: float, reach: float
) -> NDArray[np.bool_]:
    """Whether columns (n,) have their share of the brightest within reach.

    The brightest in cells of a grid that lie wholly within reach, and in those that do in part, decide nearly all; the
    others are compared one by one.
    """
    if not len(places):
        return np.zeros(0, bool)
    shape = np.ceil(box / min(_CELL, 0.5 * reach)).astype(int)
    step = box / shape
    cell = tuple(np.minimum((places / step).astype(int), shape - 1).T)
    brightest = np.zeros(shape)
    np.maximum.at(brightest, cell, signal)
    offsets = [np.abs(np.arange(-int(reach / one) - 1, int(reach / one) + 2)) for one in step]
    farthest, nearest = (
        np.hypot((np.maximum(offsets[0] + by, 0) * step[0])[:, None], np.maximum(offsets[1] + by, 0) * step[1])
        for by in (1, -1)
    )
    low = np.maximum(maximum_filter(brightest, footprint=farthest <= reach, mode="wrap")[cell], signal)
    high = np.maximum(maximum_filter(brightest, footprint=nearest <= reach, mode="wrap")[cell], signal)
    seen: NDArray[np.bool_] = signal >= share * high
    open_ = np.flatnonzero(~seen & (signal >= share * low))
    tree = cKDTree(places, boxsize=box)
    for row, around in zip(open_, tree.query_ball_point(places[open_], reach), strict=True):
        seen[row] = signal[row] >= share * signal[around].max()
    return seen
