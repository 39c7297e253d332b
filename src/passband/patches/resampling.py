"""Micrographs of any pixel size, sampled anew on the pixels of a network."""

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch.nn import functional as F

from passband.pixels import pixel_pair

FloatImage = NDArray[np.float32]


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


def resample_classes(mask: NDArray[np.integer], shape: tuple[int, int], *, classes: int) -> NDArray[np.int64]:
    """Sample a mask of class numbers (y, x) on `shape` pixels: each gets the class that has most of it.

    Where two have as much, the lower number wins.
    """
    shares = np.stack([resample(mask == number, shape) for number in range(1, classes)])
    most: NDArray[np.int64] = np.concatenate([1.0 - shares.sum(axis=0, keepdims=True), shares]).argmax(axis=0)
    return most


def resample_to_pixel(
    image: ArrayLike, pixel_size: float | tuple[float, float], target: float | tuple[float, float]
) -> FloatImage:
    """Sample an image (…, y, x) of `pixel_size` Å so that its pixels measure `target` Å.

    The field stays the same, so the new pixel is exact to half a pixel over the whole field. Pixels that already
    agree to 1 % are left alone: no network notices, and nothing is blurred. Even images stay even to the last digit,
    since what rounding leaves of them would be all the contrast that they have.
    """
    array = np.asarray(image)
    ratios = [old / new for old, new in zip(pixel_pair(pixel_size), pixel_pair(target), strict=True)]
    if all(abs(ratio - 1.0) <= 0.01 for ratio in ratios):
        return np.array(array, dtype=np.float32)
    shape = (max(1, round(array.shape[-2] * ratios[0])), max(1, round(array.shape[-1] * ratios[1])))
    sampled = resample(array, shape)
    even = array.min(axis=(-2, -1)) == array.max(axis=(-2, -1))
    sampled[even] = array[even][..., :1, :1]
    return sampled
