"""Estimates of the scan from one image: how far rows are out of line, and how far noise lasts along them.

A row that is shifted by δ pixels against its neighbours differs from what they say of it by δ·∂I/∂x. With

    d[y] = I[y] − (4(I[y − 1] + I[y + 1]) − (I[y − 2] + I[y + 2]))/6,

which leaves nothing of a cubic in y, and the derivatives g along the row and g⁻ and g⁺ above and below, it is
δ = Σ d·½(g⁻ + g⁺) / Σ g·½(g⁻ + g⁺). On average noise adds nothing to these sums: that of different rows is
independent, and a derivative is not correlated with the value at its place. The variance of δ is the product of what
two halves of the row say of it, whose noise is independent too. What is left of d without δ is noise, which tells its
correlation.

Shifts of the rows around count in d by how alike their derivatives are. With a correlation of q^(k²) at k rows, as of
Gaussian columns, and t = Σ g⁻·g⁺ / Σ g·½(g⁻ + g⁺) = q³, the variance of δ is that of independent shifts times
1 + 2·(4/6)²·(½(1 + q⁴)/q)² + 2·(1/6)²·(½(q + q⁹)/q)².
"""

from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passband.camera.noise import middle
from passband.patches.standardising import check_image
from passband.recipe import PassbandError

FloatArray = NDArray[np.float64]
BLOCK = 16  # pixels of a row that belong to one half of it, in turns
LARGEST = 1024  # pixels along each side that are looked at
SMALLEST = 64
WEIGHTS = np.array([1.0, -4.0, 6.0, -4.0, 1.0]) / 6.0  # of five rows in d
_OVERLAP = np.correlate(WEIGHTS, WEIGHTS, "full")[len(WEIGHTS) - 1 :]  # of d at rows that are 0 to 4 apart
#: Variance of δ over that of the shifts, where those of the rows are independent and their derivatives alike.
INDEPENDENT = float(_OVERLAP[0])
#: Standard error of a mean over rows in units of that of independent rows: products of δ are correlated by ρ².
_DEPENDENT = sqrt(1.0 + 2.0 * float(np.sum(np.square(_OVERLAP[1:] / _OVERLAP[0]))))
SURE = 2.0  # standard errors
_STEEP = 0.2  # of the median of Σ g⁻·g⁺ over the rows: those of less say nothing of their own shift
_LEAST_ALIKE = 0.3  # of t: of less alike rows this is taken
_FARTHEST = 3.0  # pixels, up to which the shift of one row is believed


@dataclass(frozen=True)
class ScanEstimate:
    """What one image says of its scan.

    Bias and spread of each over scans of known truth: `benchmarks/bench_scanner.py`.

    Attributes
    ----------
    jitter
        Shift of each row along itself that its neighbours do not share, rms in pixels; None where the image does not
        tell it from 0. It is the rms of the jitter where the rows are independent; of a jitter whose autocorrelation
        falls to 1/e over 2 rows it is half, and slow shifts are not seen.
    jitter_limit
        What it is below, at two standard errors, pixels; None where nothing in the image is steep enough.
    along, across
        Autocorrelation of the noise from one pixel to the next, along the rows and across them.
    """

    jitter: float | None
    jitter_limit: float | None
    along: float
    across: float


def estimate_scan(image: ArrayLike) -> ScanEstimate:
    """Estimate the scan of one image (y, x) whose rows were scanned along x, of any pixel size and in any unit.

    The middle of a large image is looked at, 1024 pixels a side. Fine detail of the specimen counts as jitter and as
    noise: atomic columns should have a standard deviation of 2 pixels or more.

    Raises
    ------
    PassbandError
        The image is not (y, x), is smaller than 64 × 64 or of one level, or some values are NaN, infinite or beyond
        ±1e15.
    """
    pixels = middle(check_image(image), LARGEST).astype(np.float64)
    low, high = float(pixels.min(initial=np.inf)), float(pixels.max(initial=-np.inf))
    if min(pixels.shape) < SMALLEST or not low < high:
        size = f"{pixels.shape[0]} × {pixels.shape[1]} from {low:g} to {high:g}"
        raise PassbandError(f"an image of {size} tells nothing of its scan; give {SMALLEST} × {SMALLEST} with contrast")
    grey = (pixels - low) / (high - low)
    rows, columns = _compared(grey), _compared(grey.T)
    variance, error = _shift_variance(rows)
    sure = variance > SURE * error
    share = float(_independent(rows.around.sum(), rows.steepness.sum()))
    limit = sqrt((max(variance, 0.0) + SURE * error) / share) if np.isfinite(error) else None
    return ScanEstimate(
        jitter=sqrt(variance / share) if sure else None,
        jitter_limit=limit,
        along=_correlation(rows),
        across=_correlation(columns),
    )


