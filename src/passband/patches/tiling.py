"""Images of any size for a function of tiles, without seams."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passband.recipe import PassbandError

TILE_STEP = (
    32  # tiles sit on multiples of the networks' coarsest pixel, so that every tile is sampled as the whole image is
)

FloatImage = NDArray[np.float32]


def _ramp(tile: int, overlap: int) -> NDArray[np.float32]:
    """Weight of a tile's pixels along one axis: 0 in the outer 3/8 of the overlap, a cosine flank, 1 inside.

    The flanks of neighbours add up to 1, and the outer rim, whose surroundings the network could not see, never
    counts.
    """
    position = (np.arange(overlap) + 0.5) / max(overlap, 1)  # 0 … 1 across the overlap
    flank = 0.5 - 0.5 * np.cos(np.pi * np.clip(4.0 * position - 1.5, 0.0, 1.0))
    weights = np.ones(tile, dtype=np.float32)
    if overlap:
        weights[:overlap] = flank
        weights[-overlap:] = flank[::-1]
    return weights


def _tiles_along(length: int, patch: int, overlap: int, step: int) -> tuple[int, int, int]:
    """Return tile side, overlap and number of tiles that cover `length` pixels plus half an overlap at either end."""
    padded = length + overlap
    if padded <= patch:
        return -(-padded // step) * step, overlap, 1
    return patch, overlap, -(-(padded - overlap) // (patch - overlap))


def _corners(counts: tuple[int, int], steps: tuple[int, int]) -> Iterator[tuple[int, int]]:
    for row in range(counts[0]):
        for column in range(counts[1]):
            yield row * steps[0], column * steps[1]


def predict_tiled(
    function: Callable[[FloatImage], FloatImage],
    image: ArrayLike,
    *,
    patch: int = 512,
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
        (y, x) or (channels, y, x); reflected half an overlap beyond its border, or more where it is smaller than a
        tile.
    patch, overlap
        Tile side and the stripe that neighbours share, in pixels, multiples of `step`. No output counts that lies
        within 3/8 of the overlap from a tile's edge: a network that reaches no further gives, in tiles, exactly what it
        gives for the whole image at once.
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
            "overlap at most half the patch, batch at least 1; the defaults 512, 128, 4 suit most images"
        )
    array = np.asarray(image, dtype=np.float32)
    planes = array if array.ndim == 3 else array[None]  # (channels, y, x)
    shape = planes.shape[1:]
    plans = [_tiles_along(length, patch, overlap, step) for length in shape]
    counts = (plans[0][2], plans[1][2])
    sides = (plans[0][0], plans[1][0])
    steps = (sides[0] - overlap, sides[1] - overlap)
    extents = [step * count + overlap for step, count in zip(steps, counts, strict=True)]
    before = overlap // 2
    after = [extent - length - before for extent, length in zip(extents, shape, strict=True)]
    around = ((0, 0), (before, after[0]), (before, after[1]))
    padded = np.pad(planes, around, mode="reflect" if min(shape) > 1 else "edge")
    weight = _ramp(sides[0], overlap)[:, None] * _ramp(sides[1], overlap)[None, :]
    inside = (slice(before, before + shape[0]), slice(before, before + shape[1]))
    corners = list(_corners(counts, steps))
    total: FloatImage | None = None
    for start in range(0, len(corners), batch):
        group = corners[start : start + batch]
        tiles = np.stack([padded[:, y : y + sides[0], x : x + sides[1]] for y, x in group])
        outputs = function(tiles)
        if total is None:
            total = np.zeros((outputs.shape[1], *padded.shape[1:]), dtype=np.float32)
        for (y, x), output in zip(group, outputs, strict=True):
            total[:, y : y + sides[0], x : x + sides[1]] += output * weight
    assert total is not None
    return total[:, *inside] / _normalisation(counts, sides, overlap)[inside]


def _normalisation(counts: tuple[int, int], sides: tuple[int, int], overlap: int) -> FloatImage:
    """Sum of the tiles' weights at every pixel: 1 except for rounding and the outer rim; separable, hence cheap."""
    axes = []
    for count, side in zip(counts, sides, strict=True):
        axis = np.zeros((side - overlap) * count + overlap, dtype=np.float32)
        for tile in range(count):
            axis[tile * (side - overlap) :][:side] += _ramp(side, overlap)
        axes.append(axis)
    return axes[0][:, None] * axes[1][None, :]
