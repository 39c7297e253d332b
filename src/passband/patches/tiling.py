"""Images of any size for a function of tiles, without seams."""

from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passband.recipe import PassbandError

TILE_STEP = (
    32  # tiles sit on multiples of the networks' coarsest pixel, so that every tile is sampled as the whole image is
)
PATCH = 640  # pixels; on a CPU larger ones gain no more, and their maps leave its caches

FloatImage = NDArray[np.float32]


def _ramp(tile: int, overlap: int, *, first: bool, last: bool) -> NDArray[np.float32]:
    """Weight of a tile's pixels along one axis: 0 in the outer 3/8 of the overlap, a cosine flank, 1 inside.

    The `first` has weight 1 as far as its start, the `last` as far as its end, which are borders of the image.
    """
    position = (np.arange(overlap) + 0.5) / max(overlap, 1)  # 0 … 1 across the overlap
    flank = 0.5 - 0.5 * np.cos(np.pi * np.clip(4.0 * position - 1.5, 0.0, 1.0))
    weights = np.ones(tile, dtype=np.float32)
    if overlap and not first:
        weights[:overlap] = flank
    if overlap and not last:
        weights[-overlap:] = flank[::-1]
    return weights


def _along(length: int, patch: int, overlap: int, step: int) -> tuple[int, list[int]]:
    """Return the side of the tiles and where they start: as few, and as small, as cover `length` pixels on `step`."""
    padded = -(-length // step) * step
    if padded <= patch:
        return padded, [0]
    last = -(-(padded - patch) // (patch - overlap))  # number of the last tile
    side = -(-(padded + last * overlap) // ((last + 1) * step)) * step  # with the overlap, and hardly more
    return side, [round(tile * (padded - side) / last / step) * step for tile in range(last + 1)]


def _weights(starts: list[int], side: int, overlap: int) -> list[NDArray[np.float32]]:
    """Weights of each tile along one axis, which add up to 1 at every pixel."""
    last = len(starts) - 1
    ramps = [_ramp(side, overlap, first=tile == 0, last=tile == last) for tile in range(last + 1)]
    total = np.zeros(starts[-1] + side, dtype=np.float32)
    for start, ramp in zip(starts, ramps, strict=True):
        total[start : start + side] += ramp
    return [ramp / total[start : start + side] for start, ramp in zip(starts, ramps, strict=True)]


def predict_tiled(
    function: Callable[[FloatImage], FloatImage],
    image: ArrayLike,
    *,
    patch: int = PATCH,
    overlap: int = 128,
    batch: int = 4,
    step: int = TILE_STEP,
) -> FloatImage:
    """Apply a function of square tiles to an image of any size, without seams.

    Parameters
    ----------
    function
        Takes tiles (n, channels, p, q), gives (n, classes, p, q); p, q ≤ `patch` are multiples of `step`.
    image
        (y, x) or (channels, y, x). Its borders are borders of tiles, as those of the patches that a network learned
        from; only to a multiple of `step` is it reflected, below and to the right.
    patch, overlap
        Largest side of a tile and the stripe that neighbours share at least, in pixels, multiples of `step`. No output
        counts that lies within 3/8 of the overlap from the edge between tiles: a network that reaches no further gives,
        in tiles, exactly what it gives for the whole image at once.
    batch
        Tiles per call. Memory: `patch`² × `batch` inside the function, and the result.
    step
        Of the places where tiles lie: the side of the function's coarsest pixel, or a multiple.

    Returns
    -------
    NDArray
        (classes, y, x), float32.

    Raises
    ------
    PassbandError
        The tile geometry is impossible.
    """
    if patch % step or overlap % step or not 0 <= 2 * overlap <= patch or batch < 1:
        raise PassbandError(
            f"patch={patch}, overlap={overlap}, batch={batch}: patch and overlap must be multiples of {step}, the "
            f"overlap at most half the patch, batch at least 1; the defaults {PATCH}, 128, 4 suit most images"
        )
    array = np.asarray(image, dtype=np.float32)
    planes = array if array.ndim == 3 else array[None]  # (channels, y, x)
    height, width = planes.shape[1:]
    (rows, tops), (columns, lefts) = (_along(length, patch, overlap, step) for length in (height, width))
    after = ((0, 0), (0, tops[-1] + rows - height), (0, lefts[-1] + columns - width))
    padded = np.pad(planes, after, mode="reflect" if min(height, width) > 1 else "edge")
    down, across = _weights(tops, rows, overlap), _weights(lefts, columns, overlap)
    places = list(product(zip(tops, down, strict=True), zip(lefts, across, strict=True)))
    total: FloatImage | None = None
    for begin in range(0, len(places), batch):
        group = places[begin : begin + batch]
        outputs = function(np.stack([padded[:, y : y + rows, x : x + columns] for (y, _), (x, _) in group]))
        if total is None:
            total = np.zeros((outputs.shape[1], *padded.shape[1:]), dtype=np.float32)
        for ((y, weight_y), (x, weight_x)), output in zip(group, outputs, strict=True):
            total[:, y : y + rows, x : x + columns] += output * (weight_y[:, None] * weight_x)
    assert total is not None
    return np.ascontiguousarray(total[:, :height, :width])
