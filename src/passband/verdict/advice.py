"""Advice before the microscope session: where a network will hold, and what to train on with a given budget."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passband.microscope.aberrations import resolve_name
from passband.microscope.conditions import ConditionDistribution, Conditions
from passband.microscope.information import Metric, compare_information
from passband.microscope.polar import DataSet
from passband.performance.error_model import LEVEL, ErrorModel, PredictionIntervals
from passband.recipe import PassbandError
from passband.verdict.estimate import with_values

Array = NDArray[np.float64]
Strategy = Literal["informed", "uniform", "single"]


class Axis(NamedTuple):
    """A coefficient and the values that the user can reach, Å or rad."""

    name: str
    values: Array


class LossMap(NamedTuple):
    """Predictions over two coefficients; the arrays of each interval are (len(second), len(first))."""

    first: Axis
    second: Axis
    loss: PredictionIntervals
    dice: PredictionIntervals
    sigma: Array


def axis(name: str, low: float, high: float, count: int) -> Axis:
    """Evenly spaced values of a coefficient (or alias) between two that can be reached.

    Raises
    ------
    PassbandError
        The name is unknown, the values run backwards, or fewer than 2 are asked for.
    """
    symbol, sign = resolve_name(name)
    if not low < high or count < 2:
        raise PassbandError(f"{name} from {low:g} to {high:g} in {count} steps: write low < high and at least 2 steps")
    values = np.sort(sign * np.linspace(low, high, count))
    return Axis(symbol, values)


def loss_map(
    error_model: ErrorModel, conditions: Conditions, first: Axis, second: Axis, *, level: float = LEVEL
) -> LossMap:
    """Predicted loss and Dice where two coefficients vary and everything else is as in `conditions`.

    NaN where a coefficient is further out than anything that was calibrated, for nothing is known there.

    Raises
    ------
    PassbandError
        All of it is further out.
    """
    settings = [
        with_values(conditions, {first.name: float(x), second.name: float(y)})
        for y in second.values
        for x in first.values
    ]
    found = error_model.predict(settings, level=level)
    shape = (len(second.values), len(first.values))
    covered = _calibrated(error_model, second)[:, None] & _calibrated(error_model, first)[None, :]
    if not covered.any():
        raise PassbandError(
            f"no {first.name} and {second.name} of the map was calibrated; reach closer to the training"
        )
    loss, dice = (
        PredictionIntervals(*(np.where(covered, part.reshape(shape), np.nan) for part in one))
        for one in (found.loss, found.dice)
    )
    sigma = np.array([row["sigma"] for row in found.rows]).reshape(shape)
    return LossMap(first, second, loss, dice, sigma)


def _calibrated(error_model: ErrorModel, one: Axis) -> NDArray[np.bool_]:
    """Which values of an axis the calibration covers, a tenth of its width forgiven, as in a verdict."""
    if one.name not in error_model.table.sets:
        return np.ones(len(one.values), dtype=bool)
    column = error_model.table.column(one.name)
    slack = 0.1 * (column.max() - column.min())
    return np.asarray((one.values >= column.min() - slack) & (one.values <= column.max() + slack))


def best_defocus(error_model: ErrorModel, settings: Sequence[Conditions], reachable: ArrayLike) -> tuple[float, float]:
    """C10 in Å, of those that can be reached, with the lowest predicted loss, and that loss.

    `settings` stand for what is not known (their predictions are averaged as logarithms); their own C10 is replaced.
    """
    values = np.asarray(reachable, dtype=np.float64)
    moved = [with_values(one, {"C10": float(c10)}) for c10 in values for one in settings]
    loss = np.log(error_model.predict(moved).loss.value).reshape(len(values), len(settings)).mean(axis=1)
    best = int(loss.argmin())
    return float(values[best]), float(np.exp(loss[best]))


def similarity_matrix(reachable: Sequence[Conditions | ConditionDistribution], *, metric: Metric) -> Array:
    """σ between every two reachable conditions, (n, n); 0 where one has no contrast at all."""
    sets = [DataSet.drawn(_as_distribution(one)) for one in reachable]
    sigma: Array = compare_information(sets, sets, metric=metric).sigma.nan_to_num(0.0).numpy()
    return sigma


def choose_conditions(
    reachable: Sequence[Conditions | ConditionDistribution],
    k: int,
    *,
    similarity: ArrayLike | None = None,
    strategy: Strategy = "informed",
    seed: int = 0,
) -> tuple[ConditionDistribution, ...]:
    """Training conditions that cover those that can be reached, within a budget of k.

    Parameters
    ----------
    reachable
        n conditions that the microscope will be used under, each as likely.
    k
        How many to train on.
    similarity
        (n, n), how well a network trained on row i does on column j, larger is better; σ of `Metric()` by default. Any
        other may be given, such as minus a predicted loss.
    strategy
        "informed": one after the other the condition that most raises Σ_j max_i s_ij over the chosen i: the greedy
        solution of the facility location problem, within 1 − 1/e of the best for similarities that are not negative
        (Nemhauser, Wolsey & Fisher, Math. Program. 14 (1978) 265). "uniform": k of them drawn at random. "single": the
        one that is most like all others, whatever k.
    seed
        Of the random draw.

    Raises
    ------
    PassbandError
        k is not 1 to n, or the matrix is not (n, n) and finite.
    """
    n = len(reachable)
    if not 1 <= k <= n:
        raise PassbandError(f"k={k} is not between 1 and the {n} reachable conditions; change one of them")
    if strategy == "uniform":
        chosen = sorted(np.random.default_rng(seed).choice(n, size=k, replace=False).tolist())
    else:
        matrix = similarity_matrix(reachable, metric=Metric()) if similarity is None else np.asarray(similarity, float)
        if matrix.shape != (n, n) or not np.isfinite(matrix).all():
            raise PassbandError(
                f"similarity of shape {matrix.shape} must be ({n}, {n}) and finite, a row per condition"
            )
        chosen = greedy_cover(matrix, 1 if strategy == "single" else k)
    return tuple(_as_distribution(reachable[index]) for index in chosen)


def greedy_cover(similarity: Array, k: int) -> list[int]:
    """Rows of a similarity matrix (n, m), in the order in which they are chosen; ties go to the first."""
    covered = np.full(similarity.shape[1], similarity.min())
    chosen: list[int] = []
    for _ in range(k):
        gains = np.maximum(similarity, covered).sum(axis=1)
        gains[chosen] = -np.inf
        best = int(gains.argmax())
        chosen.append(best)
        covered = np.maximum(covered, similarity[best])
    return chosen


def _as_distribution(one: Conditions | ConditionDistribution) -> ConditionDistribution:
    return one if isinstance(one, ConditionDistribution) else ConditionDistribution.exactly(one)
