"""Every atom column of an image, to a fraction of a pixel: from a network's probabilities or from the image alone."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passband.description.blobs import find_blobs
from passband.description.columns import AtomColumns
from passband.description.confidence import column_confidence
from passband.description.probabilities import Candidates, checked_maps, find_candidates
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
        (classes, y, x) of a network, the background first: its maxima are the columns. None: the blobs of the image
        are.
    classes
        Names of the rows of `probabilities`, "background" first, as in a `Segmentation`.
    finding
        How; `ColumnFinding()` by default.

    Returns
    -------
    AtomColumns
        None in a constant image, or in one where nothing stands out of the noise. Without a network, or with one of one
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
    seen = data[np.isfinite(data)]
    if probabilities is None or not seen.size or not np.ptp(seen):  # nothing is found in an even image
        found = _of_image(data, pair[0] / pair[1])
    else:
        found = find_candidates(checked_maps(np.asarray(probabilities, dtype=np.float64), data, names))
    factor = int(found.sigma // _FINE) if found.sigma >= 2 * _FINE else 1
    coarse = replace(found, places=(found.places - 0.5 * (factor - 1)) / factor, sigma=found.sigma / factor)
    fit, origin, empty = _settled(
        binned(data, factor), pair[0] / pair[1], coarse, how, network=probabilities is not None
    )
    sure = (
        noise_confidence(fit, empty)
        if probabilities is None
        else column_confidence(found.probability[origin], fit.score)
    )
    order = np.lexsort((fit.parameters[:, 0], np.rint(fit.parameters[:, 1])))
    x, y, height, log_sigma = fit.parameters[order].T
    x, y = (factor * place + 0.5 * (factor - 1) for place in (x, y))
    sigma = np.sqrt(np.maximum((factor * np.exp(log_sigma)) ** 2 - (factor**2 - 1) / 12.0, 0.0))
    columns = AtomColumns(
        x=x,
        y=y,
        label=found.label[origin[order]],
        height=height,
        sigma=sigma * pair[1],
        confidence=sure[order],
        x_error=factor * fit.errors[order, 0],
        y_error=factor * fit.errors[order, 1],
        classes=names[1:],
        pixel_size=pair,
        shape=(data.shape[0], data.shape[1]),
    )
    return name_sublattices(columns) if how.sublattices else columns


def _of_image(data: Array, aspect: float) -> Candidates:
    """Blobs of an image as candidates of one class; none in an image without contrast."""
    seen = np.isfinite(data)
    places, sigma = np.empty((0, 2)), 1.0
    if seen.any() and np.ptp(data[seen]) > 0:
        blobs = find_blobs(np.where(seen, data, np.median(data[seen])), aspect=aspect)
        places, sigma = blobs.places, blobs.sigma
    return Candidates(places, np.zeros(len(places), dtype=np.intp), np.ones(len(places)), sigma)


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


def _settled(
    data: Array, aspect: float, found: Candidates, how: ColumnFinding, *, network: bool
) -> tuple[RefinedColumns, NDArray[np.intp], float]:
    """Fit, leave out what is no column, add what is missing, and fit again; which candidate each was; `empty_places`.

    Those that are added count as candidate 0: without a network all are of one class.
    """
    start, origin = (
        np.column_stack([found.places, np.full(len(found.places), found.sigma)]),
        np.arange(len(found.places)),
    )
    empty = np.inf
    if not network:
        for choose in (partial(apart_columns, aspect=aspect), probable_columns):
            heights = refine(data, start, aspect=aspect, refinement=how.refinement, steps=HEIGHTS_ALONE)
            empty = empty_places(heights) if np.isinf(empty) else empty  # of all candidates
            chosen = choose(heights)
            start, origin = start[chosen], origin[chosen]
    for _ in range(0 if network else how.searches):
        found_so_far = refine(data, start, aspect=aspect, refinement=how.refinement, steps=_ROUGH)
        kept = kept_columns(found_so_far, aspect, how, network=network, empty=empty)
        added = missing_columns(found_so_far, kept, aspect, how)
        again = found_so_far.parameters[kept]
        start = np.concatenate([np.column_stack([again[:, :2], np.exp(again[:, 3])]), added])
        origin = np.concatenate([origin[kept], np.zeros(len(added), np.intp)])
    if not len(start):
        return refine(data, start), origin, empty
    fit = ColumnFit(data, start, aspect, how.refinement)
    for _ in range(_ROUNDS):
        kept = kept_columns(fit.run(_ROUGH), aspect, how, network=network, empty=empty)
        origin = origin[kept]
        if not kept.any():
            return fit.result().chosen(kept), origin, empty
        if kept.all():
            break
        fit.keep(kept)
    columns = fit.run(max(1, how.refinement.steps - _ROUGH))
    kept = kept_columns(columns, aspect, how, network=network, empty=empty)
    return columns.chosen(kept), origin[kept], empty
