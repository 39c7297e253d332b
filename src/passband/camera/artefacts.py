"""What an image tells of how it was saved: saturated grey levels, the blocks of JPEG.

Each looks for what noise and specimens do not make. Their power and false alarms are in
`benchmarks/bench_camera_estimates.py`.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passband.camera.image_area import image_area
from passband.patches.standardising import check_image

FEWEST_LEVELS = 16  # fewer are counted electrons, or a mask: their zeros are not saturated
FEWEST_SATURATED = 8  # pixels
LEVELS = 256  # that the range is divided into, to see how many pixels lie next to an extreme
NEXT = 3  # of these
MOST_COUNTED = 2**20  # pixels; of larger images every second row is counted, every third and so on
BLOCK = 8  # pixels, of JPEG
FEWEST_BLOCKS = 8  # along each side
LARGEST = 1024  # pixels; of larger images the middle is searched for blocks
SIGNIFICANT = 4.0  # standard errors that steps at the edges of blocks exceed others by, along both axes
OUTLIER = 4.0  # mean steps; larger ones count as this


def saturated_share(image: ArrayLike) -> float:
    """Fraction of the pixels of an image (y, x) that are at its lowest or highest value because the range ended there.

    The sum of `clipped_shares`.

    Raises
    ------
    PassbandError
        As `border.black_border`.

    Examples
    --------
    >>> image = np.random.default_rng(0).normal(size=(100, 100))
    >>> saturated_share(image), round(saturated_share(np.clip(image, -3.0, 1.0)), 2)
    (0.0, 0.16)
    """
    return sum(clipped_shares(image))


def clipped_shares(image: ArrayLike) -> tuple[float, float]:
    """Fractions of the pixels of an image (y, x) at its lowest and at its highest value as the range ended there.

    Pixels at an extreme count where they are more than all those at the next three of 256 levels, and then all of them.
    What is no image, see `image_area`, is left out.

    Raises
    ------
    PassbandError
        As `border.black_border`.
    """
    pixels = check_image(image)
    inside = image_area(pixels).inside(pixels)
    low, high = float(inside.min()), float(inside.max())
    if not low < high:
        return 0.0, 0.0
    values = inside[:: max(1, inside.size // MOST_COUNTED)].astype(np.float64)
    unit = (values - low) / (high - low)
    return _piled_up(1.0 - unit) / unit.size, _piled_up(unit) / unit.size


def _piled_up(values: NDArray[np.float64]) -> int:
    """How many values, from 0 to 1, are 1, if they are a pile there."""
    at = values >= 1.0
    gap = 1.0 - float(values.max(where=~at, initial=0.0))
    if gap > 1.0 / FEWEST_LEVELS:
        return 0
    near = int(np.count_nonzero(values > 1.0 - (NEXT + 0.5) * max(1.0 / LEVELS, gap)))
    count = int(np.count_nonzero(at))
    return count if count > (near - count) + FEWEST_SATURATED else 0


def block_artefacts(image: ArrayLike) -> float:
    """How much larger steps between pixels are at the edges of 8 × 8 blocks, as JPEG leaves them; 0 if not clearly so.

    The mean step |I(x+1) − I(x)| at each place of the grid is compared with those beside it (the spatial form of Wang,
    Bovik & Evans, ICIP 2000, III-981). Steps stand out where they exceed the others by four standard errors and are the
    only ones, along both axes, wherever the grid begins. An image enlarged eight times has such blocks too.

    Returns
    -------
    float
        Excess of the steps at the edges over the mean step: 0.05 is hardly seen, 0.5 is plain to the eye.

    Raises
    ------
    PassbandError
        As `border.black_border`.
    """
    pixels = check_image(image)
    middle = tuple(
        slice(max(0, (side - LARGEST) // 2), max(0, (side - LARGEST) // 2) + LARGEST) for side in pixels.shape
    )
    piece = image_area(pixels).inside(pixels)[middle].astype(np.float32)
    found = [_excess_at_blocks(turned) for turned in (piece, piece.T)]
    return 0.5 * sum(found) if min(found) > 0.0 else 0.0


def _excess_at_blocks(image: NDArray[np.float32]) -> float:
    """Excess of steps along x at one place of eight, relative to the mean step, or 0."""
    if image.shape[1] < FEWEST_BLOCKS * BLOCK or image.shape[0] < BLOCK:
        return 0.0
    steps = np.abs(np.diff(image, axis=1))
    steps /= max(float(steps.mean()), 1e-30)
    columns = np.minimum(steps, OUTLIER).mean(axis=0, dtype=np.float64)
    sharp = columns[1:-1] - 0.5 * (columns[:-2] + columns[2:])
    sharp = sharp[: len(sharp) // BLOCK * BLOCK].reshape(-1, BLOCK)
    means = sharp.mean(axis=0)
    edge = int(np.argmax(means))
    others = np.roll(sharp, -edge, axis=1)[:, 2:-1]  # without the edge and what lies beside it
    error = max(float(others.std()) / len(sharp) ** 0.5, 1e-12)
    clear = means[edge] - others.mean() > SIGNIFICANT * error and means[edge] > 2.0 * others.mean(axis=0).max()
    return float(means[edge] / max(columns.mean(), 1e-30)) if clear else 0.0
