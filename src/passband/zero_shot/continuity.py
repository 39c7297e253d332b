"""Which masks go on into one another: what changes slowly across an image, such as thickness, is no boundary.

A proposer cuts a gradient into steps, and far apart these are as unlike as two materials. At a common border they are
alike: crops on both sides of it differ no more than crops of one mask do, or than the slope on both sides foretells.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, maximum
from scipy.spatial import cKDTree

from passband.zero_shot.crops import CropPlaces

Array = NDArray[np.float64]

PAIRS = 12  # of crops across a border, at most
NEAR = 1.25  # sides: how far from the border the middle of a crop may be
BEHIND = 0.5  # of the distance of a pair: how far a crop behind it may be from where it should be
FIELD = 8  # crops that tell how the level of a place differs from that of its mask
VARIANCES = (2.0, 5.0)  # of a step, and of one beyond the slopes on both sides, in those of a crop
OPPOSITE = -0.5  # cosine of the angle between two steps
ANCHOR = 0.01  # weight of a mask's own mean, against that of one pair of crops across a border


@dataclass(frozen=True, eq=False)
class BorderPairs:
    """Places for crops on both sides of borders between masks.

    Attributes
    ----------
    masks
        (n, 2): numbers of the masks from 0, the lower one first.
    places
        (n, 4): behind the first side, on the first side, on the second, behind the second. A crop behind is as far
        from its side as the sides are from one another, on the line through both; where its mask has no such place
        it is the side itself.
    """

    masks: NDArray[np.int64]
    places: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Borders:
    """What differs across the borders of masks.

    Attributes
    ----------
    masks
        (borders, 2).
    steps
        (borders, directions): mean from the second mask to the first.
    counts
        (borders,): pairs of crops that say so.
    apart
        (borders,): length of the step in deviations along it, raw or beyond the slopes on both sides: the lesser.
    """

    masks: NDArray[np.int64]
    steps: Array
    counts: NDArray[np.int64]
    apart: Array

    @classmethod
    def of(cls, masks: NDArray[np.int64], places: Array, noise: Array) -> "Borders":
        """Measure from the places (n, 4, directions) of pairs and what is behind them, and the deviation in masks."""
        known, number = np.unique(masks, axis=0, return_inverse=True)
        counts = np.bincount(number.ravel(), minlength=len(known))
        raw = places[:, 1] - places[:, 2]
        slope = 0.5 * ((places[:, 0] - places[:, 1]) + (places[:, 2] - places[:, 3]))
        total = np.zeros((2, len(known), places.shape[2]))
        np.add.at(total[0], number.ravel(), raw)
        np.add.at(total[1], number.ravel(), raw - slope)
        means = total / np.maximum(counts, 1)[:, None]
        length = np.linalg.norm(means, axis=2)
        along = np.linalg.norm(means * noise, axis=2) / np.maximum(length, 1e-12)
        chance = np.array(VARIANCES)[:, None] * np.square(noise).sum() / np.maximum(counts, 1)
        length = np.sqrt(np.maximum(np.square(length) - chance, 0.0))
        return cls(known, means[0], counts, (length / np.maximum(along, 1e-12)).min(0))


def border_pairs(places: CropPlaces, labels: NDArray[np.int64], *, generator: np.random.Generator) -> BorderPairs:
    """Choose places of crops on both sides of borders between masks, at most `PAIRS` at each.

    Masks (rows, columns; numbers from 1, 0 for none) touch where they are the nearest ones to neighbouring cells.
    """
    nearest = distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
    own = {number: np.flatnonzero(places.mask == number) for number in np.unique(labels[labels > 0]) - 1}
    trees = {number: cKDTree(places.cells[index]) for number, index in own.items()}
    side = places.side * max(np.array(places.grid) / np.array(places.shape))
    masks, found = [np.zeros((0, 2), np.int64)], [np.zeros((0, 4), np.int64)]
    touching = [one for one in _borders(labels[tuple(nearest)] - 1) if len(one[2]) >= side]
    tied = np.arange(int(labels.max(initial=0)))  # masks that borders tie together, directly or by others
    for reach in (NEAR * side, np.inf):
        for first, second, cells in touching:
            if reach == np.inf and tied[first] == tied[second]:
                continue
            chosen = generator.permutation(cells)[:PAIRS]
            asked = [(number, *trees[number].query(chosen)) for number in (first, second)]
            distance = np.maximum(asked[0][1], asked[1][1])
            near = distance <= min(reach, float(distance.min()) + side)
            sides = [own[number][index[near]] for number, _, index in asked]
            away = places.cells[sides[0]] - places.cells[sides[1]]
            limit = BEHIND * np.linalg.norm(away, axis=1)
            behind = []
            for number, one, way in zip((first, second), sides, (away, -away), strict=True):
                off, index = trees[number].query(places.cells[one] + way)
                behind.append(np.where(off <= limit, own[number][index], one))
            found.append(np.stack([behind[0], *sides, behind[1]], axis=1))
            masks.append(np.tile(np.array([first, second]), (len(sides[0]), 1)))
            if near.any():
                tied[tied == tied[second]] = tied[first]
    return BorderPairs(np.concatenate(masks), np.concatenate(found))


def _borders(full: NDArray[np.int64]) -> Iterator[tuple[int, int, NDArray[np.int64]]]:
    """Two masks that touch, the lower number first, and the cells (n, 2) where they do."""
    found = []
    for axis in (0, 1):
        before, after = (
            np.take(full, range(full.shape[axis] - 1), axis),
            np.take(full, range(1, full.shape[axis]), axis),
        )
        cells = np.argwhere(before != after)
        pairs = np.stack([before[before != after], after[before != after]], axis=1)
        found.append(np.concatenate([np.sort(pairs, axis=1), cells], axis=1))
    table = np.concatenate(found)
    if not len(table):
        return
    table = table[np.lexsort((table[:, 1], table[:, 0]))]
    pairs, first = np.unique(table[:, :2], axis=0, return_index=True)
    for pair, cells in zip(pairs, np.split(table[:, 2:], first[1:]), strict=True):
        yield int(pair[0]), int(pair[1]), cells


def joined(borders: Borders, *, separation: float, units: tuple[int, int]) -> NDArray[np.int64]:
    """Return the number (masks,) of the unit that each mask is part of; masks that go on into one another are one unit.

    Parameters
    ----------
    borders
        What differs across them.
    separation
        Masks go on where they are apart by less.
    units
        How many masks there are, and how many units there must be at least: the most alike are joined first.
    """
    unit = np.arange(units[0])
    left = units[0]
    for index in np.argsort(borders.apart, kind="stable"):
        first, second = unit[borders.masks[index]]
        if borders.apart[index] < separation and left > units[1] and first != second:
            unit[unit == second] = first
            left -= 1
    return np.unique(unit, return_inverse=True)[1].astype(np.int64)


def widths(labels: NDArray[np.int64]) -> Array:
    """Largest width (masks,) of masks (rows, columns; numbers from 1, 0 for none), cells; the image goes on outside."""
    other = np.zeros(labels.shape, dtype=np.bool_)
    for axis in (0, 1):
        differ = np.diff(labels, axis=axis) != 0
        pad = [(0, 1) if other_axis == axis else (0, 0) for other_axis in (0, 1)]
        other |= np.pad(differ, pad) | np.pad(differ, [one[::-1] for one in pad])
    depth = distance_transform_edt(~other) if other.any() else np.full(labels.shape, float(max(labels.shape)))
    widest: Array = np.asarray(maximum(depth, labels, np.arange(1, int(labels.max(initial=0)) + 1)), dtype=np.float64)
    return 2.0 * widest + 1.0


def transitions(borders: Borders, count: int, *, separation: float, angle: float = OPPOSITE) -> NDArray[np.bool_]:
    """Whether each mask (count,) differs from two neighbours in opposite directions, as a mixture of both does.

    `angle` is the cosine of that between two steps; a mixture has a smaller one.
    """
    found = np.zeros(count, dtype=np.bool_)
    clear = borders.apart >= separation
    for mask in range(count):
        first, second = (clear & (borders.masks[:, side] == mask) for side in (0, 1))
        steps = np.concatenate([borders.steps[first], -borders.steps[second]])
        steps /= np.maximum(np.linalg.norm(steps, axis=1, keepdims=True), 1e-12)
        found[mask] = len(steps) > 1 and float((steps @ steps.T).min()) < angle
    return found


def levels(borders: Borders, unit: NDArray[np.int64], means: Array) -> Array:
    """Levels (masks, directions) that differ across borders as crops do there, and within a unit not at all.

    By least squares, as lightness without illumination (Horn, Computer Graphics and Image Processing 3 (1974) 277):
    what changes slowly inside of masks counts for nothing. What no border ties to another keeps its own mean.

    Parameters
    ----------
    borders
        What differs across them.
    unit
        (masks,): of each mask, as `joined` gives it.
    means
        (masks, directions): mean places of the masks, NaN for those that take no part.
    """
    count = int(unit.max(initial=-1)) + 1
    known = np.isfinite(means).all(1)
    size = np.bincount(unit[known], minlength=count).astype(np.float64)
    mean = np.zeros((count, means.shape[1]))
    np.add.at(mean, unit[known], means[known])
    matrix, right = np.diag(ANCHOR * np.maximum(size, 1.0)), ANCHOR * mean
    ends = unit[borders.masks]
    across = ends[:, 0] != ends[:, 1]
    for (first, second), step, weight in zip(
        ends[across], borders.steps[across], borders.counts[across].astype(float), strict=True
    ):
        matrix[[first, second], [first, second]] += weight
        matrix[[first, second], [second, first]] -= weight
        right[first] += weight * step
        right[second] -= weight * step
    return np.asarray(np.linalg.solve(matrix, right)[unit], dtype=np.float64)


def slow_change(corners: NDArray[np.int64], away: Array, known: NDArray[np.bool_]) -> Array:
    """Smooth over the nearest crops what their levels are above their places: the slow change there, turned round.

    Parameters
    ----------
    corners
        (n, 2): where crops lie.
    away
        (n, directions): from the place of each to the level of its mask.
    known
        (n,): of which it is known.
    """
    few = min(FIELD, int(known.sum()))
    _, nearest = cKDTree(corners[known]).query(corners, k=few)
    smooth: Array = away[known][nearest.reshape(len(corners), few)].mean(1)
    return smooth
