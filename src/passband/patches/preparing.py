"""What a network does to a whole image before it looks: slow fields taken off, one robust scale, outliers cut.

A mean and a standard deviation depend on how much of a field is particle, on gradients of the illumination, on hot
pixels and on borders. Subtracting a Gaussian average takes what is slow away, and the median of the absolute deviation
is that of the most common texture, whatever a few pixels do.
"""

from contextlib import nullcontext
from math import log, pi, sqrt

import torch
from pydantic import Field
from torch import Tensor

from passband.recipe import Recipe

NORMAL = 1.4826  # standard deviation over median absolute deviation of a normal distribution
NOTHING = 1e-10  # of a cosine: a thousandth of a rounding in single precision
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

    high_pass: float | None = Field(default=64.0, gt=0.5, le=256.0)
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
    """Gaussian average of images (n, channels, y, x), mirrored at the outer edges of their pixels.

    `deviation` is in pixels. A mirrored image is a sum of cosines, of which the average leaves exp(-2π²σ²f²): those of
    which less than `NOTHING` is left are not computed, so that few are where σ is many pixels.
    """
    device = images.device.type
    single = torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()
    with single:
        (rows, smooth_rows), (columns, smooth_columns) = (_cosines(images, axis, deviation) for axis in (-2, -1))
        return smooth_rows.T @ (rows @ images @ columns.T) @ smooth_columns


def _cosines(images: Tensor, axis: int, deviation: float) -> tuple[Tensor, Tensor]:
    """Cosines (k, side) that a mirrored axis is a sum of, slow to fast, and the share of each in the average."""
    side = images.shape[axis]
    fastest = sqrt(0.5 * log(1.0 / NOTHING)) / (pi * deviation)  # per pixel
    frequency = torch.arange(min(side, 1 + int(2 * side * fastest)), dtype=torch.float64)[:, None] / (2 * side)
    cosines = torch.cos(2.0 * pi * frequency * (torch.arange(side, dtype=torch.float64) + 0.5))
    passed = torch.exp(-2.0 * (pi * deviation * frequency) ** 2) * (2.0 / side)
    passed[0] *= 0.5
    return cosines.to(images), (passed * cosines).to(images)
