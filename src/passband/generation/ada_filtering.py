"""Changes that spoil: bands of the spectrum raised and lowered, noise, a hole (arXiv 2006.06676, appendix B)."""

from functools import cache
from math import log

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from passband.generation.ada_blitting import chosen
from passband.generation.resampling import mirrored

GAIN = log(2.0)  # standard deviation of the logarithm of a band's gain
POWER = (10.0 / 13.0, 1.0 / 13.0, 1.0 / 13.0, 1.0 / 13.0)  # of natural images in the bands, from low to high
NOISE = 0.1
HOLE = 0.5  # of a side


def filter_bands(images: Tensor, p: float, generator: torch.Generator) -> Tensor:
    """Change the gain of four bands of images (n, 1, h, w), each with probability p, at the same expected power.

    The bands end at 1/8, 1/4, 1/2 and all of the Nyquist frequency and sum to the identity; here they are differences
    of the spline (1, 4, 6, 4, 1) / 16 with holes, where the paper has the wavelet sym2. Gains are log-normal with
    deviation ln 2; filters run along both axes, borders mirrored.
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
    bands = torch.tensor(_bands(), device=device, dtype=images.dtype)
    kernels = (gains.to(images.dtype) @ bands)[:, None]  # (n, 1, taps)
    half = kernels.shape[-1] // 2
    rows = mirrored(images, half).transpose(0, 1)  # (1, n, h, w): each with its own filter
    filtered = F.conv2d(rows, kernels[:, :, :, None], groups=count)
    filtered = F.conv2d(filtered, kernels[:, :, None, :], groups=count).transpose(0, 1)
    return torch.where(changed[:, None, None, None], filtered, images)


@cache
def _bands() -> tuple[tuple[float, ...], ...]:
    """Return the filters of the four bands from low to high, whose sum is one tap of 1."""
    lows = [np.ones(1)]
    for number in range(3):
        spline = np.zeros(4 * 2**number + 1)
        spline[:: 2**number] = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
        lows.append(np.convolve(lows[-1], spline))
    longest = len(lows[-1])
    lows = [np.pad(one, (longest - len(one)) // 2) for one in lows]
    bands = [lows[3], lows[2] - lows[3], lows[1] - lows[2], lows[0] - lows[1]]
    return tuple(tuple(band.tolist()) for band in bands)


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
