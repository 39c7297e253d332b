"""Distances of the lattice planes that fringes of a crystal show."""

from functools import lru_cache

import numpy as np

from passband.specimen.crystal import Crystal, FloatArray, unit_cell

STRONG = 0.05  # of the strongest reflection's intensity; weaker ones are forbidden, or hardly seen
MERGED = 1e-3  # relative difference, below which two distances are one


@lru_cache(maxsize=64)
def plane_spacings(material: Crystal, shortest: float) -> tuple[float, ...]:
    """Distances d in Å, down to the shortest, of planes with a strong reflection; the largest first.

    The structure factor is that of point atoms, weighed by their atomic numbers: it says which reflections a lattice
    forbids, not how strong a micrograph shows the others.

    Examples
    --------
    >>> from passband.specimen.materials import crystal
    >>> [round(d, 3) for d in plane_spacings(crystal("Au"), 1.4)]
    [2.355, 2.039, 1.442]
    """
    cell = unit_cell(material)
    highest = np.floor(cell.cell.lengths() / shortest).astype(int) + 1
    grids = np.meshgrid(*[np.arange(-n, n + 1) for n in highest], indexing="ij")
    planes = np.stack([grid.ravel() for grid in grids], axis=1)
    planes = planes[planes.any(axis=1)]
    spacing: FloatArray = 1.0 / np.linalg.norm(planes @ cell.cell.reciprocal().array, axis=1)
    planes, spacing = planes[spacing >= shortest], spacing[spacing >= shortest]
    phases = np.exp(2j * np.pi * planes @ cell.get_scaled_positions().T)
    intensity = np.abs(phases @ cell.numbers) ** 2
    seen = np.sort(spacing[intensity > STRONG * intensity.max(initial=0.0)])[::-1]
    kept = np.ones(len(seen), dtype=bool)
    kept[1:] = seen[1:] < seen[:-1] * (1.0 - MERGED)
    return tuple(float(d) for d in seen[kept])
