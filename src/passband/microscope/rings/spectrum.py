"""A measured power spectrum beside the fitted one, for drawing."""

from typing import NamedTuple

import numpy as np
import torch

from passband.microscope.power_spectrum import FloatArray, Periodogram
from passband.microscope.rings.fit import Pattern, RingFit, expected_power
from passband.microscope.rings.model import RingSetting


class RingSpectrum(NamedTuple):
    """What was fitted, for drawing: the half plane q_x ≥ 0, relative power; NaN where the fit did not look.

    `measured` and `expected` are (y, x), `q_y` (y, 1) and `q_x` (1, x) in Å⁻¹. `squared`, `phase`, `power`, `rings`,
    `noise` are per cell (n,): q² (Å⁻²), χ (rad), the measured power, that expected, and the part of it under the rings.
    """

    measured: FloatArray
    expected: FloatArray
    q_y: FloatArray
    q_x: FloatArray
    squared: FloatArray
    phase: FloatArray
    power: FloatArray
    rings: FloatArray
    noise: FloatArray


def ring_spectrum(periodogram: Periodogram, fitted: RingFit, pattern: Pattern, setting: RingSetting) -> RingSpectrum:
    """Return the spectrum that was fitted, and what a pattern gives each of its bins."""
    parameters, model = pattern.refined.parameters, fitted.model
    measured = np.where(fitted.usable, periodogram.power, np.nan)
    expected = np.full(measured.shape, np.nan)
    expected[fitted.usable] = expected_power(periodogram, fitted.usable, setting, parameters)
    return RingSpectrum(
        measured=measured,
        expected=expected,
        q_y=periodogram.q_y,
        q_x=periodogram.q_x,
        squared=fitted.cells.squared,
        phase=model.phase(parameters).numpy(),
        power=fitted.cells.power,
        rings=torch.exp(model.expected(parameters)).numpy(),
        noise=model.parts(parameters)[1].numpy(),
    )
