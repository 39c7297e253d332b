"""How large the windows are that show a texture: a few periods of the strongest lattice, wherever it is."""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import next_fast_len, rfft2
from scipy.ndimage import map_coordinates, median_filter

from passband.recipe import PassbandError

SMALLEST = 12  # pixels of a window
ACROSS = 8  # cells in a window
PERIODS = 5  # of the lattice in a window
TILE, TILES = 512, 64  # pixels of the side of a local spectrum, and how many are averaged
PEAK = 8.0  # times the power around it: a lattice. Of noise in one tile the highest of all bins is about 15
LOWEST = 6  # bins: what varies more slowly is no lattice
HIGHEST = 0.45  # of the pixel frequency
SHARP, WIDE = 4.0, 4  # times the power so many bins nearer to the centre and farther from it
AROUND = 11  # bins along each side of the square whose median a peak is compared with
FINEST = 192  # cells along the longer side, where there is a lattice
PLAIN_FINEST = 256  # where there is none: small precipitates are a few cells then
PLAIN_WINDOW = 4  # cells


class TextureScale(NamedTuple):
    """Sides in pixels of the windows that are looked at and of the cells that they stand on, and the period."""

    window: int
    cell: int
    period: float | None

    def grid(self, shape: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of cells of an image of (y, x) pixels."""
        return -(-shape[0] // self.cell), -(-shape[1] // self.cell)


def strongest_period(image: NDArray[np.float32]) -> float | None:
    """Period in pixels of the strongest lattice fringes of an image (y, x); None where it shows none.

    The strongest peak, by its power, of the mean of local spectra; each of these is divided by its own mean, so that a
    thin film counts beside a bright substrate.
    """
    side = min(TILE, *image.shape)
    taper = np.hanning(side + 2)[1:-1].astype(np.float32)
    step = max(side // 2, round(np.sqrt(image.size / TILES)))
    views = sliding_window_view(image, (side, side))
    power = np.zeros((side, side // 2 + 1))
    count = 0
    for y in _places(image.shape[0], side, step):
        for x in _places(image.shape[1], side, step):
            tile = (views[y, x] - views[y, x].mean()) * (taper[:, None] * taper)
            spectrum = np.abs(rfft2(tile)) ** 2
            if spectrum.sum() > 0:
                power += spectrum / spectrum.mean()
                count += 1
    if not count:
        return None
    power = np.fft.fftshift(power / count, axes=0)
    around = np.maximum(median_filter(power, AROUND, mode="nearest"), 1e-12)
    y, x = np.mgrid[-(side // 2) : side - side // 2, : side // 2 + 1]
    radius = np.hypot(y, x)
    least = PEAK * (1.0 + 2.0 / np.sqrt(count))
    peaks = (power > least * around) & (radius >= LOWEST) & (radius <= HIGHEST * side)
    peaks &= power > SHARP * _beside(power, y, x)
    if not peaks.any():
        return None
    where = np.where(peaks, power - around, 0.0).argmax()
    return float(side / radius.flat[where])


def _beside(power: NDArray[np.float64], y: NDArray[np.int64], x: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the greater power nearer to and farther from the centre: steps and gradients make streaks towards it."""
    radius = np.maximum(np.hypot(y, x), 1.0)
    values = []
    for away in (-WIDE, WIDE):
        scale = 1.0 + away / radius
        rows, columns = y * scale + power.shape[0] // 2, x * scale
        values.append(map_coordinates(power, [rows, columns], order=1, mode="nearest"))
    return np.maximum(*values)


def _places(length: int, side: int, step: int) -> list[int]:
    """Where tiles begin: evenly, from the first pixel to the last."""
    count = -(-(length - side) // step) + 1
    return [round(place) for place in np.linspace(0, length - side, count)]


def texture_scale(image: NDArray[np.float32]) -> TextureScale:
    """Choose windows and cells for an image (y, x).

    Raises
    ------
    PassbandError
        The image is smaller than the smallest window.
    """
    shortest, longest = min(image.shape), max(image.shape)
    if shortest < SMALLEST:
        raise PassbandError(
            f"an image of {image.shape[0]} × {image.shape[1]} pixels is smaller than a window of {SMALLEST} pixels, "
            "in which texture is looked at; give more of the image, or enlarge it"
        )
    period = strongest_period(image)
    if period is None:
        cell = max(2, -(-longest // PLAIN_FINEST))
        return TextureScale(min(max(SMALLEST, PLAIN_WINDOW * cell), shortest), cell, None)
    window = next_fast_len(min(max(SMALLEST, round(PERIODS * period)), shortest // 2), real=True)
    return TextureScale(min(window, shortest), max(2, round(window / ACROSS), -(-longest // FINEST)), period)
