"""The power spectrum of a micrograph, averaged over tiles, freed of Bragg spots, and gathered into cells for a fit.

The spectrum is an averaged periodogram (Welch, IEEE Trans. Audio Electroacoust. 15 (1967) 70): tiles that overlap by
half are levelled, tapered and transformed one after the other, so memory does not grow with the image. Each of its bins
is the expected power times a gamma-distributed number of mean 1, which is what a likelihood needs; a crystal's spots
are bins far above that, and are left out.
"""

from itertools import product
from math import pi
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import prev_fast_len, rfft2
from scipy.ndimage import binary_dilation
from scipy.special import gammainccinv

from passband.recipe import PassbandError

FloatArray = NDArray[np.float64]

TILE = 256.0  # Å: resolves the rings of |C10| = 200 nm at 300 kV to 1 Å⁻¹, whose period there is 0.013 Å⁻¹
SMALLEST_TILE = 512  # pixels; those of cryo-EM of 1.8 Å resolve |C10| up to 7 µm then
LARGEST_TILE = 2048  # pixels; the work space of one is some 100 MB
TAPERED = 0.25  # fraction of a tile's side under the cosine edges of the Tukey window
# ∫w⁴/(∫w²)² of that window, squared for two dimensions: bins that hold what one independent bin would
CORRELATED_BINS = 1.32
AROUND = 9  # bins along each side of the square whose median a spot exceeds; a spot covers fewer than half of them
TINY = 1e-300
RARE = 1e-6  # a bin is a spot where noise would be as strong once in so many


class Periodogram(NamedTuple):
    """Power of the half plane qx ≥ 0, relative to that of white noise of the image's variance.

    `power`, `q_y`, `q_x` are (y, x) broadcastable, q in Å⁻¹; `step` is the distance of bins along y and x; `looks` is
    how many tiles the image would hold side by side: overlapping tiles make one bin steadier than that but tie it to
    its neighbours, so this is what counts in a likelihood of all bins.
    """

    power: FloatArray
    q_y: FloatArray
    q_x: FloatArray
    step: tuple[float, float]
    looks: float

    @property
    def q(self) -> FloatArray:
        """|q| in Å⁻¹, (y, x)."""
        return np.hypot(self.q_y, self.q_x)

    @property
    def nyquist(self) -> float:
        """Highest frequency in Å⁻¹ that every direction has."""
        return float(min(np.abs(self.q_y).max(), self.q_x.max()))


class Cells(NamedTuple):
    """Means of a periodogram over small cells of radius and azimuth, each (n,).

    `along` and `across` are the means of q_x² − q_y² and 2 q_x q_y, `squared` that of q², so that a phase linear in
    these is exact at the cell's centre; `weight` is the number of independent bins in a cell, `azimuth` is in [0, π).
    """

    power: FloatArray
    squared: FloatArray
    along: FloatArray
    across: FloatArray
    weight: FloatArray
    azimuth: FloatArray

    @property
    def q(self) -> FloatArray:
        """|q| in Å⁻¹."""
        return np.sqrt(self.squared)


