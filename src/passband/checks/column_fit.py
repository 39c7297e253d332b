"""How well bright columns explain a part of an image: those that are seen there are fitted, all together."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from passband.description.blobs import find_blobs
from passband.description.gaussian_sum import GaussianSum
from passband.description.lattice import nearest_distances
from passband.description.probabilities import find_candidates
from passband.description.refinement import Refinement, refine

Array = NDArray[np.float64]

BAND = (2.0, 16.0)  # pixels: σ of a blur that leaves columns, and of one that leaves what is slower
STEPS = Refinement(steps=6)  # which tell how well columns explain an image, not where each is
FRAME = 16  # pixels around an image that columns at its border are drawn into
THIN = 3  # of the pixels one in so many is ranked: neighbours are alike
FULL, TOP = 0.05, 0.999  # what is nearer to the top of the range of levels may be clipped, and the quantile of the top


class ColumnEvidence(NamedTuple):
    """What a fit says of one square.

    Attributes
    ----------
    unexplained
        Share of the variance of the square that columns over a smooth background leave.
    explained
        Share of the squares of what is about as large as columns (`BAND`) that the columns alone explain.
    bright_misfit
        Rank correlation of the size of the residual with the model: positive where bright places are explained worst.
    spacing
        Median distance of nearest columns, pixels; None of fewer than two.
    """

    unexplained: float
    explained: float
    bright_misfit: float
    spacing: float | None


def fit_columns(square: Array, probability: Array | None) -> ColumnEvidence:
    """Fit the columns that a network sees with a `probability` (y, x) in a square (y, x); None: its bright blobs."""
    found = find_blobs(square) if probability is None else find_candidates(np.stack([1.0 - probability, probability]))
    total = float(square.var())
    if not len(found.places) or not total > 0.0:
        residual = square - gaussian_filter(square, BAND[1])
        return ColumnEvidence(1.0, 0.0, rank_correlation(square - residual, np.abs(residual)), None)
    start = np.column_stack([found.places, np.full(len(found.places), found.sigma)])
    fit = refine(square, start, refinement=STEPS)
    columns = fit.parameters[fit.parameters[:, 2] > 0.0]
    distances = nearest_distances(found.places)
    return ColumnEvidence(
        unexplained=float(fit.residual.var()) / total,
        explained=_explained(square, _drawn(columns, square.shape)),
        bright_misfit=rank_correlation(square - fit.residual, np.abs(fit.residual)),
        spacing=float(np.median(distances)) if len(distances) else None,
    )


def rank_correlation(level: Array, amount: Array) -> float:
    """Spearman's correlation of an amount with a level, both (y, x), where that is not clipped; 0 of constant ones."""
    top, middle = float(np.quantile(level, TOP)), float(np.median(level))
    free = np.flatnonzero(level <= top - FULL * (top - middle))[::THIN]
    one, other = (_ranks(values.ravel()[free]) for values in (level, amount))
    spreads = float(one.std()), float(other.std()) if len(free) else 0.0
    if not all(spreads):
        return 0.0
    return float(((one - one.mean()) * (other - other.mean())).mean()) / (spreads[0] * spreads[1])


def column_band(image: Array) -> Array:
    """Image (y, x) without what is finer than columns, and what is slower."""
    fine, slow = (gaussian_filter(image, width) for width in BAND)
    return np.asarray(fine - slow)


def _explained(square: Array, columns: Array) -> float:
    shown, drawn = column_band(square), column_band(columns)
    power = float((shown * shown).sum()) * float((drawn * drawn).sum())
    return float((shown * drawn).sum()) ** 2 / power if power > 0.0 else 0.0


def _drawn(columns: Array, shape: tuple[int, ...]) -> Array:
    """Sum (y, x) of columns without a background."""
    moved = columns + np.array([FRAME, FRAME, 0.0, 0.0])
    framed = GaussianSum(moved, (shape[0] + 2 * FRAME, shape[1] + 2 * FRAME), (FRAME, FRAME)).image()
    return framed[FRAME:-FRAME, FRAME:-FRAME]


def _ranks(values: Array) -> Array:
    """Ranks of values (n,), equal ones sharing their mean; as scipy.stats, which takes half a second to load."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    found: Array = (np.cumsum(count) - 0.5 * (count - 1))[place]
    return found
