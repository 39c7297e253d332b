"""What a power spectrum leaves of rings that are not much further apart than its bins.

The expected periodogram of a tile is the power convolved with that of the window (Welch, IEEE Trans. Audio
Electroacoust. 15 (1967) 70). Where the phase of rings runs on by s turns per 1/L, with L the side of the tile, that
leaves the autocorrelation of the window at a lag of s sides. Without this a fit reads a phase from noise where rings
are finer than bins, as far from the point where C10 and Cs cancel. Minima are deep, so a hundredth of it counts.
"""

from functools import cache

import numpy as np
import torch
from torch import Tensor

from passband.microscope.power_spectrum import tapered_window

STEPS = 256  # to one side
FURTHEST = 1.5  # sides, beyond which nothing is left: more than a tile's diagonal
DIRECTIONS = 90  # of the lag, to the quarter turn
CELL = 0.87  # of a bin: as wide are cells about their centre of gravity, at 2 to 8 bins each


def resolved(shift: Tensor) -> tuple[Tensor, Tensor]:
    """Share of the rings' depth that is left where their `shift` is so many sides of the tile, and its derivative.

    A mean over all directions of the shift, for the window and the cells of `power_spectrum`; both of its shape.
    """
    table = _table()
    place = shift.abs().clamp(max=FURTHEST) * STEPS
    index = place.long()
    left, slope = table[0][index], table[1][index]
    return left + slope * (place - index), slope * STEPS * torch.sign(shift)


@cache
def _table() -> Tensor:
    """Values at every step and what they change by to the next, (2, 1 + FURTHEST · STEPS), float64."""
    window = tapered_window(8 * STEPS)
    lagged = np.correlate(window, window, "full")[window.size - 1 :] / np.square(window).sum()
    lag = np.arange(0.0, FURTHEST + 1.0 / STEPS, 1.0 / STEPS)
    direction = (np.arange(DIRECTIONS) + 0.5) * (0.5 * np.pi / DIRECTIONS)
    places = np.arange(window.size) / window.size
    along = [np.interp(np.outer(lag, part(direction)), places, lagged, right=0.0) for part in (np.cos, np.sin)]
    left = (along[0] * along[1]).mean(axis=1) * np.sinc(CELL * lag)
    return torch.as_tensor(np.stack([left, np.append(np.diff(left), 0.0)]))
