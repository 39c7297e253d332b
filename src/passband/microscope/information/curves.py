"""Contrast transfer as curves over the spatial frequency: of one setting with its envelope, and the mean of many."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from passband.electron import wavelength
from passband.microscope.conditions import AnyConditions, Conditions
from passband.microscope.information.condition_set import ConditionSet
from passband.microscope.information.polar import PolarLenses
from passband.microscope.instruments.instrument import RadialTransfer
from passband.microscope.transfer import aperture_function, contrast_transfer, spatial_envelope, temporal_envelope

Array = NDArray[np.float64]


class TransferCurve(NamedTuple):
    """One CTF: T at each q, its envelope, and the extremes of T over the azimuth (equal to T when round)."""

    transfer: Array
    envelope: Array
    lowest: Array
    highest: Array


def transfer_curve(q: Array, conditions: Conditions, odd: Literal["exact", "naive"] = "exact") -> TransferCurve:
    """CTF at frequencies q (Å⁻¹) along azimuth 0, its envelope there, and the extremes over 72 azimuths."""
    azimuth = torch.arange(72, dtype=torch.float64)[:, None] * (2.0 * math.pi / 72)
    grid, turned = torch.broadcast_tensors(torch.as_tensor(q, dtype=torch.float64)[None, :], azimuth)  # type: ignore[no-untyped-call]
    transfer = contrast_transfer(grid, turned, conditions, odd=odd)
    length = wavelength(conditions.energy)
    envelope = temporal_envelope(grid[0], conditions.focal_spread, length) * spatial_envelope(
        grid[0], turned[0], conditions.aberrations.nonzero(), conditions.angular_spread, length
    )
    envelope = envelope * aperture_function(grid[0], conditions.aperture, length)
    lowest, highest = transfer.amin(dim=0), transfer.amax(dim=0)
    return TransferCurve(*(part.numpy() for part in (transfer[0], envelope, lowest, highest)))


def radial_transfer(q: Array, settings: Sequence[Conditions]) -> RadialTransfer:
    """Root-mean-square |T| and envelope of settings at frequencies q (Å⁻¹), over 24 azimuths of half a turn."""
    lenses = PolarLenses([ConditionSet(conditions=tuple(settings))], odd="exact")
    grid = torch.as_tensor(q, dtype=torch.float64)
    steady = lenses.steady_envelope(grid)
    slices = [lenses.along(grid, float(azimuth), steady) for azimuth in np.arange(24) * (np.pi / 24)]
    parts = ([one.amplitude for one in slices], [one.envelope for one in slices])
    return RadialTransfer(*(torch.cat(part).square().mean(dim=0).sqrt().numpy() for part in parts))


def mean_transfer(q: Array, conditions: AnyConditions) -> Array:
    """Root-mean-square T at frequencies q (Å⁻¹) along azimuth 0, over 64 settings drawn from a distribution."""
    grid = torch.as_tensor(q, dtype=torch.float64)
    drawn = conditions.sample(64, np.random.default_rng(0))
    values = contrast_transfer(grid, torch.zeros_like(grid), drawn)
    curve: Array = values.square().mean(dim=0).sqrt().numpy()
    return curve
