"""How sure a column is: what a network and the image say of it, and its neighbours.

A network's probability alone claims too much, and what stands out of the noise of an amorphous layer is no column. The
logarithm of the odds is linear in `features`, fitted (logistic regression; each image counts by the root of its
columns) to 27,181 columns that `haadf_atoms` or the finder saw in 220 simulated scans of 102 specimens, in and beyond
the conditions of its training, and in 40 frames of noise. Fitted without the scans on which it was tried, in three
parts, it said 0.89 on average of the 18,214 columns that were kept, of which 0.89 were right. How far a column stands
out of the noise told no more beside these. The script of that fit is not kept; `benchmarks/column_confidence.py` fits
anew, with other seeds, and says what these weights are worth beside others.
"""

import numpy as np
from numpy.typing import NDArray

from passband.description.agreement import ColumnSigns

Array = NDArray[np.float64]

OFFSET = -1.69
WEIGHTS = (0.27, 1.92, 2.59, 5.24, 0.69)  # of `features`
SUREST = 0.999  # of a probability; more says no more
RIGHT = 0.5  # share of the columns of an image that should be right; else it shows fewer, as noise does


def features(known: ColumnSigns) -> tuple[Array, ...]:
    """Return what the logarithm of the odds is linear in, (n,) each."""
    probability = np.clip(known.probability, 1.0 - SUREST, SUREST)
    odds = np.log(probability / (1.0 - probability))
    return odds, known.both.astype(np.float64), known.regularity, known.surroundings, np.log(known.height)


def column_confidence(known: ColumnSigns) -> Array:
    """Return the share (n,) of right ones among columns for which as much speaks."""
    exponent = OFFSET + sum(weight * value for weight, value in zip(WEIGHTS, features(known), strict=True))
    return np.asarray(1.0 / (1.0 + np.exp(-exponent)))


def likely_columns(confidence: Array, least: float) -> NDArray[np.bool_]:
    """Which columns (n,) to keep: the most that are likely right by half on average, each by `least`."""
    order = np.argsort(-confidence, kind="stable")
    average = np.cumsum(confidence[order]) / np.arange(1, len(order) + 1)
    kept = np.empty(len(order), dtype=bool)
    kept[order] = (average >= RIGHT) & (confidence[order] >= least)
    return kept
