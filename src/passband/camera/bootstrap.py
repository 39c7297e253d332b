"""Intervals by bootstrap: images, and the blocks of each, are drawn again and again, and what they say is solved anew.

An estimator gives each image a table of sums, one row for each of its blocks, and solves the sum of all rows. Blocks of
one image tell how sure its own value is, images how much that changes between them (Davison & Hinkley, Bootstrap
Methods and their Application, 1997, ch. 3.8).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from passband.recipe import PassbandError

FloatArray = NDArray[np.float64]
#: From sums (..., k) to values (...): NaN where they say nothing.
Solve = Callable[[FloatArray], FloatArray]
RESAMPLES = 400
SEED = 20260
LEVEL = 0.95
_MOST_UNSOLVED = 0.05  # of the resamples


class BootstrapInterval(NamedTuple):
    """A value with the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def beyond(self, least: float = 0.0) -> bool:
        """Whether the whole interval is above a value."""
        return self.low > least


def ratio(numerator: int, denominator: int) -> Solve:
    """Solve sums by the ratio of two of their columns."""

    def solve(sums: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(sums[..., numerator] / sums[..., denominator])

    return solve


def resampled_sums(tables: Sequence[FloatArray]) -> FloatArray:
    """Draw images and their blocks with replacement, always the same: sums (resamples, k) of tables (blocks, k)."""
    rng = np.random.default_rng(SEED)
    drawn = rng.multinomial(len(tables), np.full(len(tables), 1.0 / len(tables)), size=RESAMPLES)
    total = np.zeros((RESAMPLES, tables[0].shape[1]))
    for times, table in zip(drawn.T, tables, strict=True):
        blocks = len(table)
        total += rng.multinomial(times * blocks, np.full(blocks, 1.0 / blocks)) @ table
    return total


def solved(tables: Sequence[FloatArray], solve: Solve) -> BootstrapInterval | None:
    """Value and 95 % interval of what tables (blocks, k), one for each image, say; None where they say nothing.

    Raises
    ------
    PassbandError
        There are no tables.
    """
    if not tables:
        raise PassbandError("no images say nothing; give at least one")
    value = float(solve(np.sum([table.sum(axis=0) for table in tables], axis=0)))
    found = solve(resampled_sums(tables))
    found = found[np.isfinite(found)]
    if not np.isfinite(value) or len(found) < (1.0 - _MOST_UNSOLVED) * RESAMPLES:
        return None
    low, high = np.quantile(found, [0.5 * (1.0 - LEVEL), 0.5 * (1.0 + LEVEL)])
    return BootstrapInterval(value, float(low), float(high))
