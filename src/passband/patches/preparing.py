"""What a network does to a whole image before it looks: slow fields taken off, one robust scale, outliers cut.

A mean and a standard deviation depend on how much of a field is particle, on gradients of the illumination, on hot
pixels and on borders. Subtracting a Gaussian average takes what is slow away, and the median of the absolute deviation
is that of the most common texture, whatever a few pixels do.
"""

from math import ceil

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from passband.recipe import Recipe

NORMAL = 1.4826  # standard deviation over median absolute deviation of a normal distribution
REACH = 3.0  # of a Gaussian kernel, in its standard deviations
EVEN = 1e-6  # a median deviation below this part of the standard deviation says nothing: more than half is one value


class Preparation(Recipe):
    """How an image is prepared; every step keeps the symmetries of the square.

    Attributes
    ----------
    high_pass
        Standard deviation, in pixels, of the Gaussian average that is subtracted; None subtracts the median alone.
    clip
        Where values are cut, in robust standard deviations: before the average is taken, and after.
    """

    high_pass: float | None = Field(default=12.0, gt=0.5, le=256.0)
    clip: float = Field(default=8.0, ge=3.0, le=1e6)

    def prepare(self, images: Tensor) -> Tensor:
        """Return whole images (n, channels, y, x) of any gain and offset with a robust standard deviation of 1."""
        ready = robustly_scaled(images, clip=self.clip)
        if self.high_pass is not None:
            ready = robustly_scaled(ready - gaussian_average(ready, self.high_pass), clip=self.clip)
        return ready


def robustly_scaled(images: Tensor, *, clip: float) -> Tensor:
    """Images (n, channels, y, x) with median 0 and a median absolute deviation as of a normal distribution of std 1.

    Where more than half of an image is one value, as within a wide border, the standard deviation takes its place; an
    even image becomes 0.
    """
    flat = images.float().flatten(2)  # (n, channels, y·x)
    centred = flat - flat.median(dim=-1, keepdim=True).values
    deviation = NORMAL * centred.abs().median(dim=-1, keepdim=True).values
    spread = centred.square().mean(dim=-1, keepdim=True).sqrt()
    scale = torch.where(deviation > EVEN * spread, deviation, spread)
    scaled = torch.where(scale > 0, centred / scale.clamp_min(torch.finfo(scale.dtype).tiny), torch.zeros_like(centred))
    return scaled.clamp(-clip, clip).view_as(images)


def gaussian_average(images: Tensor, deviation: float) -> Tensor:
    """Gaussian average of images (n, channels, y, x), which are reflected at their borders, to 3 deviations."""
    for axis in (-2, -1):
        radius = min(ceil(REACH * deviation), images.shape[axis] - 1)
        offsets = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
        kernel = torch.exp(-0.5 * (offsets / deviation) ** 2)
        images = _along(images, kernel / kernel.sum(), radius, axis)
    return images


def _along(images: Tensor, kernel: Tensor, radius: int, axis: int) -> Tensor:
    """Convolve images (n, channels, y, x) with a kernel along one axis, as one channel each."""
    planes = images.flatten(0, 1)[:, None]  # (n·channels, 1, y, x)
    rows = axis == -2
    padded = F.pad(planes, (0, 0, radius, radius) if rows else (radius, radius, 0, 0), mode="reflect")
    weight = kernel.view(1, 1, -1, 1) if rows else kernel.view(1, 1, 1, -1)
    return F.conv2d(padded, weight).view_as(images)
