"""Counting noise of scans: grey values per electron, and how strong noise is, from what lies beyond the probe's band.

Along a row, a scan shows nothing finer than its probe does, whatever jitter moves the rows by. Above the frequency
from which on rows no longer agree with those around them there is only noise, and it grows with the mean as electrons
do: with a filter h that passes that band alone, and white noise of the variance g·(I − b) + g²r²,

    ⟨(h ∗ I)²⟩ = Σh² · (g·⟨M⟩ − g·b + g²r²),   M = h² ∗ I / Σh².

The slope is g, whatever the offset b is. Its regressor M holds the noise of its own row, which would flatten a common
regression; with those of the two rows around as instruments (Z) the slope is cov(V, Z)/cov(M, Z), which is consistent
(Wooldridge, Econometric Analysis of Cross Section and Panel Data, 2010, ch. 5).

Noise that is correlated by ρ from one pixel to the next has the power c(1 + 2ρ cos 2πf), to first order, of which c is
its variance. Two halves of the band tell both.
"""

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d, maximum_filter1d

from passband.camera.artefacts import clipped_shares
from passband.camera.bootstrap import ratio

FloatArray = NDArray[np.float64]
SEGMENT = 64  # pixels of a row
TAPS = 41  # of the filter; of a Blackman window, whose edge is 5.5/TAPS wide
EDGE = 2.75 / TAPS  # cycles per pixel from the stopped band to the middle of the edge
HIGHEST = 0.43  # cycles per pixel of that middle: above, the filter passes too little
AGREEING = 0.03  # of the power of a row that the rows around share: no more beyond the band
SURE = 4.0  # standard errors of that share
COARSEST = 0.25  # of the power: where fewer pixels leave the share less sure than that, no band is found
NEAR = 6  # pixels along the row: most of what the filter sees
GRID = 8  # blocks along each side of an image
#: Columns of a table: pixels, V, M, centred products V·Z and M·Z, squares of what no slow change explains, V of the
#: lower and of the upper half of the band.
COUNT, VARIANCE, MEAN, VARIANCE_Z, MEAN_Z, SQUARE, LOWER, UPPER = range(8)
#: Grey values per electron; the mean grey value.
slope, level = ratio(VARIANCE_Z, MEAN_Z), ratio(MEAN, COUNT)


class NoiseBand(NamedTuple):
    """Filters (TAPS,) of a band along the rows and of its halves, and the mean of cos 2πf that the halves pass."""

    whole: FloatArray
    lower: FloatArray
    upper: FloatArray
    cosines: tuple[float, float]

    @classmethod
    def above(cls, end: float) -> "NoiseBand":
        """Band from `end` cycles per pixel on."""
        whole = _high_pass(end + EDGE)
        upper = _high_pass(0.5 * (end + EDGE + 0.5))
        lower = whole - upper
        return cls(whole, lower, upper, (_mean_cosine(lower), _mean_cosine(upper)))

    def correlation(self, sums: FloatArray) -> FloatArray:
        """Correlation ρ of the noise from one pixel to the next, of sums (..., 8)."""
        one, other = self.cosines
        with np.errstate(divide="ignore", invalid="ignore"):
            times = sums[..., LOWER] / sums[..., UPPER]
            return np.asarray(0.5 * (times - 1.0) / (one - times * other))

    def variance(self, sums: FloatArray) -> FloatArray:
        """Variance of the noise at the mean grey value, of sums (..., 8)."""
        one, other = self.cosines
        total = (sums[..., UPPER] * one - sums[..., LOWER] * other) / (one - other)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(total / sums[..., COUNT])


