"""How alike the power spectra of two sets of images are: in rings, along the rows (the fast scan) and down the columns.

Phases do not enter, so neither does where in an image something stands.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft2

Array = NDArray[np.float64]
Crops = NDArray[np.float32]

FLOOR = 1e-4  # of the power that white noise of deviation 1 has: below it nothing is seen in a micrograph
_AT_ONCE = 256  # images


class PowerSpectra(NamedTuple):
    """Mean powers at the frequencies 1, 2, … periods across an image; white noise of deviation 1 has 1 everywhere.

    Attributes
    ----------
    radial
        (n, rings) or (rings,): over all directions.
    row
        (n, frequencies) or (frequencies,): of intensities along x, over all frequencies along y. Jitter of rows,
        detector decay and the dwell along a row show here.
    column
        The same along y: what differs from row to row.
    """

    radial: Array
    row: Array
    column: Array

    def part(self, which: NDArray[np.bool_]) -> "PowerSpectra":
        """Return those of some of the images."""
        return PowerSpectra(self.radial[which], self.row[which], self.column[which])

    def mean(self, weights: Array) -> "PowerSpectra":
        """Mean over images, each counted as often as its weight (n,) says."""
        return PowerSpectra(*(weights @ one / weights.sum() for one in self))


def power_spectra(crops: Crops) -> PowerSpectra:
    """Spectra of square crops (n, side, side), each under a Hann window after its mean is taken away."""
    side = crops.shape[-1]
    taper = np.hanning(side + 1)[:-1]
    window = (np.outer(taper, taper) / np.square(taper).sum()).astype(np.float32)
    down, along = np.abs(np.fft.fftfreq(side, 1.0 / side)).astype(int), np.arange(side // 2 + 1)
    ring = np.rint(np.hypot(down[:, None], along[None])).astype(int)
    highest = side // 2
    # a half plane: all but the first and, of an even side, the last frequency along x stand for two
    twice = np.broadcast_to(np.where((along == 0) | (2 * along == side), 1.0, 2.0), ring.shape)
    inside = (ring >= 1) & (ring <= highest)
    number, share = ring[inside] - 1, np.bincount(ring[inside] - 1, twice[inside])
    parts: list[tuple[Array, Array, Array]] = []
    for start in range(0, len(crops), _AT_ONCE):
        some = crops[start : start + _AT_ONCE]
        power = np.square(np.abs(rfft2((some - some.mean((1, 2), keepdims=True)) * window))).astype(np.float64)
        doubled = power * twice
        radial = np.stack([np.bincount(number, one[inside]) for one in doubled]) / share
        lines = doubled.sum(2) / side
        column = 0.5 * (lines[:, 1 : highest + 1] + lines[:, -1 : -highest - 1 : -1])
        parts.append((radial, power.mean(1)[:, 1 : highest + 1], column))
    return PowerSpectra(*(np.concatenate(one) for one in zip(*parts, strict=True)))


def spectrum_distances(real: PowerSpectra, generated: PowerSpectra) -> PowerSpectra:
    """Root mean square, over frequencies, of log₁₀ of the ratio of mean powers (frequencies,): in decades.

    Powers below `FLOOR` count as that, so that what a simulation without noise has at the highest frequencies, which is
    rounding, does not decide.
    """
    return PowerSpectra(
        radial=_decades(real.radial, generated.radial),
        row=_decades(real.row, generated.row),
        column=_decades(real.column, generated.column),
    )


def _decades(one: Array, other: Array) -> Array:
    ratio = np.log10(np.maximum(one, FLOOR)) - np.log10(np.maximum(other, FLOOR))
    decades: Array = np.sqrt(np.square(ratio).mean(-1))
    return decades
