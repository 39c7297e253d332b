"""The rotational symmetry that most patches have, from their own pixels: what an angle is worth asking modulo."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passband.latent.encoders import polar_weights
from passband.latent.patches import checked

FOLDS = (6, 4, 3, 2)  # of crystals seen along an axis
SHARE = 0.8  # of the angular power that a symmetry must hold
_ANGLES, _MOST = 48, 2000


def rotational_symmetry(images: ArrayLike, *, share: float = SHARE, reach: float = 1.0) -> int:
    """Return the highest n of 6, 4, 3, 2 for which patches look alike after 1/n of a turn; 1 where there is none.

    Of an object of n-fold symmetry, only every n-th Fourier component along the angle is there. The share of the power
    in these, summed over rings, of the median patch, and less the noise that the highest components show, decides.

    Parameters
    ----------
    images
        (n, h, w); 2,000 of them, evenly spread, are looked at.
    share
        That must be in those components.
    reach
        Part of the half window that is looked at, from the middle: further out patches show edges and other grains.
    """
    patches = checked(images)
    some = patches[:: max(1, len(patches) // _MOST)]
    radii = max(4, min(some.shape[1:]) // 2)
    within = _ANGLES * min(radii, max(3, round(reach * radii)))
    weights = polar_weights((some.shape[1], some.shape[2]), radii, _ANGLES).numpy()[:, :within]
    power = np.median(_angular_power(some.reshape(len(some), -1) @ weights), axis=0)  # few at a hole decide nothing
    white = _angular_power(weights).sum(0)  # of independent pixels: interpolation makes neighbours alike
    high = slice(_ANGLES // 4, None)
    power = np.maximum(power - white * np.median(power[high] / white[high]), 0.0)
    total = float(power.sum())
    order = np.arange(1, len(power) + 1)
    for fold in FOLDS:
        if total > 0.0 and float(power[order % fold == 0].sum()) >= share * total:
            return fold
    return 1


def _angular_power(images: NDArray[np.float32]) -> NDArray[np.float64]:
    """Power of the components 1, 2, … along the angle, over all rings of each polar image (n, radii · angles)."""
    rings = images.reshape(len(images), -1, _ANGLES)
    area = np.arange(1, rings.shape[1] + 1, dtype=np.float64)  # a ring stands for as many pixels as its radius
    power = np.einsum("nrm,r->nm", np.abs(np.fft.rfft(rings, axis=2)) ** 2, area)
    return np.asarray(power[:, 1:])
