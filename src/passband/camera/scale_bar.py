"""The scale bar that is burned into a saved image: where it lies, how long it is, and its pixels."""

from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from passband.recipe import Recipe

MARGIN = 0.03  # of the shorter side, between the bar and the border
SMALLEST_TEXT = 7  # pixels; what is smaller cannot be read
LABEL_HEIGHT = 2.5  # thicknesses of the bar

Corner = Literal["top left", "top right", "bottom left", "bottom right"]


class ScaleBar(Recipe):
    """A bar of one grey level in a corner, with a label, on the image or on a box.

    Attributes
    ----------
    corner
        Of the image.
    length
        Of the bar, fraction of the image's width.
    thickness
        Of the bar, fraction of the image's height; at least one pixel.
    bright
        The bar has the brightest grey of the image; otherwise the darkest.
    boxed
        Bar and label lie on a box of the opposite grey.
    label
        Text above the bar, or nothing.
    """

    corner: Corner = "bottom left"
    length: float = Field(default=0.2, gt=0.0, le=0.9)
    thickness: float = Field(default=0.02, gt=0.0, le=0.2)
    bright: bool = True
    boxed: bool = False
    label: str = Field(default="", max_length=12)


def with_scale_bar(image: Tensor, bar: ScaleBar) -> Tensor:
    """Return an image (y, x) with a scale bar in it, between the extremes of its values."""
    drawn = _drawn(bar, (image.shape[-2], image.shape[-1]))
    low, high = image.min(), image.max()
    paint, ground = (high, low) if bar.bright else (low, high)
    cover = torch.from_numpy(drawn).to(image.device, image.dtype)
    height, width = cover.shape[1:]
    top = _offset(image.shape[-2], height, at_end=bar.corner.startswith("bottom"), shape=image.shape)
    left = _offset(image.shape[-1], width, at_end=bar.corner.endswith("right"), shape=image.shape)
    result = image.clone()
    place = result[top : top + height, left : left + width]
    place.copy_(torch.lerp(torch.lerp(place, ground.expand_as(place), cover[1]), paint.expand_as(place), cover[0]))
    return result


def _offset(side: int, length: int, *, at_end: bool, shape: torch.Size) -> int:
    margin = min(round(MARGIN * min(shape)), (side - length) // 2)
    return side - length - margin if at_end else margin


@lru_cache(maxsize=64)
def _drawn(bar: ScaleBar, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Opacity of the bar with its label, and of the box under them, (2, y, x), no larger than the image."""
    thickness, length = max(1, round(bar.thickness * shape[0])), max(1, round(bar.length * shape[1]))
    text = _text(bar.label, max(SMALLEST_TEXT, round(LABEL_HEIGHT * thickness))) if bar.label else np.zeros((0, 0))
    gap = max(1, thickness // 2)
    edge = gap if bar.boxed else 0
    height = thickness + (text.shape[0] + gap if text.size else 0)
    cover = np.zeros((2, height + 2 * edge, max(length, text.shape[1]) + 2 * edge), dtype=np.float32)
    cover[1] = float(bar.boxed)
    inside = cover[0, edge : edge + height, edge : cover.shape[2] - edge]
    start = (inside.shape[1] - text.shape[1]) // 2
    inside[: text.shape[0], start : start + text.shape[1]] = text
    start = (inside.shape[1] - length) // 2
    inside[height - thickness :, start : start + length] = 1.0
    return cover[:, : shape[0], : shape[1]]


def _text(label: str, height: int) -> NDArray[np.float32]:
    """Opacity of a text (y, x), as high as its letters."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(height)
    left, top, right, bottom = (round(edge) for edge in font.getbbox(label))
    image = Image.new("L", (max(1, right - left), max(1, bottom - top)))
    ImageDraw.Draw(image).text((-left, -top), label, fill=255, font=font)
    return np.asarray(image, dtype=np.float32) / np.float32(255.0)
