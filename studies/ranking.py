"""How well a measure ranks the losses of networks on data sets, and how sure that is.

Pairs of one training, or of one evaluation, are not independent. So uncertainty comes from drawing whole trainings and
whole evaluations anew, and a fitted measure is judged on pairs neither of whose conditions it was fitted on.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import spearmanr

from passband.recipe import PassbandError

Array = NDArray[np.float64]


class BootstrapEstimate(NamedTuple):
    """A value and the interval that holds 95 % of its resamplings."""

    value: float
    low: float
    high: float


class Clusters(NamedTuple):
    """Training condition and evaluation condition of each pair; each is drawn anew, or held out, as a whole."""

    training: Sequence[str]
    evaluation: Sequence[str]


def spearman(first: ArrayLike, second: ArrayLike) -> float:
    """Spearman's ρ of the pairs in which both are finite; NaN where fewer than three are, or one is constant.

    Examples
    --------
    >>> spearman([1.0, 2.0, 3.0, float("nan")], [10.0, 100.0, 1000.0, 0.0])
    1.0
    """
    one, other = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    kept = np.isfinite(one) & np.isfinite(other)
    one, other = one[kept], other[kept]
    if len(one) < 3 or np.ptp(one) == 0.0 or np.ptp(other) == 0.0:
        return float("nan")
    return float(spearmanr(one, other).statistic)


def rank_correlations(
    measures: Mapping[str, Array],
    target: Array,
    clusters: Clusters,
    *,
    against: str | None = None,
    draws: int = 400,
    seed: int = 0,
) -> dict[str, BootstrapEstimate]:
    """Spearman's ρ of each measure with the target over all pairs, with a bootstrap over both kinds of condition.

    Parameters
    ----------
    measures, target
        One value per pair.
    clusters
        Conditions of each pair.
    against
        Give ρ minus that of this measure instead, resampled together: which of the two ranks better.
    draws, seed
        Of the bootstrap.

    Raises
    ------
    PassbandError
        The lengths differ.
    """
    lengths = {len(target), *map(len, clusters), *map(len, measures.values())}
    if len(lengths) > 1:
        raise PassbandError(f"measures, target and clusters have lengths {sorted(lengths)}; give one value per pair")
    first, rows = np.unique(np.asarray(clusters.training), return_inverse=True)
    second, columns = np.unique(np.asarray(clusters.evaluation), return_inverse=True)
    rng = np.random.default_rng(seed)
    everything = np.arange(len(target))
    found: dict[str, list[float]] = {name: [] for name in measures}
    for draw in range(draws + 1):
        chosen = everything
        if draw:
            times = [np.bincount(rng.integers(n, size=n), minlength=n) for n in (len(first), len(second))]
            chosen = np.repeat(everything, times[0][rows] * times[1][columns])
        values = {name: spearman(column[chosen], target[chosen]) for name, column in measures.items()}
        reference = values[against] if against is not None else 0.0
        for name, value in values.items():
            found[name].append(value - reference)
    return {name: _estimate(values) for name, values in found.items()}


def _estimate(values: Sequence[float]) -> BootstrapEstimate:
    drawn = np.array(values[1:])
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.percentile(drawn, (2.5, 97.5)) if len(drawn) else (np.nan, np.nan)
    return BootstrapEstimate(values[0], float(low), float(high))


def within_groups(measure: Array, target: Array, groups: Sequence[str]) -> float:
    """Mean of Spearman's ρ within each group, such as one network on all its data sets; NaN where none has one."""
    labels = np.asarray(groups)
    found = [spearman(measure[labels == group], target[labels == group]) for group in np.unique(labels)]
    finite = [value for value in found if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")


def held_out_predictions(
    measures: Sequence[Array], target: Array, clusters: Clusters, *, folds: int = 5, seed: int = 0
) -> Array:
    """Linear regression of the target on some measures, for each pair fitted without either of its conditions.

    Conditions, trainings and evaluations together, are dealt into folds by name. A pair of folds a (training) and b
    (evaluation) is predicted by a fit on the pairs that have no condition of a or b on either side.

    Raises
    ------
    PassbandError
        There are too few conditions for three folds.
    """
    names = np.unique(np.concatenate([np.asarray(side) for side in clusters]))
    if len(names) < folds or folds < 3:
        raise PassbandError(f"{len(names)} conditions in {folds} folds; use 3 or more folds and as many conditions")
    dealt = np.random.default_rng(seed).permutation(len(names)) % folds
    rows, columns = (dealt[np.searchsorted(names, np.asarray(side))] for side in clusters)
    design = np.column_stack([np.ones(len(target)), *measures])
    usable = np.isfinite(design).all(1) & np.isfinite(target)
    predicted = np.full(len(target), np.nan)
    for first in range(folds):
        for second in range(folds):
            held = (rows == first) & (columns == second) & np.isfinite(design).all(1)
            other = ~np.isin(rows, (first, second)) & ~np.isin(columns, (first, second)) & usable
            if held.any() and other.sum() > design.shape[1]:
                scale = np.maximum(np.abs(design[other]).max(0), 1e-300)
                weights = np.linalg.lstsq(design[other] / scale, target[other], rcond=None)[0]
                predicted[held] = (design[held] / scale) @ weights
    return predicted


def explained_variance(predicted: Array, target: Array) -> float:
    """R² = 1 − Σ(target − predicted)²/Σ(target − mean)², over the pairs that were predicted; may be negative."""
    kept = np.isfinite(predicted) & np.isfinite(target)
    residual, total = ((target - value)[kept] for value in (predicted, float(target[kept].mean())))
    return float(1.0 - (residual**2).sum() / (total**2).sum())
