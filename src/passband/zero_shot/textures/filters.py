"""Textures as classical vision describes them: local binary patterns, co-occurring grey levels, Gabor filters.

All by scikit-image; their lengths follow the side of the crops, which follows the lattice.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, rfft2
from skimage.feature import graycomatrix, graycoprops, local_binary_pattern
from skimage.filters import gabor_kernel

Crops = NDArray[np.float32]
Features = NDArray[np.float32]

RADII = (1 / 40, 1 / 20, 1 / 10)  # of the side of a crop
NEIGHBOURS = 8
LEVELS = 16  # grey levels between −2 and 2 standard deviations of a crop
PROPERTIES = ("contrast", "dissimilarity", "homogeneity", "energy", "correlation")
PERIODS = (2.5, 5.0, 7.5, 10.0)  # across a crop
ANGLES = 6


def binary_patterns(crops: Crops) -> Features:
    """Frequencies (n, patterns) of uniform local binary patterns at three radii (Ojala et al. 2002)."""
    levels = _levels(crops, 256)
    rows = []
    for crop in levels:
        histograms = []
        for radius in _lengths(crops):
            patterns = local_binary_pattern(  # type: ignore[no-untyped-call]
                crop, NEIGHBOURS, radius, method="uniform"
            )
            counts = np.bincount(patterns.astype(np.int64).ravel(), minlength=NEIGHBOURS + 2)
            histograms.append(counts / patterns.size)
        rows.append(np.concatenate(histograms))
    return np.array(rows, dtype=np.float32).reshape(len(crops), -1)


def haralick(crops: Crops) -> Features:
    """Properties (n, properties · distances · 2) of grey-level co-occurrence (Haralick et al. 1973).

    Mean and spread of each over four directions.
    """
    rows = []
    for crop in _levels(crops, LEVELS):
        pairs = graycomatrix(  # type: ignore[no-untyped-call]
            crop, _lengths(crops), [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4], levels=LEVELS, symmetric=True, normed=True
        )
        values = [graycoprops(pairs, name) / _SCALES[name] for name in PROPERTIES]  # type: ignore[no-untyped-call]
        rows.append(np.concatenate([part for one in values for part in (one.mean(1), one.std(1))]))
    return np.array(rows, dtype=np.float32).reshape(len(crops), -1)


_SCALES = {"contrast": LEVELS, "dissimilarity": LEVELS / 4, "homogeneity": 1.0, "energy": 1.0, "correlation": 1.0}


def gabor(crops: Crops) -> Features:
    """Logarithms (n, frequencies · angles) of the energy behind Gabor filters of contrast-normalised crops."""
    height, width = crops.shape[1:]
    spectra = rfft2(_normalised(crops))
    energies = []
    for periods in PERIODS:
        for angle in np.arange(ANGLES) * np.pi / ANGLES:
            kernel = gabor_kernel(periods / min(height, width), theta=angle)  # type: ignore[no-untyped-call]
            parts = [irfft2(spectra * rfft2(part, (height, width)), (height, width)) for part in _parts(kernel, crops)]
            energies.append(np.log(sum(np.square(part).mean((1, 2)) for part in parts) + 1e-4))
    features: Features = (np.stack(energies, axis=1) / np.sqrt(len(energies))).astype(np.float32)
    return features


def _parts(kernel: NDArray[np.complex128], crops: Crops) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Real and imaginary part of a kernel, no larger than a crop."""
    cut = tuple(
        slice(max(0, (size - side) // 2), max(0, (size - side) // 2) + side)
        for size, side in zip(kernel.shape, crops.shape[1:], strict=True)
    )
    return kernel.real[cut], kernel.imag[cut]


def _lengths(crops: Crops) -> list[int]:
    return [max(1, round(fraction * min(crops.shape[1:]))) for fraction in RADII]


def _normalised(crops: Crops) -> Crops:
    waves = crops - crops.mean((1, 2), keepdims=True)
    normal: Crops = (waves / np.maximum(waves.std((1, 2), keepdims=True), 1e-6)).astype(np.float32)
    return normal


def _levels(crops: Crops, count: int) -> NDArray[np.uint8]:
    levels: NDArray[np.uint8] = np.clip((_normalised(crops) + 2.0) * (count / 4.0), 0, count - 1).astype(np.uint8)
    return levels
