"""Drawn atomic images: Gaussian columns of known places on a known background."""

import numpy as np


def draw(shape, places, heights, sigma, *, background=0.0, gradient=(0.0, 0.0), aspect=1.0):
    """Image (y, x), point-sampled, of columns at `places` (n, 2) in x, y pixels; σ in pixels along x."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)
    image = background + gradient[0] * y + gradient[1] * x
    for (px, py), height, width in zip(
        places, *(np.broadcast_to(v, len(places)) for v in (heights, sigma)), strict=True
    ):
        image += height * np.exp(-((x - px) ** 2 + aspect**2 * (y - py) ** 2) / (2.0 * width**2))
    return image


def square(count, spacing, *, offset=0.7):
    """Places (count², 2) of a square lattice."""
    axis = (np.arange(count) + offset) * spacing
    x, y = np.meshgrid(axis, axis)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def nearest(places, truth):
    """For each true place the distance to the nearest found one, and its index."""
    distance = np.hypot(*(truth[:, None, :] - places[None, :, :]).transpose(2, 0, 1))
    return distance.min(axis=1), distance.argmin(axis=1)


def cramer_rao(shape, places, height, sigma, image):
    """Lower bound (n, 2) of the standard errors of x and y, of counted electrons: all columns and a plane unknown."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)
    rows = []
    for px, py in places:
        dx, dy = (x - px), (y - py)
        g = np.exp(-(dx**2 + dy**2) / (2.0 * sigma**2))
        rows += [height * g * dx / sigma**2, height * g * dy / sigma**2, g, height * g * (dx**2 + dy**2) / sigma**2]
    derivatives = np.array([*rows, np.ones(shape), x - x.mean(), y - y.mean()]).reshape(len(rows) + 3, -1)
    information = (derivatives / image.ravel()) @ derivatives.T
    scale = 1.0 / np.sqrt(np.diag(information))
    inverse = np.linalg.inv(information * scale[:, None] * scale) * scale[:, None] * scale
    return np.sqrt(np.diag(inverse))[: 4 * len(places)].reshape(-1, 4)[:, :2]
