"""The lattice that a scan shows: its two shortest vectors, and the Fourier coefficients of its unit cell.

Spots of the power spectrum under a Hann window are indexed by the pair of reciprocal vectors of the largest cell that
explains them; the frequency of each is refined by the mean place that its wave has under the window (reassignment,
Auger & Flandrin, IEEE Trans. Signal Process. 43 (1995) 1068), which is exact for one wave.
"""

from itertools import combinations
from math import log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from passband.camera.shot_noise import levelled

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
STRONG = 20.0  # times the mean power of the noise in its ring: what is a spot
MOST_SPOTS, CANDIDATES = 40, 10  # that are looked at, and those that pairs are made of
NEAR = 0.8  # frequency steps: how far a spot may be from its place
FLATTEST = 0.25  # |sine| of the angle between two reciprocal vectors
EXPLAINED = 0.9  # of the best pair's amplitude: the largest cell of these is taken
LEAST_EXPLAINED = 0.6  # of all spots' amplitude
FEWEST = 3  # spots, besides their opposites
FEWEST_CELLS = 3.5  # along each side, so that spots do not overlap
HIGHEST_ORDER = 12
REFINED = 3  # times


class LatticeSpots(NamedTuple):
    """Lattice of one image.

    Attributes
    ----------
    vectors
        (2, 2): rows are the two shortest vectors (y, x) in pixels, |a| ≤ |b|, at 90° to 120°.
    indices
        (n, 2): of each spot of one half plane, h and k.
    frequency
        (n, 2): y, x in cycles per pixel.
    amplitude
        (n,): Fourier coefficient of the image there, grey values.
    noise
        (n,): rms of noise in it.
    """

    vectors: FloatArray
    indices: NDArray[np.int64]
    frequency: FloatArray
    amplitude: ComplexArray
    noise: FloatArray


def lattice_spots(image: FloatArray, *, end: float = 0.45) -> LatticeSpots | None:
    """Lattice of an image (y, x) and its spots up to `end` cycles per pixel; None where there is none.

    An image holds one where a pair of vectors explains most of its spots, and a few cells along each side.
    """
    window = np.outer(*(np.hanning(size + 2)[1:-1] for size in image.shape))
    windowed = levelled(image) * window
    power = np.square(np.abs(np.fft.rfft2(windowed)))
    frequency = np.meshgrid(np.fft.fftfreq(image.shape[0]), np.fft.rfftfreq(image.shape[1]), indexing="ij")
    level = _ring_levels(power, np.hypot(*frequency))
    spots = _brightest(power, level, np.stack(frequency, axis=-1))
    if len(spots) < FEWEST:
        return None
    spots = _refined(windowed, window, spots)
    found = _pair(spots, np.abs(_coefficients(windowed, spots)), 1.0 / min(image.shape))
    if found is None:
        return None
    vectors = _reduced(_dual(found))
    reciprocal = _dual(vectors)
    if min(image.shape) < FEWEST_CELLS * np.hypot(*vectors[1]):
        return None
    indices = _half_plane(reciprocal, end)
    places = indices @ reciprocal
    total = float(window.sum())
    ring = np.minimum((np.hypot(*places.T) * 2 * _RINGS).astype(np.int64), len(level.rings) - 1)
    return LatticeSpots(
        vectors, indices, places, _coefficients(windowed, places) / total, np.sqrt(level.rings[ring]) / total
    )


_RINGS = 40
_QUANTILE = 0.25  # of the power in a ring, which most spots leave alone even where they are a few steps apart


class _RingPower(NamedTuple):
    """Mean power of the noise in each ring, (rings,), and in the ring of each bin, (y, x)."""

    rings: FloatArray
    bins: FloatArray


def _ring_levels(power: FloatArray, q: FloatArray) -> _RingPower:
    ring = (q * 2 * _RINGS).astype(np.int64)
    order = np.argsort(ring, axis=None)
    counts = np.bincount(ring.ravel())
    parts = np.split(power.ravel()[order], np.cumsum(counts)[:-1])
    quarters = np.array([np.quantile(part, _QUANTILE) if part.size else 0.0 for part in parts])
    means = quarters / -log(1.0 - _QUANTILE)  # noise is exponentially distributed
    return _RingPower(means, means[ring])


def _brightest(power: FloatArray, level: _RingPower, frequency: FloatArray) -> FloatArray:
    """Frequencies (n, 2) of the strongest local maxima that are spots."""
    columns = np.arange(power.shape[1])
    inside = (np.hypot(frequency[..., 0], frequency[..., 1]) > 2.5 / min(power.shape[0], 2 * power.shape[1])) & (
        columns < power.shape[1] - 1
    )
    peaks = (power >= maximum_filter(power, 5)) & (power > STRONG * level.bins) & inside
    peaks &= (columns > 0) | (frequency[..., 0] > 0.0)  # of the first column half is the other's mirror
    strength = np.where(peaks, power, 0.0).ravel()
    first = np.argsort(-strength)[:MOST_SPOTS]
    return np.asarray(frequency.reshape(-1, 2)[first[strength[first] > 0.0]])


