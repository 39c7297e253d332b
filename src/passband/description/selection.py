"""Which of the fitted blobs are columns, and where a column is missing."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.ndimage import maximum_filter
from scipy.spatial import cKDTree
from scipy.special import ndtr

from passband.description.noise_of_fit import matched, score_spread
from passband.description.refinement import RefinedColumns, Refinement, typical
from passband.recipe import Recipe

Array = NDArray[np.float64]
_WIDEST = 2.5  # times the usual σ, or less than its inverse: such are no columns
_PROBABLE = 1.5
_MIRRORED = 16.0  # candidates whose heights are below 0 count so many times: a quarter is, and maxima are higher
_SHARED = 2.0  # σ: candidates that are nearer may be in one column


class ColumnFinding(Recipe):
    """How atom columns are found.

    Attributes
    ----------
    contrast
        "bright" columns on dark, as in annular dark field, or "dark" ones on bright, as in annular bright field.
    confidence
        Without a network, columns of less are left out: at 0.98 one in fifty of those that stay should be noise (in
        simulated images up to 13 % were), and one image in fifty of noise alone has any. That is for noise of its own
        in each pixel.
    likely
        With a network, columns of a lower `confidence.column_confidence` are left out, and the least sure ones until
        the others are 0.5 on average (`confidence.likely_columns`).
    least_height
        Without a network, columns lower than this times the usual height, the median by how sure each is, are left
        out: beside bright columns, what a Gaussian does not describe of them looks like faint ones.
    separation
        Of columns that are told apart, in σ, and at least a pixel: of two that are nearer the higher one stays.
    searches
        How often, without a network, missing columns are looked for in the residual image.
    sublattices
        Whether columns of one class get the names of their sub-lattices as classes (`name_sublattices`).
    refinement
        How columns are fitted.
    """

    contrast: Literal["bright", "dark"] = "bright"
    confidence: float = Field(default=0.98, ge=0, le=1)
    likely: float = Field(default=0.2, ge=0, le=1)
    least_height: float = Field(default=0.1, ge=0)
    separation: float = Field(default=1.0, gt=0)
    searches: int = Field(default=1, ge=0)
    sublattices: bool = True
    refinement: Refinement = Refinement()


def probable_columns(fit: RefinedColumns) -> NDArray[np.bool_]:
    """Which candidates (n,) are worth a fit of their places: their heights alone are above 0 by `_PROBABLE` errors."""
    probable: NDArray[np.bool_] = fit.score > _PROBABLE
    return probable


def apart_columns(fit: RefinedColumns, aspect: float) -> NDArray[np.bool_]:
    """Which candidates (n,) are probable, or the highest within `_SHARED` σ.

    Of two candidates in one column neither is needed beside the other, so both are improbable; without the other, one
    is not.
    """
    x, y, height, log_sigma = fit.parameters.T
    reach = _SHARED * float(np.exp(np.median(log_sigma))) if len(x) else 0.0
    return probable_columns(fit) | _highest(np.stack([x, y * aspect], axis=1), height, reach)


def empty_places(fit: RefinedColumns) -> float:
    """Return how many places seem empty, from the candidates whose heights alone are below 0.

    In noise they are more than the places that are independent. In a crystal they are few, for the filter that saw the
    candidates passes little but what repeats.
    """
    return _MIRRORED * (np.count_nonzero(fit.score < 0.0) + 1.0)


def kept_columns(
    fit: RefinedColumns, aspect: float, how: ColumnFinding, *, network: bool, empty: float = np.inf
) -> NDArray[np.bool_]:
    """Which columns (n,) are kept: in the image, above 0, as wide as the others, and not beside a higher one.

    Without a network also: of enough `confidence`, among `empty` places, and height.
    """
    x, y, height, log_sigma = fit.parameters.T
    rows, columns = fit.residual.shape
    kept: NDArray[np.bool_] = np.isfinite(fit.parameters).all(axis=1) & (height > 0)
    kept &= (x > -0.5) & (y > -0.5) & (x < columns - 0.5) & (y < rows - 0.5)
    if not kept.any():
        return kept
    usual = typical(log_sigma[kept], fit.score[kept] ** 2)
    kept &= np.abs(log_sigma - usual) < np.log(_WIDEST)
    if not network:
        kept &= noise_confidence(fit, empty) >= how.confidence
        if kept.any():
            kept &= height >= how.least_height * typical(height[kept], fit.score[kept] ** 2)
    sigma = float(np.exp(usual))
    places = np.stack([x, y * aspect], axis=1)
    kept[kept] = _highest(places[kept], height[kept], max(1.0, how.separation * sigma))
    return kept


def noise_confidence(fit: RefinedColumns, empty: float = np.inf) -> Array:
    """One less the expected share (n,) of noise among the columns that stand out as much as each, or more.

    That of Benjamini and Hochberg (J. R. Stat. Soc. B 57 (1995) 289): the number of places that are independent in
    noise seen through a Gaussian, area/(4πσ²), or `empty` if that is less, times Φ(−score), over the number of columns
    of such a score.
    """
    if not len(fit.parameters):
        return np.empty(0)
    sigma = float(np.exp(typical(fit.parameters[:, 3], fit.score**2)))
    order = np.argsort(-fit.score)
    share = min(_places(fit, sigma), empty) * ndtr(-fit.score[order]) / np.arange(1, len(order) + 1)
    confidence = np.empty(len(order))
    confidence[order] = 1.0 - np.minimum(np.minimum.accumulate(share[::-1])[::-1], 1.0)
    return confidence


def _places(fit: RefinedColumns, sigma: float) -> float:
    return float(max(1.0, fit.residual.size / (4.0 * np.pi * sigma**2)))


def missing_columns(fit: RefinedColumns, kept: NDArray[np.bool_], aspect: float, how: ColumnFinding) -> Array:
    """x, y, σ (n, 3) of columns that the residual asks for: as sure and as high as others, and apart from them."""
    if not kept.any():
        return np.empty((0, 3))
    parameters = fit.parameters[kept]
    sigma = float(np.exp(typical(parameters[:, 3], fit.score[kept] ** 2)))
    width = (sigma / aspect, sigma)
    height, error = matched(fit.residual, fit.variance, width)
    score = height / (error * score_spread(fit.residual, fit.variance, width))
    chance = (1.0 - how.confidence) * (len(parameters) + 1) / _places(fit, sigma)
    side_y, side_x = (2 * max(1, round(one)) + 1 for one in width)
    wanted = (score >= maximum_filter(score, size=(side_y, side_x))) & (ndtr(-score) <= chance)
    wanted &= (height > how.least_height * typical(parameters[:, 2], fit.score[kept] ** 2)) & np.isfinite(fit.variance)
    y, x = (axis.astype(np.float64) for axis in np.nonzero(wanted))
    near, _ = cKDTree(parameters[:, :2] * (1.0, aspect)).query(np.stack([x, y * aspect], axis=1))
    free = near > max(1.0, how.separation * sigma)
    return np.stack([x, y, np.full(len(x), sigma)], axis=1)[free]


def _highest(places: Array, height: Array, apart: float) -> NDArray[np.bool_]:
    """Which places (n, 2) have no higher one within `apart` that stays itself."""
    stays = np.ones(len(places), dtype=bool)
    pairs = cKDTree(places).query_pairs(apart, output_type="ndarray")
    beside: dict[int, list[int]] = {}
    for one, other in pairs.tolist():
        beside.setdefault(one, []).append(other)
        beside.setdefault(other, []).append(one)
    for number in sorted(beside, key=lambda one: -height[one]):
        if stays[number]:
            stays[beside[number]] = False
    return stays