def shift_products(image: FloatArray) -> FloatArray:
    """Say of each row of an image (y, x) what it tells of the jitter, (rows, 4), for `jitter_variance` of sums."""
    rows = _compared((image - image.mean()) / image.std())
    sums = (rows.moved.prod(axis=1), rows.steepness.prod(axis=1), rows.around, rows.steepness.sum(axis=1))
    return np.stack(sums, axis=1)


def jitter_variance(sums: FloatArray) -> FloatArray:
    """Variance of the shifts that rows do not share, pixels², of sums (..., 4) of `shift_products`."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1] / _independent(sums[..., 2], sums[..., 3]))


def _independent(around: ArrayLike, steepness: ArrayLike) -> FloatArray:
    """Variance of δ over that of independent shifts, from Σ g⁻·g⁺ and Σ g·½(g⁻ + g⁺)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.nan_to_num(np.divide(around, steepness), nan=1.0)
    q = np.clip(t, _LEAST_ALIKE, 1.0) ** (1.0 / 3.0)
    next_to, beyond = 0.5 * (1.0 + q**4) / q, 0.5 * (1.0 + q**8)
    return np.asarray(1.0 + 2.0 * np.square(WEIGHTS[1] * next_to) + 2.0 * np.square(WEIGHTS[0] * beyond))


class _Compared(NamedTuple):
    """Rows against their neighbours.

    d and ½(g⁻ + g⁺), (rows, columns); both sums over both halves, (rows, 2); and Σ g⁻·g⁺, (rows,).
    """

    difference: FloatArray
    derivative: FloatArray
    moved: FloatArray
    steepness: FloatArray
    around: FloatArray


def _compared(image: FloatArray) -> _Compared:
    neighbours = 4.0 * (image[1:-3] + image[3:-1]) - (image[:-4] + image[4:])
    difference = (image[2:-2] - neighbours / 6.0)[:, 2:-2]
    slope = (8.0 * (image[:, 3:-1] - image[:, 1:-3]) - (image[:, 4:] - image[:, :-4])) / 12.0
    above, below = slope[1:-3], slope[3:-1]
    derivative = 0.5 * (above + below)
    moved, steepness = (_halves(one * derivative) for one in (difference, slope[2:-2]))
    return _Compared(difference, derivative, moved, steepness, _halves(above * below).sum(axis=1))


def _halves(values: FloatArray) -> FloatArray:
    """Add up the blocks of each row in turns, (rows, 2)."""
    whole = values.shape[1] // (2 * BLOCK) * 2 * BLOCK
    return np.asarray(values[:, :whole].reshape(len(values), -1, 2, BLOCK).sum(axis=(1, 3)))


def _shift_variance(rows: _Compared) -> tuple[float, float]:
    """Variance of δ and its standard error, pixels²; infinite where nothing is steep."""
    product, scale = rows.moved.prod(axis=1), rows.steepness.prod(axis=1)
    if not scale.sum() > SURE * sqrt(float(np.square(scale - scale.mean()).sum())):
        return 0.0, np.inf
    variance = float(product.sum() / scale.sum())
    error = sqrt(float(np.square(product - variance * scale).sum())) / float(scale.sum())
    return variance, _DEPENDENT * error


def _correlation(rows: _Compared) -> float:
    """Autocorrelation at one pixel of what the shifts of the rows do not explain."""
    steepness = rows.steepness.sum(axis=1)
    steep = steepness > _STEEP * float(np.median(np.abs(steepness)))
    shift = np.where(steep, rows.moved.sum(axis=1) / np.where(steep, steepness, 1.0), 0.0)
    noise = rows.difference - np.clip(shift, -_FARTHEST, _FARTHEST)[:, None] * rows.derivative
    power = float(np.mean(np.square(noise)))
    return float(np.mean(noise[:, 1:] * noise[:, :-1])) / power if power > 0.0 else 0.0
