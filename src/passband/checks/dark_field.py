"""Is it an annular dark field: bright columns on dark, and more noise and detail where it is brighter.

Three things hold in a dark field, whatever the lattice. It is a sum of bright columns over a smooth background, so that
columns explain it better than its negative, and its bright places are smaller than its dark ones (the third moment of
what is as large as columns is positive). Electrons that are counted make noise where they come, and fine detail lies on
the columns. A negative turns all of that over, a bright field the first two; phase contrast has dark places like its
bright ones, and noise without a signal is everywhere the same.

Where all columns merge, as in a honeycomb that is hardly resolved, bright and dark may change places: a lattice of two
cosines is its own negative.
"""

import numpy as np
from scipy.ndimage import gaussian_filter

from passband.camera.artefacts import clipped_shares
from passband.checks.check import Check
from passband.checks.column_fit import rank_correlation
from passband.checks.grain import central
from passband.checks.subject import Subject
from passband.segmentation.catalogue import sees_columns

STRUCTURE = (1.0, 8.0)  # pixels: σ of blurs between which a dark field is skewed
LEVEL = 2.0  # pixels, of the blur that tells how bright a place is
WEIGHT = 5.0  # of the share of the variance, to be as large as the skewness
CLIPPED = 0.05  # of the pixels
GROWS = -0.15  # of what is looked for: less is growth
MOST_IN_HRTEM = 0.2  # rank correlation, which 2 of 500 simulated HRTEM images of particles exceed
MISFIT = 0.1  # by which the residual of a fit follows the brightness less than fine detail does


def skewness(image: np.typing.NDArray[np.floating]) -> float:
    """Third moment of what is about as large as columns, in units of its standard deviation, between −1 and 1."""
    fine, slow = (gaussian_filter(image.astype(np.float64), width) for width in STRUCTURE)
    structure = fine - slow
    deviation = float(structure.std())
    return float(np.tanh((structure**3).mean() / deviation**3)) if deviation > 0.0 else 0.0


def detail_with_level(image: np.typing.NDArray[np.floating]) -> float:
    """Rank correlation of fine detail and noise (second differences) with the level of the image around them."""
    grey = image.astype(np.float64)
    along, across = (np.abs(np.diff(grey, 2, axis=axis)) for axis in (1, 0))
    return rank_correlation(gaussian_filter(grey, LEVEL)[1:-1, 1:-1], along[1:-1] + across[:, 1:-1])


def _dark_columns(subject: Subject) -> float | None:
    """Larger than 0 where columns explain the negative better, and where the dark places are the smaller ones."""
    if not sees_columns(subject.model.card):
        return None
    pairs = zip(subject.columns, subject.columns_of_negative, strict=True)
    better = float(np.median([one.unexplained - other.unexplained for one, other in pairs]))
    return min(WEIGHT * better, -skewness(subject.image))


def _no_dark_field(subject: Subject) -> float | None:
    """About 0 where neither fine detail nor what columns leave unexplained grows with the brightness.

    Nothing is said of an even image, nor of one that is clipped, which takes the noise of bright places away.
    """
    if not sees_columns(subject.model.card):
        return None
    if subject.recorded.min() == subject.recorded.max() or clipped_shares(subject.recorded)[1] > CLIPPED:
        return GROWS
    misfit = float(np.median([one.bright_misfit for one in subject.columns]))
    return -max(detail_with_level(subject.image), misfit + MISFIT)


DARK_COLUMNS = Check(
    modes=("STEM",),
    name="dark_columns",
    word="inverted",
    text="columns explain its negative better than the image: if columns are dark in it, as in bright field or in a "
    "negative, write passband atoms --dark",
    level=2,
    measure=_dark_columns,
)
BRIGHT_DETAIL = Check(
    modes=("TEM",),
    name="bright_detail",
    word="dark field",
    text="what is bright in it has more noise and detail than what is dark, as in a dark field of STEM, in SEM or in a "
    "negative; in HRTEM the dark particles have the fringes: check what kind of image it is",
    level=1,
    measure=lambda subject: detail_with_level(central(subject.image).astype(np.float64)),
    least=MOST_IN_HRTEM,
    calibrated=False,
)
NO_DARK_FIELD = Check(
    modes=("STEM",),
    name="no_dark_field",
    word="no dark field",
    text="what is bright in it has no more noise and detail than what is dark, as every annular dark field has: a "
    "negative, a bright field, HRTEM, or noise alone; the network knows dark fields only",
    level=2,
    measure=_no_dark_field,
    least=GROWS,
)
