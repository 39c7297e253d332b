"""Where columns may be in an image, without a network: blobs that stand out of its noise at its own resolution."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter, uniform_filter

Array = NDArray[np.float64]
_TAPER = 0.1  # of a side, at both ends
_SMOOTHING = 1.5  # frequency pixels: over which the power of the image is averaged
_SLOW = 64  # pixels: lattices of wider spacing are not looked for
_RINGS = 20  # of frequencies up to Nyquist's
_QUANTILE = 0.25  # of the power on a ring or a line: noise without peaks
_REDDEST = 6.0  # power of noise at low frequencies over that at high ones, at most: what is above is columns at random
_SUBTRACTED = 1.8  # times the lower quartile: the smoothed power of noise is rarely above
_APART = 0.6  # σ: maxima that are nearer count as one
_FEWEST = 8  # pixels of a side: smaller images hold no column
_NARROWEST = 0.6  # pixels, of σ
_HALF_TO_SIGMA = 1.0 / (
    np.sqrt(2.0) * np.sqrt(2.0 * np.log(2.0))
)  # half width of an autocorrelation → σ of the columns


@dataclass(frozen=True, eq=False)
class Blobs:
    """Local maxima of an image.

    Attributes
    ----------
    places
        (n, 2): x, y in pixels.
    sigma
        Width of a column in pixels along x, from the autocorrelation.
    """

    places: Array
    sigma: float


def find_blobs(image: Array, *, aspect: float = 1.0) -> Blobs:
    """Return the bright blobs of an image (y, x) of finite pixels that is not constant.

    The image is filtered by Wiener's filter, whose spectrum of the signal is the image's own, smoothed, less that of
    white noise: Bragg peaks pass and what is between them is damped by the noise there. Columns are wide as the
    middle of its autocorrelation. Blobs are the maxima of the filtered image within σ that lie above their
    surroundings.
    """
    if min(image.shape) < _FEWEST:
        return Blobs(np.empty((0, 2)), 1.0)
    filtered = wiener_filtered(image)
    sigma = column_width(filtered, aspect)
    places = maxima(filtered, sigma, aspect)
    x, y = places.T.astype(int)
    return Blobs(places[_varies(image, sigma, aspect)[y, x]], sigma)


def wiener_filtered(image: Array) -> Array:
    """Return the image (y, x) without slow changes and with its noise damped; its mean is about 0."""
    rows, columns = image.shape
    flat = image - slow_change(image)
    power = np.abs(fft.fft2(flat * np.outer(_window(rows), _window(columns)))) ** 2
    power = gaussian_filter(power, _SMOOTHING, mode="wrap")
    q = np.hypot(fft.fftfreq(rows)[:, None], fft.fftfreq(columns)[None, :])
    passed = np.maximum(0.0, 1.0 - _SUBTRACTED * _noise_power(power, q) / np.maximum(power, 1e-300))
    passed[q > 0.5] = 0.0
    return np.asarray(fft.ifft2(fft.fft2(flat) * passed).real)


def slow_change(image: Array) -> Array:
    """Return what changes slowly in an image (y, x): three running means, nearly a Gaussian of half their width."""
    size = min(_SLOW, min(image.shape) // 4)
    for _ in range(3):
        image = uniform_filter(image, size, mode="reflect")
    return image


def _noise_power(power: Array, q: Array) -> Array:
    """Return the power of the noise (y, x), below all peaks: of rings, and of rows that are shifted.

    That of rings is believed as far as it is not much above the white floor. Rows that a scan displaces smear every
    Bragg peak along y, to all frequencies: the lower quartile of each column of the spectrum holds that. It is taken
    for rows of the spectrum too, for scans that were turned.
    """
    ring = np.minimum((q * 2.0 * _RINGS).astype(int), _RINGS)
    seen = np.unique(ring)  # a small image has none of some rings
    level = np.interp(np.arange(_RINGS + 1), seen, [np.quantile(power[ring == k], _QUANTILE) for k in seen])
    rings = np.minimum(level, _REDDEST * level[_RINGS - 1])[ring]
    lines = np.maximum(*(np.quantile(power, _QUANTILE, axis=axis, keepdims=True) for axis in (0, 1)))
    return np.asarray(np.maximum(rings, lines))


def column_width(filtered: Array, aspect: float) -> float:
    """Return σ of the columns in pixels along x, from the half width of the middle of the autocorrelation."""
    spectrum = np.abs(fft.fft2(filtered)) ** 2
    correlation = fft.ifft2(spectrum).real
    rows, columns = filtered.shape
    y, x = fft.fftfreq(rows, 1.0 / rows)[:, None] * aspect, fft.fftfreq(columns, 1.0 / columns)[None, :]
    radius = np.hypot(y, x)
    ring = np.rint(radius * 2.0).astype(int)  # half pixels
    near = ring <= 2 * min(rows, columns) // 3
    count = np.bincount(ring[near])
    mean = np.bincount(ring[near], correlation[near]) / np.maximum(count, 1)
    place = np.flatnonzero(count) / 2.0
    mean = mean[count > 0]
    rising = np.flatnonzero(np.diff(mean) > 0)
    lowest = int(rising[0]) if len(rising) else len(mean) - 1
    half = 0.5 * (mean[0] + mean[lowest])
    below = int(np.argmax(mean <= half))
    if below == 0:
        return _NARROWEST  # a single bright pixel
    share = (mean[below - 1] - half) / (mean[below - 1] - mean[below])
    width = place[below - 1] + share * (place[below] - place[below - 1])
    return max(_NARROWEST, float(width * _HALF_TO_SIGMA))


def maxima(filtered: Array, sigma: float, aspect: float) -> Array:
    """Return x, y (n, 2) of maxima within about σ whose pixel lies above the mean around it."""
    side_y, side_x = (2 * max(1, round(_APART * sigma / step)) + 1 for step in (aspect, 1.0))
    peak = filtered == maximum_filter(filtered, size=(side_y, side_x), mode="nearest")
    around = gaussian_filter(filtered, (3.0 * sigma / aspect, 3.0 * sigma), mode="reflect")
    y, x = np.nonzero(peak & (filtered > around))
    return np.stack([x, y], axis=1).astype(np.float64)


def _varies(image: Array, sigma: float, aspect: float) -> NDArray[np.bool_]:
    """Whether pixels within σ of each are not all the same (y, x), as they are where an image was filled up."""
    size = [2 * int(np.ceil(sigma / step)) + 1 for step in (aspect, 1.0)]
    varies: NDArray[np.bool_] = maximum_filter(image, size) > minimum_filter(image, size)
    return varies


def _window(length: int) -> Array:
    edge = np.clip(np.minimum(np.arange(length), np.arange(length)[::-1]) / max(1.0, _TAPER * length), 0.0, 1.0)
    return np.asarray(np.sin(0.5 * np.pi * edge) ** 2)
