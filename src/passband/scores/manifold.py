"""Precision, recall, density and coverage: do generated images look like real ones, and do they show all kinds of them.

A set stands for the union of balls around the features of its images, each as large as the distance to the k-th
nearest image of the same set.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

Array = NDArray[np.float64]

NEIGHBOURS = 3  # as Kynkäänniemi et al.
_ROWS = 512  # of distances at a time


class ManifoldScores(NamedTuple):
    """What each image adds to a score, which is the mean over the images.

    Attributes
    ----------
    precision
        (m,) of generated images: 1 inside of the balls of the real ones.
    recall
        (n,) of real images: 1 inside of the balls of the generated ones.
    density
        (m,) of generated images: in how many balls of real ones, over k.
    coverage
        (n,) of real images: 1 where a generated one lies in its ball.
    """

    precision: Array
    recall: Array
    density: Array
    coverage: Array


@dataclass(frozen=True, eq=False)
class Manifold:
    """Features (n, d) of a set of images, more than `neighbours`, and the balls around them.

    References
    ----------
    Kynkäänniemi et al., NeurIPS 2019 (arXiv:1904.06991): precision and recall. Naeem et al., ICML 2020
    (arXiv:2002.09797): density and coverage, which one outlier among the real images does not spoil.
    """

    features: Array
    neighbours: int = NEIGHBOURS

    @cached_property
    def radii(self) -> Array:
        """Square (n,) of the distance to the k-th nearest other image."""
        found = np.empty(len(self.features))
        for start in range(0, len(self.features), _ROWS):
            rows = slice(start, start + _ROWS)
            away = cdist(self.features[rows], self.features, "sqeuclidean")
            np.put_along_axis(
                away, np.arange(start, start + len(away))[:, None], np.inf, axis=1
            )  # not its own neighbour
            found[rows] = np.partition(away, self.neighbours - 1, axis=1)[:, self.neighbours - 1]
        return found

    def scores(self, generated: "Manifold") -> ManifoldScores:
        """Compare this set, the real one, with a generated one."""
        inside = np.zeros(len(generated.features))
        nearest = np.empty(len(self.features))
        recall = np.empty(len(self.features))
        for start in range(0, len(self.features), _ROWS):
            rows = slice(start, start + _ROWS)
            away = cdist(self.features[rows], generated.features, "sqeuclidean")
            inside += (away <= self.radii[rows, None]).sum(0)
            nearest[rows] = away.min(1)
            recall[rows] = (away <= generated.radii).any(1)
        return ManifoldScores(
            precision=(inside > 0).astype(np.float64),
            recall=recall,
            density=inside / self.neighbours,
            coverage=(nearest <= self.radii).astype(np.float64),
        )
