"""Patches of objects whose orientation and place are known."""

import numpy as np
from numpy.typing import NDArray

from passband.latent.coordinates import pixel_grid

Array = NDArray[np.float64]


def lone_object(x: Array, y: Array) -> Array:
    """An elongated blob with a smaller one beside it: no symmetry."""
    return np.exp(-(x**2) / 0.02 - y**2 / 0.3) + np.exp(-((x - 0.4) ** 2 + (y - 0.3) ** 2) / 0.03)


def three_fold(x: Array, y: Array) -> Array:
    """An atom of graphene with its three neighbours."""
    found = np.exp(-(x**2 + y**2) / 0.02)
    for angle in 2.0 * np.pi / 3.0 * np.arange(3):
        found += np.exp(-((x - 0.55 * np.cos(angle)) ** 2 + (y - 0.55 * np.sin(angle)) ** 2) / 0.02)
    return found


def patches_of(shown, angle: Array, shift: Array | None = None, *, side: int = 24, noise: float = 0.05, seed: int = 0):
    """(n, side, side): an object turned by `angle`, x towards y, and moved by `shift` (n, 2) x, y in half windows."""
    x, y = pixel_grid((side, side)).double().numpy().T
    moved = np.zeros((len(angle), 2)) if shift is None else shift
    images = []
    for one, (right, down) in zip(angle, moved, strict=True):
        cosine, sine = np.cos(one), np.sin(one)
        images.append(shown(cosine * (x - right) + sine * (y - down), -sine * (x - right) + cosine * (y - down)))
    rng = np.random.default_rng(seed)
    return (np.array(images).reshape(-1, side, side) + noise * rng.standard_normal((len(angle), side, side))).astype(
        np.float32
    )


def angle_errors(found: Array, true: Array, *, symmetry: int = 1) -> Array:
    """Absolute errors in degrees; the angle of the object itself is free."""
    turn = np.exp(1j * symmetry * (found - true))
    return np.degrees(np.abs(np.angle(turn / np.mean(turn)))) / symmetry
