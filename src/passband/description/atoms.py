"""Every atom column of an image, to a fraction of a pixel: from the image, and from a network's probabilities."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passband.description.agreement import ColumnSigns, Joined, class_at, column_signs, joined, probability_at
from passband.description.blobs import find_blobs
from passband.description.columns import AtomColumns
from passband.description.confidence import column_confidence, likely_columns
from passband.description.probabilities import checked_maps, find_candidates
from passband.description.refinement import HEIGHTS_ALONE, ColumnFit, RefinedColumns, refine
from passband.description.selection import (
    ColumnFinding,
    apart_columns,
    empty_places,
    kept_columns,
    missing_columns,
    noise_confidence,
    probable_columns,
)
from passband.description.sublattices import name_sublattices
from passband.pixels import pixel_pair
from passband.recipe import PassbandError

Array = NDArray[np.float64]
_FINE = 1.5  # pixels of σ: where columns are wider by a factor, that many pixels a side are averaged before the fit
_ROUGH = 6  # steps of a fit that only tells which columns there are
_ROUNDS = 3  # of such fits after the last search, while columns are left out; the last fit goes on from there


def find_columns(
    image: ArrayLike,
    pixel_size: float | tuple[float, float],
    *,
    probabilities: ArrayLike | None = None,
    classes: Sequence[str] = (),
    finding: ColumnFinding | None = None,
) -> AtomColumns:
    """Find the atom columns of an image and fit their places, heights and widths, neighbours together.

    Parameters
    ----------
    image
        (y, x); pixels that are not finite are left out.
    pixel_size
        Å, one number or (y, x).
    probabilities
        (classes, y, x) of a network, the background first: columns are at its maxima or at the blobs of the image,
        where enough speaks for them (`confidence.likely_columns`). None: at the blobs alone.
    classes
        Names of the rows of `probabilities`, "background" first, as in a `Segmentation`.
    finding
        How; `ColumnFinding()` by default.

    Returns
    -------
    AtomColumns
        None in a constant image, or in one where nothing stands out of the noise, or more columns would be wrong than
        right. Without a network, or with one of one
        class, sub-lattices that are told apart are classes, as `name_sublattices` names them; the others are "column",
        or of the network's class.

    Raises
    ------
    PassbandError
        The image is not 2-D and real, the probabilities do not fit it, or the pixel size is not positive.
    """
    pair, how = pixel_pair(pixel_size), finding or ColumnFinding()
    values = np.asarray(image)
    if values.ndim != 2 or values.dtype.kind not in "biuf":
        raise PassbandError(f"image of shape {values.shape} and type {values.dtype} must be (y, x) of real numbers")
    data = values.astype(np.float64)
    data = np.where(np.isfinite(data), data if how.contrast == "bright" else -data, np.nan)
    names = ("background", "column") if probabilities is None else tuple(classes)
    maps = None if probabilities is None else checked_maps(np.asarray(probabilities, dtype=np.float64), data, names)
    if maps is None or _is_even(data):  # a network is not asked of an even image
        found = _of_image(data, pair[0] / pair[1], how)
    else:
        found = _of_both(data, maps, pair, how)
    fit, factor = found.fit, found.factor
    order = np.lexsort((fit.parameters[:, 0], np.rint(fit.parameters[:, 1])))
    x, y, height, log_sigma = fit.parameters[order].T
    x, y = (factor * place + 0.5 * (factor - 1) for place in (x, y))
    sigma = np.sqrt(np.maximum((factor * np.exp(log_sigma)) ** 2 - (factor**2 - 1) / 12.0, 0.0))
    columns = AtomColumns(
        x=x,
        y=y,
        label=found.label[order],
        height=height,
        sigma=sigma * pair[1],
        confidence=found.confidence[order],
        x_error=factor * fit.errors[order, 0],
        y_error=factor * fit.errors[order, 1],
        classes=names[1:],
        pixel_size=pair,
        shape=(data.shape[0], data.shape[1]),
    )
    return name_sublattices(columns) if how.sublattices else columns


class _FittedColumns(NamedTuple):
    """Columns of an image, of which `factor` pixels a side were averaged before the fit."""

    fit: RefinedColumns
    factor: int
    label: NDArray[np.intp]
    confidence: Array


def _of_image(data: Array, aspect: float, how: ColumnFinding) -> _FittedColumns:
    """Columns that an image shows; none in an even one."""
    seen = np.isfinite(data)
    places, sigma = np.empty((0, 2)), 1.0
    if not _is_even(data):
        blobs = find_blobs(np.where(seen, data, np.median(data[seen])), aspect=aspect)
        places, sigma = blobs.places, blobs.sigma
    factor = _averaged(sigma)
    coarse = (places - 0.5 * (factor - 1)) / factor
    start = np.column_stack([coarse, np.full(len(places), sigma / factor)])
    fit, empty = _settled(binned(data, factor), aspect, start, how)
    return _FittedColumns(fit, factor, np.zeros(len(fit.parameters), np.intp), noise_confidence(fit, empty))


def _of_both(data: Array, maps: Array, pixel_size: tuple[float, float], how: ColumnFinding) -> _FittedColumns:
    """Columns that an image shows or a network sees, of enough `likely`."""
    one, factor, places, signs = fitted_together(data, maps, pixel_size, how)
    aspect, sure = pixel_size[0] / pixel_size[1], column_confidence(signs)
    likely, fit = likely_columns(sure, how.likely), one.fit
    if one.fitting is not None and likely.any() and not likely.all():
        one.fitting.keep(likely)
        fit = one.fitting.run(how.refinement.steps)
        likely[likely] = kept = kept_columns(fit, aspect, how, network=True)
        return _FittedColumns(fit.chosen(kept), factor, class_at(maps, places[likely]), sure[likely])
    return _FittedColumns(fit.chosen(likely), factor, class_at(maps, places[likely]), sure[likely])


class FittedTogether(NamedTuple):
    """All columns that an image shows or a network sees, before any is left out by what speaks for it.

    `places` (n, 2) are x, y in pixels of the image, of which `factor` a side were averaged before the fit.
    """

    one: Joined
    factor: int
    places: Array
    signs: ColumnSigns


def fitted_together(data: Array, maps: Array, pixel_size: tuple[float, float], how: ColumnFinding) -> FittedTogether:
    """Fit the columns of an image (y, x) and of maps (classes, y, x) together, and say what speaks for each."""
    aspect = pixel_size[0] / pixel_size[1]
    image, seen = _of_image(data, aspect, how), find_candidates(maps)
    factor = image.factor if len(image.fit.parameters) else _averaged(seen.sigma)
    coarse = replace(seen, places=(seen.places - 0.5 * (factor - 1)) / factor, sigma=seen.sigma / factor)
    one = joined(binned(data, factor), image.fit, coarse, aspect, how)
    places = factor * one.fit.parameters[:, :2] + 0.5 * (factor - 1)
    signs = column_signs(one, probability_at(maps, places, pixel_size), aspect)
    return FittedTogether(one, factor, places, signs)


def _is_even(data: Array) -> bool:
    """Whether all finite pixels are the same, or none is finite."""
    seen = data[np.isfinite(data)]
    return not seen.size or float(np.ptp(seen)) == 0.0


def _averaged(sigma: float) -> int:
    """How many pixels a side are averaged before columns of σ, in pixels, are fitted."""
    return int(sigma // _FINE) if sigma >= 2 * _FINE else 1


def binned(data: Array, factor: int) -> Array:
    """Return an image of means over squares of `factor` pixels a side, of the finite ones; NaN where there are none."""
    if factor == 1:
        return data
    rows, columns = (-(-side // factor) for side in data.shape)
    padded = np.pad(
        data, [(0, rows * factor - data.shape[0]), (0, columns * factor - data.shape[1])], constant_values=np.nan
    )
    parts = padded.reshape(rows, factor, columns, factor)
    count = np.isfinite(parts).sum(axis=(1, 3))
    return np.where(count > 0, np.nansum(parts, axis=(1, 3)) / np.maximum(count, 1), np.nan)


def _settled(data: Array, aspect: float, start: Array, how: ColumnFinding) -> tuple[RefinedColumns, float]:
    """Fit columns from x, y, σ (n, 3), leave out what is none, add what is missing, fit again; and `empty_places`."""
    empty = np.inf
    for choose in (partial(apart_columns, aspect=aspect), probable_columns):
        heights = refine(data, start, aspect=aspect, refinement=how.refinement, steps=HEIGHTS_ALONE)
        empty = empty_places(heights) if np.isinf(empty) else empty  # of all candidates
        start = start[choose(heights)]
    for _ in range(how.searches):
        found_so_far = refine(data, start, aspect=aspect, refinement=how.refinement, steps=_ROUGH)
        kept = kept_columns(found_so_far, aspect, how, network=False, empty=empty)
        added = missing_columns(found_so_far, kept, aspect, how)
        again = found_so_far.parameters[kept]
        start = np.concatenate([np.column_stack([again[:, :2], np.exp(again[:, 3])]), added])
    if not len(start):
        return refine(data, start), empty
    fit = ColumnFit(data, start, aspect, how.refinement)
    for _ in range(_ROUNDS):
        kept = kept_columns(fit.run(_ROUGH), aspect, how, network=False, empty=empty)
        if not kept.any():
            return fit.result().chosen(kept), empty
        if kept.all():
            break
        fit.keep(kept)
    columns = fit.run(max(1, how.refinement.steps - _ROUGH))
    return columns.chosen(kept_columns(columns, aspect, how, network=False, empty=empty)), empty
