"""How atoms change from one class to another between frames: counts, probabilities and their intervals."""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv

from passband.latent.movie_table import Array, Whole, by_track, columns_of
from passband.recipe import PassbandError


@dataclass(frozen=True, eq=False)
class Transitions:
    """Changes among k classes from a frame (row) to the next (column), (k, k) each.

    Attributes
    ----------
    counts
        Atoms that are of one class in a frame and of the other in the next.
    probability
        Of them, the part of those of the first class; NaN in rows without any.
    low, high
        Ends of its interval.
    """

    counts: Whole
    probability: Array
    low: Array
    high: Array


class Birth(NamedTuple):
    """An atom whose state changes for good: when, where in pixels of that frame, from which state to which."""

    track: int
    frame: int
    y_px: float
    x_px: float
    before: Hashable
    after: Hashable


def transitions(
    frame: ArrayLike, track: ArrayLike, label: ArrayLike, classes: int, *, confidence: float = 0.95
) -> Transitions:
    """Count changes of class along the tracks of atoms.

    A pair of rows counts where the same atom is seen in two frames that follow each other; one that was missed in
    between is not counted.

    Parameters
    ----------
    frame, track, label
        (n,): of each atom in each frame; labels count from 0.
    classes
        How many there are.
    confidence
        Of intervals: those of Jeffreys, quantiles of a beta distribution of x + ½ and m − x + ½ for x of m atoms, with
        0 and 1 at the ends (Brown, Cai & DasGupta, Stat. Sci. 2001). Atoms count as independent of one another, which
        neighbours of a growing hole are not.

    Raises
    ------
    PassbandError
        Labels are not from 0 to `classes` − 1, or the confidence is not between 0 and 1.
    """
    frames, tracks, labels = columns_of(frame, track, label)
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= classes:
        raise PassbandError(f"labels from {labels.min()} to {labels.max()} must be whole numbers below {classes}")
    if not 0.0 < confidence < 1.0:
        raise PassbandError(f"confidence={confidence} must be between 0 and 1; write 0.95 for 95 %")
    counts = np.zeros((classes, classes), dtype=np.intp)
    for _, rows in by_track(frames, tracks):
        next_to = np.flatnonzero(np.diff(frames[rows]) == 1)
        np.add.at(counts, (labels[rows[next_to]], labels[rows[next_to + 1]]), 1)
    return Transitions(counts, *_jeffreys(counts, confidence))


def _jeffreys(counts: Whole, confidence: float) -> tuple[Array, Array, Array]:
    """Share of each number in its row, and the ends of its interval."""
    seen = np.broadcast_to(counts.sum(axis=1, keepdims=True), counts.shape)
    tail, rest = 0.5 * (1.0 - confidence), seen - counts
    low = np.where(counts > 0, betaincinv(counts + 0.5, rest + 0.5, tail), 0.0)
    high = np.where(rest > 0, betaincinv(counts + 0.5, rest + 0.5, 1.0 - tail), 1.0)
    return tuple(np.where(seen > 0, value, np.nan) for value in (counts / np.maximum(seen, 1), low, high))  # type: ignore[return-value]


def births(
    frame: ArrayLike,
    track: ArrayLike,
    state: ArrayLike,
    places: ArrayLike,
    *,
    perfect: Hashable | None = None,
    hold: int = 3,
) -> list[Birth]:
    """Return when and where atoms changed their state for good, in the order of time.

    An atom begins in the state that is most frequent in its first `hold` rows. It has changed in the first frame from
    which on it is never in that state again, if `hold` rows or more are left; so a state that is mistaken once or
    twice at either end is no change.

    Parameters
    ----------
    frame, track
        (n,).
    state
        (n,): a class, or the rings that an atom is a member of.
    places
        (n, 2): y, x in pixels.
    perfect
        Only atoms that begin in this state are looked at, such as "6-6-6"; None: all.
    hold
        Rows.
    """
    frames, tracks, states, positions = columns_of(frame, track, state, places)
    if hold < 1:
        raise PassbandError(f"hold={hold} must be 1 or more rows; 3 lets a state be mistaken once")
    found = []
    for number, rows in by_track(frames, tracks):
        own = states[rows].tolist()
        before = _usual(own[:hold])
        after = len(own) - own[::-1].index(before)
        if len(own) - after >= hold and perfect in (None, before):
            y, x = positions[rows[after]].tolist()
            found.append(Birth(number, int(frames[rows[after]]), y, x, before, _usual(own[after:])))
    return sorted(found, key=lambda birth: (birth.frame, birth.track))


def _usual(states: list[Hashable]) -> Hashable:
    """Return the most frequent state, of equally frequent ones the first."""
    return Counter(states).most_common(1)[0][0]
