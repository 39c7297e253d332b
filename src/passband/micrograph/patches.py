"""Micrographs of any size and pixel size, for a network of one: resampling, seamless tiles, augmentation."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional as F

from passband.recipe import PassbandError

TILE_STEP = (
    32  # tiles sit on multiples of the networks' coarsest pixel, so that every tile is sampled as the whole image is
)
HIGHEST = 1e15  # of any pixel: the variance of a larger image has no place in single precision

FloatImage = NDArray[np.float32]


def check_image(image: ArrayLike) -> NDArray[np.generic]:
    """Return `image` as an array if a network can look at it.

    Raises
    ------
    PassbandError
        Not two-dimensional, empty, complex, or with pixels that are NaN, infinite or beyond ±1e15.
    """
    array = np.asarray(image)
    if array.ndim != 2:
        raise PassbandError(f"image of shape {array.shape} is not 2-D (y, x); pass one grey frame or channel at a time")
    if array.size == 0:
        raise PassbandError(f"image of shape {array.shape} holds no pixels; pass a micrograph")
    if not (np.issubdtype(array.dtype, np.number) or array.dtype == np.bool_) or np.iscomplexobj(array):
        raise PassbandError(f"image of type {array.dtype} is not real numbers; pass an intensity")
    bad = int(array.size - np.count_nonzero(np.isfinite(array)))
    if bad:
        raise PassbandError(
            f"{bad} of {array.size} pixels are NaN or infinite; every pixel must be finite, so mend or crop"
        )
    if max(abs(float(array.min())), abs(float(array.max()))) > HIGHEST:
        raise PassbandError(f"pixels from {array.min():g} to {array.max():g} are outside ±{HIGHEST:g}; rescale them")
    return array


def as_pixel_pair(pixel_size: float | tuple[float, float]) -> tuple[float, float]:
    """Return a pixel size in Å as (y, x).

    Raises
    ------
    PassbandError
        Not positive and finite.
    """
    pair = (pixel_size, pixel_size) if isinstance(pixel_size, int | float | np.number) else pixel_size
    if len(pair) != 2 or not all(np.isfinite(side) and side > 0 for side in pair):
        raise PassbandError(f"pixel_size={pixel_size} must be one or two positive lengths in Å, such as 0.776")
    return float(pair[0]), float(pair[1])


def resample(image: ArrayLike, shape: tuple[int, int]) -> FloatImage:
    """Sample an image (…, y, x) on `shape` pixels over the same field; shrinking low-passes it first.

    Bicubic kernel (Keys 1981, a = −½), widened by the reduction when it shrinks, renormalised at the borders: the
    mean of a constant is kept everywhere and lattice fringes finer than the new pixels vanish instead of folding into
    moiré.
    """
    array = torch.from_numpy(np.array(image, dtype=np.float32))
    if tuple(array.shape[-2:]) == shape:
        return array.numpy()
    stack = array.reshape(1, -1, *array.shape[-2:])
    out = F.interpolate(stack, size=shape, mode="bicubic", align_corners=False, antialias=True)
    return out.reshape(*array.shape[:-2], *shape).numpy()


def resample_to_pixel(
    image: ArrayLike, pixel_size: float | tuple[float, float], target: float | tuple[float, float]
) -> FloatImage:
    """Sample an image (y, x) of `pixel_size` Å so that its pixels measure `target` Å.

    The field stays the same, so the new pixel is exact to half a pixel over the whole field. Pixels that already
    agree to 1 % are left alone: no network notices, and nothing is blurred.
    """
    array = np.asarray(image)
    ratios = [old / new for old, new in zip(as_pixel_pair(pixel_size), as_pixel_pair(target), strict=True)]
    if all(abs(ratio - 1.0) <= 0.01 for ratio in ratios):
        return np.array(array, dtype=np.float32)
    shape = (max(1, round(array.shape[0] * ratios[0])), max(1, round(array.shape[1] * ratios[1])))
    return resample(array, shape)


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


def _tiles_along(length: int, patch: int, overlap: int) -> tuple[int, int, int]:
    """Return tile side, overlap and number of tiles that cover `length` pixels plus half an overlap at either end."""
    padded = length + overlap
    if padded <= patch:
        return -(-padded // TILE_STEP) * TILE_STEP, overlap, 1
    step = patch - overlap
    return patch, overlap, -(-(padded - overlap) // step)


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
) -> FloatImage:
    """Apply a function of square tiles to an image of any size, without seams.

    Parameters
    ----------
    function
        Takes tiles (n, 1, p, q), gives (n, classes, p, q); p, q ≤ `patch` are multiples of 32.
    image
        (y, x); reflected half an overlap beyond its border, or more where it is smaller than a tile.
    patch, overlap
        Tile side and the stripe that neighbours share, in pixels, multiples of 32. No output counts that lies
        within 3/8 of the overlap from a tile's edge: a network that reaches no further gives, in tiles, exactly what it
        gives for the whole image at once.
    batch
        Tiles per call. Memory: `patch`² × `batch` inside the function, and the result.

    Returns
    -------
    NDArray
        (classes, y, x), float32.

    Raises
    ------
    PassbandError
        The tile geometry is impossible.
    """
    if patch % TILE_STEP or overlap % TILE_STEP or not 0 <= 2 * overlap <= patch or batch < 1:
        raise PassbandError(
            f"patch={patch}, overlap={overlap}, batch={batch}: patch and overlap must be multiples of 32, the "
            "overlap at most half the patch, batch at least 1; the defaults 512, 128, 4 suit most images"
        )
    array = np.asarray(image, dtype=np.float32)
    plans = [_tiles_along(length, patch, overlap) for length in array.shape]
    counts = (plans[0][2], plans[1][2])
    sides = (plans[0][0], plans[1][0])
    steps = (sides[0] - overlap, sides[1] - overlap)
    extents = [step * count + overlap for step, count in zip(steps, counts, strict=True)]
    before = overlap // 2
    after = [extent - length - before for extent, length in zip(extents, array.shape, strict=True)]
    padded = np.pad(array, ((before, after[0]), (before, after[1])), mode="reflect" if min(array.shape) > 1 else "edge")
    weight = _ramp(sides[0], overlap)[:, None] * _ramp(sides[1], overlap)[None, :]
    inside = (slice(before, before + array.shape[0]), slice(before, before + array.shape[1]))
    corners = list(_corners(counts, steps))
    total: FloatImage | None = None
    for start in range(0, len(corners), batch):
        group = corners[start : start + batch]
        tiles = np.stack([padded[y : y + sides[0], x : x + sides[1]] for y, x in group])[:, None]
        outputs = function(tiles)
        if total is None:
            total = np.zeros((outputs.shape[1], *padded.shape), dtype=np.float32)
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


def dihedral(images: Tensor, element: int) -> Tensor:
    """Apply one of the eight symmetries of the square to (…, y, x): `element` % 4 quarter turns, then 4–7 mirror x.

    Raises
    ------
    PassbandError
        `element` is not 0 to 7.
    """
    if not 0 <= element < 8:
        raise PassbandError(
            f"element={element} is none of the square's symmetries; use 0 to 7, 0 leaves the image alone"
        )
    turned = torch.rot90(images, element % 4, dims=(-2, -1))
    return turned.flip(-1) if element >= 4 else turned


def dihedral_inverse(element: int) -> int:
    """Return the element that undoes `element`: mirrors undo themselves, turns the other way round."""
    return element if element >= 4 else -element % 4


def augment_dihedral(images: Tensor, masks: Tensor, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Turn and mirror every square image (n, c, y, x) and its mask (n, y, x) by a symmetry of its own.

    `generator` lives on the CPU, so that every device sees the same symmetries.

    Raises
    ------
    PassbandError
        The images are not square, so quarter turns do not fit in one batch.
    """
    if images.shape[-1] != images.shape[-2]:
        raise PassbandError(
            f"images of {tuple(images.shape[-2:])} pixels are not square; cut square patches to augment them"
        )
    elements = torch.randint(8, (len(images),), generator=generator).tolist()
    turned_images = torch.stack([dihedral(image, element) for image, element in zip(images, elements, strict=True)])
    turned_masks = torch.stack([dihedral(mask, element) for mask, element in zip(masks, elements, strict=True)])
    return turned_images, turned_masks