def _high_pass(cutoff: float) -> FloatArray:
    """Filter (TAPS,) whose edge has its middle at `cutoff` cycles per pixel: a Blackman window times the ideal one."""
    away = np.arange(TAPS) - TAPS // 2
    taps = -2.0 * cutoff * np.sinc(2.0 * cutoff * away)
    taps[TAPS // 2] += 1.0
    return np.asarray(taps * np.blackman(TAPS))


def _mean_cosine(taps: FloatArray) -> float:
    """Mean of cos 2πf over what a filter passes: the autocorrelation of its taps at 1."""
    return float(np.sum(taps[1:] * taps[:-1]) / np.sum(np.square(taps)))


def band_end(images: Sequence[FloatArray]) -> float | None:
    """Frequency along rows, cycles per pixel, above which neighbouring rows of images (y, x) have nothing in common.

    None where they have to the end, as where pixels are too coarse for the probe, or where noise was smoothed across
    rows; and of less than about 128 × 128 pixels.
    """
    power, count = np.zeros((3, SEGMENT // 2 + 1)), 0
    window = np.hanning(SEGMENT + 1)[:-1]
    for image in images:
        starts = range(0, image.shape[1] - SEGMENT + 1, SEGMENT // 2)
        pieces = np.stack([image[:, start : start + SEGMENT] for start in starts], axis=1)
        spectrum = np.fft.rfft((pieces - pieces.mean(axis=2, keepdims=True)) * window, axis=2) / image.std()
        for lag in range(3):
            product = spectrum[lag:] * np.conj(spectrum[: len(spectrum) - lag])
            power[lag] += product.real.sum(axis=(0, 1)) / (len(spectrum) - lag) * len(spectrum)
        count += len(image) * len(starts)
    shared = np.abs(power[1:]).max(axis=0) / np.maximum(power[0], 1e-300)
    smooth, least = convolve1d(shared, np.full(3, 1.0 / 3.0)), max(AGREEING, SURE / sqrt(count))
    agreeing = np.flatnonzero(smooth > least)
    end = float(agreeing[-1] + 1) / SEGMENT if agreeing.size else 0.0
    return end if end + EDGE <= HIGHEST and least <= COARSEST else None


def noise_table(image: FloatArray, band: NoiseBand) -> FloatArray:
    """Table (blocks, 8) of an image (y, x) that has nothing but noise in a band along the rows.

    Pixels beside clipped ones are left out.
    """
    inside = slice(TAPS // 2, image.shape[1] - TAPS // 2)
    whole, lower, upper = (_local_variance(image, taps)[1:-1, inside] for taps in band[:3])
    mean = convolve1d(image, band.whole**2 / np.square(band.whole).sum(), axis=1)[:, inside]
    use = ~_near_white(image)[1:-1, inside]
    if not use.any():
        return np.zeros((1, 8))
    around, mean = 0.5 * (mean[:-2] + mean[2:]), mean[1:-1]
    around = around - around[use].mean()
    products = ((whole - whole[use].mean()) * around, (mean - mean[use].mean()) * around)
    squares = np.square(levelled(image)[1:-1, inside])
    terms = (np.ones_like(mean), whole, mean, *products, squares, lower, upper)
    return np.stack([blocks(np.where(use, term, 0.0)) for term in terms], axis=1)


def _local_variance(image: FloatArray, taps: FloatArray) -> FloatArray:
    """Squares of what a filter leaves along the rows of an image (y, x), of the mean of the variance of white noise."""
    return np.asarray(np.square(convolve1d(image, taps, axis=1)) / np.square(taps).sum())


def levelled(image: FloatArray) -> FloatArray:
    """Image (y, x) without the polynomial of second degree that fits it best."""
    axes = [np.polynomial.legendre.legvander(np.linspace(-1.0, 1.0, size), 2) for size in image.shape]
    axes = [np.linalg.qr(axis)[0] for axis in axes]
    terms = axes[0].T @ image @ axes[1]
    terms[np.add.outer(np.arange(3), np.arange(3)) > 2] = 0.0
    return np.asarray(image - axes[0] @ terms @ axes[1].T)


def blocks(values: FloatArray) -> FloatArray:
    """Add up an array (y, x) over a grid of blocks, at most `GRID` along each side, (blocks,)."""
    edges = [np.linspace(0, size, min(GRID, size) + 1).astype(np.intp)[:-1] for size in values.shape]
    rows = np.add.reduceat(values, edges[0], axis=0)
    return np.asarray(np.add.reduceat(rows, edges[1], axis=1).ravel())


def _near_white(image: FloatArray) -> NDArray[np.bool_]:
    """Pixels (y, x) beside one that ended with the range; those of the lowest value may have counted nothing."""
    _, high = clipped_shares(image)
    if not high:
        return np.zeros(image.shape, dtype=np.bool_)
    return np.asarray(maximum_filter1d(image >= image.max(), 2 * NEAR + 1, axis=1), dtype=np.bool_)
