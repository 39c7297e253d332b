"""Segmentations without the regions that are too small to be anything."""

from dataclasses import replace

import numpy as np
from skimage.measure import label

from passband.pixels import pixel_pair
from passband.recipe import PassbandError
from passband.segmentation.segmenter import Segmentation

#: nm²; a disc of 0.5 nm across, a fraction of the smallest particle that a network is trained on.
SPECK = 0.2


def without_specks(segmentation: Segmentation, *, minimum_area_nm2: float = SPECK) -> Segmentation:
    """Return it without the connected regions smaller than `minimum_area_nm2`.

    Pixels that touch at a corner are connected, whatever their class; the other regions keep their classes, and the
    probabilities stay.

    Raises
    ------
    PassbandError
        The area is not a positive number (0 is an area).
    """
    step_y, step_x = (side / 10.0 for side in pixel_pair(segmentation.pixel_size))  # Å → nm
    if not (np.isfinite(minimum_area_nm2) and minimum_area_nm2 >= 0.0):
        raise PassbandError(f"minimum area {minimum_area_nm2:g} nm² must be 0 or more; 0 keeps every pixel")
    regions = label(segmentation.labels != 0, connectivity=2)  # type: ignore[no-untyped-call]
    small = np.bincount(regions.ravel()) * (step_y * step_x) < minimum_area_nm2
    if not small.any():
        return segmentation
    return replace(segmentation, labels=np.where(small[regions], 0, segmentation.labels).astype(np.uint8))
