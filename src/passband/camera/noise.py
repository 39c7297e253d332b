"""Noise of one image: how far it is correlated, how much of the contrast it is, how many grey values an electron is.

Noise is taken to be what the image's spectrum holds at its end: N·exp(−4π²c²f²), as that of electrons that are counted
first and blurred by a Gaussian of c pixels afterwards (the noise power spectrum of a camera; Meyer & Kirkland, Microsc.
Res. Tech. 49 (2000) 269, have its general form). Bragg spots are left out. Film that scatters to the end of the band is
not told from noise: N is an upper bound, and c is of both together.
"""

from math import erf, pi, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from passband.microscope.power_spectrum import Periodogram, averaged_periodogram, spot_bins, usable_bins

LARGEST = 768  # pixels; of larger images the middle is taken
SMALLEST = 32  # pixels along each side; a smaller image has no spectrum to speak of
RINGS = 40  # up to Nyquist
HIGHEST = 0.65  # cycles per pixel, between the axes; there are few beyond
FITTED = 0.2  # cycles per pixel, at the end of the band
FULL = 3e-3  # of the power of the reference; below are leaks of the window, and rounding
REFERENCE = (0.15, 0.25)  # cycles per pixel, that others are called empty against
NEAR_AXIS = 0.12  # cycles per pixel
EMPTY = 1e-2  # of its power
NYQUIST = (0.45, 0.5)
HALF_NYQUIST = (0.225, 0.275)
TILE = 16  # pixels, of the mean and the variance of one place
FEWEST_TILES = 40
SURE = 5.0  # standard errors of a slope
LEAST_LEFT = 1e-3  # of the variance of the noise; rounding, residues and edges of the specimen are as much
EXPLAINED = 0.6  # of the power at a third to a half of Nyquist, by the noise alone
HOT = 8.0  # standard deviations of the noise above all four neighbours
SIGMA = 1.4826  # of the median absolute deviation of a Gaussian

FloatArray = NDArray[np.float64]


class NoiseSpectrum(NamedTuple):
    """What the end of an image's spectrum says.

    `correlation` is c in pixels; `noise_share` the standard deviation of the noise over that of the image,
    an upper bound;
    `nyquist_power` the power near the Nyquist frequency over that near half of it, 1 for white noise;
    `empty_band` the fraction of the frequencies up to Nyquist, from its end, with less than 1 % of the power at a third
    to a half of Nyquist;
    `explained` the fitted noise's share of the power at a third to a half of Nyquist: above 1 the noise is less there.
    """

    correlation: float
    noise_share: float
    nyquist_power: float
    empty_band: float
    explained: float


def noise_spectrum(image: NDArray[Any]) -> NoiseSpectrum | None:
    """Fit the end of the spectrum of a finite image (y, x); None where it is smaller than 32 pixels, or even."""
    piece = middle(image)
    if min(piece.shape) < SMALLEST or piece.min() == piece.max():
        return None
    grey = _of_unit_range(piece)
    periodogram = averaged_periodogram(grey, pixel_size=(1.0, 1.0))
    along_y, along_x = np.abs(periodogram.q_y), periodogram.q_x
    usable = usable_bins(periodogram, (0.0, HIGHEST)) & ~spot_bins(periodogram)
    rings = _rings(periodogram.q[usable], periodogram.power[usable])
    # an enlarged image ends at the same frequency along both axes, not around them
    near = usable & (np.minimum(along_y, along_x) < NEAR_AXIS)
    along_axes = _rings(np.maximum(along_y, along_x)[near], periodogram.power[near])
    reference = along_axes.mean(REFERENCE)
    if not reference > 0.0 or not along_axes.mean(HALF_NYQUIST) > 0.0:
        return None
    last = float(along_axes.frequency[along_axes.power > EMPTY * reference][-1]) + 0.25 / RINGS
    correlation, level = _gaussian_noise(rings, FULL * reference)
    passed = erf(pi * correlation) / (2.0 * sqrt(pi) * correlation) if correlation > 1e-6 else 1.0
    variance = level * passed**2 * _unit(grey, periodogram)
    fitted = along_axes._replace(power=level * np.exp(-((2.0 * pi * correlation * along_axes.frequency) ** 2)))
    return NoiseSpectrum(
        correlation=correlation,
        noise_share=min(sqrt(variance / float(grey.var())), 1.0),
        nyquist_power=along_axes.mean(NYQUIST) / along_axes.mean(HALF_NYQUIST),
        empty_band=max(0.0, 1.0 - 2.0 * last),
        explained=fitted.mean(REFERENCE) / reference,
    )


def _unit(grey: FloatArray, periodogram: Periodogram) -> float:
    """Variance that the periodogram's unit of power stands for: that of second differences, on both ways."""
    along_y, along_x = (_second_difference_power(axis) for axis in (periodogram.q_y, periodogram.q_x))
    whole = float(np.mean((periodogram.power * along_y * along_x)[:, 1:-1]))  # the columns that stand for two
    return float(np.mean(np.square(_second_differences(grey)))) / max(whole, 1e-300)


def _second_differences(grey: FloatArray) -> FloatArray:
    """Second differences of an image along y, of those along x, scaled to keep the variance of white noise."""
    along_y = grey[:-2] - 2.0 * grey[1:-1] + grey[2:]
    return np.asarray((along_y[:, :-2] - 2.0 * along_y[:, 1:-1] + along_y[:, 2:]) / 6.0)


def _second_difference_power(frequency: FloatArray) -> FloatArray:
    """Power that second differences along one axis leave of each frequency in cycles per pixel."""
    return np.asarray((2.0 - 2.0 * np.cos(2.0 * pi * frequency)) ** 2 / 6.0)


