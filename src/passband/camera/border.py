"""The border of an image that holds no image: rows and columns of one grey level, as an alignment leaves them.

Its power and false alarms are in `benchmarks/bench_camera_estimates.py`.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passband.patches.standardising import check_image

NARROWEST_BORDER = 2  # pixels
MOST_CONSTANT = 0.02  # of the rows inside; where more are, as in sparse counts, those at the border say nothing
MOST_OF_ROW = 0.9  # differs from the border where the image has begun
BEGINS = 8  # rows from the border, within which the image does; a lossy file blurs so many


class Border(NamedTuple):
    """Rows and columns of one grey level at the borders of an image."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    def inside(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return the part of the image (y, x) within the border, without a copy."""
        return image[self.top : image.shape[0] - self.bottom, self.left : image.shape[1] - self.right]

    def around(self, maps: NDArray[Any], value: float = 0.0) -> NDArray[Any]:
        """Return maps (…, y, x) of the part `inside` as maps of the whole image, with a value in the border."""
        if self == Border():
            return maps
        widths = (*[(0, 0)] * (maps.ndim - 2), (self.top, self.bottom), (self.left, self.right))
        return np.pad(maps, widths, constant_values=value)

    def share(self, shape: tuple[int, ...]) -> float:
        """Fraction of an image of this shape (y, x) that is border."""
        return 1.0 - (shape[0] - self.top - self.bottom) * (shape[1] - self.left - self.right) / (shape[0] * shape[1])


def black_border(image: ArrayLike) -> Border:
    """Find rows and columns at the borders of an image (y, x) that hold one grey level, as an alignment leaves them.

    The level need not be black. It must be one and the same in at least two rows, and the image must begin within eight
    rows of them, which a lossy file blurs: vacuum that fades out is no border. There is none where all of the image is
    even, or where rows inside are too (sparse counts, a ramp).

    Raises
    ------
    PassbandError
        The image is not (y, x), holds no pixels, or some are NaN, infinite or beyond ±1e15.

    Examples
    --------
    >>> image = np.random.default_rng(0).normal(size=(20, 30))
    >>> image[:3] = image[:, 24:] = 0.0
    >>> black_border(image)
    Border(top=3, bottom=0, left=0, right=6)
    """
    pixels = check_image(image)
    border = even_border(pixels)
    inner = border.inside(pixels)
    behind = (inner, inner[::-1], inner.T, inner.T[::-1])
    levels = (pixels[0, border.left], pixels[-1, border.left], pixels[border.top, 0], pixels[border.top, -1])
    return Border(
        *(
            width if width >= NARROWEST_BORDER and _begins(rows, level) else 0
            for width, rows, level in zip(border, behind, levels, strict=True)
        )
    )


def even_border(pixels: NDArray[Any]) -> Border:
    """Rows and columns at the borders of pixels (y, x) that hold one level at each side, however the image begins."""
    border = Border()
    for _ in range(2):  # the rows of a border at the side that has another level are even without it
        inner = border.inside(pixels)
        top, bottom = _even_ends(inner)
        left, right = _even_ends(inner[top : inner.shape[0] - bottom].T)
        border = Border(border.top + top, border.bottom + bottom, border.left + left, border.right + right)
    return border


def _even_ends(image: NDArray[Any]) -> tuple[int, int]:
    """How many first and last rows hold one and the same level."""
    even = image.min(axis=1) == image.max(axis=1)
    first, last = (leading(even[::way] & (image[::way, 0] == image[::way, 0][0])) for way in (1, -1))
    inside = even[first : len(even) - last]
    return (first, last) if inside.size and float(inside.mean()) <= MOST_CONSTANT else (0, 0)


def leading(flags: NDArray[np.bool_]) -> int:
    """How many flags from the first are set."""
    return len(flags) if flags.all() else int(np.argmin(flags))


def _begins(rows: NDArray[Any], level: Any) -> bool:
    """Whether most of one of the first rows differs from the level of the border."""
    return bool(float((rows[:BEGINS] != level).mean(axis=1).max()) > MOST_OF_ROW)
