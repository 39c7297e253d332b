"""How large the windows are that show a texture: a few periods of the strongest lattice, wherever it is."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len

from passband.recipe import PassbandError
from passband.zero_shot.fringes import strongest_period

SMALLEST = 12  # pixels of a window
ACROSS = 8  # cells in a window
PERIODS = 5  # of the lattice in a window
FINEST = 192  # cells along the longer side, where there is a lattice
PLAIN_FINEST = 256  # where there is none: small precipitates are a few cells then
PLAIN_WINDOW = 4  # cells


class TextureScale(NamedTuple):
    """Sides in pixels of the windows that are looked at and of the cells that they stand on, and the period."""

    window: int
    cell: int
    period: float | None

    def grid(self, shape: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of cells of an image of (y, x) pixels."""
        return -(-shape[0] // self.cell), -(-shape[1] // self.cell)


def texture_scale(image: NDArray[np.float32]) -> TextureScale:
    """Choose windows and cells for an image (y, x).

    Raises
    ------
    PassbandError
        The image is smaller than the smallest window.
    """
    shortest, longest = min(image.shape), max(image.shape)
    if shortest < SMALLEST:
        raise PassbandError(
            f"an image of {image.shape[0]} × {image.shape[1]} pixels is smaller than a window of {SMALLEST} pixels, "
            "in which texture is looked at; give more of the image, or enlarge it"
        )
    period = strongest_period(image)
    if period is None:
        cell = max(2, -(-longest // PLAIN_FINEST))
        return TextureScale(min(max(SMALLEST, PLAIN_WINDOW * cell), shortest), cell, None)
    window = next_fast_len(min(max(SMALLEST, round(PERIODS * period)), shortest // 2), real=True)
    return TextureScale(min(window, shortest), max(2, round(window / ACROSS), -(-longest // FINEST)), period)
