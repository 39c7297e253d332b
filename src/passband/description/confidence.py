"""How sure a column is: what a network and the image say of it, and its neighbours.

A network's probability alone claims too much, and what stands out of the noise of an amorphous layer is no column. The
logarithm of the odds is linear in `features`, fitted (logistic regression; each image counts by the root of its
columns) to the columns that `haadf_atoms` or the finder saw in 240 simulated scans of 108 specimens, in and beyond the
conditions of its training, in 90 of nine other materials, and in 20 frames of noise. `benchmarks/column_confidence.py`
makes the fit and says what it is worth on other scans.
"""

import numpy as np
from numpy.typing import NDArray

from passband.description.agreement import ColumnSigns

Array = NDArray[np.float64]

OFFSET = -0.20
WEIGHTS = (0.42, 1.31, 1.62, 2.89, 1.02, -1.03, 0.59)  # of `features`
SUREST = 0.999  # of a probability; more says no more
RIGHT = 0.5  # share of the columns of an image that should be right; else it shows fewer, as noise does
UNDECIDED = 3.0  # columns of even odds, added to those of a network that tell how certain it is


def features(known: ColumnSigns) -> tuple[Array, ...]:
    """Return what the logarithm of the odds is linear in, (n,) each.

    The last two are of columns that the network alone has. Where the image is too noisy to show any by itself, such a
    column is no worse for not being shown; what tells a crystal from noise there is how certain the network is of all
    that it sees.
    """
    probability = np.clip(known.probability, 1.0 - SUREST, SUREST)
    odds = np.log(probability / (1.0 - probability))
    both, alone = known.shown & known.seen, (known.seen & ~known.shown).astype(np.float64)
    certainty = odds[known.seen].sum() / (np.count_nonzero(known.seen) + UNDECIDED)
    return (
        odds,
        both.astype(np.float64),
        known.regularity,
        known.surroundings,
        np.log(known.height),
        alone,
        alone * certainty,
    )


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
