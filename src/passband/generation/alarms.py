"""Alarms of a translation: columns that moved, and contrast that was inverted. A translation may do neither.

The score of an adversary forgives both, as a micrograph with its columns elsewhere is a micrograph: CycleGANs are known
to hide labels in noise, to shift lattices by parts of a pixel and to swap bright and dark. So each column of the
pristine input is looked for in the output: the patch q about it is fitted by a p − a d·∇p + b, where p is the patch of
the input, a the contrast that is left of it and d the displacement (Lucas & Kanade 1981, first order in d). The
contrast is that of all columns of an image together.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from scipy.ndimage import gaussian_filter, maximum_filter
from scipy.spatial import cKDTree

from passband.recipe import PassbandError, Recipe

Array = NDArray[np.float64]
HALF = 4  # pixels about a column that are fitted
SEARCH = 4  # whole pixels by which columns are looked for elsewhere, at most


class AlarmLimits(Recipe):
    """When a translation is said to have gone wrong, and what follows.

    Attributes
    ----------
    inverted
        Share of images with inverted contrast.
    moved
        Pixels: the mean displacement of columns, and the root mean square one, beyond noise.
    action
        "flag": told in the history and on the card; "stop": the training ends with an error, its last checkpoint kept.
    patience
        Validations in a row with an alarm after which a training is stopped; the first ones are of a generator that has
        not learnt much.
    """

    inverted: float = Field(default=0.1, ge=0.0, le=1.0)
    moved: float = Field(default=0.3, gt=0.0)
    action: Literal["flag", "stop"] = "flag"
    patience: int = Field(default=3, ge=1)


class Preservation(NamedTuple):
    """What is left of the columns of some images: see the module. NaN where there are no columns.

    `inverted` is the share of images with inverted contrast; `shift_px` the length of the mean displacement and
    `displacement_px` the root mean square one, each less two standard errors: what noise cannot explain.
    """

    inverted: float
    shift_px: float
    displacement_px: float
    columns: int

    def scores(self) -> dict[str, float]:
        """Return columns of a history."""
        return {
            "inverted": self.inverted,
            "column_shift_px": self.shift_px,
            "column_displacement_px": self.displacement_px,
        }

    def alarms(self, limits: AlarmLimits) -> list[str]:
        """Return what is wrong, a short line each."""
        found = []
        if self.inverted > limits.inverted:
            found.append(f"contrast is inverted in {self.inverted:.0%} of the images (limit {limits.inverted:.0%})")
        if self.shift_px > limits.moved:
            found.append(f"columns shift by {self.shift_px:.2f} px together (limit {limits.moved:g} px)")
        elif self.displacement_px > limits.moved:
            found.append(f"columns move by {self.displacement_px:.2f} px each (limit {limits.moved:g} px)")
        return found


class _Fitted(NamedTuple):
    """Of columns of an image: their contrast, displacements (n, 2) y and x, and variances (n,) of both axes."""

    contrast: float
    displacement: Array
    variance: Array


def bright_columns(image: ArrayLike, *, smoothing: float = 1.0) -> NDArray[np.int64]:
    """Return the local maxima (n, 2), y and x in pixels, of a pristine image: those above a quarter of its range.

    They lie at least 5 pixels from the borders and from one another.
    """
    smooth = gaussian_filter(np.asarray(image, dtype=np.float64), smoothing, mode="nearest")
    low, high = smooth.min(), smooth.max()
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        return np.zeros((0, 2), dtype=np.int64)
    peaks = (smooth == maximum_filter(smooth, size=2 * HALF + 1)) & (smooth > low + 0.25 * (high - low))
    found = np.argwhere(peaks)
    inside = ((found > HALF) & (found < np.asarray(smooth.shape) - HALF - 1)).all(axis=1)
    return found[inside].astype(np.int64)


def preservation(
    pristine: ArrayLike, translated: ArrayLike, positions: Sequence[NDArray[np.int64]] | None = None
) -> Preservation:
    """Compare columns before and after a translation.

    Parameters
    ----------
    pristine
        (n, y, x).
    translated
        (n, y, x), or (k, n, y, x): k translations of each image with other noise. What two of them have in common is a
        displacement, whatever the noise is like; of one alone, noise is subtracted as if it were white.
    positions
        Columns (m, 2) of each image, y and x in whole pixels; by default the local maxima of `pristine`.

    Raises
    ------
    PassbandError
        The shapes differ.
    """
    before, after = np.asarray(pristine, dtype=np.float64), np.asarray(translated, dtype=np.float64)
    after = after[None] if after.ndim == 3 else after
    if before.ndim != 3 or after.ndim != 4 or before.shape != after.shape[1:]:
        raise PassbandError(
            f"images {before.shape} and translations {after.shape} must be (n, y, x), and (k, n, y, x) of these sides"
        )
    places = positions if positions is not None else [bright_columns(image) for image in before]
    fits = [
        [_fitted(image, one, where) for one in several]
        for image, several, where in zip(before, np.moveaxis(after, 1, 0), places, strict=True)
        if len(where)
    ]
    if not fits:
        return Preservation(float("nan"), float("nan"), float("nan"), 0)
    moved = np.concatenate([np.stack([fit.displacement for fit in several]) for several in fits], axis=1)  # (k, m, 2)
    variance = np.concatenate([np.mean([fit.variance for fit in several], axis=0) for several in fits])  # (m,)
    shift, displacement = _least(moved, variance)
    inverted = float(np.mean([np.mean([fit.contrast for fit in several]) < 0.0 for several in fits]))
    return Preservation(inverted, shift, displacement, moved.shape[1])


def _least(moved: Array, variance: Array) -> tuple[float, float]:
    """Return the mean and the root mean square displacement (k, m, 2) of columns, each less two standard errors."""
    weight = 1.0 / np.maximum(variance, 1e-4)  # 0.01 pixels: no column counts for all others
    weight /= weight.sum()

    def error(values: Array) -> Array:
        return np.asarray(np.sqrt(np.square(weight[:, None] * (values - weight @ values)).sum(axis=0)))

    mean, count = moved.mean(axis=0), len(moved)
    squares = np.square(moved).sum(axis=2)  # (k, m)
    if count > 1:  # what two translations have in common
        power = (np.square(count * mean).sum(axis=1) - squares.sum(axis=0)) / (count * (count - 1))
    else:
        power = squares[0] - variance
    shift = float(np.hypot(*(weight @ mean)) - 2.0 * np.hypot(*error(mean)))
    least = float(weight @ power - 2.0 * error(power[:, None])[0])
    return max(shift, 0.0), max(least, 0.0) ** 0.5


def _fitted(before: Array, after: Array, places: NDArray[np.int64]) -> _Fitted:
    """Fit the patches about the columns of one image."""
    whole = _whole_shift(before, after, places)
    rolled = np.roll(after, tuple(-whole), axis=(0, 1))
    down, across = np.gradient(before)
    parts = np.stack([_patches(np.asarray(one), places) for one in (before, down, across)], axis=-1)  # (n, pixels, 3)
    seen = _patches(rolled, places)  # (n, pixels)
    moments = np.einsum("npi,npj->nij", parts, parts)
    ridge = 1e-9 * np.trace(moments.sum(0)) * np.eye(3)
    products = np.einsum("npi,np->ni", parts, seen)
    contrast = float(np.linalg.solve(moments.sum(0) + ridge, products.sum(0))[0])
    inverse = np.linalg.inv(moments + ridge)
    coefficients = np.einsum("nij,nj->ni", inverse, products)
    rest = seen - np.einsum("npi,ni->np", parts, coefficients)
    power = np.square(rest).sum(axis=1) / (parts.shape[1] - 4)
    scale = contrast if abs(contrast) > 1e-12 else 1e-12
    variance = power * (inverse[:, 1, 1] + inverse[:, 2, 2]) / scale**2
    return _Fitted(contrast, whole - coefficients[:, 1:] / scale, variance)


def _patches(image: Array, places: NDArray[np.int64]) -> Array:
    """Return the patches (n, pixels) about places, each less its mean."""
    steps = np.arange(-HALF, HALF + 1)
    found = image[places[:, 0, None, None] + steps[:, None], places[:, 1, None, None] + steps]
    flat = found.reshape(len(places), -1)
    return np.asarray(flat - flat.mean(axis=1, keepdims=True))


def _whole_shift(before: Array, after: Array, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the whole pixels (y, x) by which all columns moved together: where they correlate most, of either sign.

    By less than half the distance of neighbours, beyond which a lattice looks the same again.
    """
    if len(places) < 2:
        reach = 0
    else:
        nearest = float(np.median(np.asarray(cKDTree(places).query(places, k=2)[0])[:, 1]))
        reach = int(min(SEARCH, max(0.0, 0.5 * nearest - 1.0)))
    known = _patches(np.asarray(gaussian_filter(before, 1.0)), places).ravel()
    smooth = np.asarray(gaussian_filter(after, 1.0))
    best, found = -1.0, np.zeros(2, dtype=np.int64)
    for y in range(-reach, reach + 1):
        for x in range(-reach, reach + 1):
            seen = _patches(np.roll(smooth, (-y, -x), axis=(0, 1)), places).ravel()
            length = float(np.linalg.norm(seen))
            likeness = abs(float(known @ seen)) / length if length > 0.0 else 0.0
            if likeness > best:
                best, found = likeness, np.array([y, x])
    return found
