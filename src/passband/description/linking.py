"""The same atom from frame to frame: one to one, with births and deaths, after the drift is taken off."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from passband.description.lattice import nearest_distances
from passband.recipe import PassbandError, Recipe

Array = NDArray[np.float64]
_ROUNDS = 30  # of the estimate of a drift
_STILL = 1e-4  # Å: a drift that changes less is found


class Linking(Recipe):
    """How atoms are linked.

    Attributes
    ----------
    gate
        Å: how far an atom may go from one frame to the next. None: half of the median distance to the nearest atom in
        the first frame, the furthest at which nearest places cannot be confused.
    memory
        Frames that an atom may be missing before it counts as gone.
    drift
        Whether the drift between frames is estimated and taken off first.
    """

    gate: float | None = Field(default=None, gt=0)
    memory: int = Field(default=0, ge=0)
    drift: bool = True


@dataclass(frozen=True, eq=False)
class LinkedFrame:
    """Atoms of one frame.

    Attributes
    ----------
    identity
        (n,): number of each atom, the same in all frames; those of new atoms go on from the highest so far.
    born, died
        Identities that are new in this frame, none in the first, and that are gone since the last.
    drift
        (2,): x and y in Å, from the first frame.
    """

    identity: NDArray[np.intp]
    born: NDArray[np.intp]
    died: NDArray[np.intp]
    drift: Array


def link_frames(frames: Iterable[ArrayLike], linking: Linking | None = None) -> Iterator[LinkedFrame]:
    """Link atoms over the frames of a movie, one frame after the other, so that a movie may be larger than memory.

    From frame to frame the links of the least sum of squared distances are chosen, with gate² for each atom that is
    not linked: the optimum of a one-to-one assignment, solved in the independent groups of atoms that lie within the
    gate of each other.

    Parameters
    ----------
    frames
        (n, 2) of each: x, y in Å. A frame may be empty.
    linking
        How; `Linking()` by default.

    Yields
    ------
    LinkedFrame
        One for each frame.

    Raises
    ------
    PassbandError
        A frame is not (n, 2) and finite.

    Notes
    -----
    Exact while every atom moves less than half the distance to its nearest neighbour, drift aside, and the drift from
    frame to frame is less than that too: in a crystal a larger one looks like one that is smaller by a lattice vector.
    """
    how = linking or Linking()
    state = _Tracks(how)
    for frame in frames:
        yield state.add(_checked(frame))


def _checked(frame: ArrayLike) -> Array:
    places = np.asarray(frame, dtype=np.float64)
    places = places.reshape(0, 2) if places.size == 0 else places
    if places.ndim != 2 or places.shape[1] != 2 or not np.isfinite(places).all():
        raise PassbandError(f"a frame of positions of shape {places.shape} must be (n, 2), finite; x and y in Å")
    return places


class _Tracks:
    """Atoms that may go on: their last places, drift taken off, and for how long they have been missing."""

    def __init__(self, how: Linking) -> None:
        self.how, self.gate, self.next = how, how.gate, 0
        self.drift = np.zeros(2)
        self.places, self.identity, self.missing = np.empty((0, 2)), np.empty(0, np.intp), np.empty(0, np.intp)

    def add(self, seen: Array) -> LinkedFrame:
        first = self.next == 0
        if self.gate is None and len(seen) > 1:
            self.gate = 0.5 * float(np.median(nearest_distances(seen)))
        gate = self.gate or 1.0  # of a single atom, nobody is near
        if self.how.drift and len(self.places) and len(seen):
            self.drift = self.drift + drift_between(self.places, seen - self.drift, gate)
        places = seen - self.drift
        old, new = assign(self.places, places, gate)
        identity = np.full(len(seen), -1, dtype=np.intp)
        identity[new] = self.identity[old]
        fresh = np.flatnonzero(identity < 0)
        identity[fresh] = self.next + np.arange(len(fresh))
        self.next += len(fresh)
        lost = np.setdiff1d(np.arange(len(self.places)), old)
        late = self.missing[lost] + 1
        died, kept = self.identity[lost[late > self.how.memory]], lost[late <= self.how.memory]
        self.places = np.concatenate([places, self.places[kept]])
        self.missing = np.concatenate([np.zeros(len(seen), np.intp), late[late <= self.how.memory]])
        self.identity = np.concatenate([identity, self.identity[kept]])
        born = np.empty(0, np.intp) if first else identity[fresh]
        return LinkedFrame(identity, born, died, self.drift.copy())


def drift_between(before: ArrayLike, after: ArrayLike, gate: float) -> Array:
    """Return the shift (2,) in Å: the median step of the positions nearest to each other, again and again.

    The median is not moved by the few that come, go or wander.
    """
    start, end = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    tree, shift = cKDTree(start), np.zeros(2)
    for _ in range(_ROUNDS):
        distance, nearest = tree.query(end - shift, distance_upper_bound=2.0 * gate)
        near = np.flatnonzero(np.isfinite(distance))
        if not len(near):
            return shift
        step = np.median(end[near] - shift - start[np.asarray(nearest)[near]], axis=0)
        shift = shift + step
        if np.abs(step).max() < _STILL:
            break
    return shift


def assign(before: Array, after: Array, gate: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return indices of linked positions (n, 2), one to one, of the least Σd²; each that is not linked costs gate²."""
    if not len(before) or not len(after):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    near = cKDTree(before).sparse_distance_matrix(cKDTree(after), gate, output_type="coo_matrix")
    row, column, cost = near.row.astype(np.intp), near.col.astype(np.intp), near.data**2
    size = len(before) + len(after)
    graph = coo_array((np.ones(len(row)), (row, len(before) + column)), shape=(size, size))
    _, group = connected_components(graph.tocsr(), directed=False)
    order = np.argsort(group[row], kind="stable")
    edges = np.flatnonzero(np.diff(group[row][order])) + 1
    old, new = [], []
    for part in np.split(order, edges):
        rows, columns, costs = row[part], column[part], cost[part]
        if len(part) > 1:
            chosen = _solved(rows, columns, costs, gate**2)
            rows, columns = rows[chosen], columns[chosen]
        old.append(rows)
        new.append(columns)
    return np.concatenate(old), np.concatenate(new)


def _solved(row: NDArray[np.intp], column: NDArray[np.intp], cost: Array, most: float) -> NDArray[np.intp]:
    """Which of the possible links of one group are taken."""
    rows, r = np.unique(row, return_inverse=True)
    columns, c = np.unique(column, return_inverse=True)
    table = np.full((len(rows), len(columns) + len(rows)), 4.0 * most * (len(rows) + 1))
    table[np.arange(len(rows)), len(columns) + np.arange(len(rows))] = most  # nobody
    table[r, c] = cost
    left, right = linear_sum_assignment(table)
    taken = np.full(len(rows), -1)
    taken[left] = right
    return np.flatnonzero(taken[r] == c)
