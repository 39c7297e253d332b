"""The strongest sharp peak in the spectrum of an image: a lattice has some, and noise of a smooth spectrum has none.

The power of noise at one frequency is exponentially distributed about what its spectrum has there (Priestley, Spectral
Analysis and Time Series (1981), section 6.2), so that the largest of N in units of their means is ln N, give or take a
few. The mean is that of the frequencies around, or of those on the same ring if that is more: noise may have rings.
"""

import numpy as np
from scipy.fft import rfft2
from scipy.ndimage import median_filter

from passband.checks.grain import squared_modulus
from passband.checks.subject import Array

AROUND = 5  # frequencies along each side of the square whose median is the level of one of them
SLOWEST, FASTEST = 0.04, 0.5  # of the pixel frequency
AXES = 2  # frequencies beside both axes that do not count: rows and columns of pixels have errors in common
FLOOR = 1e-5  # of the mean power: what is less is rounded, or leaked from stronger frequencies


def bragg_peak(texture: Array) -> float:
    """Power of the strongest sharp peak of a texture (y, x), less that of the strongest that noise is expected to have.

    In units of the noise at that frequency; about 0, and hardly ever above 15, for noise of any smooth spectrum.
    """
    rows, columns = texture.shape
    window = np.hanning(rows + 2)[1:-1, None] * np.hanning(columns + 2)[None, 1:-1]
    power = squared_modulus(rfft2((texture - texture.mean()) * window))
    y, x = np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)[None, :]
    q = np.hypot(y, x)
    counted = (q > SLOWEST) & (q < FASTEST) & (np.abs(y) * rows > AXES) & (x * columns > AXES)
    if not counted.any() or not power.max() > 0.0:
        return 0.0
    around = median_filter(power.astype(np.float32), AROUND, mode="wrap")
    level = np.maximum(around, _medians_on_rings(power, np.round(q * max(rows, columns)).astype(np.int64)))
    level = np.maximum(level / np.log(2.0), FLOOR * power.mean())
    ratio = (power / level)[counted]
    return float(ratio.max() - np.log(ratio.size))


def _medians_on_rings(power: Array, ring: np.typing.NDArray[np.int64]) -> Array:
    """Median (y, x) of the power on the ring of each frequency."""
    order = np.lexsort((power.ravel(), ring.ravel()))
    counts = np.bincount(ring.ravel())
    ends = np.cumsum(counts)
    middle = np.clip(ends - counts + counts // 2, 0, power.size - 1)  # of rings without any it is not looked up
    found: Array = power.ravel()[order][middle][ring]
    return found
