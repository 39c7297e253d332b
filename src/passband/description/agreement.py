"""Columns that the image shows and columns that a network sees, fitted together, and what speaks for each."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter
from scipy.spatial import cKDTree

from passband.description.probabilities import SMOOTH, Candidates
from passband.description.refinement import ColumnFit, RefinedColumns, typical
from passband.description.selection import ColumnFinding, kept_columns

Array = NDArray[np.float64]
_ROUGH = 6  # steps between which columns are left out
_WIDEST = 3.0  # times the network's blobs: wider than a column, the image's are of something else
_NEIGHBOURS = 12  # of a column: those that are as far in the lattices of dense planes, and of a honeycomb
_AROUND = 6
_CLEAR, _VISIBLE = 8.0, 3.0  # scores of columns that stand out of the noise clearly, and at all
_MIRRORED = 0.2  # of the nearest distance, between a column and the mirror image of another
_PRIOR = (0.5, 3.0)  # mirror images that are columns, of how many, added to those of each column
_ENOUGH = 5  # columns that tell the usual height
_LOWEST = 0.03  # of the usual height: less says no more
WITHIN = 0.3  # Å: the probability of a column is the highest so near


class ColumnSigns(NamedTuple):
    """What speaks for each of n columns.

    Attributes
    ----------
    probability
        Of a column, by the network.
    shown, seen
        Whether the image alone shows a column there, and whether the network has a maximum.
    regularity
        Share of the 12 nearest columns whose mirror images through the column are columns: next to 1 in a lattice.
    surroundings
        Mean regularity of the six nearest.
    height
        Over the usual one of those that both have, 0.03 to 1.
    """

    probability: Array
    shown: NDArray[np.bool_]
    seen: NDArray[np.bool_]
    regularity: Array
    surroundings: Array
    height: Array


class Joined(NamedTuple):
    """A fit of the columns of both, and which of them are the image's and the network's; None if neither has any."""

    fitting: ColumnFit | None
    fit: RefinedColumns
    shown: NDArray[np.bool_]
    seen: NDArray[np.bool_]


def joined(data: Array, image: RefinedColumns, network: Candidates, aspect: float, how: ColumnFinding) -> Joined:
    """Fit the columns that an image (y, x) shows with those that a network sees and the image does not show alone.

    Parameters
    ----------
    data
        Image (y, x).
    image
        Columns that it shows.
    network
        Columns that it sees, in pixels of the image.
    aspect, how
        As of `find_columns`.
    """
    alone = np.column_stack([image.parameters[:, :2], np.exp(image.parameters[:, 3])])
    sigma = typical(alone[:, 2], image.score**2) if len(alone) else network.sigma
    reach, scale = max(1.0, how.separation * min(sigma, _WIDEST * network.sigma)), (1.0, aspect)
    more = network.places[_away(network.places * scale, alone[:, :2] * scale) > reach]
    start = np.concatenate([alone, np.column_stack([more, np.full(len(more), sigma)])])
    shown = np.arange(len(start)) < len(alone)
    if not len(start):
        return Joined(None, image, shown, shown)
    fitting = ColumnFit(data, start, aspect, how.refinement)
    while not (kept := _plain(fitting.run(_ROUGH), shown, aspect, how)).all():
        shown = shown[kept]
        if not kept.any():
            return Joined(None, image.chosen(np.zeros(len(alone), dtype=bool)), shown, shown)
        fitting.keep(kept)
    fit = fitting.run(max(1, how.refinement.steps - _ROUGH))
    near = _away(fit.parameters[:, :2] * scale, network.places * scale) <= reach
    return Joined(fitting, fit, shown, near | ~shown)


def _plain(fit: RefinedColumns, shown: NDArray[np.bool_], aspect: float, how: ColumnFinding) -> NDArray[np.bool_]:
    """Which columns (n,) are kept by `kept_columns`; of the network's alone those that one would see.

    Where the columns that the image shows stand out clearly, one that does not by 3 errors is none: whatever the
    lattice asks for.
    """
    kept = kept_columns(fit, aspect, how, network=True)
    clear = np.count_nonzero(shown) >= _ENOUGH and float(np.median(fit.score[shown])) > _CLEAR
    return kept & (shown | (fit.score >= _VISIBLE)) if clear else kept


def column_signs(one: Joined, probability: Array, aspect: float) -> ColumnSigns:
    """Return what speaks for each column that was fitted, beside the probability (n,) at it."""
    height, both = one.fit.parameters[:, 2], one.shown & one.seen
    known = both if np.count_nonzero(both) >= _ENOUGH else np.ones(len(height), dtype=bool)
    usual = typical(height[known], np.maximum(one.fit.score[known], 0.0) ** 2) if len(height) else 1.0
    rows, columns = one.fit.residual.shape
    places = one.fit.parameters[:, :2] * (1.0, aspect)
    regular = regularity(places, (columns - 0.5, (rows - 0.5) * aspect))
    around = regular[_nearest(places, _AROUND)[1]].mean(axis=1) if len(places) > 1 else regular
    return ColumnSigns(
        probability, one.shown, one.seen, regular, around, np.clip(height / max(usual, 1e-300), _LOWEST, 1.0)
    )


def regularity(places: Array, far: tuple[float, float]) -> Array:
    """Share (n,) of the 12 nearest neighbours of each place (n, 2) whose mirror images through it are places.

    Those whose mirror images lie outside the field, from −½ to `far` (x, y), do not count. Half a one of three is
    added to each, so that a column with few neighbours is much as one at random.
    """
    if len(places) < 2:
        return np.full(len(places), _PRIOR[0] / _PRIOR[1])
    distance, number = _nearest(places, _NEIGHBOURS)
    mirrored = 2.0 * places[:, None] - places[number]
    inside = ((mirrored > -0.5) & (mirrored < far)).all(axis=-1)
    away = _away(mirrored.reshape(-1, 2), places).reshape(inside.shape)
    there = inside & (away < _MIRRORED * distance[:, :1])
    return np.asarray((there.sum(axis=1) + _PRIOR[0]) / (inside.sum(axis=1) + _PRIOR[1]))


def _nearest(places: Array, count: int) -> tuple[Array, NDArray[np.intp]]:
    """Distances and numbers (n, count) of the nearest of two or more places (n, 2); of all others, if they are less."""
    distance, number = (np.asarray(one) for one in cKDTree(places).query(places, k=min(count + 1, len(places))))
    return distance[:, 1:], number[:, 1:]


def probability_at(probabilities: Array, places: Array, pixel_size: tuple[float, float]) -> Array:
    """Return the highest probability of anything but the background, smoothed, within 0.3 Å of each place (n, 2).

    Probabilities (classes, y, x) have the background first; places are x, y in pixels.
    """
    size = [2 * round(WITHIN / step) + 1 for step in pixel_size]
    highest = maximum_filter(gaussian_filter(1.0 - probabilities[0], SMOOTH, mode="nearest"), size)
    x, y = _pixels(places, highest.shape)
    return np.asarray(highest[y, x])


def class_at(probabilities: Array, places: Array) -> NDArray[np.intp]:
    """Return the most probable class but the background, from 0, at each place (n, 2), x, y in pixels."""
    x, y = _pixels(places, probabilities.shape[1:])
    smooth = [gaussian_filter(one, SMOOTH, mode="nearest")[y, x] for one in probabilities[1:]]
    return np.asarray(np.argmax(smooth, axis=0), dtype=np.intp)


def _pixels(places: Array, shape: tuple[int, ...]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    x, y = (np.clip(np.rint(places[:, axis]).astype(np.intp), 0, shape[1 - axis] - 1) for axis in (0, 1))
    return x, y


def _away(places: Array, others: Array) -> Array:
    """Distance (n,) of places (n, 2) to the nearest of others; infinite if there are none."""
    return np.asarray(cKDTree(others).query(places)[0]) if len(others) else np.full(len(places), np.inf)