def averaged_periodogram(image: NDArray[Any], *, pixel_size: tuple[float, float]) -> Periodogram:
    """Average the periodograms of overlapping tiles of an image (y, x) whose pixels are (y, x) Å.

    An image of up to one and a half tiles (`TILE` Å) is one tile; others are covered by tiles that overlap by half.

    Raises
    ------
    PassbandError
        The image is not (y, x), or some pixels are NaN or infinite.
    """
    if image.ndim != 2:
        raise PassbandError(f"an image of shape {image.shape} has no power spectrum here; give one image (y, x)")
    side = _tile_side(image.shape, pixel_size)
    window = np.outer(tapered_window(side), tapered_window(side))
    total = np.zeros((side, 2 * (side // 2 + 1)))  # of real and imaginary parts in turn, as they lie in memory
    starts = [_starts(length, side) for length in image.shape]
    variance = 0.0
    for top in starts[0]:
        for left in starts[1]:
            tile = _levelled(np.array(image[top : top + side, left : left + side], dtype=np.float64))
            variance += float(tile.var())
            tile *= window
            parts = np.asarray(rfft2(tile, overwrite_x=True)).view(np.float64)
            parts *= parts
            total += parts
    power = total[:, ::2] + total[:, 1::2]
    tiles = len(starts[0]) * len(starts[1])
    scale = variance * float(np.square(window).sum())
    q_y: FloatArray = np.asarray(np.fft.fftfreq(side, d=pixel_size[0])[:, None], dtype=np.float64)
    q_x: FloatArray = np.asarray(np.fft.rfftfreq(side, d=pixel_size[1])[None, :], dtype=np.float64)
    step = (1.0 / (side * pixel_size[0]), 1.0 / (side * pixel_size[1]))
    covered = [1.0 + (starts[axis][-1] - starts[axis][0]) / side for axis in (0, 1)]
    return Periodogram(power / scale if scale > 0.0 else power, q_y, q_x, step, min(covered[0] * covered[1], tiles))


def tapered_window(length: int) -> FloatArray:
    """Tukey window: 1 in the middle, with half a cosine over `TAPERED`/2 of the length at either end, (length,).

    As `scipy.signal.windows.tukey`, which would load all of scipy.signal and scipy.stats with it.
    """
    place = np.linspace(0.0, 2.0 / TAPERED, length)
    return np.asarray(0.5 - 0.5 * np.cos(pi * np.minimum(1.0, np.minimum(place, place[::-1]))), dtype=np.float64)


def _tile_side(shape: tuple[int, ...], pixel_size: tuple[float, float]) -> int:
    wanted = min(max(int(TILE / max(pixel_size)), SMALLEST_TILE), LARGEST_TILE)
    shortest = min(shape)
    return int(prev_fast_len(shortest if shortest <= min(1.5 * wanted, LARGEST_TILE) else wanted, real=True))


def _starts(length: int, side: int) -> list[int]:
    """First pixels of the tiles along one axis, evenly spread, overlapping by half or more."""
    count = 1 + int(np.ceil((length - side) / (side / 2))) if length > 1.1 * side else 1
    return [round(start) for start in np.linspace(0, length - side, count)] if count > 1 else [(length - side) // 2]


def _levelled(tile: FloatArray) -> FloatArray:
    """Take mean and slopes, which the cross of the taper would spread along the axes, off a tile, in place."""
    mean = float(tile.mean())
    if not np.isfinite(mean) and (bad := int(np.count_nonzero(~np.isfinite(tile)))):
        raise PassbandError(f"{bad} pixels of the image are NaN or infinite; replace them by their neighbours' median")
    tile -= mean
    ramps = [np.linspace(-1.0, 1.0, length) for length in tile.shape]
    slopes = [ramp @ tile.mean(axis=1 - axis) / np.square(ramp).sum() * ramp for axis, ramp in enumerate(ramps)]
    tile -= slopes[0][:, None]
    tile -= slopes[1]
    return tile


def usable_bins(periodogram: Periodogram, band: tuple[float, float]) -> NDArray[np.bool_]:
    """Bins of the band (Å⁻¹) off the axes, where charge transfer and scan lines leave their mark, (y, x)."""
    q = periodogram.q
    off_axis = (np.abs(periodogram.q_y) > 0.5 * periodogram.step[0]) & (periodogram.q_x > 0.5 * periodogram.step[1])
    off_edge = periodogram.q_x < periodogram.q_x.max()
    usable: NDArray[np.bool_] = (q >= band[0]) & (q <= band[1]) & off_axis & off_edge
    return usable


def spot_bins(periodogram: Periodogram, expected: FloatArray | None = None) -> NDArray[np.bool_]:
    """Bins of Bragg spots, with their neighbours: stronger than noise is once in 1/`RARE`, (y, x).

    The level is `expected` where a model is at hand, else the median of the 9 × 9 bins around: a spot covers fewer.
    """
    return np.asarray(binary_dilation(strong_bins(periodogram, expected), iterations=2), dtype=np.bool_)


def strong_bins(periodogram: Periodogram, expected: FloatArray | None = None) -> NDArray[np.bool_]:
    """Bins of `spot_bins` without their neighbours, (y, x)."""
    strong = float(gammainccinv(periodogram.looks, RARE)) / periodogram.looks
    if expected is None:
        median = float(gammainccinv(periodogram.looks, 0.5)) / periodogram.looks
        return _above_median(periodogram.power, strong / median)
    return np.asarray(periodogram.power > strong * np.maximum(expected, TINY), dtype=np.bool_)


def _above_median(power: FloatArray, times: float) -> NDArray[np.bool_]:
    """Bins (y, x) above so many times the median of the 9 × 9 bins around them: above so many times most of these."""
    level = np.pad(times * np.maximum(power, TINY), AROUND // 2, mode="edge")
    exceeded = np.zeros(power.shape, dtype=np.uint8)
    for y, x in product(range(AROUND), repeat=2):
        exceeded += level[y : y + power.shape[0], x : x + power.shape[1]] < power
    above: NDArray[np.bool_] = exceeded > AROUND**2 // 2
    return above


def gather(periodogram: Periodogram, usable: NDArray[np.bool_], *, azimuths: int = 60) -> Cells:
    """Mean power of the usable bins in cells one bin wide and at most `azimuths` to the half turn."""
    bins = as_cells(periodogram, usable)
    ring = np.floor(bins.q / max(periodogram.step)).astype(np.int64)
    sectors = np.clip(np.floor(ring * (pi / 1.5)), 1, azimuths)
    key = ring * azimuths + np.minimum(np.floor(bins.azimuth / pi * sectors), sectors - 1).astype(np.int64)
    counts = np.bincount(key)
    filled = np.flatnonzero(counts)
    count = counts[filled]

    def mean(values: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(key, weights=values)[filled] / count, dtype=np.float64)

    along, across = mean(bins.along), mean(bins.across)
    return Cells(
        power=mean(bins.power),
        squared=mean(bins.squared),
        along=along,
        across=across,
        weight=mean(bins.weight) * count,
        azimuth=0.5 * np.arctan2(across, along) % pi,
    )


def as_cells(periodogram: Periodogram, usable: NDArray[np.bool_]) -> Cells:
    """Every usable bin as a cell of its own, in the order of the array."""
    y, x = np.nonzero(usable)
    q_y, q_x = periodogram.q_y[y, 0], periodogram.q_x[0, x]
    return Cells(
        power=periodogram.power[y, x],
        squared=q_x**2 + q_y**2,
        along=q_x**2 - q_y**2,
        across=2.0 * q_x * q_y,
        weight=np.full(len(y), periodogram.looks / CORRELATED_BINS),
        azimuth=np.arctan2(q_y, q_x) % pi,
    )
