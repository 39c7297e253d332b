"""Ranks of pixels, many of which are equal."""

import numpy as np
from scipy.stats import rankdata

from passband.checks import column_fit


def test_ranks_are_those_of_scipy() -> None:
    # rejects ranks by order of appearance, which tell of two equal pixels that one is brighter
    values = np.random.default_rng(0).integers(0, 9, 200).astype(np.float64)
    np.testing.assert_array_equal(column_fit._ranks(values), rankdata(values))
