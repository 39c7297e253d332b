"""Are its bright places columns: round, alike, close together, as wide as columns are, and with the noise on them.

Every column of a dark field is the same probe over a string of atoms. Its peaks are therefore round, of nearly one
width and dense, whatever the lattice; between them lies an even background, and the noise of counted electrons lies on
them. Phase contrast has valleys like its peaks and the same noise everywhere; secondary electrons follow edges, slopes
and grains, whose maxima are long and of all widths. None of this is certain by itself: a logistic regression weighs
eight numbers, whose coefficients `benchmarks/columns_or_not.py` fits to simulated images of the three kinds.

Numbers are in Å and of an image at `PIXEL`, not at the pixels of a network, so they hold for every network that finds
columns.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter

from passband.camera.artefacts import clipped_shares
from passband.checks.check import Check
from passband.checks.dark_field import CLIPPED, detail_with_level
from passband.checks.grain import central, periodic_spectrum, squared_modulus
from passband.checks.subject import Subject
from passband.description.blobs import column_width, wiener_filtered
from passband.patches.resampling import resample_to_pixel
from passband.segmentation.catalogue import finds_columns

Array = NDArray[np.float64]

PIXEL, SIDE = 0.16, 512  # Å, and pixels: the middle of an image that is looked at
FINE = (0.9, 1.3)  # Å⁻¹: the end of what a probe passes, and where sharp edges still have power
SMALLEST = 40  # pixels of a side, 6.4 Å: fewer are no spectrum that noise could be told in
BORDER = 2  # pixels, in which there are no maxima
FEWEST = 3  # peaks
TINY = 1e-9  # of the standard deviation of an image
LEAST_POWER = 1e-4  # of the whole

#: Logit of an image that shows no columns: what each number adds, and the constant.
COEFFICIENTS = {
    "roundness": -12.1,
    "detail": -8.91,
    "skewness": -1.93,
    "width_spread": 6.3,
    "valley_spread": 3.33,
    "width": 2.15,
    "fine_power": 1.34,
    "density": -26.2,
}
CONSTANT = 12.6
LIMIT = 1.23  # which 3 % of the simulated dark fields whose columns are right exceed


def appearance(image: Array) -> dict[str, float] | None:
    """Measure bright peaks and what is between them in an image (y, x) with pixels of `PIXEL`.

    Gain and offset do not matter. None of an image without contrast, of less than `SMALLEST` pixels a side, or with
    fewer than `FEWEST` peaks or valleys.

    * `roundness`: smaller over larger curvature at maxima, mean, higher ones counting more; 1 for round peaks;
    * `detail`: rank correlation of noise and fine detail with the brightness;
    * `skewness`: third moment of the image without noise, between −1 and 1;
    * `width_spread`: interquartile range of the logarithm of width, √(height / curvature), of the higher peaks;
    * `valley_spread`: standard deviation over mean of the depth of minima;
    * `width`: logarithm of σ, Å, from the autocorrelation;
    * `fine_power`: decimal logarithm of the share of the power without noise in `FINE`;
    * `density`: maxima in an area of σ².
    """
    grey = image.astype(np.float64)
    deviation = float(grey.std())
    if min(grey.shape) < SMALLEST or not deviation > 0.0:
        return None
    signal = wiener_filtered(grey / deviation)
    if not float(signal.std()) > TINY:
        return None
    signal = (signal - signal.mean()) / signal.std()
    width = column_width(signal, 1.0)
    peaks, valleys = (_extrema(sign * signal, width) for sign in (1.0, -1.0))
    if min(len(peaks), len(valleys)) < FEWEST:
        return None
    height, small, large = peaks.T
    depth = valleys[:, 0]
    higher = height >= np.median(height)
    widths = 0.5 * np.log(np.maximum(height, TINY) / np.maximum(0.5 * (small + large), TINY))[higher]
    return {
        "roundness": float((height * small / large).sum() / max(float(height.sum()), TINY)),
        "detail": detail_with_level(grey),
        "skewness": float(np.tanh((signal**3).mean())),
        "width_spread": float(np.quantile(widths, 0.75) - np.quantile(widths, 0.25)),
        "valley_spread": float(depth.std() / max(float(depth.mean()), TINY)),
        "width": float(np.log(width * PIXEL)),
        "fine_power": _fine_power(signal),
        "density": len(peaks) * width**2 / signal.size,
    }


def _extrema(signal: Array, width: float) -> Array:
    """Height above the median, at least 0, smaller and larger curvature of each maximum, (n, 3)."""
    reach = 2 * max(1, round(width)) + 1
    peak = signal == maximum_filter(signal, size=reach)
    peak[:BORDER] = peak[-BORDER:] = False
    peak[:, :BORDER] = peak[:, -BORDER:] = False
    along, across, mixed = (gaussian_filter(signal, max(1.0, 0.5 * width), order=o) for o in ((2, 0), (0, 2), (1, 1)))
    mean, half = 0.5 * (along + across), np.hypot(0.5 * (along - across), mixed)
    y, x = np.nonzero(peak & (mean + half < 0.0))
    height = np.maximum(signal[y, x] - np.median(signal), 0.0)
    return np.stack([height, -(mean + half)[y, x], (half - mean)[y, x]], axis=1)


def _fine_power(signal: Array) -> float:
    power = squared_modulus(periodic_spectrum(signal))
    rows, columns = (np.fft.fftfreq(side, PIXEL) for side in signal.shape)
    q = np.hypot(rows[:, None], columns[None, :])
    fine = float(power[(q >= FINE[0]) & (q < FINE[1])].sum())
    return float(np.log10(fine / float(power.sum()) + LEAST_POWER))


def seen_at_pixel(subject: Subject) -> Array:
    """Middle of the image (y, x) at pixels of `PIXEL`, `SIDE` of them along each side at most."""
    side = int(np.ceil(SIDE * PIXEL / min(subject.pixel_size)))
    recorded = central(subject.recorded, side).astype(np.float64)
    image = resample_to_pixel(recorded - recorded.mean(), subject.pixel_size, PIXEL)  # resampled in single precision
    return np.asarray(central(image, SIDE), dtype=np.float64)


def unclipped_appearance(subject: Subject) -> dict[str, float] | None:
    """`appearance` of a micrograph; None of a clipped one, whose bright places have lost their noise and their tops."""
    if clipped_shares(subject.recorded)[1] > CLIPPED:
        return None
    return appearance(seen_at_pixel(subject))


def _unlike_columns(subject: Subject) -> float | None:
    """Logit of an image that shows no columns."""
    found = unclipped_appearance(subject) if finds_columns(subject.model.card) else None
    return None if found is None else CONSTANT + sum(COEFFICIENTS[name] * value for name, value in found.items())


BRIGHT_PEAKS = Check(
    modes=("STEM",),
    name="bright_peaks",
    word="no columns",
    text="its bright places are not round, alike and noisier than the rest, as columns of a dark field are: HRTEM, "
    "SEM, a negative or a film; what is found in it means nothing",
    level=2,
    measure=_unlike_columns,
    least=LIMIT,
    calibrated=False,
)
