"""Are there columns, and are they as wide and far apart as columns can be at the pixel size that was told."""

import numpy as np

from passband.checks.check import Check
from passband.checks.no_signal import UNEVEN, unevenness
from passband.checks.subject import Subject
from passband.description.blobs import column_width, wiener_filtered
from passband.segmentation.catalogue import sees_columns

USUAL = 1.0  # of the logarithm of width times distance in Å²: twice a usual pixel size makes 1.5, less is not spoken of
EXPLAINED = 0.05  # of the contrast that is about as large as columns


def _no_columns(subject: Subject) -> float | None:
    """Share of the contrast that no column explains; None where there is no more contrast than noise has."""
    if not sees_columns(subject.model.card) or unevenness(subject.binned_texture) <= UNEVEN:
        return None
    return 1.0 - max(one.explained for one in subject.columns)


def _wide_columns(subject: Subject) -> float | None:
    """Logarithm of the width of columns times their distance, Å²: both grow with the pixel size."""
    distances = [one.spacing for one in subject.columns if one.spacing is not None]
    if not sees_columns(subject.model.card):
        return None
    if not distances:
        return USUAL
    pixel_size = float(subject.model.card.pixel_size)
    width = column_width(wiener_filtered(subject.image.astype(np.float64)), 1.0)
    return float(np.log(width * float(np.median(distances)) * pixel_size**2))


NO_COLUMNS = Check(
    modes=("STEM",),
    name="no_columns",
    word="no columns",
    text="it has contrast, but hardly any of it is columns: a film, an image of low resolution or from another "
    "microscope; what is found in it means nothing",
    level=2,
    measure=_no_columns,
    least=1.0 - EXPLAINED,
    calibrated=False,
)
WIDE_COLUMNS = Check(
    modes=("STEM",),
    name="wide_columns",
    word="magnification",
    text="its columns are wider and farther apart than nearly all that the network was measured on: check the pixel "
    "size, which may be told twice as large",
    level=1,
    measure=_wide_columns,
    least=USUAL,
)
