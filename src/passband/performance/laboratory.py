"""A laboratory's own images, with masks corrected by hand: what they change of the predictions for its camera."""

from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FEWEST = 5  # images
PRIOR = 10.0  # images that the spread within data sets of the simulation counts as
MARGIN = 1.0  # of the standard error of the spread from few images, by which the interval is wider


class Correction(NamedTuple):
    """Shift of the predictions, and factor of the width of their intervals; both in units of the usual error."""

    shift: float = 0.0
    factor: float = 1.0


def correction(scores: NDArray[np.float64], between: float, within: float) -> Correction:
    """Correction from the scores (n,) of a laboratory's images.

    A laboratory is a data set of its own. Its shift has, before it is looked at, the variance between simulated data
    sets, or as much as its images show where that is more; the images say how much of it is there, and what they leave
    open stays in the interval (empirical Bayes for one-way random effects: Gelman et al., Bayesian Data Analysis, 3rd
    ed. (2014), section 5.4). The spread within is pooled with that of the simulation.

    Parameters
    ----------
    scores
        Errors of the predictions in units of their spread.
    between, within
        Variances of such scores between simulated data sets, and within them.
    """
    count, mean = len(scores), float(scores.mean())
    own = float(((scores - mean) ** 2).sum())
    pooled = max((PRIOR * within + own) / (PRIOR + count - 1), 1e-6)  # a network that is never wrong has none
    prior = max(between, mean**2 - pooled / count, 1e-6)
    left = 1.0 / (1.0 / prior + count / pooled)
    shift = prior / (prior + pooled / count) * mean
    few = 1.0 + MARGIN / sqrt(2.0 * (PRIOR + count - 1))
    return Correction(shift, few * sqrt((pooled + left) / max(between + within, 1e-6)))
