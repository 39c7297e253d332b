"""Where to start a fit of Thon rings: every defocus and astigmatism at once, by a Fourier transform over q².

Along a line of azimuth φ the rings of a film are periodic in q², with a frequency λ·D(φ) that is the focus in that
direction, D = C10 + C12 cos 2(φ − φ12). One transform over q² in each sector therefore gives the correlation with every
D, and summing it along a curve D(φ) gives that of a whole elliptical pattern: the score for which CTFFIND compares the
spectrum with one pattern after the other (Rohou & Grigorieff, J. Struct. Biol. 192 (2015) 216).
"""

from math import pi
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import ifft

from passband.microscope.power_spectrum import Cells, FloatArray

SECTORS = 36  # to the half turn
DIRECTIONS = 12  # of astigmatism, to the half turn
LEVELS = 512  # of q²
PADDED = 4096  # a power of two
FOCUS_STEP = 0.2  # of the change of focus that moves the outermost rings by one period


class Candidate(NamedTuple):
    """A start of the refinement: C10 and the parts of C12 in Å, and how many standard deviations it stands out."""

    c10: float
    c12_cos: float
    c12_sin: float
    score: float


class SearchPlane(NamedTuple):
    """Cells as every search of them needs them.

    `place` is that of each cell in the flat array (SECTORS, LEVELS), (n,), `order` that by q², `ordered` q² in it;
    `highest` is the end of the levels in Å⁻².
    """

    cells: Cells
    wavelength: float
    place: NDArray[np.int64]
    order: NDArray[np.int64]
    ordered: FloatArray
    highest: float


def search_plane(cells: Cells, wavelength: float) -> SearchPlane:
    """Sort cells into the sectors of azimuth and the levels of q² that rings are searched in."""
    highest = float(cells.squared.max()) * (1.0 + 1e-9)
    level = np.floor(cells.squared / highest * LEVELS).astype(np.int64)
    sector = np.minimum(np.floor(cells.azimuth / pi * SECTORS), SECTORS - 1).astype(np.int64)
    order = np.argsort(cells.squared)
    return SearchPlane(cells, wavelength, sector * LEVELS + level, order, cells.squared[order], highest)


class Residual(NamedTuple):
    """What is left of the power in each cell, (n,): its excess over a smooth spectrum, and how much rings may give.

    `excess` is P̂/P − 1; `contrast` the amplitude of the rings that the film is expected to have, relative to P;
    `known_phase` is the part of χ that is not searched, rad.
    """

    excess: FloatArray
    contrast: FloatArray
    known_phase: FloatArray


class FocusSpectra(NamedTuple):
    """Correlation of a residual with rings of each focus in each sector.

    `values` (SECTORS, PADDED) are in standard deviations of noise; `step` is the change of focus from one column to the
    next, Å, and `period` that which moves the rings by one, see `focus_period`.
    """

    values: FloatArray
    step: float
    period: float


def focus_spectra(plane: SearchPlane, residual: Residual) -> FocusSpectra:
    """Transform what is left of the power over q² in each sector."""
    weight, size = plane.cells.weight, SECTORS * LEVELS
    amplitude, phase = -weight * residual.excess * residual.contrast, 2.0 * residual.known_phase
    binned = np.empty((SECTORS, LEVELS), dtype=np.complex128)
    binned.real = np.bincount(plane.place, amplitude * np.cos(phase), size).reshape(SECTORS, LEVELS)
    binned.imag = np.bincount(plane.place, amplitude * np.sin(phase), size).reshape(SECTORS, LEVELS)
    spectra = np.asarray(ifft(binned, PADDED, axis=1, norm="forward"))
    step = LEVELS / (plane.wavelength * plane.highest * PADDED)
    focus = np.fft.fftfreq(PADDED, 1.0 / PADDED) * step
    middle = pi * plane.wavelength * focus * plane.highest / LEVELS  # levels are taken at their middle
    noise = max(float(np.sqrt(0.5 * (weight * residual.contrast**2).sum())), 1e-300)
    real = spectra.real * (np.cos(middle) / noise)
    real -= spectra.imag * (np.sin(middle) / noise)
    return FocusSpectra(real, step, focus_period(plane, residual.contrast))


def search_rings(spectra: FocusSpectra, *, c10: tuple[float, float], largest_c12: float, keep: int) -> list[Candidate]:
    """Return the `keep` best patterns of rings with C10 in a range and C12 up to a largest value, all in Å.

    They differ by more than one ring from each other.
    """
    values, step, period = spectra
    azimuths = (np.arange(SECTORS) + 0.5) * (pi / SECTORS)
    rounds = np.arange(c10[0], c10[1] + FOCUS_STEP * period, FOCUS_STEP * period)
    first = np.arange(SECTORS)[:, None] * PADDED  # of each sector, in the flat array
    scores, places = [], []
    for amount in np.arange(0.0, largest_c12 + period * FOCUS_STEP, 2.0 * FOCUS_STEP * period):
        directions = np.arange(DIRECTIONS if amount else 1)[:, None] * (pi / DIRECTIONS)
        elliptical = amount * np.cos(2.0 * (azimuths - directions))
        focus = elliptical[:, :, None] + rounds  # (directions, SECTORS, rounds)
        column = np.rint(focus / step).astype(np.int64) & (PADDED - 1)
        scores.append(values.take(first + column).sum(axis=1).ravel())
        parts = (rounds, amount * np.cos(2.0 * directions), amount * np.sin(2.0 * directions))
        places.append(np.stack(np.broadcast_arrays(*parts)).reshape(3, -1))
    return _peaks(np.concatenate(scores), np.concatenate(places, axis=1), keep, 1.5 * period)


def focus_period(plane: SearchPlane, contrast: FloatArray) -> float:
    """Change of focus in Å that moves the rings by one where 90 % of what they tell has been passed."""
    told = np.cumsum((plane.cells.weight * contrast**2)[plane.order])
    outermost = plane.ordered[min(int(np.searchsorted(told, 0.9 * told[-1])), len(told) - 1)]
    return float(1.0 / (plane.wavelength * outermost))


def _peaks(scores: FloatArray, places: FloatArray, keep: int, apart: float) -> list[Candidate]:
    """Best places (3, n), each more than `apart` Å from the better ones."""
    left = np.ones(len(scores), dtype=bool)
    chosen: list[Candidate] = []
    while len(chosen) < keep and left.any():
        best = int(np.argmax(np.where(left, scores, -np.inf)))
        chosen.append(Candidate(*(float(value) for value in (*places[:, best], scores[best]))))
        left &= np.sqrt(np.square(places - places[:, best : best + 1]).sum(axis=0)) > apart
    return chosen
