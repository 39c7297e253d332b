"""Where columns may be by a network's word: maxima of the probability of anything but the background."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import center_of_mass, gaussian_filter, label

from passband.recipe import PassbandError

Array = NDArray[np.float64]
SMOOTH = 0.7  # pixels: joins the plateaus of a map that is sure of itself, and keeps blobs three pixels apart
_SADDLE = 0.1  # of the probability, between columns


@dataclass(frozen=True, eq=False)
class Candidates:
    """Columns that a network sees.

    Attributes
    ----------
    places
        (n, 2): x, y in pixels.
    label
        Class without the background, from 0.
    probability
        Of not being background.
    sigma
        Of a Gaussian as large as the median blob, in pixels.
    """

    places: Array
    label: NDArray[np.intp]
    probability: Array
    sigma: float


def find_candidates(probabilities: Array, *, threshold: float = 0.5) -> Candidates:
    """Return the columns in maps (classes, y, x), the background first.

    A column is a maximum of 1 − P(background), smoothed by 0.7 pixels, of at least `threshold`, that no path leads from
    to a higher one without going down by `_SADDLE`: blobs that touch are told apart where there is a saddle between
    them, and neither the plateau of a sure network nor the ripples of a map that was resampled are columns of their
    own. It is at the middle of what rises above that saddle. Its class is that of the highest probability there.
    """
    from skimage.morphology import local_maxima, reconstruction  # a hundredth of a second, which no particle needs

    foreground = 1.0 - probabilities[0]
    probable = foreground >= threshold
    smooth = np.where(probable, gaussian_filter(foreground, SMOOTH, mode="nearest"), 0.0)
    tops = reconstruction(smooth - _SADDLE, smooth, method="dilation")  # type: ignore[no-untyped-call]
    highest = local_maxima(tops)  # type: ignore[no-untyped-call]
    plateaus = label(highest & (smooth > tops), structure=np.ones((3, 3)))[0]
    count = int(plateaus.max())
    if count == 0:
        none = np.empty(0)
        return Candidates(np.empty((0, 2)), none.astype(np.intp), none, 1.0)
    centres = np.array(center_of_mass(smooth - tops, plateaus, np.arange(1, count + 1)))
    row, column = np.rint(centres).astype(int).T
    chances = np.stack([gaussian_filter(one, SMOOTH, mode="nearest") for one in probabilities[1:]])[:, row, column]
    area = np.count_nonzero(probable) / count
    return Candidates(
        places=centres[:, ::-1],
        label=chances.argmax(axis=0),
        probability=foreground[row, column],
        sigma=max(0.6, 0.5 * float(np.sqrt(area / np.pi))),
    )


def checked_maps(probabilities: Array, image: Array, classes: tuple[str, ...]) -> Array:
    """Return maps (classes, y, x) that fit the image (y, x) and the names; what is not finite in either is background.

    Raises
    ------
    PassbandError
        They do not.
    """
    expected = (len(classes), *image.shape)
    if len(classes) < 2 or probabilities.shape != expected:
        raise PassbandError(
            f"probabilities {probabilities.shape} must be (classes, y, x), here {expected}, with a name for each; "
            f"classes={list(classes)}, the background first: pass those of one Segmentation"
        )
    background = np.arange(len(classes))[:, None, None] == 0
    return np.where(np.isfinite(probabilities).all(axis=0) & np.isfinite(image), probabilities, background)
