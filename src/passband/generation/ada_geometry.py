"""Changes of scale, direction and place, of which all are done in one resampling (arXiv 2006.06676, appendix B)."""

from functools import cache
from math import log, pi

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from passband.generation.ada_blitting import chosen
from passband.generation.resampling import along_axes

Matrix = NDArray[np.float32]
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
    up, down = (torch.from_numpy(one).to(images) for one in _matrices(side))
    places = (torch.arange(down.shape[1], device=images.device) - (HALF - 1) + 0.5) / side - 1.0
    y, x = torch.meshgrid(places, places, indexing="ij")
    along_x, along_y, shift = maps[:, None, None].unbind(-1)  # (n, 1, 1, 2); a product of matrices is slower
    grid = x[:, :, None].to(images.dtype) * along_x + y[:, :, None].to(images.dtype) * along_y + shift
    seen = F.grid_sample(along_axes(images, up), grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return along_axes(seen, down)


@cache
def _matrices(side: int) -> tuple[Matrix, Matrix]:
    """Return what takes pixels along an axis to twice as many, (2 side, side), and those with 5 more at both ends back.

    Matrices, for on a CPU the gradient of a convolution of one channel takes ten times as long.
    """
    taps = _taps()
    up, down = np.zeros((2 * side, side)), np.zeros((side, 2 * side + 2 * (HALF - 1)))
    for fine in range(2 * side):
        for pixel in range(-HALF, side + HALF):
            if (
                0 <= (tap := 2 * pixel + HALF - fine) < 2 * HALF
            ):  # from the middle of a fine pixel to that of a coarse one
                mirrored = -1 - pixel if pixel < 0 else min(pixel, 2 * side - 1 - pixel)
                up[fine, mirrored] += 2.0 * taps[tap]
    for pixel in range(side):
        down[pixel, 2 * pixel : 2 * pixel + 2 * HALF] = taps
    return up.astype(np.float32), down.astype(np.float32)


def _taps() -> NDArray[np.float64]:
    """Low-pass filter at half the band, 12 taps of sum 1, symmetric: a sinc under a Kaiser window."""
    places = np.arange(2 * HALF) - HALF + 0.5
    taps = np.sinc(places / 2.0) * np.kaiser(2 * HALF, 6.0)
    return np.asarray(taps / taps.sum())
