"""Textures by their local spectra: which lattice a crop shows, and with radial means in whatever orientation."""

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft2

HIGHEST = 16  # periods across a crop: crops hold some five of the lattice, and what is finer is noise
FLOOR = 0.3  # of the rms amplitude: what is weaker counts as that

Crops = NDArray[np.float32]
Features = NDArray[np.float32]


def log_spectrum(crops: Crops) -> Features:
    """Logarithms (n, bins) of the amplitudes of contrast-normalised crops (n, y, x), as far as `HIGHEST` periods.

    Windowed by a Hann function. One unit is a factor e in amplitude at all frequencies.
    """
    amplitude, radius = _amplitudes(crops)
    chosen = (radius >= 1.0) & (radius <= HIGHEST)
    logarithms = np.log(amplitude[:, chosen] + FLOOR)
    features: Features = (logarithms / np.sqrt(logarithms.shape[1])).astype(np.float32)
    return features


def radial_spectrum(crops: Crops) -> Features:
    """Logarithms (n, rings) of the power on rings one period wide: the same for a lattice that is turned."""
    amplitude, radius = _amplitudes(crops)
    highest = int(min(HIGHEST, min(crops.shape[1:]) // 2))
    rings = [(np.abs(radius - ring) <= 0.5) for ring in range(1, highest + 1)]
    power = np.stack([np.square(amplitude[:, ring]).mean(1) for ring in rings], axis=1)
    features: Features = (np.log(power + FLOOR**2) / np.sqrt(len(rings))).astype(np.float32)
    return features


def intensity(crops: Crops) -> Features:
    """Mean and standard deviation (n, 2) of crops (n, y, x), in units of the image."""
    return np.stack([crops.mean((1, 2)), crops.std((1, 2))], axis=1).astype(np.float32)


def _amplitudes(crops: Crops) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Amplitudes (n, y, x), of white noise 1 in the rms, and how many periods across the crop each bin is."""
    height, width = crops.shape[1:]
    taper = np.outer(*(np.hanning(side + 2)[1:-1] for side in (height, width))).astype(np.float32)
    waves = crops - crops.mean((1, 2), keepdims=True)
    spread = np.maximum(waves.std((1, 2), keepdims=True), 1e-6)
    amplitude = np.abs(rfft2(waves / spread * (taper / np.sqrt(np.square(taper).sum()))))
    radius = np.hypot(np.fft.fftfreq(height, 1 / height)[:, None], np.arange(width // 2 + 1))
    return amplitude, radius
