"""From the pixels of the camera to those of the image that is handed on, as programs rescale pictures.

Pixel j of N lies where the camera's pixel (j + ½)r − ½ lies, r = M/N: the corners of both grids meet. The stored field
has its pixel 0 at the origin instead on any grid; `grid_shift` says how far apart the two are.
"""

from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

import torch
from torch import Tensor

from passband.camera.camera import Kernel

SPARE = 8  # camera pixels around all that is needed, for what blurs after counting
LOBES = 3  # of the Lanczos kernel
LARGEST_SIDE = 65_536  # pixels of an image


class Window(NamedTuple):
    """Camera pixels `first` to `first + size - 1` along one side that an image needs, with some to spare."""

    first: int
    size: int


def grid_shift(kernel: Kernel, ratio: float) -> float:
    """Camera pixels by which its pixel i lies beyond that of a field whose pixel 0 is at the origin.

    "nearest" takes the camera pixel nearest to each point of the field's grid, the next one where two are as near; were
    its corners to meet, an even number of camera pixels per pixel would move the whole image by half of one.
    """
    if kernel == "nearest":
        steps = Fraction(ratio).limit_denominator(LARGEST_SIDE).denominator
        return -0.5 / steps if steps % 2 == 0 else 0.0  # what taking the next one comes to on average
    return 0.5 * (1.0 - ratio)


def window(kernel: Kernel, ratio: float, first: int, size: int) -> Window:
    """Camera pixels that the pixels `first` to `first + size - 1` of an image are made of.

    Parameters
    ----------
    kernel
        Of the resampling.
    ratio
        Camera pixels per pixel of the image.
    """
    if ratio == 1.0:
        low, high = float(first), float(first + size - 1)
    else:
        low, high = ((one + 0.5) * ratio - 0.5 for one in (first, first + size - 1))
    reach = _reach(kernel, ratio)
    begin, end = floor(low - reach) - SPARE, ceil(high + reach) + SPARE
    return Window(begin, _fast_length(end - begin + 1))


def _reach(kernel: Kernel, ratio: float) -> float:
    """Camera pixels from the place of a pixel to the last one that it is made of, at most."""
    if kernel == "lanczos":
        return LOBES * max(1.0, ratio)
    return {"area": 0.5 * ratio + 0.5, "nearest": 0.5 * ratio + 1.0, "bilinear": 1.0, "bicubic": 2.0}[kernel]


def _fast_length(size: int) -> int:
    """Smallest number from `size` on that has no prime factor above 5."""
    rest = size
    for factor in (2, 3, 5):
        while rest % factor == 0:
            rest //= factor
    return size if rest == 1 else _fast_length(size + 1)


def resampling_matrix(kernel: Kernel, ratio: float, first: int, size: int, *, like: Tensor) -> Tensor:
    """Weights (size, window size) that make the pixels of an image from those of its `window`; each row sums to 1.

    "area" averages what a pixel covers, which is binning where r is a whole number; "nearest" takes one camera pixel;
    "bilinear" and "bicubic" (Keys 1981, a = −½) interpolate between camera pixels however many there are, so that fine
    noise is aliased; "lanczos" (3 lobes) is widened by r where that is above 1, and low-passes.

    Parameters
    ----------
    kernel, ratio, first, size
        As in `window`.
    like
        dtype and device of the result.
    """
    needed = window(kernel, ratio, first, size)
    pixels = torch.arange(first, first + size, dtype=torch.float64, device=like.device)[:, None]
    if kernel == "nearest":
        places = torch.floor(pixels * ratio + 0.5)
        weights = torch.ones_like(places)
    else:
        reach, centres = _reach(kernel, ratio), (pixels + 0.5) * ratio - 0.5
        taps = torch.arange(2 * ceil(reach) + 1, dtype=torch.float64, device=like.device)
        places = torch.floor(centres - reach) + taps
        weights = _weights(kernel, places - centres, ratio)
    weights = (weights / weights.sum(1, keepdim=True)).to(like.dtype)
    return weights.new_zeros((size, needed.size)).scatter_(1, places.long() - needed.first, weights)


def _weights(kernel: Kernel, distance: Tensor, ratio: float) -> Tensor:
    """Weight of a camera pixel at a distance in camera pixels, up to a factor."""
    apart = distance.abs()
    if kernel == "area":  # what the pixels (−r/2, r/2) and (d − ½, d + ½) share
        upper = (distance + 0.5).clamp(max=0.5 * ratio)
        return (upper - (distance - 0.5).clamp(min=-0.5 * ratio)).clamp_(min=0.0)
    if kernel == "bilinear":
        return (1.0 - apart).clamp_(min=0.0)
    if kernel == "bicubic":
        near = (1.5 * apart - 2.5) * apart.square() + 1.0
        far = ((-0.5 * apart + 2.5) * apart - 4.0) * apart + 2.0
        return torch.where(apart <= 1.0, near, torch.where(apart < 2.0, far, 0.0))
    scaled = distance / max(1.0, ratio)
    return torch.where(scaled.abs() < LOBES, torch.sinc(scaled) * torch.sinc(scaled / LOBES), 0.0)


def periodic_part(field: Tensor, rows: Window, columns: Window) -> Tensor:
    """Part of a periodic field (y, x), which may reach over its borders, several times even."""
    return _along(_along(field, rows, 0), columns, 1)


def _along(field: Tensor, part: Window, axis: int) -> Tensor:
    pieces, place, left = [], part.first % field.shape[axis], part.size
    while left > 0:
        length = min(left, field.shape[axis] - place)
        pieces.append(field.narrow(axis, place, length))
        place, left = 0, left - length
    return torch.cat(pieces, axis)
