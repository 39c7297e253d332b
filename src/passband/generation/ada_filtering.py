"""Changes that spoil: bands of the spectrum raised and lowered, noise, a hole (arXiv 2006.06676, appendix B)."""

from functools import cache
from math import log

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from passband.generation.ada_blitting import chosen
from passband.generation.resampling import along_axes

GAIN = log(2.0)  # standard deviation of the logarithm of a band's gain
POWER = (10.0 / 13.0, 1.0 / 13.0, 1.0 / 13.0, 1.0 / 13.0)  # of natural images in the bands, from low to high
HALF_BAND = np.array([-1.0, 0.0, 9.0, 16.0, 9.0, 0.0, -1.0]) / 32.0  # half at half of the Nyquist frequency
NOISE = 0.1
HOLE = 0.5  # of a side


def filter_bands(images: Tensor, p: float, generator: torch.Generator) -> Tensor:
    """Change the gain of four bands of images (n, 1, h, w), each with probability p, at the same expected power.

    The bands end at 1/8, 1/4, 1/2 and all of the Nyquist frequency and sum to the identity; here they are differences
    of low-pass filters, (−1, 0, 9, 16, 9, 0, −1) / 32 spread, where the paper has the wavelet sym2. Gains are
    log-normal with deviation ln 2; filters run along both axes, borders mirrored.
    """
    count, device = len(images), generator.device
    gains, power = torch.ones(count, 4, device=device), torch.tensor(POWER, device=device)
    changed = torch.zeros(count, dtype=torch.bool, device=device)
    for band in range(4):
        present = chosen(count, p, generator)
        one = torch.ones(count, 4, device=device)
        one[:, band] = (GAIN * torch.randn(count, generator=generator, device=device)).exp()
        one = one * torch.rsqrt((one.square() * power).sum(1, keepdim=True))
        gains = torch.where(present[:, None], gains * one, gains)
        changed = changed | present
    bands = torch.from_numpy(_matrices(images.shape[-1])).to(images)
    filters = torch.einsum("nb,bij->nij", gains.to(images.dtype), bands)[:, None]
    return torch.where(changed[:, None, None, None], along_axes(images, filters), images)


@cache
def _matrices(side: int) -> NDArray[np.float32]:
    """Return the filters of the bands from low to high along an axis, (4, side, side); their sum is the identity."""
    found = np.zeros((4, side, side))
    middle = len(_bands()[0]) // 2
    for pixel in range(side):
        for number, tap in enumerate(zip(*_bands(), strict=True)):
            place = (pixel + number - middle) % (2 * side)  # mirrored at the outer edge of the last pixel
            found[:, pixel, min(place, 2 * side - 1 - place)] += tap
    return found.astype(np.float32)


def _bands() -> list[NDArray[np.float64]]:
    """Return the taps of the four bands from low to high, whose sum is one tap of 1."""
    lows = [np.ones(1)]
    for number in range(3):
        spread = np.zeros(6 * 2**number + 1)
        spread[:: 2**number] = HALF_BAND
        lows.append(np.convolve(lows[-1], spread))
    whole, finer, middle, coarse = (np.pad(one, (len(lows[-1]) - len(one)) // 2) for one in lows)
    return [coarse, middle - coarse, finer - middle, whole - finer]


def noise(images: Tensor, p: float, generator: torch.Generator) -> Tensor:
    """Add white noise to images (n, 1, h, w) with probability p; its deviation is |N(0, 0.1²)|."""
    count, device = len(images), generator.device
    deviation = NOISE * torch.randn(count, 1, 1, 1, generator=generator, device=device).abs()
    white = torch.randn(images.shape, generator=generator, device=device)
    present = chosen(count, p, generator)[:, None, None, None]
    return torch.where(present, images + deviation * white, images)


def cut_out(images: Tensor, p: float, generator: torch.Generator) -> Tensor:
    """Set a square of half the side of images (n, 1, h, w) to 0 with probability p; its middle is anywhere in them."""
    count, device = len(images), generator.device
    middle = torch.rand(2, count, 1, generator=generator, device=device)
    places = [(torch.arange(side, device=device) + 0.5) / side for side in images.shape[-2:]]
    inside = [(place - centre).abs() < HOLE / 2.0 for place, centre in zip(places, middle, strict=True)]
    hole = inside[0][:, :, None] & inside[1][:, None, :] & chosen(count, p, generator)[:, None, None]
    return torch.where(hole[:, None], 0.0, images)
