"""Groups of crops of one texture: k of them, or as many as are clearly apart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

Array = NDArray[np.float64]

STARTS = 10  # of k-means, the best of which is taken
OUTLIERS = 4  # clusters of them, at most
FEW = 4  # crops: the centre of fewer is uncertain


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


def well_separated(splits: Sequence[Clusters], separation: float) -> Clusters:
    """Return the split into as many clusters as are all further apart than `separation`; into one if none are."""
    return max((one for one in splits if one.separation > separation), key=lambda one: len(one.centres))


def furthest(splits: Sequence[Clusters]) -> float:
    """Return the separation of the split, into two or more, whose clusters are furthest apart; 0 if there is none."""
    return max((one.separation for one in splits if len(one.centres) > 1), default=0.0)


@dataclass(frozen=True, eq=False)
class Cloud:
    """Places of crops.

    Attributes
    ----------
    places
        (n, directions).
    weights
        (n,): in k-means.
    sizes
        (n,): area that each stands for.
    noise
        (directions,): standard deviation of what is alike.
    """

    places: Array
    weights: Array
    sizes: Array
    noise: Array

    def splits(self, *, most: int, smallest: float, seed: int) -> list[Clusters]:
        """Find one cluster, two and so on, `most` at last.

        What is smaller than `smallest` of the sum of sizes holds outliers: `OUTLIERS` clusters of them may be found
        beside, which are left out. Where that does not help, small ones count too.
        """
        return [self._large(count, smallest, seed) for count in range(1, most + 1)]

    def clusters(self, count: int, *, found: Clusters, seed: int) -> Clusters:
        """Find `count` clusters, fewer where fewer places differ.

        If more were found well separated they are the largest of those: what is no material of its own, such as an
        interface, is unlike the materials, but small.
        """
        if len(found.centres) <= count:
            return found if len(found.centres) == count else self._large(count, 0.0, seed)
        size = np.bincount(found.nearest(self.places), self.sizes, minlength=len(found.centres))
        return Clusters(found.centres[np.argsort(-size, kind="stable")[:count]], found.separation)

    def measured(self, centres: Array) -> Clusters:
        """Give places to the nearest of these centres (k, directions), and measure how far those are apart."""
        return self._measured(Clusters(centres, 0.0).nearest(self.places), centres, np.arange(len(centres)))

    def _large(self, count: int, smallest: float, seed: int) -> Clusters:
        differ = len(np.unique(self.places, axis=0))
        count = min(count, differ)
        for tried in range(count, min(count + OUTLIERS, differ) + 1):
            labels, centres = self._k_means(tried, seed)
            size = np.bincount(labels, self.sizes, minlength=tried)
            large = np.argsort(-size, kind="stable")[:count]
            if size[large[-1]] >= smallest * size.sum():
                return self._measured(labels, centres, large)
        return self._measured(*self._k_means(count, seed), np.arange(count))

    def _k_means(self, count: int, seed: int) -> tuple[NDArray[np.int64], Array]:
        found = KMeans(count, n_init=STARTS, random_state=seed).fit(self.places, sample_weight=self.weights)
        return found.labels_.astype(np.int64), found.cluster_centers_

    def _measured(self, labels: NDArray[np.int64], centres: Array, chosen: NDArray[np.int64]) -> Clusters:
        apart = [self._separation(labels, centres, pair) for pair in combinations(chosen.tolist(), 2)]
        return Clusters(centres[chosen], min(apart, default=float("inf")))

    def _separation(self, labels: NDArray[np.int64], centres: Array, pair: tuple[int, int]) -> float:
        """Ashman's D of two clusters, neither of which is taken to be narrower than what is alike.

        Less where one has fewer than `FEW` crops, as its centre is uncertain by that much more.
        """
        line = centres[pair[0]] - centres[pair[1]]
        distance = max(float(np.linalg.norm(line)), 1e-12)
        alike = float(np.square(self.noise * line / distance).sum())
        along = self.places @ (line / distance)
        variance = [max(float(along[labels == one].var()), alike) for one in pair]
        fewest = min(np.count_nonzero(labels == one) for one in pair)
        return distance * min(1.0, math.sqrt(fewest / FEW)) / max(math.sqrt(sum(variance) / 2.0), 1e-12)
