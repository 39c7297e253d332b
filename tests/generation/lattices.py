"""Drawn lattices, pristine and as a microscope might record them."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter


def lattice(side: int, *, angle: float = 0.2, spacing: float = 9.0, sigma: float = 1.6) -> NDArray[np.float64]:
    """Two kinds of columns, 1 and 0.6 high, on a triangular lattice; in pixels."""
    y, x = np.mgrid[:side, :side].astype(float)
    image = np.zeros((side, side))
    first = spacing * np.array([np.cos(angle), np.sin(angle)])
    second = spacing * np.array([np.cos(angle + np.pi / 3), np.sin(angle + np.pi / 3)])
    reach = round(2 * side / spacing)
    for i in range(-reach, reach + 1):
        for j in range(-reach, reach + 1):
            cx, cy = i * first + j * second + side / 2
            if -10 < cx < side + 10 and -10 < cy < side + 10:
                height = 1.0 if (i + j) % 2 else 0.6
                image += height * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * sigma**2))
    return image


def lattices(count: int, side: int, seed: int = 0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    return np.stack([lattice(side, angle=angle) for angle in rng.uniform(0.0, 1.0, count)])


def recorded(image: NDArray[np.float64], seed: int, dose: float = 20.0) -> NDArray[np.uint16]:
    """Blurred, on a background, with shot noise."""
    rng = np.random.default_rng(seed)
    return rng.poisson(dose * (gaussian_filter(image, 1.0) + 0.3)).astype(np.uint16)
