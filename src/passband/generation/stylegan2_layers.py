"""Layers of StyleGAN2: weights of equal rates, convolutions that a style modulates, the deviation within a minibatch.

Written from Karras et al., CVPR 2018 (arXiv 1710.10196: equalised rates, deviation within a minibatch) and CVPR 2020
(arXiv 1912.04958: modulation and demodulation). Activations are leaky rectifiers of slope 0.2 times √2, which keeps the
mean square of a unit normal input near 1.
"""

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from passband.generation.resampling import smooth

SLOPE, GAIN = 0.2, sqrt(2.0)
TINY = 1e-8
GROUPS = (4, 3, 2)  # images whose deviation is one number


class EqualLinear(nn.Module):
    """A dense layer whose weights are of unit variance and are scaled when they are used, so that all learn alike.

    Parameters
    ----------
    inputs, outputs
        Sizes.
    bias
        Its value at the start.
    multiplier
        Of the learning rate; 0.01 in the mapping.
    activated
        Whether a rectifier follows.
    """

    def __init__(
        self, inputs: int, outputs: int, *, bias: float = 0.0, multiplier: float = 1.0, activated: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / multiplier)
        self.bias = nn.Parameter(torch.full((outputs,), bias / multiplier))
        self.scale, self.multiplier, self.activated = multiplier / sqrt(inputs), multiplier, activated

    def forward(self, values: Tensor) -> Tensor:  # (n, inputs)
        """Return (n, outputs)."""
        gain = GAIN if self.activated else 1.0
        found = F.linear(values, self.weight * (self.scale * gain), self.bias * (self.multiplier * gain))
        return F.leaky_relu(found, SLOPE) if self.activated else found


class EqualConvolution(nn.Module):
    """A convolution of equalised rate, with bias and rectifier where it is `activated`, halving where it is to.

    `gain` is of the output.
    """

    def __init__(self, inputs: int, outputs: int, side: int, *, halving: bool = False, activated: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, side, side))
        self.bias = nn.Parameter(torch.zeros(outputs)) if activated else None
        self.scale, self.halving = 1.0 / (side * sqrt(inputs)), halving

    def forward(self, images: Tensor, *, gain: float = 1.0) -> Tensor:  # (n, inputs, h, w)
        """Return (n, outputs, h, w), or half of h and w."""
        side = self.weight.shape[-1]
        gain *= 1.0 if self.bias is None else GAIN
        weight = self.weight * (self.scale * gain)
        if self.halving:
            found = F.conv2d(smooth(images, padding=2), weight, None if self.bias is None else self.bias * gain, 2)
        else:
            found = F.conv2d(images, weight, None if self.bias is None else self.bias * gain, padding=side // 2)
        return found if self.bias is None else F.leaky_relu(found, SLOPE)


class ModulatedConvolution(nn.Module):
    """A convolution whose input channels a style scales, and whose output is scaled back to unit variance.

    Weights w′ᵢⱼₖ = sᵢ wᵢⱼₖ, demodulated w″ = w′ / √(Σᵢₖ w′² + 1e-8), sums over input channels i and taps k (arXiv
    1912.04958, eqs 1 and 3). Scaling the input by s and the output by that root is the same map as a convolution with
    weights of each image, and needs none of these; which is faster where is in `benchmarks/bench_stylegan2.py`.

    Parameters
    ----------
    inputs, outputs, side
        Channels, and taps of the kernel along one axis.
    styles
        Numbers that the style comes from.
    doubling
        Whether the image gets twice the pixels.
    demodulated
        Not before the image itself (toRGB).
    """

    def __init__(
        self, inputs: int, outputs: int, side: int, styles: int, *, doubling: bool = False, demodulated: bool = True
    ) -> None:
        super().__init__()
        self.style = EqualLinear(styles, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, side, side))
        self.scale, self.doubling, self.demodulated = 1.0 / (side * sqrt(inputs)), doubling, demodulated

    def forward(self, images: Tensor, w: Tensor, *, gain: float = 1.0) -> Tensor:  # (n, inputs, h, w), (n, styles)
        """Return (n, outputs, h, w), times a gain; twice the pixels where it doubles."""
        style = self.style(w)  # (n, inputs)
        weight = self.weight * (self.scale if self.demodulated else self.scale * gain)
        images = images * style[:, :, None, None]
        if self.doubling:  # zeros between pixels, the kernel, then the filter: the same as filter first, at a quarter
            found = smooth(F.conv_transpose2d(images, weight.transpose(0, 1), stride=2), padding=1, gain=4.0)
        else:
            found = F.conv2d(images, weight, padding=weight.shape[-1] // 2)
        if not self.demodulated:
            return found
        power = style.square() @ weight.square().sum((2, 3)).T  # (n, outputs)
        return found * (gain * torch.rsqrt(power + TINY))[:, :, None, None]


class StyledLayer(nn.Module):
    """Modulated convolution of 3 × 3, noise of a learnt strength, bias, rectifier."""

    def __init__(self, inputs: int, outputs: int, styles: int, *, doubling: bool = False) -> None:
        super().__init__()
        self.convolution = ModulatedConvolution(inputs, outputs, 3, styles, doubling=doubling)
        self.strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, images: Tensor, w: Tensor, noise: Tensor) -> Tensor:  # (n, inputs, h, w), (n, styles), noise
        """Return (n, outputs, h, w); `noise` (n, 1, h, w) is of unit variance and the size of the output."""
        found = self.convolution(images, w, gain=GAIN)  # the rectifier commutes with a positive gain
        return F.leaky_relu(found + noise * (self.strength * GAIN) + self.bias[:, None, None] * GAIN, SLOPE)


def minibatch_deviation(images: Tensor) -> Tensor:
    """Append a channel to (n, c, h, w): how much the images of a group differ, a number for up to four images.

    The mean over channels and pixels of the standard deviation within the group (arXiv 1710.10196, section 3); 0 where
    they are the same, by which a discriminator sees that a generator draws one image alone. A minibatch is cut into
    groups of 4, 3 or 2 images, the first of these that divides it, or is one group.
    """
    count, _, height, width = images.shape
    group = next((size for size in GROUPS if count % size == 0), count)
    grouped = images.reshape(group, count // group, -1)
    variance = (grouped - grouped.mean(0)).square().mean(0)
    tiny = torch.full_like(variance[:, :1], TINY)  # the root needs a finite slope at 0
    deviation = ((variance + tiny).sqrt() - tiny.sqrt()).mean(1)  # (n / group,)
    return torch.cat([images, deviation.repeat(group)[:, None, None, None].expand(-1, 1, height, width)], dim=1)
