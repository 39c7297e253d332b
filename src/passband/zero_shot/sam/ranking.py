"""Which of several masks for one prompt is meant, and where prompts are worth asking: what texture says of both.

The quality that Segment Anything predicts was learnt on photographs. On micrographs it often prefers the mask of
everything, or of a part; the mask that is meant has one texture inside and another one beyond its boundary.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, minimum_filter

from passband.zero_shot.proposals import Proposals

Channels = NDArray[np.float32]

_FINEST = 256  # cells along the longer side
_SCALES = (0.7, 1.4, 2.8, 5.6)  # pixels, standard deviations: the bands of texture lie between them
_SMOOTH = 1.0  # cells, standard deviation: over which the strength of a band is told
_GAP, _BAND = 1, 4  # cells from a boundary: where a band beside it begins and ends
_TIE = 1e-6  # of the variance: where nothing changes at all, places stand in a grid
_LEAST = 0.05  # of the variance of a channel: what its noise has at least


def texture_channels(levels: NDArray[np.float32]) -> Channels:
    """Return brightness, and strength of texture in bands of scales, of an image with grey values (y, x).

    Returns
    -------
    channels
        (channels, rows, columns) on a grid of at most 256 cells a side, each of mean 0 and variance 1.
    """
    cell = max(1, -(-max(levels.shape) // _FINEST))
    smooth = [gaussian_filter(levels, scale, truncate=3.0) for scale in _SCALES]
    found = [_on_cells(levels, cell)]
    for fine, coarse in zip([levels, *smooth[:-1]], smooth, strict=True):
        found.append(np.log(_on_cells((fine - coarse) ** 2, cell) + 1.0))
    channels = np.stack([gaussian_filter(one, _SMOOTH) for one in found])
    spread = channels.std((1, 2), keepdims=True)
    return np.asarray((channels - channels.mean((1, 2), keepdims=True)) / np.maximum(spread, 1e-6), dtype=np.float32)


def _on_cells(values: NDArray[np.float32], cell: int) -> NDArray[np.float32]:
    """Mean of each cell; the last ones of a row or column may hold fewer pixels."""
    rows, columns = (-(-length // cell) for length in values.shape)
    padded = np.pad(values, ((0, rows * cell - values.shape[0]), (0, columns * cell - values.shape[1])), mode="edge")
    return np.asarray(padded.reshape(rows, cell, columns, cell).mean((1, 3)))


def texture_quality(proposals: Proposals, channels: Channels) -> NDArray[np.float64]:
    """How well each mask (n,) follows the texture: s / (1 + s), 0 to 1, where s is the mean of d² h over channels.

    d² is the contrast of the boundary: the difference of the means of a band on either side of it, squared, in units
    of the variance within the bands. h is the homogeneity: the part of the variance of the image that is not inside
    the mask. The form and its widths were chosen on simulated cross-sections and drawn images.

    Parameters
    ----------
    proposals
        Masks of one image.
    channels
        (channels, rows, columns) of it, see `texture_channels`.
    """
    masks = proposals.on_grid((channels.shape[1], channels.shape[2])).masks
    score = np.array([_score(mask, channels) for mask in masks], dtype=np.float64)
    return score / (1.0 + score)


def _score(mask: NDArray[np.bool_], channels: Channels) -> float:
    inner, outer = _inward(mask, _GAP), ~_inward(~mask, _GAP)
    beside, beyond = inner & ~_inward(mask, _BAND), ~_inward(~mask, _BAND) & ~outer
    if not beyond.any():
        return 0.0
    near, far = channels[:, beside if beside.any() else mask], channels[:, beyond]
    if not near.size:
        return 0.0
    noise = 0.5 * (near.var(1) + far.var(1)) + _LEAST
    contrast = (near.mean(1) - far.mean(1)) ** 2 / noise
    homogeneity = 1.0 - channels[:, inner if inner.any() else mask].var(1)
    return float(np.mean(contrast * homogeneity.clip(0.0)))


def _inward(mask: NDArray[np.bool_], cells: int) -> NDArray[np.bool_]:
    """Return the places of a mask that are more than so many cells from its boundary."""
    return np.asarray(minimum_filter(mask, 2 * cells + 1, mode="nearest"))


def homogeneous_places(channels: Channels, most: int) -> NDArray[np.float64]:
    """Return places (n, 2), as fractions (y, x) of the sides, that lie amid one texture: at most `most`, spread out.

    Where texture changes least in its surroundings, which are as wide as if `most` places stood in a grid. Nothing is
    asked at boundaries, and little where there is one texture alone.

    Parameters
    ----------
    channels
        (channels, rows, columns), see `texture_channels`.
    most
        Places.
    """
    change = np.sum([np.square(np.gradient(channels, axis=axis)).sum(0) for axis in (1, 2)], axis=0)
    reach = max(1.0, np.sqrt(change.size / most) / 2.0)
    change = gaussian_filter(change, reach / 2.0)
    across = [((np.arange(length) + 0.5) / (2.0 * reach)) % 1.0 - 0.5 for length in change.shape]
    change += _TIE * np.add.outer(across[0] ** 2, across[1] ** 2)
    lowest = np.argwhere(change == minimum_filter(change, 2 * int(reach) + 1, mode="nearest"))
    order = np.argsort(change[tuple(lowest.T)], kind="stable")[:most]
    return np.asarray((lowest[order] + 0.5) / change.shape)
