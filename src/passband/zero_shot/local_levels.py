"""Levels of brightness that shift from place to place, as where phases have rims or are lit unevenly inside.

A cell has the level that is nearest to its brightness less an offset, and the offset is what levels leave of the
brightness, smoothed over a reach that shrinks: k-means with local means (T. N. Pappas, IEEE Trans. Signal Process. 40,
901, 1992). Two such levels are found in anything, so that they are phases must show in the steps at their outlines:
these are sharp, and alike.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, label, maximum_filter, median, minimum_filter

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

WIDTHS = (40.0, 20.0, 10.0)  # cells: standard deviations of the Gaussian that smooths the offset, one after another
FINEST = 5.0  # cells: where there are phases; a brightness that varies by itself looks like two when smoothed so little
ROUNDS = 20  # of levels and offset with each, at most
SETTLED = 5e-4  # of the cells: if fewer change their level, the rounds end
BESIDE = 2.0  # cells: standard deviation of the Gaussian within which a step is measured
LEAST_WEIGHT = 0.02  # of that Gaussian which lies on either side of a step
SHARP = 0.8  # of the distance of the levels: steps within a few cells, at least
STEPLESS = 0.6  # of the median step: an area whose outline has less, in the median, is no area of its own
SMALL = 20  # cells: areas of fewer have too little of an outline to say so
TURNS = 3  # in which such areas are looked for, at most
ALIKE = 3.5  # mean of the steps in their deviations, at least; drawn grains of random brightness had 3.1 at most


@dataclass(frozen=True, eq=False)
class LocalLevels:
    """Levels with an offset.

    Attributes
    ----------
    number
        (rows, columns): number of the level of each cell, from 0.
    values
        (rows, columns): brightness less the offset.
    centres
        (k,): levels.
    """

    number: Labels
    values: Array
    centres: Array


@dataclass(frozen=True)
class OutlineSteps:
    """How brightness steps at the outlines of two levels.

    Attributes
    ----------
    median
        In distances of the levels.
    likeness
        Mean in deviations.
    """

    median: float
    likeness: float

    @property
    def sharp(self) -> bool:
        """As between phases, and not as where brightness varies smoothly."""
        return self.median > SHARP

    @property
    def alike(self) -> bool:
        """As between phases, and not as between grains of random brightness."""
        return self.likeness > ALIKE


def fixed_levels(values: Array, centres: Array) -> LocalLevels:
    """Give each of the values (rows, columns) the nearest level (k,)."""
    return LocalLevels(_nearest(values, centres), values, centres)


def local_levels(values: Array, centres: Array) -> LocalLevels:
    """Let levels (k,) of the values (rows, columns) shift slowly from place to place."""
    found = fixed_levels(values, centres)
    for width in WIDTHS:
        found = _settled(values, found, width)
    return found


def finest_levels(values: Array, found: LocalLevels) -> LocalLevels:
    """Let levels of the values (rows, columns) that are phases shift faster.

    Of two levels, areas without a step at their outline go to what is around them: the offset followed something else
    there, and ended somewhere. `STEPLESS` is one of several values that are as good on drawn images, and the first of
    them that is on two real ones.
    """
    found = _settled(values, found, FINEST)
    for _ in range(TURNS if len(found.centres) == 2 else 0):
        stepless = stepless_areas(values, found)
        if not stepless.any():
            break
        number = np.where(stepless, 1 - found.number, found.number)
        found = _settled(values, LocalLevels(number, found.values, found.centres), FINEST)
    return found


def stepless_areas(values: Array, found: LocalLevels) -> NDArray[np.bool_]:
    """Find the areas (rows, columns) of two levels at whose outlines the values do not step."""
    upper = found.number == int(found.centres.argmax())
    known, steps = _outline(values, upper)
    wrong = np.zeros(upper.shape, dtype=np.bool_)
    for side in (upper, ~upper):
        areas, _ = label(side)
        size = np.bincount(areas.ravel())
        own = areas[known]
        asked = np.unique(own[own > 0])
        asked = asked[size[asked] >= SMALL]
        if len(asked):
            wrong |= np.isin(areas, asked[median(steps, own, asked) < STEPLESS * np.median(steps)])
    return wrong


def shifted_levels(values: Array, centres: Array) -> LocalLevels:
    """Let levels of phases shift; two of them only as fast as the steps at their outlines allow.

    Around a blurred outline an offset follows the blur, and where steps are not alike, whatever they are of.
    """
    found = fixed_levels(values, centres)
    if len(centres) == 2 and not steps_of_two(values, found).alike:
        return found
    found = local_levels(values, centres)
    if len(centres) == 2 and not steps_of_two(values, found).sharp:
        return found
    return finest_levels(values, found)


def _settled(values: Array, found: LocalLevels, width: float) -> LocalLevels:
    """Find levels and offset in turns. A level that loses all of its cells stays where it was."""
    for _ in range(ROUNDS):
        count = np.bincount(found.number.ravel(), minlength=len(found.centres))
        means = np.bincount(found.number.ravel(), found.values.ravel(), minlength=len(count)) / np.maximum(count, 1)
        centres = np.where(count > 0, means, found.centres)
        left = values - gaussian_filter(values - centres[found.number], width, mode="reflect")
        before, found = found.number, fixed_levels(left, centres)
        if np.mean(found.number != before) <= SETTLED:
            break
    return found


def _nearest(values: Array, centres: Array) -> Labels:
    return np.asarray(np.abs(values[..., None] - centres).argmin(-1), dtype=np.int64)


def steps_of_two(values: Array, found: LocalLevels) -> OutlineSteps:
    """Measure the steps of values (rows, columns; without noise) at outlines of two levels; 0 where there are none."""
    steps = outline_steps(values, found.number == int(found.centres.argmax()))
    if not len(steps):
        return OutlineSteps(0.0, 0.0)
    distance = max(float(np.ptp(found.centres)), 1e-12)
    return OutlineSteps(float(np.median(steps)) / distance, float(steps.mean() / max(float(steps.std()), 1e-12)))


def outline_steps(values: Array, upper: NDArray[np.bool_]) -> Array:
    """Differences (n,) of the local means on both sides of the outline of an area (rows, columns), cell by cell."""
    return _outline(values, upper)[1]


def _outline(values: Array, upper: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], Array]:
    """Find the cells (rows, columns) on both sides of an outline, and the steps (n,) there."""
    outline = maximum_filter(upper, 3) != minimum_filter(upper, 3)
    means, weights = zip(*(_local_mean(values, side & ~outline) for side in (upper, ~upper)), strict=True)
    known = outline & (np.minimum(*weights) > LEAST_WEIGHT)
    return known, np.asarray((means[0] - means[1])[known])


def _local_mean(values: Array, where: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Mean of the values (rows, columns) of an area that are near each cell, and how much of it is near."""
    weight = gaussian_filter(where.astype(np.float64), BESIDE)
    return gaussian_filter(np.where(where, values, 0.0), BESIDE) / np.maximum(weight, 1e-9), weight
