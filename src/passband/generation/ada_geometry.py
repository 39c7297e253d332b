"""Changes of scale, direction and place, of which all are done in one resampling (arXiv 2006.06676, appendix B)."""

from functools import cache
from math import log, pi

import torch
from torch import Tensor
from torch.nn import functional as F

from passband.generation.ada_blitting import chosen
from passband.generation.resampling import mirrored

SCALE = 0.2 * log(2.0)  # standard deviation of the logarithm
SHIFT = 0.125  # standard deviation, of a side
HALF = 6  # taps on either side of the filter for twice and half the pixels


def warp(images: Tensor, p: float, generator: torch.Generator, *, rotations: bool = True) -> Tensor:
    """Scale, turn, stretch, turn and shift images (n, 1, side, side), each with probability p, by one resampling.

    Scales are log-normal with deviation 0.2 ln 2, angles uniform, shifts normal with an eighth of the side. The two
    turns have probability 1 − √(1 − p) each, so that an image is turned with p. Where nothing is drawn for an image its
    bits stay. Without `rotations` rows stay rows.
    """
    matrices, changed = drawn_maps(len(images), p, generator, rotations=rotations)
    numbers = changed.nonzero()[:, 0]
    if len(numbers) == 0:
        return images
    return images.index_copy(0, numbers, resampled(images[numbers], matrices[numbers]))


def drawn_maps(count: int, p: float, generator: torch.Generator, *, rotations: bool) -> tuple[Tensor, Tensor]:
    """Draw maps from the places of an output to those of the image, (count, 2, 3), and which are not the identity.

    Places are (x, y) from the middle in units of half a side.
    """
    device = generator.device

    def normal(deviation: float, present: Tensor) -> Tensor:
        return torch.where(present, deviation * torch.randn(count, generator=generator, device=device), 0.0)

    def angle(present: Tensor) -> Tensor:
        turn = pi * (2.0 * torch.rand(count, generator=generator, device=device) - 1.0)
        return torch.where(present, turn, 0.0)

    seldom = 1.0 - (1.0 - p) ** 0.5 if rotations else 0.0
    ways = [chosen(count, one, generator) for one in (p, seldom, p, seldom, p)]
    size, before = normal(SCALE, ways[0]).exp(), _turn(angle(ways[1]))
    stretch, after = normal(SCALE, ways[2]).exp(), _turn(angle(ways[3]))
    shift = torch.stack([normal(2.0 * SHIFT, ways[4]), normal(2.0 * SHIFT, ways[4])], dim=1)
    stretched = before * torch.stack([stretch, 1.0 / stretch], dim=1)[:, None, :]  # before · diag(stretch)
    linear = size[:, None, None] * stretched @ after
    return torch.cat([linear, linear @ shift[:, :, None]], dim=2), torch.stack(ways).any(0)


def _turn(angle: Tensor) -> Tensor:
    """Matrices of turns, (n, 2, 2)."""
    cosine, sine = angle.cos(), angle.sin()
    return torch.stack([torch.stack([cosine, -sine], dim=1), torch.stack([sine, cosine], dim=1)], dim=1)


def resampled(images: Tensor, maps: Tensor) -> Tensor:
    """Return images (n, 1, side, side) whose values at a place are those at its map (n, 2, 3), borders mirrored.

    Twice the pixels, values between them bilinear, half the pixels: a low-pass filter of 12 taps before and after keeps
    what is drawn smaller from aliasing. (The paper takes the wavelet sym6; this is a sinc under a Kaiser window.)
    """
    side = images.shape[-1]
    fine = _filtered(_between_zeros(mirrored(images, HALF)), 2.0)[..., HALF + 1 : -HALF, HALF + 1 : -HALF]
    wide = 2 * side + 2 * (HALF - 1)  # room for the last filter
    places = (torch.arange(wide, device=images.device) - (HALF - 1) + 0.5) / side - 1.0
    y, x = torch.meshgrid(places, places, indexing="ij")
    grid = torch.stack([x, y, torch.ones_like(x)], dim=-1).to(images.dtype) @ maps[:, None].transpose(-1, -2)
    seen = F.grid_sample(fine, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return _filtered(seen, 1.0)[..., ::2, ::2]


@cache
def _taps() -> tuple[float, ...]:
    """Low-pass filter at half the band, 12 taps of sum 1, symmetric: a sinc under a Kaiser window."""
    places = torch.arange(2 * HALF, dtype=torch.float64) - HALF + 0.5
    window = torch.kaiser_window(2 * HALF, periodic=False, beta=6.0, dtype=torch.float64)
    taps = torch.sinc(places / 2.0) * window
    return tuple((taps / taps.sum()).tolist())


def _filtered(images: Tensor, gain: float) -> Tensor:
    """Return images (n, 1, h, w) under the low-pass filter along each axis, 11 pixels smaller."""
    taps = gain * torch.tensor(_taps(), device=images.device, dtype=images.dtype)
    return F.conv2d(F.conv2d(images, taps.reshape(1, 1, -1, 1)), taps.reshape(1, 1, 1, -1))


def _between_zeros(images: Tensor) -> Tensor:
    """Return images (n, 1, 2h, 2w) with a zero before each pixel, along both axes."""
    count, _, height, width = images.shape
    spread = images.new_zeros(count, 1, height, 2, width, 2)
    spread[:, :, :, 1, :, 1] = images
    return spread.reshape(count, 1, 2 * height, 2 * width)
