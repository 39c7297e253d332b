"""The grain of an image: which way the counting of electrons skews its grey values.

A Poisson distribution of mean N has a skewness of 1/√N. Lenses and cameras blur it with the image; whitened, the
noise shows it again. It is positive in a micrograph, negative in its negative and 0 in Gaussian noise.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fft2, ifft2

from passband.checks.subject import Array
from passband.patches.preparing import NORMAL

CENTRAL = 512  # pixels
EDGE = 4.0  # robust standard deviations
RINGS = 64  # to a pixel frequency of 1
FLOOR = 0.1  # of the mean power, that is added to every frequency before it is divided by


def central(image: NDArray[np.generic], side: int = CENTRAL) -> NDArray[np.generic]:
    """Middle of an image (y, x), at most `side` pixels wide."""
    top, left = (max(0, (length - side) // 2) for length in image.shape)
    return image[top : top + side, left : left + side]


def grain(image: Array, where: NDArray[np.bool_] | None = None) -> float:
    """Skewness of a texture (y, x) after whitening, in standard deviations of that of Gaussian noise.

    It is that of the pixels `where`, all by default. What is beyond `EDGE` is left out: edges, such as those of holes
    in a film, are no noise.
    """
    white = whitened(image) if where is None else whitened(image)[where]
    if white.size == 0:
        return 0.0
    centred = white - np.median(white)
    reach = EDGE * NORMAL * float(np.median(np.abs(centred)))
    noise = centred[np.abs(centred) <= reach]
    deviation = float(noise.std())
    if not deviation > 0.0:
        return 0.0
    unit = (noise - noise.mean()) / deviation
    skewness = float((unit * unit * unit).mean())
    return skewness * float(np.sqrt(noise.size / 6.0))


def whitened(image: Array) -> Array:
    """Image (y, x) with the same power on every ring of frequencies, but for those that had next to none."""
    spectrum = periodic_spectrum(image)
    power = squared_modulus(spectrum)
    if not power.max() > 0.0:
        return np.zeros_like(image)
    place = RINGS * np.hypot(*_frequencies(image.shape))
    ring = np.round(place).astype(int).ravel()
    counts = np.bincount(ring)
    seen = np.flatnonzero(counts)
    level = np.interp(place, seen, np.bincount(ring, power.ravel())[seen] / counts[seen])
    white: Array = ifft2(spectrum / np.sqrt(level + FLOOR * power.mean())).real
    return white


def squared_modulus(spectrum: NDArray[np.complex128]) -> Array:
    """|z|² of complex numbers; `numpy.abs` takes a root that is not needed."""
    power: Array = spectrum.real**2 + spectrum.imag**2
    return power


def periodic_spectrum(image: Array) -> NDArray[np.complex128]:
    """Fourier transform (y, x) of an image without the cross that the steps between opposite borders make.

    That of its periodic component (Moisan, J. Math. Imaging Vis. 39 (2011) 161).
    """
    steps = np.zeros_like(image)
    for along, across in ((image, steps), (image.T, steps.T)):
        step = along[-1] - along[0]
        across[0] += step
        across[-1] -= step
    rows, columns = _frequencies(image.shape)
    laplacian = 2.0 * np.cos(2.0 * np.pi * rows) + 2.0 * np.cos(2.0 * np.pi * columns) - 4.0
    laplacian[0, 0] = 1.0
    smooth = fft2(steps) / laplacian
    smooth[0, 0] = 0.0
    return np.asarray(fft2(image) - smooth)


def _frequencies(shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Pixel frequencies along y (y, 1) and x (1, x)."""
    rows: Array = np.fft.fftfreq(shape[0])[:, None].astype(np.float64)
    columns: Array = np.fft.fftfreq(shape[1])[None, :].astype(np.float64)
    return rows, columns
