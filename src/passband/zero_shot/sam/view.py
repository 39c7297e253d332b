"""How an image, or a crop of it, comes before a network of Segment Anything's kind, and masks come back onto a grid."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate, pad

from passband.recipe import PassbandError
from passband.zero_shot.sam.recipe import Crop

#: Mean and standard deviation of red, green and blue, 0 to 255, that the networks were trained with (Kirillov et al.,
#: arXiv 2304.02643, as published with the weights).
_MEAN, _STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
_DARKEST, _BRIGHTEST = 0.1, 99.9  # percentiles: a few hot pixels do not darken the rest


def grey_levels(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return an image (y, x) with grey values from 0 to 255, as photographs have them.

    Raises
    ------
    PassbandError
        It has no pixels, only one value, or values that are not finite.
    """
    if image.ndim != 2 or image.size == 0:
        raise PassbandError(f"an image of shape {image.shape} is no (y, x) with pixels; choose one frame or channel")
    if not np.isfinite(image).all():
        raise PassbandError("the image holds NaN or infinity, which no network takes; replace them first")
    low, high = np.percentile(image, (_DARKEST, _BRIGHTEST))
    if low == high:
        low, high = float(image.min()), float(image.max())
    if low == high:
        raise PassbandError(f"every pixel of the image is {low:g}: there is nothing to see; check the file")
    return np.asarray(np.clip((image - low) * (255.0 / (high - low)), 0.0, 255.0), dtype=np.float32)


@dataclass(frozen=True)
class View:
    """A crop of an image, enlarged or reduced to the longest side of a network.

    Attributes
    ----------
    crop
        In pixels of the image.
    side
        Pixels of the square that the network looks at; the crop is at its upper left, the rest is zero.
    stretched
        Whether the crop fills the square instead, whatever its shape.
    """

    crop: Crop
    side: int
    stretched: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the crop, pixels of the image."""
        return self.crop[2] - self.crop[0], self.crop[3] - self.crop[1]

    @property
    def filled(self) -> tuple[int, int]:
        """Rows and columns of the square that the crop fills."""
        if self.stretched:
            return self.side, self.side
        scale = self.side / max(self.size)
        rows, columns = (max(1, int(length * scale + 0.5)) for length in self.size)
        return rows, columns

    def pixels(self, levels: NDArray[np.float32]) -> Tensor:
        """Return what the network looks at, (1, 3, side, side), of the grey values (y, x) of the whole image."""
        y0, x0, y1, x1 = self.crop
        grey = torch.from_numpy(np.ascontiguousarray(levels[y0:y1, x0:x1]))[None, None]
        grey = interpolate(grey, self.filled, mode="bilinear", align_corners=False, antialias=True)
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (_MEAN, _STD))
        rows, columns = self.filled
        return pad((grey - mean) / std, (0, self.side - columns, 0, self.side - rows))

    def places(self, points: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return places (…, 2), (y, x) in pixels of the image, as the network counts them: (x, y) in its square."""
        ratio = np.array(self.filled) / self.size
        return ((points - self.crop[:2]) * ratio)[..., ::-1].astype(np.float32)

    def onto_grid(self, logits: Tensor, grid: tuple[int, int], shape: tuple[int, int]) -> tuple[Tensor, slice, slice]:
        """Interpolate what a network says of its square, linearly and in one step, onto a grid of the image.

        Parameters
        ----------
        logits
            (…, h, w) of the whole square.
        grid, shape
            Rows and columns of the grid, and (y, x) pixels of the image that it covers.

        Returns
        -------
        values, rows, columns
            (…, rows, columns) where the grid lies within the crop, and which rows and columns these are.
        """
        weights, where = [], []
        for axis in (0, 1):
            middles = (torch.arange(grid[axis], dtype=torch.float64) + 0.5) * (shape[axis] / grid[axis])
            inside = torch.nonzero((middles >= self.crop[axis]) & (middles < self.crop[axis + 2])).flatten()
            first = int(inside[0]) if len(inside) else 0
            where.append(slice(first, first + len(inside)))
            ratio = self.filled[axis] / self.size[axis] / self.side
            places = (middles[inside] - self.crop[axis]) * ratio * logits.shape[axis - 2]
            weights.append(_linear(places, logits.shape[axis - 2]).to(logits))
        return weights[0] @ logits @ weights[1].T, where[0], where[1]


def _linear(places: Tensor, count: int) -> Tensor:
    """Weights (places, count) of linear interpolation between the middles of `count` cells of unit length."""
    place = (places - 0.5).clamp(0.0, count - 1.0)
    return (1.0 - (place[:, None] - torch.arange(count)).abs()).clamp(min=0.0)
