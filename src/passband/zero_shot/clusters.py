"""Groups of crops of one texture: k of them, or as many as are clearly apart."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

Array = NDArray[np.float64]

STARTS = 10  # of k-means, the best of which is taken


@dataclass(frozen=True, eq=False)
class Clusters:
    """Result of k-means.

    Attributes
    ----------
    centres
        (k, directions).
    separation
        Of the two that are least apart, Ashman's D; infinite for a single one.

    Notes
    -----
    D = |μ₁ − μ₂| / √((σ₁² + σ₂²)/2) along the line through both centres (Ashman, Bird & Zepf, Astron. J. 108, 2348,
    1994). Two halves of one normal distribution have 2.6, and those of a uniform one, as a gradient across the image
    makes, have √12 = 3.5.
    """

    centres: Array
    separation: float

    def nearest(self, places: Array) -> NDArray[np.int64]:
        """Return the number (n,) of the centre that each place (n, directions) is nearest to."""
        number: NDArray[np.int64] = np.square(places[:, None] - self.centres).sum(2).argmin(1)
        return number


@dataclass(frozen=True, eq=False)
class Cloud:
    """Places of crops.

    Attributes
    ----------
    places
        (n, directions).
    weights
        (n,).
    noise
        (directions,): standard deviation of what is alike.
    """

    places: Array
    weights: Array
    noise: Array

    def clusters(self, count: int, *, seed: int) -> Clusters:
        """Find `count` clusters, fewer where fewer places differ."""
        count = min(count, len(np.unique(self.places, axis=0)))
        found = KMeans(count, n_init=STARTS, random_state=seed).fit(self.places, sample_weight=self.weights)
        pairs = combinations(range(count), 2)
        apart = [self._separation(found.labels_, found.cluster_centers_, pair) for pair in pairs]
        return Clusters(found.cluster_centers_, min(apart, default=float("inf")))

    def well_separated(self, *, most: int, separation: float, seed: int) -> Clusters:
        """Find as many clusters as are all further apart than `separation`, at most `most`; one if none are."""
        tried = [self.clusters(count, seed=seed) for count in range(1, most + 1)]
        return max((one for one in tried if one.separation > separation), key=lambda one: len(one.centres))

    def _separation(self, labels: NDArray[np.int32], centres: Array, pair: tuple[int, int]) -> float:
        """Ashman's D of two clusters, neither of which is taken to be narrower than what is alike."""
        line = centres[pair[0]] - centres[pair[1]]
        distance = max(float(np.linalg.norm(line)), 1e-12)
        alike = float(np.square(self.noise * line / distance).sum())
        along = self.places @ (line / distance)
        variance = [max(float(along[labels == one].var()), alike) for one in pair]
        return distance / max(float(np.sqrt(np.mean(variance))), 1e-12)
