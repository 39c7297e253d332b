"""Which conditions to train on within a budget, known before any training: those that cover what can be reached."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passband.microscope.conditions import ConditionDistribution, Conditions
from passband.microscope.information.condition_set import ConditionSet
from passband.microscope.information.information import compare_information
from passband.microscope.information.metric import Metric
from passband.recipe import PassbandError

Array = NDArray[np.float64]
Strategy = Literal["informed", "uniform", "single"]


def similarity_matrix(reachable: Sequence[Conditions | ConditionDistribution], *, metric: Metric) -> Array:
    """σ between every two reachable conditions, (n, n); 0 where one has no contrast at all."""
    sets = [ConditionSet.drawn(_as_distribution(one)) for one in reachable]
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
