"""The size of a pixel, as one length or as two: (y, x), in Å."""

import math
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any

from passband.recipe import PassbandError


def pixel_pair(pixel_size: float | Sequence[float] | None) -> tuple[float, float]:
    """Return a pixel size in Å as (y, x); one number is the side of a square pixel.

    Raises
    ------
    PassbandError
        It is not known (None), is not one or two numbers, or is not positive and finite.

    Examples
    --------
    >>> pixel_pair(0.5), pixel_pair((0.5, 0.6))
    ((0.5, 0.5), (0.5, 0.6))
    """
    if pixel_size is None:
        raise PassbandError("pixel_size=None: the pixel size is not known; give it in Å, such as pixel_size=0.5")
    size = _plain(pixel_size)
    pair: tuple[Any, ...] = (size,) * 2 if isinstance(size, Real) else ()
    if isinstance(size, Iterable):
        pair = tuple(_plain(side) for side in size)
    numbers = [float(side) for side in pair if isinstance(side, Real)]
    if len(pair) != 2 or len(numbers) != 2 or not all(0.0 < side < math.inf for side in numbers):
        raise PassbandError(f"pixel_size={pixel_size} must be one or two positive lengths in Å, such as 0.776")
    return numbers[0], numbers[1]


def pixel_text(pixel_size: float | Sequence[float]) -> str:
    """Return a pixel size in words, with four digits.

    Examples
    --------
    >>> pixel_text(0.7937253933193772), pixel_text((0.5, 0.5)), pixel_text((0.5, 0.6))
    ('0.7937 Å', '0.5 Å', '0.5 × 0.6 Å')
    """
    high, wide = (f"{side:.4g}" for side in pixel_pair(pixel_size))
    return f"{high} Å" if high == wide else f"{high} × {wide} Å"


def _plain(size: Any) -> Any:
    """Return the number in an array or tensor without axes, and all else as it is."""
    return size.item() if getattr(size, "ndim", None) == 0 else size
