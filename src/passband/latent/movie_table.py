"""Tables of the atoms of a movie: one row for each atom of each frame, in any order.

`frame` (n,) counts frames, and `track` (n,) is the number of the atom, the same in all frames; rows whose track is
negative belong to no known atom.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passband.recipe import PassbandError

Array = NDArray[np.float64]
Whole = NDArray[np.intp]


def columns_of(*columns: ArrayLike) -> tuple[NDArray[Any], ...]:
    """Return columns of one table as arrays.

    Raises
    ------
    PassbandError
        They are empty, of several lengths, or hold NaN or infinity.
    """
    arrays = tuple(np.asarray(column) for column in columns)
    lengths = [len(array) if array.ndim else 0 for array in arrays]
    if len(set(lengths)) != 1 or not lengths[0]:
        raise PassbandError(f"columns of {', '.join(map(str, lengths))} rows must have the same rows, one or more")
    for array in arrays:
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            row = int(np.argwhere(~np.isfinite(array))[0, 0])
            raise PassbandError(f"row {row} holds NaN or infinity; leave it out, or measure it again")
    return arrays


def by_frame(frame: NDArray[Any]) -> tuple[Whole, list[Whole]]:
    """Return the frames (f,) and the rows of each, in the order of time."""
    order = np.argsort(frame, kind="stable")
    numbers, first = np.unique(frame[order], return_index=True)
    return numbers.astype(np.intp), np.split(order, first[1:])


def by_track(frame: NDArray[Any], track: NDArray[Any]) -> Iterator[tuple[int, Whole]]:
    """Yield each atom and its rows in the order of time; rows without an atom are left out.

    Raises
    ------
    PassbandError
        An atom is twice in one frame.
    """
    known = np.flatnonzero(track >= 0)
    order = known[np.lexsort((frame[known], track[known]))]
    twice = np.flatnonzero((np.diff(track[order]) == 0) & (np.diff(frame[order]) == 0))
    if twice.size:
        row = order[twice[0]]
        raise PassbandError(f"track {track[row]} is twice in frame {frame[row]}; an atom has one row in a frame")
    numbers, first = np.unique(track[order], return_index=True)
    yield from zip(numbers.tolist(), np.split(order, first[1:]) if len(numbers) else [], strict=True)
