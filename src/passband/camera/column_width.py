"""How wide the columns of a scanned lattice are, from the fall-off of its spots with frequency.

The coefficient of the spot G is Σ_j w_j exp(−2πi G·r_j) · T(|G|) · exp(−2π²s²|G|²) · exp(−2π²δ²G_x²): columns of
weights w_j at r_j in the cell, the transfer T of the ideal probe, a Gaussian of standard deviation s that holds all the
rest, and the jitter δ of rows. Columns are seen in the cell that the spots make; weights, places and s² are fitted.
"""

from math import pi

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter
from scipy.optimize import least_squares

from passband.camera.lattice_spots import ComplexArray, LatticeSpots
from passband.electron import wavelength

FloatArray = NDArray[np.float64]
GRID = 48  # points along each side of the cell
VISIBLE = 0.15  # of the range of the cell: the least height of a column above the darkest place
MOST_COLUMNS = 8
CLEAR = 3.0  # times the noise: spots that the cell is made of
FEWEST = 2  # more spots, real and imaginary parts, than what is fitted


def probe_transfer(q: FloatArray, *, energy: float, semi_angle: float) -> FloatArray:
    """Transfer (n,) of an aberration-free incoherent probe at frequencies in Å⁻¹: the overlap of two apertures."""
    part = np.clip(q * wavelength(energy) / (2.0 * semi_angle), 0.0, 1.0)
    return np.asarray(2.0 / pi * (np.arccos(part) - part * np.sqrt(1.0 - part**2)))


def column_variance(spots: LatticeSpots, transfer: FloatArray) -> float | None:
    """Variance s² in pixels² of the Gaussian that columns are beyond a transfer (n,) of the spots; None if not told."""
    columns = _columns(spots)
    values = 2 * len(columns) + 1
    if not 0 < len(columns) <= MOST_COLUMNS or 2 * len(spots.amplitude) < values + len(columns) + FEWEST:
        return None
    q_squared = np.sum(np.square(spots.frequency), axis=1)
    found = least_squares(
        _residual,
        np.concatenate([columns.ravel(), [1.0]]),
        args=(spots, transfer, q_squared),
        x_scale=np.concatenate([np.full(2 * len(columns), 0.05), [1.0]]),
    )
    variance = float(found.x[-1])
    return variance if found.success and np.isfinite(variance) else None


def _columns(spots: LatticeSpots) -> FloatArray:
    """Fractional places (n, 2) of the maxima of the mean cell."""
    clear = np.abs(spots.amplitude) > CLEAR * spots.noise
    grid = np.arange(GRID) / GRID
    waves = [np.exp(2j * pi * np.outer(grid, spots.indices[clear][:, axis])) for axis in (0, 1)]
    cell = ((waves[0] * spots.amplitude[clear]) @ waves[1].T).real
    height = cell - cell.min()
    peaks = (cell >= maximum_filter(cell, 5, mode="wrap")) & (height > VISIBLE * height.max()) & (height > 0.0)
    return np.argwhere(peaks) / GRID


def _residual(values: FloatArray, spots: LatticeSpots, transfer: FloatArray, q_squared: FloatArray) -> FloatArray:
    """Return what columns of the best weights leave of the spots, in units of their noise, (2n,)."""
    places, variance = values[:-1].reshape(-1, 2), values[-1]
    passed = transfer * np.exp(-2.0 * pi**2 * max(variance, -2.0) * q_squared) / spots.noise
    waves: ComplexArray = np.exp(-2j * pi * (spots.indices @ places.T)) * passed[:, None]
    design = np.concatenate([waves.real, waves.imag])
    seen = spots.amplitude / spots.noise
    target = np.concatenate([seen.real, seen.imag])
    weights = np.linalg.lstsq(design, target, rcond=None)[0]
    return np.asarray(design @ weights - target)
