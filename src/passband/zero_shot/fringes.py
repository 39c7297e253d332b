"""Lattice fringes of an image, or of one region of it: peaks of the mean of local spectra, and their periods."""

from collections.abc import Iterable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import rfft2
from scipy.ndimage import distance_transform_cdt, map_coordinates, maximum_filter, median_filter

Array = NDArray[np.float64]
Image = NDArray[np.floating] | NDArray[np.integer]

TILE, TILES = 512, 64  # pixels of the side of a local spectrum, and how many are averaged
REGION_TILE, REGION_TILES = 256, 16  # the same for a region
SMALLEST_TILE = 32
PEAK = 8.0  # times the power around it: a lattice. Of noise in one tile the highest of all bins is about 15
LOWEST, HIGHEST = 6, 0.45  # bins, and of the pixel frequency: what varies more slowly or faster is no lattice
SHARP, WIDE = 4.0, 4  # times the power so many bins nearer to the centre and farther from it
AROUND = 11  # bins along each side of the square whose median a peak is compared with
APART = 15.0  # degrees between two sets of fringes, at least
COARSE = 512  # samples of the longer side on which a region is searched for places for tiles


def strongest_period(image: NDArray[np.float32]) -> float | None:
    """Period in pixels of the strongest lattice fringes of an image (y, x); None where it shows none."""
    side = min(TILE, *image.shape)
    step = max(side // 2, round(np.sqrt(image.size / TILES)))
    corners = [(y, x) for y in _places(image.shape[0], side, step) for x in _places(image.shape[1], side, step)]
    power, count = _mean_spectrum(image, side, corners)
    independent = min(float(count), float(np.prod([1.0 + 2.0 * (length - side) / side for length in image.shape])))
    found = _peaks(power, independent)  # tiles that overlap by more than half say the same twice
    return 1.0 / float(np.hypot(*found[0])) if found else None


def region_fringes(image: Image, mask: NDArray[np.bool_]) -> list[Array]:
    """Frequencies (y, x), cycles per pixel, of up to two sets of fringes of a region, the strongest first.

    Parameters
    ----------
    image
        (y, x).
    mask
        (y, x): the region. Local spectra are taken of squares that lie in it.
    """
    every = max(1, -(-max(mask.shape) // COARSE))
    depth = distance_transform_cdt(np.pad(mask[::every, ::every], 1), "chessboard")[1:-1, 1:-1]
    half = min(REGION_TILE // 2, (int(depth.max(initial=0)) - 1) * every)
    if 2 * half < SMALLEST_TILE:
        return []
    deep = np.argwhere((depth - 1) * every >= half)
    deep = deep[:: -(-len(deep) // REGION_TILES)]
    corners = [(max(0, y * every - half), max(0, x * every - half)) for y, x in deep.tolist()]
    found = _peaks(*_mean_spectrum(image, 2 * half, corners))
    turns = [float(np.arctan2(one[0], one[1])) for one in found]
    others = [
        one for one, turn in zip(found, turns, strict=True) if abs(np.sin(turn - turns[0])) > np.sin(np.radians(APART))
    ]
    return [*found[:1], *others[:1]]


def _places(length: int, side: int, step: int) -> list[int]:
    """Where tiles begin: evenly, from the first pixel to the last."""
    count = -(-(length - side) // step) + 1
    return [round(place) for place in np.linspace(0, length - side, count)]


def _mean_spectrum(image: Image, side: int, corners: Iterable[tuple[int, int]]) -> tuple[Array, int]:
    """Mean of the local spectra (side, side // 2 + 1) of tiles, frequency 0 in the middle row, and of how many.

    Each is divided by its own mean, so that a thin film counts beside a bright substrate.
    """
    taper = np.hanning(side + 2)[1:-1].astype(np.float32)
    views = sliding_window_view(image, (side, side))
    power, count = np.zeros((side, side // 2 + 1)), 0
    for y, x in corners:
        tile = views[y, x].astype(np.float32)
        spectrum = np.abs(rfft2((tile - tile.mean()) * (taper[:, None] * taper))) ** 2
        if spectrum.sum() > 0:
            power += spectrum / spectrum.mean()
            count += 1
    return np.fft.fftshift(power / max(count, 1), axes=0), count


def _peaks(power: Array, count: float) -> list[Array]:
    """Frequencies (y, x) of the peaks of a mean of `count` spectra, cycles per pixel, the strongest first."""
    side = len(power)
    y, x = np.mgrid[-(side // 2) : side - side // 2, : side // 2 + 1]
    radius = np.hypot(y, x)
    around = np.maximum(median_filter(power, AROUND, mode="nearest"), 1e-12)
    peaks = (power > PEAK * (1.0 + 2.0 / np.sqrt(max(count, 1))) * around) & (power == maximum_filter(power, 3))
    peaks &= (radius >= LOWEST) & (radius <= HIGHEST * side) & (power > SHARP * _beside(power, y, x))
    peaks &= (x > 0) | (y > 0)
    order = np.argsort(-power[peaks], kind="stable")
    return [_refined(power, int(row), int(column)) for row, column in np.argwhere(peaks)[order]]


def _beside(power: Array, y: NDArray[np.int64], x: NDArray[np.int64]) -> Array:
    """Return the greater power nearer to and farther from the centre: steps and gradients make streaks towards it."""
    radius = np.maximum(np.hypot(y, x), 1.0)
    values = []
    for away in (-WIDE, WIDE):
        scale = 1.0 + away / radius
        rows, columns = y * scale + power.shape[0] // 2, x * scale
        values.append(map_coordinates(power, [rows, columns], order=1, mode="nearest"))
    return np.maximum(*values)


def _refined(power: Array, row: int, column: int) -> Array:
    """Frequency (y, x) at the top of parabolas through the logarithms of a peak and its neighbours."""
    side = len(power)
    place = np.array([row - side // 2, column], dtype=np.float64)
    for axis, (at, last) in enumerate(((row, side - 1), (column, power.shape[1] - 1))):
        if 0 < at < last:
            line = power[row - 1 : row + 2, column] if axis == 0 else power[row, column - 1 : column + 2]
            low, top, high = np.log(np.maximum(line, 1e-300))
            place[axis] += 0.5 * (low - high) / min(low - 2 * top + high, -1e-12)
    return place / side
