"""Where columns may be by a network's word: maxima of the probability of anything but the background."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import center_of_mass, gaussian_filter, label, maximum_filter

from passband.recipe import PassbandError

Array = NDArray[np.float64]
_SMOOTH = 0.7  # pixels: joins the plateaus of a map that is sure of itself, and keeps blobs three pixels apart
_AROUND = 3  # pixels of a side, of a maximum


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

    A column is a maximum of 1 − P(background), smoothed by 0.7 pixels, of at least `threshold`: blobs that touch are
    told apart where there is a saddle between them; a plateau is one column, at its centre. Its class is that of the
    highest probability there.
    """
    foreground = 1.0 - probabilities[0]
    smooth = gaussian_filter(foreground, _SMOOTH, mode="nearest")
    peak = (smooth >= maximum_filter(smooth, size=_AROUND, mode="nearest") - 1e-9) & (foreground >= threshold)
    plateaus, count = label(peak, structure=np.ones((3, 3)))
    if count == 0:
        none = np.empty(0)
        return Candidates(np.empty((0, 2)), none.astype(np.intp), none, 1.0)
    centres = np.array(center_of_mass(peak, plateaus, np.arange(1, count + 1)))
    row, column = np.rint(centres).astype(int).T
    chances = np.stack([gaussian_filter(one, _SMOOTH, mode="nearest") for one in probabilities[1:]])[:, row, column]
    area = np.count_nonzero(foreground >= threshold) / count
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
