"""Which masks go on into one another: what changes slowly across an image, such as thickness, is no boundary.

A proposer cuts a gradient into steps, and far apart these are as unlike as two materials. At a common border they are
alike: crops on both sides of it differ no more than crops of one mask do.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from passband.zero_shot.crops import CropPlaces, Crops

Array = NDArray[np.float64]

PAIRS = 6  # of crops across a border, at most
NEAR = 1.25  # sides: how far from the border the middle of a crop may be


def border_crops(
    places: CropPlaces, labels: NDArray[np.int64], *, generator: np.random.Generator
) -> tuple[Crops, Crops]:
    """Crops on the one and on the other side of borders between masks, pair by pair, the lower number first.

    Masks (rows, columns; numbers from 1, 0 for none) touch where they are the nearest ones to neighbouring cells.
    """
    nearest = distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
    own = {number: np.flatnonzero(places.mask == number) for number in np.unique(labels[labels > 0]) - 1}
    trees = {number: cKDTree(places.cells[index]) for number, index in own.items()}
    reach = NEAR * places.side * max(np.array(places.grid) / np.array(places.shape))
    found = [np.zeros((0, 2), np.int64)]
    for *both, cells in _borders(labels[tuple(nearest)] - 1):
        chosen = generator.permutation(cells)[:PAIRS]
        asked = [(number, *trees[number].query(chosen)) for number in both]
        near = np.all([distance <= reach for _, distance, _ in asked], axis=0)
        found.append(np.stack([own[number][index[near]] for number, _, index in asked], axis=1))
    one, other = np.concatenate(found).T
    return places.crops(one, generator=generator), places.crops(other, generator=generator)


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
    pairs, number = np.unique(table[:, :2], axis=0, return_inverse=True)
    for index, (first, second) in enumerate(pairs):
        yield int(first), int(second), table[number.ravel() == index, 2:]


def joined(
    pairs: NDArray[np.int64], steps: Array, noise: Array, *, separation: float, units: tuple[int, int]
) -> NDArray[np.int64]:
    """Return the number (masks,) of the unit that each mask is part of; masks that go on into one another are one unit.

    Parameters
    ----------
    pairs
        (n, 2): masks on both sides of a border, for each pair of crops.
    steps
        (n, directions): from the one crop to the other.
    noise
        (directions,): standard deviation within masks.
    separation
        Masks go on where the mean step across their border is less than this many times the deviation along it.
    units
        How many masks there are, and how many units there must be at least: the most alike are joined first.
    """
    unit = np.arange(units[0])
    known, number = np.unique(pairs, axis=0, return_inverse=True)
    apart = np.array([_apart(steps[number.ravel() == index], noise) for index in range(len(known))])
    left = units[0]
    for index in np.argsort(apart, kind="stable"):
        first, second = unit[known[index]]
        if apart[index] < separation and left > units[1] and first != second:
            unit[unit == second] = first
            left -= 1
    return np.unique(unit, return_inverse=True)[1].astype(np.int64)


def _apart(steps: Array, noise: Array) -> float:
    """Length of the mean of some steps (n, directions), in deviations along it."""
    mean = steps.mean(0)
    length = max(float(np.linalg.norm(mean)), 1e-12)
    return length / max(float(np.linalg.norm(noise * mean / length)), 1e-12)
