"""Doubling and halving of images with the filter [1, 3, 3, 1], so that nothing is drawn on a grid of pixels.

The short binomial filter of StyleGAN2 (Karras et al., CVPR 2020, arXiv 1912.04958), as Zhang (2019) proposed it. A
constant stays a constant up to the borders, for these are continued by their last pixel.
Borders are slices put together, whose gradients are the same each time on a GPU; those of reflection padding are not.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

TAPS = (1.0, 3.0, 3.0, 1.0)


def double(images: Tensor) -> Tensor:
    """Return images (n, c, h, w) with twice the pixels, (n, c, 2h, 2w), over the same field of view."""
    channels = images.shape[1]
    return F.conv_transpose2d(with_borders(images, 1), _kernel(images, 4.0), stride=2, padding=3, groups=channels)


def halve(images: Tensor) -> Tensor:
    """Return images (n, c, 2h, 2w) with half the pixels, (n, c, h, w), over the same field of view."""
    return F.conv2d(with_borders(images, 1), _kernel(images, 1.0), stride=2, groups=images.shape[1])


def smooth(images: Tensor, *, padding: int, gain: float = 1.0) -> Tensor:
    """Return images (n, c, h, w) under the filter, times a gain; with zeros around, h + 2 padding − 3 pixels high."""
    return F.conv2d(images, _kernel(images, gain), padding=padding, groups=images.shape[1])


def pixel_by_pixel(images: Tensor) -> Tensor:
    """Return images (n, c, h, w) with the channels of a pixel side by side; a CPU convolves few channels faster so."""
    return images.to(memory_format=torch.channels_last) if images.device.type == "cpu" else images


def with_borders(images: Tensor, width: int) -> Tensor:
    """Continue images (…, h, w) by their outermost pixels, on each side."""
    for axis in (-1, -2):
        first, last = images.narrow(axis, 0, 1), images.narrow(axis, images.shape[axis] - 1, 1)
        images = torch.cat([first] * width + [images] + [last] * width, dim=axis)
    return images


def along_axes(images: Tensor, matrix: Tensor) -> Tensor:
    """Return images (n, 1, h, w) under a linear map (m, side), or one each (n, 1, m, side), along both axes."""
    return matrix @ images @ matrix.mT


def _kernel(images: Tensor, gain: float) -> Tensor:
    """Filter for each channel, (c, 1, 4, 4), of sum `gain`."""
    taps = torch.tensor(TAPS, device=images.device, dtype=images.dtype)
    return (taps[:, None] * taps * (gain / 64.0)).expand(images.shape[1], 1, -1, -1)
