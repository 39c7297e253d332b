"""Find the bar of data that scanning microscopes write under an image: text on one grey level, across the whole width.

It is no part of the specimen, and a method that tells materials apart would take it for one.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passband.camera.border import Border
from passband.patches.standardising import check_image

FEWEST = 8  # rows
SLIMMEST, HIGHEST = 0.015, 0.25  # of the height of the image
EDGE = 4  # rows at the border that may be a frame
TOLERANCE = 0.04  # of the range, by which its level may be off, as JPEG moves it
LEAST, USUAL = 0.4, 0.7  # of a row with text, and of the first and last rows, has the level
LINES = 0.1  # of its rows may be lines
BEYOND = 0.35  # at most of the rows of the image beside it have the level, by their median
FAR, TEXT = 0.3, 0.003  # of the range between text and level, and of the pixels, at least
BLUR = 3  # rows beside the image that may show some of it
LINE, MOST_LINES = 0.95, 3  # of a row that separates has one level; so many such rows at most


def data_bar(image: ArrayLike) -> Border:
    """Find the bar of data at the bottom or the top of an image (y, x); of no rows where there is none.

    Its level need not be black. A band of one level without text is none: it may be vacuum, or a border
    (`border.black_border`).

    Raises
    ------
    PassbandError
        As `border.black_border`.

    Examples
    --------
    >>> image = np.random.default_rng(0).normal(128.0, 20.0, size=(200, 300))
    >>> image[184:] = 0.0
    >>> image[188:194, 20:80:4] = 255.0
    >>> data_bar(image)
    Border(top=0, bottom=16, left=0, right=0)
    """
    pixels = check_image(image)
    extent = float(pixels.max()) - float(pixels.min())
    if not extent > 0.0:
        return Border()
    return Border(top=_rows(pixels, extent), bottom=_rows(pixels[::-1], extent))


def _rows(image: NDArray[Any], extent: float) -> int:
    """How many first rows are a bar."""
    fewest, most = max(FEWEST, round(SLIMMEST * len(image))), int(HIGHEST * len(image))
    if most < fewest:
        return 0
    rows = image[: 2 * most].astype(np.float64)
    away = np.abs(rows - float(np.median(rows[:fewest]))) / extent
    exact = float((away[EDGE:fewest] == 0.0).mean()) >= USUAL  # then dark vacuum beside it is told from a black bar
    share = (away <= (0.0 if exact else TOLERANCE)).mean(axis=1)
    level = share >= LEAST
    inside = np.cumsum(level[EDGE:most]) / np.arange(1, most - EDGE + 1)
    ends = np.flatnonzero(level[EDGE:most] & (inside >= 1.0 - LINES))
    height = EDGE + int(ends[-1]) + 1 if len(ends) else 0
    if height < fewest or np.median(share[height : 2 * height]) > BEYOND:
        return 0
    text = away[EDGE : height - BLUR] > FAR
    if share[height - 1] < USUAL or not text.size or text.mean() < TEXT:
        return 0
    lines = [_is_line(row, extent) for row in rows[height : height + MOST_LINES + 1]]
    between = lines.index(False) if False in lines else MOST_LINES + 1
    return height + between if between <= MOST_LINES else height  # more are an even part of the image


def _is_line(row: NDArray[np.float64], extent: float) -> bool:
    return bool((np.abs(row - np.median(row)) <= TOLERANCE * extent).mean() >= LINE)
