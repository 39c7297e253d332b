"""How sure a column is that a network sees: its probability and how far the column stands out of the noise, together.

A network's probability alone claims too much: of columns that were said to be 0.85 probable, 0.56 were right. The
logarithm of the odds is linear in that of the probability and in ln(1 + score), fitted (logistic regression) to columns
that `haadf_atoms` saw in simulated scans as it was trained on and in noise; what share of such columns is right on
other specimens and scans is in benchmarks/RESULTS.md, "Column confidence".
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

OFFSET, OF_PROBABILITY, OF_SCORE = -1.37, 0.70, 0.57
SUREST = 0.999  # of a probability; more says no more


def column_confidence(probability: Array, score: Array) -> Array:
    """Return the share (n,) of right ones among columns with a `probability` (n,) and a `score` as of `refine` (n,)."""
    odds = np.clip(probability, 1.0 - SUREST, SUREST)
    exponent = OFFSET + OF_PROBABILITY * np.log(odds / (1.0 - odds)) + OF_SCORE * np.log1p(np.maximum(score, 0.0))
    return np.asarray(1.0 / (1.0 + np.exp(-exponent)))
