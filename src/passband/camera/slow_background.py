"""How the background rises over a scan: what contamination and charging add, from the slow part of the image.

The rise along an axis is the slope of the means across it, by least squares under a Hann window, which makes a lattice
count for nothing. A specimen that gets thicker looks the same.
"""

import numpy as np
from numpy.typing import NDArray

from passband.camera.bootstrap import ratio

FloatArray = NDArray[np.float64]
STRIPS = 8  # along the axis; each has a slope of its own
#: Columns of a table: strips, their rise over the frame, their mean level.
COUNT, RISE, LEVEL = range(3)
rise = ratio(RISE, COUNT)  # over the frame, grey values


def rise_table(image: FloatArray) -> FloatArray:
    """Table (strips, 3) of the rise of an image (y, x) from its first row to its last; of `image.T` along the rows."""
    rows = len(image)
    place = (np.arange(rows) + 0.5) / rows - 0.5
    weight = np.cos(np.pi * place) ** 2 * place
    edges = np.linspace(0, image.shape[1], STRIPS + 1).astype(np.intp)[:-1]
    columns = np.add.reduceat(np.ones(image.shape[1]), edges)
    means = np.add.reduceat(image, edges, axis=1) / columns
    rise = weight @ means / (weight @ place)
    return np.stack([np.ones(STRIPS), rise, means.mean(axis=0)], axis=1)


def contamination(sums: FloatArray, offset: float) -> FloatArray:
    """Rise over the frame as a fraction of the mean signal without it, of sums (..., 3).

    The signal is that above the `offset`; that of a background that grows from 0 is half its rise.
    """
    signal = sums[..., LEVEL] - offset * sums[..., COUNT] - 0.5 * sums[..., RISE]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(sums[..., RISE] / signal)
