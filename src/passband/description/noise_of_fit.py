"""Variance of the pixels of a fitted image, from its residuals."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter

Array = NDArray[np.float64]
NoiseModel = Literal["estimated", "gaussian", "poisson"]
_BINS = 24
_GAUSSIAN = 0.4549364  # median of the square of a standard normal deviate
_LEAST = 0.05  # of the usual variance: so much less no pixel has
_PER_BIN = 50
_ENOUGH = 60_000  # blocks to estimate from; more are thinned out evenly
_CLIPPED, _CLIPPED_MEAN = 2.0, 0.9205  # Huber's: E min(z², 2²) of a standard normal deviate z
_STEPS, _SETTLED = 20, 1e-3  # of its iteration, and the relative change after which it has come to rest


def estimate_variance(
    model: Array, residual: Array, seen: NDArray[np.bool_], refined: tuple[NoiseModel, int], floor: float
) -> Array:
    """Return the variance of each pixel (y, x), for a fit of some noise; at least `floor`.

    Squared means over blocks of pixels, times their number, are robustly averaged by Huber's second proposal. Blocks,
    for where an electron comes in few pixels, these are far from normal: the median of squares is a fifth of the
    variance at 0.2 electrons a pixel. Robustly, so that what the model does not hold, such as a column too few, counts
    little.

    Parameters
    ----------
    model, residual, seen
        (y, x); what was not seen is left out.
    refined
        What is known of the noise, and the side of a block in pixels, about σ of a column.
    floor
        Of the variance.
    """
    noise, side = refined
    if noise == "poisson":
        positive = model[seen & (model > 0)]
        least = _LEAST * float(np.median(positive)) if positive.size else 1.0
        return np.maximum(model, max(least, floor))
    value, square = _blocks(model, residual, seen, side)
    thin = slice(None, None, max(1, square.size // _ENOUGH))
    value, square = value[thin], square[thin]
    level = float(_clipped_mean(square)) if square.size else 0.0
    if noise == "gaussian" or level <= floor or square.size < 2 * _PER_BIN:
        return np.full(model.shape, max(level, floor))
    offset, slope = _line(value, square)
    return np.maximum(offset + slope * model, max(_LEAST * level, floor))


def _blocks(model: Array, residual: Array, seen: NDArray[np.bool_], side: int) -> tuple[Array, Array]:
    """Mean of the model, and squared sum of the residual over the number of pixels, of blocks half of which is seen."""
    images = (seen.astype(np.float64), np.where(seen, model, 0.0), np.where(seen, residual, 0.0))
    parts = [_block_sums(image, side) for image in images]
    full = parts[0] >= 0.5 * side * side
    count, value, total = (part[full] for part in parts)
    return value / count, total**2 / count


def _block_sums(image: Array, side: int) -> Array:
    """Return sums over blocks of an image (y, x), without the rest at its lower and right edges."""
    rows, columns = (length // side for length in image.shape)
    down = image[: rows * side, : columns * side].reshape(rows, side, columns * side).sum(axis=1)
    return np.asarray(down.reshape(rows, columns, side).sum(axis=2))


def _clipped_mean(square: Array) -> Array:
    """Variance of normal deviates of which these are the squares (..., n), by Huber's second proposal."""
    level = np.median(square, axis=-1) / _GAUSSIAN
    level = np.where(level > 0.0, level, square.mean(axis=-1))
    for _ in range(_STEPS):
        share = np.minimum(square, _CLIPPED**2 * level[..., None]).mean(axis=-1) / _CLIPPED_MEAN
        settled = np.abs(share - level) <= _SETTLED * level
        level = share
        if settled.all():
            break
    return np.asarray(level)


def _line(value: Array, square: Array) -> tuple[float, float]:
    """Offset and slope of the variance over the model's value; a slope below 0 is none."""
    count = max(1, min(_BINS, value.size // _PER_BIN))
    order = np.argsort(value)[: value.size // count * count].reshape(count, -1)  # but for the few brightest
    middle, level = np.median(value[order], axis=1), _clipped_mean(square[order])
    weight = 1.0 / np.maximum(level, 1e-3 * level.max())
    if len(middle) < 3 or np.ptp(middle) <= 0.0:
        return float(np.median(level)), 0.0
    slope, offset = np.polyfit(middle, level, 1, w=weight)
    return (float(offset), float(slope)) if slope > 0 else (float(np.median(level)), 0.0)


def matched(residual: Array, variance: Array, sigma: tuple[float, float]) -> tuple[Array, Array]:
    """Height of a column of width `sigma` (y, x) that the residual asks for at every pixel, and its standard error.

    Both by weighted least squares, of noise that is white: Σ g r/v over Σ g²/v.
    """
    weight = np.where(np.isfinite(variance), 1.0 / variance, 0.0)
    area = 2.0 * np.pi * sigma[0] * sigma[1]
    asked = area * gaussian_filter(residual * weight, sigma, mode="constant")
    known = 0.5 * area * gaussian_filter(weight, np.asarray(sigma) / np.sqrt(2.0), mode="constant")
    known = np.maximum(known, 1e-9 * known.max(initial=1e-300))
    return asked / known, 1.0 / np.sqrt(known)


def score_spread(residual: Array, variance: Array, sigma: tuple[float, float]) -> float:
    """Spread of the heights that a residual asks for, in units of their errors in white noise; at least 1.

    From the median absolute deviation, which columns that are missing do not move as they do `inflation`.
    """
    height, error = matched(residual, variance, sigma)
    score = (height / error)[np.isfinite(variance)]
    return max(1.0, float(np.median(np.abs(score))) / np.sqrt(_GAUSSIAN)) if score.size else 1.0


def inflation(residual: Array, variance: Array, sigma: tuple[float, float]) -> Array:
    """By how much errors of x, y, height and ln σ (4,) are larger than those of white noise; at least 1.

    The square is the sum over lags of the autocorrelation of the residual, normalised, times that of the derivative
    by the parameter: exp(−l²/4σ²) for the height, with a factor 1 − l²/2σ² along x for x.
    """
    seen = np.isfinite(variance)
    shape = [fft.next_fast_len(2 * side) for side in residual.shape]
    power = [np.abs(fft.rfft2(part, shape)) ** 2 for part in (np.where(seen, residual / np.sqrt(variance), 0.0), seen)]
    total, count = (fft.irfft2(one, shape) for one in power)
    reach = [min(int(3.0 * width) + 1, side - 1) for width, side in zip(sigma, residual.shape, strict=True)]
    y, x = (np.arange(-half, half + 1) for half in reach)
    near = total[np.ix_(y, x)] / np.maximum(count[np.ix_(y, x)], 1.0)
    square_y, square_x = (y[:, None] / sigma[0]) ** 2, (x[None, :] / sigma[1]) ** 2
    weighted = near / max(near[reach[0], reach[1]], 1e-300) * np.exp(-0.25 * (square_y + square_x))
    sums = [np.sum(weighted * (1.0 - 0.5 * square)) for square in (square_x, square_y)] + [np.sum(weighted)] * 2
    return np.sqrt(np.maximum(1.0, sums))
