"""How many of some points were found, each by one point nearby; in all, and class by class."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching
from scipy.spatial import cKDTree


def matches(found: ArrayLike, true: ArrayLike, *, within: float) -> NDArray[np.int64]:
    """Return the true point that each found one stands for, one to one, as many as can be; −1 for none.

    Parameters
    ----------
    found, true
        Places (n, 2) and (m, 2).
    within
        Largest distance of a pair, in their unit.

    Examples
    --------
    >>> matches([[0.0, 0.0], [0.0, 0.1]], [[0.0, 0.0], [5.0, 5.0]], within=0.5).tolist()
    [0, -1]
    """
    one, other = (np.asarray(places, dtype=np.float64).reshape(-1, 2) for places in (found, true))
    none: NDArray[np.int64] = np.full(len(one), -1, dtype=np.int64)
    if not len(one) or not len(other):
        return none
    close = cKDTree(one).sparse_distance_matrix(cKDTree(other), within, output_type="ndarray")
    rows, columns = close["i"], close["j"]
    pairs = csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(one), len(other)))
    paired: NDArray[np.int64] = maximum_bipartite_matching(pairs, perm_type="column").astype(np.int64)
    return paired


def f1(found: ArrayLike, true: ArrayLike, *, within: float) -> float:
    """Twice the pairs of `matches` over the points found and true; NaN where there are none of either.

    Examples
    --------
    >>> f1([[0.0, 0.0]], [[0.0, 0.1], [3.0, 3.0]], within=0.5)
    0.6666666666666666
    """
    both = len(np.asarray(found)) + len(np.asarray(true))
    return 2.0 * float((matches(found, true, within=within) >= 0).sum()) / both if both else float("nan")


class DetectionScores(NamedTuple):
    """Points there were, points found, and how many of both are pairs of `matches`."""

    true: int
    found: int
    matched: int

    @property
    def precision(self) -> float:
        """Share of the found ones that are there; NaN where nothing was found."""
        return self.matched / self.found if self.found else float("nan")

    @property
    def recall(self) -> float:
        """Share of the true ones that were found; NaN where there were none."""
        return self.matched / self.true if self.true else float("nan")

    @property
    def f1(self) -> float:
        """Harmonic mean of both; 0 where nothing was found of what there was; NaN where there were none of either."""
        both = self.true + self.found
        return 2.0 * self.matched / both if both else float("nan")

    def with_another(self, other: "DetectionScores") -> "DetectionScores":
        """Return the scores of two images together."""
        return DetectionScores(*(one + more for one, more in zip(self, other, strict=True)))


def detection_scores(
    found: ArrayLike,
    found_class: ArrayLike,
    true: ArrayLike,
    true_class: ArrayLike,
    *,
    within: float,
    classes: int,
) -> list[DetectionScores]:
    """Scores of each class: a found point counts for a true one of its own class alone.

    Parameters
    ----------
    found, true
        Places (n, 2) and (m, 2) of one image.
    found_class, true_class
        Their classes (n,) and (m,), from 0.
    within
        Largest distance of a pair, in the unit of the places.
    classes
        How many there are.

    Examples
    --------
    >>> one, other = detection_scores([[0.0, 0.0]], [1], [[0.0, 0.1]], [0], within=0.5, classes=2)
    >>> one.f1, other.precision
    (0.0, 0.0)
    """
    places = [np.asarray(points, dtype=np.float64).reshape(-1, 2) for points in (found, true)]
    kinds = [np.asarray(labels, dtype=np.int64).ravel() for labels in (found_class, true_class)]
    scores = []
    for number in range(classes):
        one, other = (points[kind == number] for points, kind in zip(places, kinds, strict=True))
        pairs = int((matches(one, other, within=within) >= 0).sum())
        scores.append(DetectionScores(true=len(other), found=len(one), matched=pairs))
    return scores
