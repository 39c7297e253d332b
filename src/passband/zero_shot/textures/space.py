"""Where crops lie so that their distance says how unlike their textures are: in units of the scatter within masks."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

COMPONENTS = 16  # of the features, by variance, at most
CROPS_FOR_ONE = 4  # beyond the first of each mask, for each component: of fewer their scatter is not known
DIRECTIONS = 8  # in which masks differ most
LEAST = 0.1  # of the weight of a direction that tells everything: what one that tells nothing has
RIDGE = 0.01  # of the mean variance within masks, added to each


@dataclass(frozen=True, eq=False)
class TextureSpace:
    """An affine map of features: principal components, whitened within masks, then those in which masks differ.

    Fisher's linear discriminant (1936) with masks as classes, on the leading principal components, so that what
    varies inside of a material, such as noise or a gradient, counts for little, and so does a direction in which masks
    differ no more than the crops of one mask do.

    Attributes
    ----------
    origin, axes
        (m,) and (m, directions): of features.
    noise
        (directions,): standard deviation within masks.
    """

    origin: Array
    axes: Array
    noise: Array

    @classmethod
    def of(cls, features: NDArray[np.float32], mask: NDArray[np.int64]) -> Self:
        """Fit to features (n, m) of crops, each of the mask whose number (n,) is given."""
        origin = features.mean(0, dtype=np.float64)
        centred = features - origin
        _, _, axes = np.linalg.svd(centred, full_matrices=False)
        _, number, count = np.unique(mask, return_inverse=True, return_counts=True)
        degrees = len(mask) - len(count)
        few = max(2, degrees // CROPS_FOR_ONE)
        axes = axes[: min(COMPONENTS, few)].T.astype(np.float64)
        leading = centred @ axes
        means = np.stack([np.bincount(number, column) for column in leading.T], axis=1) / count[:, None]
        scatter = leading - means[number] if degrees else leading
        within = scatter.T @ scatter / max(degrees, 1)
        ridge = RIDGE * np.trace(within) / len(within) + 1e-12
        variance, rotation = np.linalg.eigh(within + ridge * np.eye(len(within)))
        white = rotation / np.sqrt(variance)
        _, _, turn = np.linalg.svd(np.sqrt(count)[:, None] * (means @ white), full_matrices=False)
        white = white @ turn[:DIRECTIONS].T
        chance = 1.0 + 2.0 * np.sqrt(2.0 / max(len(count) - 1, 1))  # a variance that few masks may have by noise alone
        told = np.clip(1.0 - chance / np.maximum((leading @ white).var(0), 1e-12), LEAST, 1.0)
        return cls(origin, axes @ white * told, told)

    def of_features(self, features: NDArray[np.float32]) -> Array:
        """Places (n, directions) of features (n, m)."""
        places: Array = (features - self.origin) @ self.axes
        return places
