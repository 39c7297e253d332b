"""The lattice of the dominant grain: vectors, spacings and the site of every column, from positions."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components
from scipy.spatial import cKDTree

from passband.recipe import PassbandError

Array = NDArray[np.float64]
_FEWEST = 9  # columns
_REACH = 4.2  # median nearest distances: how long a vector of the lattice may be
_TOLERANCE = 0.2  # of a vector's length: how far a column may be from where the lattice wants it
_CROWDED = 0.3  # median nearest distances: at most so far
_SAMPLED = 1500  # columns whose surroundings are looked at to find the vectors
_FREQUENT, _PEAKS = 200, 12  # differences that are told apart, and the shortest of these, which are tried
_SHARE = 0.5  # of the most frequent difference's columns
_LEAST_SHARE = 0.25  # of the columns of their kind, in the grain: fewer are no lattice
_LEAST_GRAIN, _LEAST_DENSE = 36, 0.6  # or so many, where they are so large a share of the columns around them,
_LEAST_EXACT = 0.12  # and so near their places, rms along an axis in |a|
_LEAST_AGREEING = 0.05  # of the columns; of columns at random 3 % agree
_AS_GOOD = 0.6  # of the best pair's columns: the smallest cell of these is taken


@dataclass(frozen=True, eq=False)
class FittedLattice:
    """A two-dimensional lattice fitted to columns.

    Attributes
    ----------
    vectors
        (2, 2): rows are a and b, (x, y) in Å: the shortest two, |a| ≤ |b|, at an angle of 90° to 120° (`reduced`).
    origin
        (2,): place of cell (0, 0), Å.
    members
        Indices of the columns of the grain that the vectors are fitted to: one kind of site.
    cells
        (members, 2): whole numbers of a and b from the origin.
    error
        (2, 2): standard errors of the vectors' components, Å.
    rms
        Of the distances, along x and y, of the members from their places, Å.
    share
        Of all columns of the members' most frequent kind that are members.
    """

    vectors: Array
    origin: Array
    members: NDArray[np.intp]
    cells: NDArray[np.intp]
    error: Array
    rms: float
    share: float

    @property
    def lengths(self) -> tuple[float, float]:
        """|a| and |b|, Å."""
        a, b = np.hypot(*self.vectors.T)
        return float(a), float(b)

    @property
    def angle(self) -> float:
        """Between a and b, degrees."""
        a, b = self.vectors
        return float(np.degrees(np.arccos(np.clip(a @ b / np.prod(self.lengths), -1.0, 1.0))))

    def report(self) -> dict[str, object]:
        """Return what is known of it as JSON numbers: vectors in Å, angle in degrees."""
        return {
            "vectors_A": self.vectors.tolist(),
            "lengths_A": list(self.lengths),
            "angle_deg": self.angle,
            "vectors_error_A": self.error.tolist(),
            "origin_A": self.origin.tolist(),
            "columns": len(self.members),
            "share": self.share,
            "rms_A": self.rms,
        }


def nearest_distances(positions: ArrayLike) -> Array:
    """Distance (n,) of each position (n, 2) to the nearest other one; none of a single one."""
    places = _checked(positions)
    if len(places) < 2:
        return np.empty(0)
    distance, _ = cKDTree(places).query(places, k=2)
    return np.asarray(distance)[:, 1]


def fit_lattice(positions: ArrayLike, kinds: ArrayLike | None = None) -> FittedLattice | None:
    """Fit the lattice of the dominant grain.

    Differences between columns of one kind are collected; those that many columns share, in the direction and against
    it, are lattice vectors. The pair of the smallest cell that nearly as many columns agree on as on any is taken and
    reduced. From column to column, by its vectors, the columns of the grain get whole numbers, so that slow
    distortion does no harm; the vectors are fitted to these by least squares that leave out what is far (Tukey's
    biweight).

    Parameters
    ----------
    positions
        (n, 2): x, y in Å.
    kinds
        (n,): numbers of kinds that must not be mistaken for each other, such as classes or groups of heights. Without
        them SrTiO3 [001] is a lattice of half the cell, for its two kinds of columns lie on one.

    Returns
    -------
    FittedLattice or None
        None where fewer than a quarter of the columns of each kind lie on a common lattice, and it is no grain of 36
        columns that are most of those where it lies; or where there are fewer than nine.

    Raises
    ------
    PassbandError
        Positions are not (n, 2) or not finite, or `kinds` are not n.
    """
    places = _checked(positions)
    kind = np.zeros(len(places), np.intp) if kinds is None else np.asarray(kinds).astype(np.intp)
    if kind.shape != (len(places),):
        raise PassbandError(f"kinds of shape {kind.shape} must be one for each of {len(places)} positions")
    if len(places) < _FEWEST:
        return None
    search = _VectorSearch(places, kind)
    grains = [(pair, *search.grain(pair)) for pair in search.pairs()]
    shares = [_share(members, kind) for _, members, _ in grains]
    large = [number for number, share in enumerate(shares) if share >= _LEAST_SHARE]
    small = [number for number, (pair, members, _) in enumerate(grains) if search.is_grain(members, pair)]
    for number in large or sorted(small, key=lambda one: -len(grains[one][1])):
        _, members, cells = grains[number]
        lattice = _fitted(places, members, cells, shares[number]) if len(members) >= _FEWEST else None
        if lattice is None or lattice.rms >= search.tolerance:
            continue
        if large or lattice.rms < _LEAST_EXACT * lattice.lengths[0]:
            return lattice
    return None


def _share(members: NDArray[np.intp], kind: NDArray[np.intp]) -> float:
    """Of the columns of the members' most frequent kind that are members."""
    kinds, counts = np.unique(kind[members], return_counts=True)
    return float(counts.max() / np.count_nonzero(kind == kinds[counts.argmax()])) if len(members) else 0.0


