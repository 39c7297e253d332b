"""Find a scale bar that was burned into an image: a rectangle of one grey level with sharp edges, near the border."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from passband.camera.image_area import image_area
from passband.patches.standardising import check_image

SHORTEST = 0.05  # of the image's width
LONGEST = 0.7  # of the image's width; what is wider is a data bar
FEWEST = 10  # pixels along it
THINNEST = 2  # pixels
THICKEST = 0.1  # of the image's height
SLIMMEST = 3.0  # lengths to a thickness
NEAR_BORDER = 0.3  # of the image's height
FILLED = 0.9  # of each row of the rectangle has the level
TOLERANCE = 0.08  # of the range: JPEG moves the pixels of a black or white bar by so much
SAME = 1e-3  # of that, elsewhere
MOST_LEVELS = 4
MOST_PIXELS = 2**22  # at a time


class Box(NamedTuple):
    """A rectangle of pixels: rows top to bottom and columns left to right, the last ones excluded."""

    top: int
    bottom: int
    left: int
    right: int

    def moved(self, rows: int, columns: int) -> "Box":
        """Return the box so many rows and columns further on."""
        return Box(self.top + rows, self.bottom + rows, self.left + columns, self.right + columns)


class GreyLevel(NamedTuple):
    """A grey value, and how far pixels of it may be off."""

    value: float
    tolerance: float

    def holds(self, image: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether each pixel has this level."""
        return np.asarray(np.abs(image.astype(np.float32) - np.float32(self.value)) <= self.tolerance)


def scale_bar(image: ArrayLike) -> Box | None:
    """Find the bar of a burned-in scale in an image (y, x), or None.

    A bar is a level rectangle, at least three times as long as thick, 5 to 70 % of the width, off the borders, and in
    the upper or lower 30 % of the image; nowhere else are half as many pixels in a row of its level. It is black or
    white (within 8 % of the range, as after JPEG), or of exactly one level. Of several the largest is returned. Its
    label is not looked for.

    Raises
    ------
    PassbandError
        The image is not (y, x), holds no pixels, or some are NaN, infinite or beyond ±1e15.
    """
    pixels = check_image(image)
    area = image_area(pixels)
    inside = area.inside(pixels)
    low, high = float(inside.min()), float(inside.max())
    if not low < high:
        return None
    extremes = [GreyLevel(end, TOLERANCE * (high - low)) for end in (low, high)]
    zone = max(1, round(NEAR_BORDER * inside.shape[0]))
    found = [
        box.moved(start, 0)
        for start in (0, inside.shape[0] - zone)
        for box, level in _bars(inside[start : start + zone], extremes, inside.shape[0])
        if _only(inside, box.moved(start, 0), level)
    ]
    if not found:
        return None
    return max(found, key=lambda box: (box.bottom - box.top) * (box.right - box.left)).moved(
        area.border.top, area.border.left
    )


def bar_share(image: ArrayLike) -> float:
    """Share of an image (y, x) that the bar of a burned-in scale along either axis is; errors as `scale_bar`."""
    pixels = check_image(image)
    boxes = [box for box in (scale_bar(pixels), scale_bar(pixels.T)) if box is not None]
    return max(((box.bottom - box.top) * (box.right - box.left) for box in boxes), default=0) / pixels.size


def _bars(zone: NDArray[Any], extremes: list[GreyLevel], height: int) -> Iterator[tuple[Box, GreyLevel]]:
    """Bars in the upper or lower rows of an image of some height, with their levels."""
    shortest = max(FEWEST, round(SHORTEST * zone.shape[1]))
    for level in [*extremes, *_exact_levels(zone, extremes, shortest)]:
        at = level.holds(zone)
        runs = _in_runs(at, shortest)
        if runs.any():
            yield from ((box, level) for box in _rectangles(at, runs, shortest, height))


def _exact_levels(zone: NDArray[Any], extremes: list[GreyLevel], shortest: int) -> list[GreyLevel]:
    """Levels, but for the extremes, that are met most often in rows of one and the same value."""
    same = zone[:, 1:] == zone[:, :-1]
    values, counts = np.unique(zone[:, :-1][_in_runs(same, shortest - 1)], return_counts=True)
    ordinary = ~(extremes[0].holds(values) | extremes[1].holds(values))
    often = np.argsort(counts[ordinary])[::-1][:MOST_LEVELS]
    return [GreyLevel(float(value), SAME * extremes[0].tolerance) for value in values[ordinary][often]]


def _only(image: NDArray[Any], box: Box, level: GreyLevel) -> bool:
    """Whether half as many pixels of its level in a row are nowhere but in the bar; a part of the image at a time."""
    step = max(1, MOST_PIXELS // image.shape[1])
    for start in range(0, image.shape[0], step):
        at = level.holds(image[start : start + step])
        at[max(0, box.top - 1 - start) : max(0, box.bottom + 1 - start), max(0, box.left - 1) : box.right + 1] = False
        if _in_runs(at, (box.right - box.left) // 2).any():
            return False
    return True


def _in_runs(flags: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """Return the flags that belong to at least `length` set ones in a row along x."""
    if flags.shape[1] < length:
        return np.zeros_like(flags)
    begins, reach = flags.copy(), 1  # whether `reach` flags from here on are set
    while reach < length:
        step = min(reach, length - reach)
        begins = begins[:, :-step] & begins[:, step:]
        reach += step
    inside = np.zeros_like(flags)
    for row in np.flatnonzero(begins.any(axis=1)):
        ends = np.zeros(flags.shape[1] + 1, dtype=np.int32)
        places = np.flatnonzero(begins[row])
        np.add.at(ends, places, 1)
        np.add.at(ends, places + length, -1)
        inside[row] = np.cumsum(ends[:-1]) > 0
    return inside


def _rectangles(at: NDArray[np.bool_], runs: NDArray[np.bool_], shortest: int, height: int) -> Iterator[Box]:
    """Rectangles of one level: slim, filled, and off the edges."""
    for place in ndimage.find_objects(ndimage.label(runs)[0]):
        box = _trimmed(at[place], place)
        thickness, length = box.bottom - box.top, box.right - box.left
        slim = THINNEST <= thickness <= THICKEST * height and length >= max(shortest, SLIMMEST * thickness)
        if slim and length <= LONGEST * at.shape[1] and _filled_off_edges(at, box):
            yield box


def _trimmed(part: NDArray[np.bool_], place: tuple[Any, ...]) -> Box:
    """Box of the rows and columns of a part that are level for the most: noise beside a bar may have its level."""
    rows = np.flatnonzero(part.mean(axis=1) > 0.5)
    columns = np.flatnonzero(part.mean(axis=0) > 0.5)
    if not rows.size or not columns.size:
        return Box(0, 0, 0, 0)
    top, left = place[0].start, place[1].start
    return Box(top + int(rows[0]), top + int(rows[-1]) + 1, left + int(columns[0]), left + int(columns[-1]) + 1)


def _filled_off_edges(at: NDArray[np.bool_], box: Box) -> bool:
    """Whether each row of a box is level to its ends, and it lies off the edges."""
    off_edges = min(box.top, box.left) > 0 and box.bottom < at.shape[0] and box.right < at.shape[1]
    inside = at[box.top : box.bottom, box.left : box.right]
    return off_edges and float(inside.mean(axis=1).min()) >= FILLED
