"""Is there any signal beyond noise: structure that noise of the same spectrum would not have, or the grain of a film.

Noise, white or with any spectrum, is the same everywhere: the power at one frequency in small tiles is exponentially
distributed, so that its variance is the square of its mean (Priestley, Spectral Analysis and Time Series (1981),
section 6.2). Where more electrons come, as along a ramp of the illumination, there is more noise of the same kind:
a power that varies slowly over the image counts as even. Particles change it from tile to tile. A perfect lattice is as
even as noise, or more so, but has sharp peaks in its spectrum, which noise of a smooth one has not. A bare film has
neither. What tells them apart is that electrons come one by one, which skews the distribution of grey values
(`checks.grain`), while the film colours the spectrum; white noise and noise that was made with the spectrum of a film
show one of both at most.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import fft2, rfft2

from passband.checks.bragg import bragg_peak
from passband.checks.check import Check
from passband.checks.grain import central, grain, squared_modulus
from passband.checks.subject import Array, Subject, fitted_surface, texture

TILE, STEP = 16, 8  # pixels
BAND = (0.15, 0.5)  # of the pixel frequency
SPREAD = 0.25  # standard deviation of the variance times √tiles, on white, coloured and Poisson noise of 64² to 512²
TINY = 1e-9  # of the mean power
UNEVEN = 4.5  # standard deviations
GRAIN = 3.5  # standard deviations
PEAK = 25.0  # of a Bragg peak: of 2,000 images of noise, many of a steep spectrum, none had more than 15
RINGS, SLOWEST = 6, 0.04  # of the spectrum, and the pixel frequency that they begin at
SEEN = 0.9  # of the three limits: 4 and 3.2 standard deviations, and a χ² that white noise exceeds in 0.2 %
COLOURED = 20.5  # χ² that white noise exceeds in 0.1 % of cases


def unevenness(image: Array) -> float:
    """By how many standard deviations the local spectra of a texture (y, x) vary more than those of noise.

    The power of the tiles may follow a surface of second degree, of its logarithm, over the image.
    """
    if min(image.shape) < 2 * TILE:
        return 0.0
    window = np.hanning(TILE + 2)[1:-1]
    grid = sliding_window_view(image, (TILE, TILE))[::STEP, ::STEP]
    rows, columns = np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE)[None, :]
    q = np.hypot(rows, columns)
    counted = (q >= BAND[0]) & (q < BAND[1]) & ((columns > 0) | (rows > 0))  # each frequency once
    ordinates = np.concatenate([_ordinates(tiles, window, counted) for tiles in grid])
    mean = ordinates.mean(axis=0)
    if not (mean > 0).all():
        return 0.0
    even = _without_trend(ordinates / mean, (grid.shape[0], grid.shape[1]))
    n = len(ordinates)
    variance = float(even.var())
    return float((variance - (n - 1) / (n + 1)) * np.sqrt(n) / SPREAD)


def _ordinates(tiles: Array, window: Array, counted: NDArray[np.bool_]) -> Array:
    """Power (n, frequencies) of tiles (n, y, x), levelled and windowed, at the frequencies that are `counted`."""
    windowed = (tiles - tiles.mean(axis=(1, 2), keepdims=True)) * (window[:, None] * window)
    return squared_modulus(rfft2(windowed)[:, counted])


def _without_trend(ordinates: Array, tiles: tuple[int, int]) -> Array:
    """Powers (n, frequencies) of mean 1 at each frequency, over what their mean in each of (y, x) tiles does slowly."""
    power = np.log(np.maximum(ordinates.mean(axis=1), TINY))
    slow = np.exp(fitted_surface(power.reshape(tiles))).ravel()
    even: Array = ordinates / slow[:, None]
    return np.asarray(even / even.mean(axis=0))


def colour(image: Array) -> float:
    """How far the spectrum of a texture (y, x) is from white: χ² of `RINGS` − 1 degrees of freedom for white noise.

    Rings of as many frequencies are compared. The logarithm of a mean over n of them, every one there twice, has a
    variance of 2/n.
    """
    power = squared_modulus(fft2(image))
    q = np.hypot(np.fft.fftfreq(image.shape[0])[:, None], np.fft.fftfreq(image.shape[1])[None, :])
    fast = q >= SLOWEST
    rings = np.array_split(power[fast][np.argsort(q[fast], kind="stable")], RINGS)
    means, counts = (np.array([f(ring) for ring in rings]) for f in (np.mean, np.size))
    if not (means > 0.0).all():
        return 0.0
    return float((0.5 * counts * np.log(means / power[fast].mean()) ** 2).sum())


def _nothing(subject: Subject) -> float:
    """Minus the evidence for a signal, in units of what is needed."""
    middle = np.asarray(central(subject.recorded), dtype=np.float64)
    part = texture(middle - fitted_surface(middle))  # whose borders would colour the spectrum
    film = min(grain(part) / GRAIN, colour(part) / COLOURED)
    found = max(unevenness(subject.binned_texture) / UNEVEN, film)
    return -found if found >= SEEN else -max(found, bragg_peak(part) / PEAK)  # which takes as long as all the others


NO_SIGNAL = Check(
    name="no_signal",
    word="no signal",
    text="nothing in it tells it from noise of the same spectrum: check that it is the right file and that there was a "
    "specimen in the beam",
    level=1,  # a bare film of few electrons may have none either
    measure=_nothing,
    least=-SEEN,
    calibrated=False,
)
