"""A detector that counts electrons: its modulation transfer, Poisson noise, and excess noise.

`passband.camera` records images with it.
"""

import torch
from torch import Tensor

from passband.microscope.conditions import MTF
from passband.microscope.frequencies import spatial_frequencies

FEW = 12.0  # electrons in a pixel of vacuum, below which they are drawn one by one


def few_electrons(vacuum: float, excess_noise: float) -> bool:
    """Whether electrons are drawn one by one where a pixel of vacuum has so many of them.

    It is below 12, and below 12 v where the excess noise v is above 1: the expansion would fall below zero too often.
    """
    return vacuum < FEW * max(1.0, excess_noise)


def mtf_transfer(shape: tuple[int, int], mtf: MTF, *, like: Tensor) -> Tensor:
    """MTF of a detector of `shape` pixels at the frequencies of `torch.fft.rfft2`, real, (y, x // 2 + 1)."""
    q, _ = spatial_frequencies(shape, 1.0, dtype=like.dtype, device=like.device)
    transfer: Tensor = mtf.transfer(2.0 * q[:, : shape[1] // 2 + 1])
    return transfer


def electron_counts(expected: Tensor, *, excess_noise: float, few: bool, generator: torch.Generator) -> Tensor:
    """Signal of the electrons in each pixel, in units of the mean signal of one: mean λ, variance λ(1 + v).

    Each electron gives a signal of mean 1 and variance v, so that the detective quantum efficiency of the camera is
    1/(1 + v) at low frequencies. Where there are many electrons, the first terms of the Cornish–Fisher expansion are
    drawn, λ + √(λ(1 + v))·z + (1 + 3v)/(6(1 + v))·(z² − 1) with z of a standard normal distribution: mean and third
    moment are those of the sum, the variance is too large by 2((1 + 3v)/(6(1 + v)))², less than half an electron. It
    takes a fifth of the time. What falls below zero becomes zero: these moments hold to 1 % from λ = 4 on (v = 1: 8),
    while at λ = 1 the mean is too large by 4 % (v = 1: 13 %) and at λ = ½ by 13 % (31 %).

    Parameters
    ----------
    expected
        Electrons λ in each pixel, ≥ 0.
    excess_noise
        v.
    few
        Draw whole electrons.
    generator
        On the device of `expected`.
    """
    if few:
        counts = torch.poisson(expected, generator=generator)
        if excess_noise:
            counts = counts.addcmul(counts.sqrt(), _normal(counts, generator), value=excess_noise**0.5)
        return counts
    z = _normal(expected, generator)
    skewness = (1.0 + 3.0 * excess_noise) / (6.0 * (1.0 + excess_noise))
    spread = (expected * (1.0 + excess_noise)).sqrt_()
    counts = spread.mul_(z).add_(expected)
    return counts.add_(z.square_().sub_(1.0), alpha=skewness).clamp_(min=0.0)


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, dtype=like.dtype, device=like.device)
