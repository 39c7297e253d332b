"""Points of a triangular lattice: centres of the rings of graphene, metal columns of dichalcogenides."""

import numpy as np

from passband.specimen.crystal import FloatArray


def commensurate(field: float, spacing: float) -> FloatArray:
    """Sides (2,) in Å, nearest to `field`, of a rectangle that the lattice repeats in: rows of points along x."""
    steps = spacing * np.array([1.0, np.sqrt(3.0)])
    sides: FloatArray = np.maximum(1.0, np.round(field / steps)) * steps
    return sides


def periodic_points(cell: FloatArray, spacing: float) -> FloatArray:
    """Points (n, 2) in a cell of `commensurate`; Å."""
    counts = np.round(cell / (spacing * np.array([1.0, np.sqrt(3.0)]))).astype(int)
    corner = np.stack(np.meshgrid(*[np.arange(n) for n in counts], indexing="ij"), axis=-1).reshape(-1, 2)
    points: FloatArray = np.concatenate([corner, corner + 0.5]) / counts * cell
    return points


def turned(vectors: FloatArray, angle: float) -> FloatArray:
    """Vectors (…, 2) turned counter-clockwise by an angle in rad."""
    cos, sin = np.cos(angle), np.sin(angle)
    found: FloatArray = vectors @ np.array([[cos, sin], [-sin, cos]])
    return found


def points_within(radius: float, spacing: float, angle: float) -> FloatArray:
    """Points (n, 2) within a radius in Å of one of them, rows of points turned by an angle in rad from x."""
    most = int(np.ceil(radius / (spacing * np.sqrt(0.75)))) + 1
    i, j = np.meshgrid(np.arange(-2 * most, 2 * most + 1), np.arange(-most, most + 1))
    points = spacing * np.stack([i + j / 2.0, j * np.sqrt(0.75)], axis=-1).reshape(-1, 2)
    return turned(points[(points**2).sum(axis=1) <= radius**2], angle)
