"""Quantiles and p-values that assume no distribution: conformal prediction.

If n scores and a new one are exchangeable, the new one exceeds their conformal quantile of level 0.9 in at most 10 % of
cases (Vovk, Gammerman & Shafer, Algorithmic Learning in a Random World (2005); normalised scores: Lei et al., J. Am.
Stat. Assoc. 113 (2018) 1094). Errors of a regressor are exchangeable with that of a new case only where it learned from
none of them. Those of cases that were left out one at a time, as in `performance.error_model`, are not quite: the new
case is predicted by a regressor that learned from all (Barber et al., Ann. Stat. 49 (2021) 486). There the share that
the intervals hold has to be measured. Outside of what was measured nothing is promised.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passband.recipe import PassbandError


def check_level(level: float) -> float:
    """Return a nominal coverage if it is one.

    Raises
    ------
    PassbandError
        It is not between 0 and 1.
    """
    if not 0.0 < level < 1.0:
        raise PassbandError(f"level={level:g} is not between 0 and 1; write the nominal coverage as 0.8 or 0.9")
    return level


def conformal_quantile(scores: ArrayLike, level: float) -> float:
    """Score that a new one stays below with probability ≥ `level`: the ⌈(n + 1)·level⌉-th smallest of n.

    That is, if it is exchangeable with them. Infinite where n is too small for the level: then nothing is excluded.

    Raises
    ------
    PassbandError
        The level is not between 0 and 1.

    Examples
    --------
    >>> conformal_quantile([3.0, 1.0, 2.0, 4.0], 0.8), conformal_quantile([1.0], 0.9)
    (4.0, inf)
    """
    ordered = np.sort(np.asarray(scores, dtype=np.float64))
    rank = math.ceil(round((len(ordered) + 1) * check_level(level), 9))
    return float(ordered[rank - 1]) if rank <= len(ordered) else math.inf


def grouped_quantile(scores: ArrayLike, groups: ArrayLike, level: float) -> float:
    """Score that one of a new group stays below with probability ≥ `level`.

    That is, if groups are exchangeable with the new one, and the scores in each with one another. Each of K groups has
    the weight 1/(K + 1), which its scores share, and the rest lies at infinity (Lee, Barber & Willett, arXiv
    2306.06342; without the rest, the pooled distributions of Dunn, Wasserman & Ramdas, arXiv 1809.07441). With one
    score in each group it is `conformal_quantile`.

    Raises
    ------
    PassbandError
        The level is not between 0 and 1.

    Examples
    --------
    >>> grouped_quantile([1.0, 2.0, 3.0, 4.0], [0, 0, 0, 1], 0.6), grouped_quantile([1.0, 2.0], [0, 0], 0.6)
    (4.0, inf)
    """
    values = np.asarray(scores, dtype=np.float64)
    _, where, counts = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    order = np.argsort(values, kind="stable")
    below = np.cumsum(1.0 / counts[where][order]) / (len(counts) + 1)
    reached = np.flatnonzero(below >= check_level(level) - 1e-9)
    return float(values[order[reached[0]]]) if len(reached) else math.inf


def p_value(in_distribution: ArrayLike, value: float) -> float:
    """How often an in-distribution signal is as large as this: (1 + #{signal ≥ value})/(n + 1), so never 0.

    Examples
    --------
    >>> p_value([0.1, 0.2, 0.3], 0.25)
    0.5
    """
    array = np.asarray(in_distribution, dtype=np.float64)
    return float(1 + np.count_nonzero(array >= value)) / (array.size + 1)


def coverage(low: ArrayLike, high: ArrayLike, truth: ArrayLike) -> float:
    """Share of true values inside their intervals, ends included."""
    inside: NDArray[np.bool_] = (np.asarray(low) <= np.asarray(truth)) & (np.asarray(truth) <= np.asarray(high))
    return float(inside.mean())
