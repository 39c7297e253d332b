"""How many of some points were found, each by one point nearby."""

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