def _checked(positions: ArrayLike) -> Array:
    places = np.asarray(positions, dtype=np.float64)
    if places.ndim != 2 or places.shape[1] != 2 or not np.isfinite(places).all():
        raise PassbandError(f"positions of shape {places.shape} must be (n, 2), finite; x and y in Å")
    return places


def reduced(vectors: Array) -> Array:
    """Return the two shortest vectors of a lattice (Lagrange's reduction): |a| ≤ |b|, 90° to 120° apart.

    a points to +x, or to +y where it has no x; at 90° b is on its side of +y.
    """
    a, b = np.array(vectors, dtype=np.float64)
    while True:
        if np.hypot(*a) > np.hypot(*b):
            a, b = b, a
        steps = np.rint(a @ b / (a @ a))
        if steps == 0:
            break
        b = b - steps * a
    a = a if (round(float(a[0]), 9), float(a[1])) > (0.0, 0.0) else -a
    side, along = a[0] * b[1] - a[1] * b[0], a @ b
    square = abs(along) <= 1e-9 * abs(side)
    return np.array([a, -b if (side < 0 if square else along > 0) else b])


class _VectorSearch:
    """Differences of positions, and which of them lead from column to column."""

    def __init__(self, places: Array, kind: NDArray[np.intp]) -> None:
        self.places, self.kind, self.tree = places, kind, cKDTree(places)
        self.scale = float(np.median(nearest_distances(places)))
        self.tolerance = _TOLERANCE * self.scale  # columns that are found by mistake make the scale too small
        self.some = np.arange(0, len(places), -(-len(places) // _SAMPLED))

    def pairs(self) -> list[Array]:
        """Reduced pairs (2, 2) of vectors that many columns agree on, the smallest cell first."""
        peaks = self._peaks()
        shortest = min((float(np.hypot(*peak)) for peak in peaks), default=0.0)
        self.tolerance = max(self.tolerance, min(_TOLERANCE * shortest, _CROWDED * self.scale))
        found: list[Array] = []
        for a, b in combinations(peaks, 2):
            if abs(a[0] * b[1] - a[1] * b[0]) > 0.25 * np.hypot(*a) * np.hypot(*b):
                pair = reduced(np.array([a, b]))
                if all(np.abs(pair - other).max() > self.tolerance for other in found):
                    found.append(pair)
        scores = np.array([self._agreeing(pair) for pair in found])
        if not len(scores) or scores.max() < _LEAST_AGREEING:
            return []
        good = [pair for pair, score in zip(found, scores, strict=True) if score >= _AS_GOOD * scores.max()]
        return sorted(good, key=lambda pair: abs(float(np.linalg.det(pair))))

    def _peaks(self) -> list[Array]:
        """Return where differences of columns of one kind are most frequent, the shortest first, without opposites."""
        near = self.tree.query_ball_point(self.places[self.some], _REACH * self.scale)
        lists = [np.asarray(one, dtype=np.intp) for one in near]
        first, second = np.repeat(self.some, [len(one) for one in lists]), np.concatenate(lists)
        chosen = (first != second) & (self.kind[first] == self.kind[second])
        vectors = (self.places[second] - self.places[first])[chosen]
        if not len(vectors):
            return []
        cloud = cKDTree(np.concatenate([vectors, -vectors]))
        score = cloud.query_ball_point(vectors, 0.5 * self.tolerance, return_length=True)
        order = np.argsort(-score, kind="stable")
        frequent = vectors[order[score[order] >= _SHARE * score[order[0]]]]
        peaks: list[Array] = []
        while len(frequent) and len(peaks) < _FREQUENT:
            best = frequent[0]
            peaks.append(cloud.data[cloud.query_ball_point(best, 0.5 * self.tolerance)].mean(axis=0))
            away = np.minimum(np.hypot(*(frequent - best).T), np.hypot(*(frequent + best).T))
            frequent = frequent[away > 1.2 * self.tolerance]
        return sorted(peaks, key=lambda vector: float(np.hypot(*vector)))[:_PEAKS]

    def _step(self, start: NDArray[np.intp], vector: Array) -> NDArray[np.intp]:
        """Column that a vector leads to from each of `start`; −1 where there is none. Substitutes count as well."""
        distance, end = self.tree.query(self.places[start] + vector, distance_upper_bound=self.tolerance)
        hit = np.isfinite(distance)
        return np.where(hit, end, -1)

    def _agreeing(self, pair: Array) -> float:
        """Share of some columns that three of the four steps lead from."""
        steps = [self._step(self.some, sign * vector) for vector in pair for sign in (1, -1)]
        return float(np.mean(np.count_nonzero(np.array(steps) >= 0, axis=0) >= 3))

    def is_grain(self, members: NDArray[np.intp], pair: Array) -> bool:
        """Whether members are many, and most of the columns of their kind within the longer vector of one of them."""
        reach = float(np.hypot(*pair.T).max())
        near, _ = cKDTree(self.places[members]).query(self.places, distance_upper_bound=reach)
        alike = np.isin(self.kind, self.kind[members])
        return len(members) >= max(_LEAST_GRAIN, _LEAST_DENSE * np.count_nonzero(np.isfinite(near) & alike))

    def grain(self, pair: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Largest group of columns of one kind that steps by the pair lead through, and their whole numbers."""
        everyone = np.arange(len(self.places))
        ends = [self._step(everyone, vector) for vector in pair]
        start = np.concatenate([everyone[end >= 0] for end in ends])
        end = np.concatenate([end[end >= 0] for end in ends])
        axis = np.repeat([0, 1], [np.count_nonzero(end >= 0) for end in ends])
        inner = np.bincount(np.concatenate([start, end]), minlength=len(everyone)) >= 2  # one is found by chance
        held = inner[start] & inner[end]
        start, end, axis = start[held], end[held], axis[held]
        graph = coo_array((np.ones(len(start)), (start, end)), shape=(len(everyone),) * 2).tocsr()
        _, group = connected_components(graph, directed=False)
        members = np.flatnonzero(group == np.bincount(group).argmax())
        return members, _cells(members, start, end, axis, len(everyone))


def _cells(
    members: NDArray[np.intp], start: NDArray[np.intp], end: NDArray[np.intp], step: NDArray[np.intp], count: int
) -> NDArray[np.intp]:
    """Whole numbers (members, 2), from the first member on, along the shortest ways."""
    size = (count, count)
    graph = coo_array((np.ones(len(start)), (start, end)), shape=size).tocsr()
    order, before = breadth_first_order(graph, members[0], directed=False)
    moves = {}
    for one, other, axis in zip(start.tolist(), end.tolist(), step.tolist(), strict=True):
        moves[one, other], moves[other, one] = (axis, 1), (axis, -1)
    cells = np.zeros((count, 2), dtype=np.intp)
    for number in order[1:].tolist():
        axis, sign = moves[int(before[number]), number]
        cells[number] = cells[before[number]]
        cells[number, axis] += sign
    return cells[members]


def _fitted(places: Array, members: NDArray[np.intp], cells: NDArray[np.intp], share: float) -> FittedLattice | None:
    """Vectors and origin by least squares with Tukey's biweight."""
    design = np.column_stack([np.ones(len(members)), cells])
    if np.linalg.matrix_rank(design) < 3:
        return None
    target, weight = places[members], np.ones(len(members))
    for _ in range(20):
        root = np.sqrt(weight)[:, None]
        solution = np.linalg.lstsq(root * design, root * target, rcond=None)[0]
        away = np.hypot(*(target - design @ solution).T)
        limit = 6.0 * max(float(np.median(away)), 1e-12)
        weight = np.clip(1.0 - (away / limit) ** 2, 0.0, None) ** 2
    residual = target - design @ solution
    rms = float(np.sqrt((weight[:, None] * residual**2).sum() / (2.0 * weight.sum())))
    spread = np.sqrt(np.diag(np.linalg.pinv((design * weight[:, None]).T @ design)))[1:]
    vectors = solution[1:]
    final = reduced(vectors)
    change = np.rint(final @ np.linalg.inv(vectors)).astype(np.intp)  # final = change · vectors
    turned = np.rint(cells @ np.linalg.inv(change)).astype(np.intp)
    error = np.sqrt((change**2) @ (spread**2))[:, None] * rms * np.ones(2)
    return FittedLattice(final, solution[0], members, turned, error, rms, share)
