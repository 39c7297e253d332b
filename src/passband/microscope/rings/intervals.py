"""Intervals of what was fitted to rings: `width` is that of the interval in standard deviations."""

from collections.abc import Sequence
from math import atan2, hypot, pi, sqrt

import numpy as np
from scipy.special import ndtr

from passband.microscope.rings.cs import CsFit
from passband.microscope.rings.fit import Pattern
from passband.microscope.rings.model import C30, C30_UNIT, DRIFT

Interval = tuple[float, float]


def interval(pattern: Pattern, parameter: int, width: float) -> Interval:
    """Interval of one parameter, whatever the others are."""
    value = float(pattern.refined.parameters[parameter])
    error = width * float(np.sqrt(pattern.covariance[parameter, parameter]))
    return value - error, value + error


def hull(intervals: Sequence[Interval]) -> Interval:
    """Smallest interval that holds all."""
    return min(low for low, _ in intervals), max(high for _, high in intervals)


def factor_interval(value: float, logarithm: float) -> Interval:
    """Interval of a value that is known to so many e-folds."""
    factor = float(np.exp(min(logarithm, 20.0)))
    return value / factor, value * factor


def polar(cosine: float, sine: float) -> tuple[float, float]:
    """Length and direction in [0, π) of a quantity of two-fold symmetry."""
    return hypot(cosine, sine), (0.5 * atan2(sine, cosine)) % pi


def cs_interval(one: CsFit, width: float) -> Interval:
    """Å: of a fitted Cs; one from a data sheet is as it is."""
    if one.listed:
        return one.cs, one.cs
    low, high = interval(one.pattern, C30, width)
    return C30_UNIT * low, C30_UNIT * high


def drift_of(pattern: Pattern, width: float) -> tuple[float, Interval, float]:
    """Length of the drift in Å, its interval, and its direction."""
    cosine, sine = (float(pattern.refined.parameters[DRIFT + part]) for part in (0, 1))
    squared, azimuth = polar(cosine, sine)
    error = width * _along(pattern, DRIFT, azimuth)
    return sqrt(squared), (sqrt(max(squared - error, 0.0)), sqrt(squared + error)), azimuth


def astigmatism_intervals(pattern: Pattern, width: float) -> tuple[Interval, Interval]:
    """Intervals of C12, not below 0, and of φ12, which is anything where C12 may be 0."""
    c12, phi12 = polar(float(pattern.lens[1]), float(pattern.lens[2]))
    along = width * _along(pattern, 1, phi12)
    turned = width * _along(pattern, 1, phi12 + 0.25 * pi)
    lowest = c12 - along
    if lowest <= 0.0 or turned >= c12:
        disc = float(np.sqrt(-2.0 * np.log(2.0 * ndtr(-width)))) / width  # both parts of C12 are within, together
        return (0.0, c12 + along * disc), (0.0, pi)
    half = 0.5 * float(np.arcsin(turned / c12))
    return (lowest, c12 + along), (phi12 - half, phi12 + half)


def _along(pattern: Pattern, first: int, azimuth: float) -> float:
    """Return the standard deviation in one direction of a quantity whose two parts begin at `first`."""
    covariance = pattern.covariance[first : first + 2, first : first + 2]
    direction = np.array([np.cos(2.0 * azimuth), np.sin(2.0 * azimuth)])
    return float(np.sqrt(direction @ covariance @ direction))
