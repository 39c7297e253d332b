"""What a scanned image tells of its setting: how far its rows are out of line. Its dose and its source it does not.

The electrons of an image follow from its noise, but the dose is theirs over the fraction of the beam that the specimen
scatters into the detector, which is not known. The width of columns mixes the source with focus and aberrations.
"""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from passband.camera.scan_estimates import SMALLEST, estimate_scan
from passband.description.blobs import column_width, wiener_filtered
from passband.microscope.instruments.instrument import FittedSetting

JITTER = "jitter"
NARROWEST = 2.0  # pixels, of σ of columns: fine detail counts as jitter
UNTOLD = "no image tells its dose"


def fit_scan(image: NDArray[np.generic]) -> FittedSetting | str:
    """Fit what an image (y, x), scanned along x, tells of its setting; a refusal is its reason.

    Its jitter, with an interval of two standard errors. Only shifts that neighbouring rows do not share are seen:
    `camera.scan_estimates`.
    """
    grey = np.asarray(image, dtype=np.float64)
    if min(grey.shape) < SMALLEST or not np.ptp(grey) > 0.0:
        return f"{UNTOLD}, and one of less than {SMALLEST} pixels a side or without contrast not its jitter"
    width = column_width(wiener_filtered(grey), 1.0)
    if width < NARROWEST:
        return f"{UNTOLD}, and columns of a standard deviation of {width:.2g} pixels (2 are needed) not its jitter"
    found = estimate_scan(grey)
    if found.jitter_limit is None:
        return f"{UNTOLD}, and nothing in this one is steep enough to tell its jitter"
    if found.jitter is None:
        return f"{UNTOLD}; rows are out of line by less than {found.jitter_limit:.2g} pixels"
    low = sqrt(max(2.0 * found.jitter**2 - found.jitter_limit**2, 0.0))
    said = f"rows are out of line by {low:.2g} to {found.jitter_limit:.2g} pixels rms"
    return FittedSetting(
        {JITTER: found.jitter}, (), {JITTER: (low, found.jitter_limit)}, f"{UNTOLD}; {said}", guessed=(JITTER,)
    )