def _coefficients(image: FloatArray, places: FloatArray) -> ComplexArray:
    """Sum an image (y, x) times exp(−2πi f·r), r about its middle, at frequencies (n, 2): (n,)."""
    rows, columns = (np.exp(-2j * np.pi * np.outer(f, r)) for f, r in zip(places.T, _away(image.shape), strict=True))
    return np.asarray(np.sum((rows @ image) * columns, axis=1))


def _away(shape: tuple[int, ...]) -> list[FloatArray]:
    return [np.asarray(np.arange(size) - 0.5 * (size - 1), dtype=np.float64) for size in shape]


def _refined(windowed: FloatArray, window: FloatArray, places: FloatArray) -> FloatArray:
    """Frequencies (n, 2) of the waves near some frequencies."""
    away = _away(windowed.shape)
    rows, columns = away[0][:, None], away[1][None, :]
    spread = [float(np.sum(window * np.square(one)) / window.sum()) for one in (rows, columns)]
    for _ in range(REFINED):
        whole = _coefficients(windowed, places)
        moments = np.stack([_coefficients(windowed * one, places) for one in (rows, columns)], axis=1)
        step = (moments / whole[:, None]).imag / (2.0 * np.pi * np.array(spread))
        places = places + np.clip(step, -0.5 / min(windowed.shape), 0.5 / min(windowed.shape))
    return places


def _pair(spots: FloatArray, amplitude: FloatArray, step: float) -> FloatArray | None:
    """Reciprocal vectors (2, 2) of the largest reciprocal cell that explains nearly as many spots as any."""
    found: list[tuple[float, float, FloatArray]] = []
    order = np.argsort(-amplitude)
    for one, other in combinations(order[:CANDIDATES], 2):
        pair = spots[[one, other]]
        area = abs(float(np.linalg.det(pair)))
        if area < FLATTEST * float(np.prod(np.hypot(*pair.T))):
            continue
        near, _ = _indexed(spots, pair, step)
        found.append((float(amplitude[near].sum()), area, pair))
    if not found:
        return None
    most = max(explained for explained, _, _ in found)
    if most < LEAST_EXPLAINED * float(amplitude.sum()):
        return None
    best = max((one for one in found if one[0] >= EXPLAINED * most), key=lambda one: one[1])[2]
    for _ in range(2):
        near, indices = _indexed(spots, best, step)
        if np.count_nonzero(near) < FEWEST:
            return None
        weight = amplitude[near][:, None]
        best = np.asarray(np.linalg.lstsq(indices[near] * weight, spots[near] * weight, rcond=None)[0], np.float64)
    return best


def _indexed(spots: FloatArray, pair: FloatArray, step: float) -> tuple[NDArray[np.bool_], FloatArray]:
    """Which spots lie where a pair of vectors has them, and their indices (n, 2)."""
    indices: FloatArray = np.asarray(np.round(spots @ np.linalg.inv(pair)), dtype=np.float64)
    off = np.hypot(*(spots - indices @ pair).T)
    return (off < NEAR * step) & (np.abs(indices).max(axis=1) <= HIGHEST_ORDER), indices


def _dual(vectors: FloatArray) -> FloatArray:
    """Vectors (2, 2) of the other space: their products with these are the unit matrix."""
    return np.asarray(np.linalg.inv(vectors).T, dtype=np.float64)


def _reduced(vectors: FloatArray) -> FloatArray:
    """Reduce vectors (2, 2) to the shortest two of their lattice, |a| ≤ |b|, at 90° to 120° (Gauss)."""
    a, b = sorted(vectors, key=lambda one: float(one @ one))
    while True:
        b = b - round(float(a @ b) / float(a @ a)) * a
        if b @ b >= a @ a:
            break
        a, b = b, a
    return np.stack([a, b if a @ b <= 0.0 else -b])


def _half_plane(reciprocal: FloatArray, end: float) -> NDArray[np.int64]:
    """Return the indices (n, 2) of the spots of one half plane up to a frequency in cycles per pixel."""
    reach = [int(end * np.hypot(*vector)) + 1 for vector in _dual(reciprocal)]
    grid = np.meshgrid(*(np.arange(-most, most + 1) for most in reach), indexing="ij")
    every = np.stack([one.ravel() for one in grid], axis=1)
    half = (every[:, 0] > 0) | ((every[:, 0] == 0) & (every[:, 1] > 0))
    inside = half & (np.hypot(*(every @ reciprocal).T) <= end)
    return np.asarray(every[inside], dtype=np.int64)