def middle(image: NDArray[Any], side: int = LARGEST) -> NDArray[Any]:
    """Middle of an image (y, x), at most `side` pixels along each axis, without a copy."""
    starts = [max(0, (length - side) // 2) for length in image.shape]
    return image[starts[0] : starts[0] + side, starts[1] : starts[1] + side]


def _of_unit_range(image: NDArray[Any]) -> FloatArray:
    """Image from 0 to 1, so that squares of huge values do not overflow."""
    low = float(image.min())
    return (image.astype(np.float64) - low) / (float(image.max()) - low)


class _Rings(NamedTuple):
    """Frequency (cycles per pixel), mean power, and number of bins of each ring, (n,) each."""

    frequency: FloatArray
    power: FloatArray
    bins: FloatArray

    def mean(self, band: tuple[float, float]) -> float:
        """Mean power in a band of frequencies."""
        inside = (self.frequency >= band[0]) & (self.frequency <= band[1])
        return float(np.average(self.power[inside], weights=self.bins[inside])) if inside.any() else 0.0


def _rings(frequency: FloatArray, power: FloatArray) -> _Rings:
    """Means of the bins of each ring."""
    ring = (frequency * (2 * RINGS)).astype(np.int64)
    bins = np.bincount(ring)
    filled = bins > 0
    sums = [np.bincount(ring, weights=values)[filled] for values in (frequency, power)]
    means = [np.asarray(values / bins[filled], dtype=np.float64) for values in sums]
    return _Rings(means[0], means[1], np.asarray(bins[filled], dtype=np.float64))


def _gaussian_noise(rings: _Rings, floor: float) -> tuple[float, float]:
    """Correlation c and level N: a straight line through ln P over f², at the end of what is above a floor of power."""
    frequency, power, bins = rings
    above = power > floor
    end = float(frequency[above][-1]) if above.any() else 0.0
    inside = above & (frequency >= end - FITTED)
    if np.count_nonzero(inside) < 3:
        return 0.0, 0.0
    squared, logarithm, weight = frequency[inside] ** 2, np.log(power[inside]), bins[inside]
    centre = float(np.average(squared, weights=weight))
    about = squared - centre
    slope = float(np.sum(weight * about * logarithm) / np.sum(weight * about**2))
    level = float(np.average(logarithm, weights=weight))
    slope = min(slope, 0.0)
    return sqrt(abs(slope)) / (2.0 * pi), float(np.exp(level - slope * centre))


def hot_pixel_share(image: NDArray[Any]) -> float:
    """Fraction of the pixels of a finite image (y, x) that stand far above their four neighbours.

    It is 8 standard deviations of the noise, and none where most of the image is one level.
    """
    piece = middle(image, 1024)
    if min(piece.shape) < 3 or piece.min() == piece.max():
        return 0.0
    grey = _of_unit_range(piece).astype(np.float32)
    inner = grey[1:-1, 1:-1]
    around = (grey[:-2, 1:-1], grey[2:, 1:-1], grey[1:-1, :-2], grey[1:-1, 2:])
    highest = np.maximum(np.maximum(around[0], around[1]), np.maximum(around[2], around[3]))
    noise = SIGMA * float(np.median(np.abs(inner - 0.25 * sum(around)))) / sqrt(1.25)
    return float(np.mean(inner - highest > HOT * noise)) if noise > 0.0 else 0.0


def gain(image: NDArray[Any], spectrum: NoiseSpectrum) -> float | None:
    """Grey values per electron of a finite image (y, x), if it tells: how noise grows with the mean, or None.

    In tiles of 16 × 16 pixels the variance of what a second difference along both axes leaves (Immerkær, Comput. Vis.
    Image Underst. 64 (1996) 300), corrected for the correlation of the noise, is gain · (mean − offset). The slope is
    given where it is positive by five standard errors. Fine contrast of the specimen counts as noise, and so do
    rounding and residues of the gain; where they may be as strong, there is no gain: second differences leave less than
    a thousandth of noise that is correlated over more than 0.94 pixels, and where the noise fitted to the end of the
    spectrum is less than 60 % of the power further in, something else is there.

    Parameters
    ----------
    image
        In any unit.
    spectrum
        Of the same image.
    """
    left = _left_of_noise(spectrum.correlation)
    if left < LEAST_LEFT or spectrum.explained < EXPLAINED:
        return None
    piece = middle(image)
    rows, columns = ((side - 2) // TILE for side in piece.shape)
    if rows * columns < FEWEST_TILES or piece.min() == piece.max():
        return None
    unit = float(piece.max()) - float(piece.min())
    grey = _of_unit_range(piece)

    def tiled(values: FloatArray) -> FloatArray:
        cut = values[: rows * TILE, : columns * TILE].reshape(rows, TILE, columns, TILE)
        return np.asarray(cut.mean(axis=(1, 3)).ravel(), dtype=np.float64)

    level, variance = tiled(grey[1:-1, 1:-1]), tiled(_second_differences(grey) ** 2) / left
    about = level - level.mean()
    if not float(np.square(about).sum()) > 0.0:
        return None
    slope = float(np.sum(about * variance) / np.sum(about**2))
    rest = variance - variance.mean() - slope * about
    error = sqrt(float(np.sum(about**2 * rest**2))) / float(np.sum(about**2))
    return slope * unit if slope > SURE * error else None


def _left_of_noise(correlation: float) -> float:
    """Share of the variance of white noise, before it is blurred, that is left of it in second differences."""
    f: FloatArray = np.asarray(np.fft.fftfreq(64), dtype=np.float64)
    return float(np.mean(_second_difference_power(f) * np.exp(-4.0 * (pi * correlation * f) ** 2))) ** 2
