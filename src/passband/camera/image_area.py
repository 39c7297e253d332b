"""What of an image is image: without its border, and without the corners that turning or shearing it left empty.

Such a corner holds one grey level, exactly but where a lossy file let the image ring into it, and a straight line parts
it from the image: it is a triangle. A particle that the corner of an image cuts off, and that saturates there, is round
or faceted; vacuum, whose level may be as even, is of any shape.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import binary_dilation, distance_transform_edt, median_filter

from passband.camera.border import Border, black_border, even_border, leading
from passband.patches.standardising import check_image

SHORTEST = 2  # pixels that an empty corner has along either edge
FEWEST = 64  # pixels of the rectangle that its two edges span
TOLERANCE = 0.08  # of the range of grey values, by which a lossy file changes its level
EXACT = 0.3  # of its pixels have its level exactly
ACROSS = 11  # places from the middle of a triangle's long side to the corner opposite of its own
ROWS = 9  # over which the median of its lengths is taken
BENT = 0.04  # of its width, and a pixel, that its rows may differ from those of a triangle on the average
ELSEWHERE = 0.1  # of the other pixels may have its level: zeros of counted electrons are no empty corner
BLENDED, RINGING = 2, 4  # pixels beside an empty corner that interpolation mixed with it, or a lossy file rang into


class ImageArea(NamedTuple):
    """Where the image is in an array (y, x).

    Attributes
    ----------
    border
        Rows and columns of one level.
    empty
        Of what is within the border, which pixels are no image, (y, x); None where all are.
    """

    border: Border = Border()
    empty: NDArray[np.bool_] | None = None

    def inside(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return an image (y, x) within the border; what is empty there is filled with its mirror image.

        A network sees as much film as there is, with no edge between it and the filling. Without a copy where nothing
        is empty.
        """
        within = self.border.inside(image)
        if self.empty is None:
            return within
        filled = within.copy()
        filled[self.empty] = within[_mirrored(self.empty)]
        return filled

    def rectangle(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return the part of an image (y, x) within the border, of its proportions, that has no empty corner.

        A power spectrum of it holds no mirror image; no copy is made.
        """
        within = self.border.inside(image)
        if self.empty is None:
            return within
        halves = [0.5 * (side - 1) for side in within.shape]
        places = [np.abs(np.arange(side) / half - 1.0) for side, half in zip(within.shape, halves, strict=True)]
        reach = float(np.maximum.outer(*places)[self.empty].min())  # of the middle, as a share of the image
        return within[tuple(slice(*_middle(half, reach)) for half in halves)]

    def around(self, maps: NDArray[Any], value: float = 0.0) -> NDArray[Any]:
        """Return maps (…, y, x) of what is `inside` as maps of the whole image, with a value where is no image."""
        if self.empty is not None:
            maps = np.where(self.empty, np.asarray(value, dtype=maps.dtype), maps)
        return self.border.around(maps, value)

    def seen(self, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Which pixels of an array of this shape (y, x) are image."""
        border = self.border
        within = (shape[0] - border.top - border.bottom, shape[1] - border.left - border.right)
        return self.around(np.ones(within, dtype=np.bool_))

    def share(self, shape: tuple[int, ...]) -> float:
        """Fraction of an array of this shape (y, x) that is no image."""
        return self.border.share(shape) if self.empty is None else 1.0 - float(self.seen(shape).mean())


def image_area(image: ArrayLike) -> ImageArea:
    """Find what of an image (y, x) is image: within a `black_border`, without empty corners.

    Raises
    ------
    PassbandError
        As `black_border`.

    Examples
    --------
    >>> image = np.random.default_rng(0).normal(size=(60, 60))
    >>> image[np.add.outer(np.arange(60), 2 * np.arange(60)) < 40] = 0.0
    >>> area = image_area(image)
    >>> area.border, float(area.inside(image).min() < 0.0), round(area.share(image.shape), 2)
    (Border(top=0, bottom=0, left=0, right=0), 1.0, 0.15)
    """
    pixels = check_image(image)
    border = even_border(pixels)
    empty = _empty_corners(border.inside(pixels))
    return ImageArea(black_border(pixels)) if empty is None else ImageArea(border, empty)


def _empty_corners(within: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Which pixels (y, x) are empty corners, with what they were blended with; None where none are."""
    empty = np.zeros(within.shape, dtype=np.bool_)
    levels: list[Any] = []
    spread = TOLERANCE * (float(within.max()) - float(within.min()))
    for flipped, part in _corners(within, empty):
        if (found := _empty_corner(flipped, spread)) is not None:
            part[: found.shape[0], : found.shape[1]] |= found
            levels.append(flipped[0, 0])
    if not levels or float(np.isin(within[~empty], levels).mean()) > ELSEWHERE:
        return None
    exact = bool(np.isin(within[empty], levels).all())
    around = np.ones((3, 3), dtype=np.bool_)
    grown = np.asarray(binary_dilation(empty, around, iterations=BLENDED if exact else RINGING), dtype=np.bool_)
    return None if grown.all() else grown


def _corners(*maps: NDArray[Any]) -> Iterator[tuple[NDArray[Any], ...]]:
    """Yield maps (y, x) with each of their corners as the first pixel in turn, without copies."""
    for down in (1, -1):
        for right in (1, -1):
            yield tuple(one[::down, ::right] for one in maps)


def _empty_corner(image: NDArray[Any], spread: float) -> NDArray[np.bool_] | None:
    """Which pixels of the first rows and columns are the empty corner at the first pixel; None where there is none.

    Of exactly its level or, where these are no triangle, within a `spread` of it.
    """
    if min(image.shape) < SHORTEST or not (image[:SHORTEST, :SHORTEST] == image[0, 0]).all():
        return None
    exact = _triangle(image, 0.0)
    return _triangle(image, spread) if exact is None else exact


def _triangle(image: NDArray[Any], near: float) -> NDArray[np.bool_] | None:
    """Which pixels of the first rows and columns are as near to the level of the first, if they are a triangle."""
    level = float(image[0, 0])
    width, height = (leading(_close(edge, level, near)) for edge in (image[1], image[:, 1]))  # the first may be even
    if width * height < FEWEST:
        return None
    if width > height:  # so that few of its rows differ much in length
        turned = _triangle(image.T, near)
        return None if turned is None else turned.T
    part = image[:height, :width]
    along = np.linspace(0.5, 1.0, ACROSS)[1:-1]
    if _close(part[(along * height).astype(int), (along * width).astype(int)], level, near).mean() > 0.5:
        return None  # without a look at each of its pixels: where the image should be is none
    found: NDArray[np.bool_] = np.logical_and.accumulate(_close(part, level, near), axis=1)
    lengths = median_filter(found.sum(axis=1), ROWS, mode="nearest")
    triangle = width * (1.0 - (np.arange(height) + 0.5) / height)
    bent = float(np.abs(lengths - triangle).mean()) > BENT * width + 1.0
    return None if bent or float((part[found] == level).mean()) < EXACT else found


def _close(values: NDArray[Any], level: float, near: float) -> NDArray[np.bool_]:
    """Which values, of any type, are as near to a level."""
    return np.asarray((values >= level - near) & (values <= level + near), dtype=np.bool_)


def _middle(half: float, reach: float) -> tuple[int, int]:
    """First and one past the last pixel that are nearer to the middle than `reach` times half a side."""
    first = int(np.floor(half * (1.0 - reach))) + 1
    return first, int(2.0 * half) + 1 - first


def _mirrored(empty: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns (n,) of the pixels that stand for each of n empty ones.

    That as far behind the nearest one of the image, or that one where there is no image either.
    """
    found = np.asarray(distance_transform_edt(empty, return_distances=False, return_indices=True))
    places = []
    for axis, here in enumerate(np.nonzero(empty)):
        nearest = found[axis][empty].astype(np.intp)
        places.append((nearest, np.clip(2 * nearest - here, 0, empty.shape[axis] - 1)))
    usable = ~empty[places[0][1], places[1][1]]
    rows, columns = (np.where(usable, behind, nearest) for nearest, behind in places)
    return rows, columns
