"""Principal components of patches: the images by which patches differ most, and the part of the variance of each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.decomposition import PCA

from passband.latent.patches import AT_ONCE, checked
from passband.recipe import PassbandError

Array = NDArray[np.float64]
SAMPLE = 20_000  # patches that are fitted at most
_NUMBERS = 2**25  # pixels that are fitted at most: 256 MB; patches of more than 40² pixels are fewer then


@dataclass(frozen=True, eq=False)
class PrincipalComponents:
    """An orthonormal basis of patches (h, w).

    Attributes
    ----------
    mean
        (h, w): the mean patch.
    images
        (k, h, w): the components, of length 1, by falling variance.
    variance
        (k,): of the patches along each.
    total
        Variance of the patches, summed over all pixels.
    """

    mean: Array
    images: Array
    variance: Array
    total: float

    @property
    def explained(self) -> Array:
        """Part of the variance along each component, (k,): the scree."""
        return self.variance / self.total

    def scores(self, images: ArrayLike) -> Array:
        """Return the coordinates (n, k) of patches (n, h, w)."""
        patches = checked(images, (self.mean.shape[0], self.mean.shape[1]))
        axes, middle = self.images.reshape(len(self.images), -1), self.mean.ravel()
        parts = (patches[start : start + AT_ONCE] for start in range(0, len(patches), AT_ONCE))
        return np.concatenate([(part.reshape(len(part), -1) - middle) @ axes.T for part in parts])

    def drawn(self, scores: Array) -> Array:
        """Return the images (n, h, w) of coordinates (n, k)."""
        return self.mean + np.tensordot(scores, self.images, axes=1)


def principal_components(
    images: ArrayLike, components: int = 16, *, most: int = SAMPLE, seed: int = 0
) -> PrincipalComponents:
    """Find the principal components of patches.

    Parameters
    ----------
    images
        (n, h, w), or with a channel of 1.
    components
        How many; fewer than the patches, and not more than their pixels.
    most
        Of more patches than this, so many are taken at random, the same for the same `seed`.
    seed
        Of that choice and of the solver for large patches.

    Raises
    ------
    PassbandError
        There are too few patches, all are the same, or they are no patches at all.
    """
    patches = checked(images)
    sample = sample_of(patches, most=most, seed=seed)
    count, pixels = len(sample), sample[0].size
    if not 1 <= components <= min(count - 1, pixels):
        raise PassbandError(
            f"components={components} of {count} patches of {pixels} pixels must be from 1 to "
            f"{min(count - 1, pixels)}; give more patches or ask for fewer"
        )
    flat = sample.reshape(count, -1).astype(np.float64)
    total = float(flat.var(axis=0, ddof=1).sum())
    if total <= 1e-12 * float((flat**2).mean(axis=0).sum()):
        raise PassbandError(f"all {count} patches are the same; nothing varies that could be told apart")
    fitted = PCA(components, random_state=seed).fit(flat)
    shape = sample.shape[1:]
    return PrincipalComponents(
        fitted.mean_.reshape(shape), fitted.components_.reshape(-1, *shape), fitted.explained_variance_, total
    )


def sample_of(patches: NDArray[np.float32], *, most: int, seed: int) -> NDArray[np.float32]:
    """Return patches (n, h, w) chosen at random in their order, or all where they are not too many to be fitted."""
    count = min(most, max(2, _NUMBERS // patches[0].size))
    if len(patches) <= count:
        return patches
    chosen = np.random.default_rng(seed).choice(len(patches), count, replace=False)
    return np.asarray(patches[np.sort(chosen)])
