"""What the specimen's own spectrum makes of a transfer function: power spectra of particles and support, weighted σ, ε.

A contrast transfer function counts every frequency alike, the specimen does not. Its exit waves give the power spectra
of particles and of the bare support; these weight σ and ε here, and with the dose they say how detectable a particle is
(`forecast.texture`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, pi
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from passband.dataset.store import WaveStore
from passband.electron import wavelength
from passband.microscope.information.condition_set import ConditionSet
from passband.microscope.information.polar import PolarLenses, polar_grid
from passband.recipe import PassbandError

Array = NDArray[np.float64]

EDGE = 2.0  # pixels: blur of the windows that cut particles and support apart, so that their rims add no frequencies


@dataclass(frozen=True)
class SpecimenSpectra:
    """Power spectra of the exit waves at focus, averaged over azimuth and structures.

    Attributes
    ----------
    q
        Å⁻¹, (bins,), centres of equal steps up to Nyquist of the stored waves.
    particle, support
        Å², (2, bins): of the phase and of the amplitude, where a particle is (with the support beneath it) and where
        none is. Their integral over d²q is the variance.
    fraction
        Share of the field that particles cover.
    """

    q: Array
    particle: Array
    support: Array
    fraction: float

    def at(self, q: Array) -> tuple[Array, Array]:
        """Spectra (2, r) of particle and support at other frequencies, interpolated."""
        rows = [np.stack([np.interp(q, self.q, row) for row in power]) for power in (self.particle, self.support)]
        return rows[0], rows[1]

    def signal(self, q: Array) -> Array:
        """Power of the phase by which particles exceed the support, at least a thousandth of theirs; (r,)."""
        particle, support = self.at(q)
        excess: Array = np.maximum(particle[0] - support[0], 1e-3 * particle[0])
        return excess


def specimen_spectra(store: WaveStore, indices: Sequence[int], *, bins: int = 64) -> SpecimenSpectra:
    """Measure the spectra of particles and support from stored exit waves.

    Raises
    ------
    PassbandError
        No structure shows both particles and support.
    """
    sums = np.zeros((2, 2, bins))
    areas = np.zeros(2)
    for index in indices:
        energy = store.recipe.energy_of(index)
        if energy is None:
            raise PassbandError(f"{store.directory} holds {store.recipe.WHAT}; spectra are of exit waves")
        wave = store.wave(index)
        parts = _at_focus(
            wave,
            store.scene(index)["focus_offset"],
            store.pixel_size,
            energy,
        )
        mask = store.mask(index).astype(float)
        for side, window in enumerate((mask, 1.0 - mask)):
            soft = gaussian_filter(window, EDGE, mode="wrap") * window
            area = float((soft**2).sum())
            if area > 0.0:
                sums[side] += [_radial_power(part, soft, bins) for part in parts]
                areas[side] += area
    if not areas.all():
        raise PassbandError(f"{len(indices)} structures show no particle, or nothing but particles; give others")
    # Σ|x̂|² over Σ window² is the power in squared pixels; times the area of one it is in Å².
    powers = sums / areas[:, None, None] * store.pixel_size**2
    q = (np.arange(bins) + 0.5) * 0.5 / store.pixel_size / bins
    covered = float(np.mean([store.mask(index).mean() for index in indices]))
    return SpecimenSpectra(q, powers[0], powers[1], covered)


def _at_focus(waves: NDArray[np.complex64], offset: float, pixel_size: float, energy: float) -> Array:
    """Phase and amplitude (2, phonons, y, x) of waves brought to their focus reference, in units of vacuum's wave."""
    axes = [np.fft.fftfreq(size, pixel_size) for size in waves.shape[-2:]]
    squared = axes[0][:, None] ** 2 + axes[1][None, :] ** 2
    focused = np.fft.ifft2(np.fft.fft2(waves) * np.exp(-1j * pi * wavelength(energy) * offset * squared))
    direct = focused.mean((-2, -1), keepdims=True)
    scaled = focused / (direct / np.abs(direct))
    return np.stack((scaled.imag, scaled.real)).astype(np.float64)


def _radial_power(parts: Array, window: Array, bins: int) -> Array:
    """Azimuthal mean of |transform|² of (phonons, y, x) in a window, its mean taken off; mean over phonons."""
    centred = parts - (parts * window).sum((-2, -1), keepdims=True) / window.sum()
    power = (np.abs(np.fft.fft2(centred * window)) ** 2).mean(0)
    fractions = np.hypot(*np.meshgrid(*(np.fft.fftfreq(size) for size in power.shape), indexing="ij")) / 0.5
    place = np.minimum((fractions * bins).astype(int), bins).ravel()  # bin `bins` collects the corners
    counts = np.bincount(place, minlength=bins + 1)[:bins]
    return np.bincount(place, power.ravel(), minlength=bins + 1)[:bins] / np.maximum(counts, 1)


class WeightedComparison(NamedTuple):
    """ε of n trainings and m evaluations, σ and Δε = ε′ − ε of every pair, weighted by the specimen."""

    epsilon_training: Array
    epsilon_evaluation: Array
    sigma: Array
    delta_epsilon: Array


def weighted_information(
    training: Sequence[ConditionSet],
    evaluation: Sequence[ConditionSet],
    *,
    q: Array,
    weight: Array,
    azimuths: int | None = None,
) -> WeightedComparison:
    """Return σ and ε whose average counts each frequency by a weight; a constant one gives the "area" metric, p = 1.

    Parameters
    ----------
    training, evaluation
        n and m data sets.
    q, weight
        Å⁻¹, equal steps from half a step on, and the weight per area of the spectrum there, ≥ 0, both (r,). Its scale
        does not matter. `SpecimenSpectra.signal` is the weight that this was made for.
    azimuths
        Of the polar grid, chosen from the phases by default.

    Raises
    ------
    PassbandError
        The weight is negative or vanishes everywhere.
    """
    if not (weight >= 0.0).all() or not weight.any():
        raise PassbandError("the weight must be positive somewhere and negative nowhere; give a power spectrum")
    measure = torch.from_numpy(weight * q / (weight * q).sum())
    lenses = [PolarLenses(sets, odd="exact") for sets in (training, evaluation)]
    qmax = float(q[-1] + 0.5 * (q[1] - q[0]))
    grid = polar_grid(lenses, qmax=qmax, radial_points=len(q), azimuths=azimuths)
    sums = [torch.zeros((3, len(sets)), dtype=torch.float64) for sets in (training, evaluation)]
    shared = torch.zeros((len(training), len(evaluation)), dtype=torch.float64)
    for azimuth in grid.azimuths.tolist():
        found = [one.along(grid.q, azimuth, one.steady_envelope(grid.q)) for one in lenses]
        for total, transfer in zip(sums, found, strict=True):
            amplitude = transfer.amplitude.abs()
            total += torch.stack([part @ measure for part in (amplitude, transfer.envelope, amplitude.square())])
        shared += (found[0].amplitude.abs() * measure) @ found[1].amplitude.abs().T
    first, second = ((total[0] / total[1]).numpy() for total in sums)
    size = torch.outer(sums[0][2], sums[1][2]).sqrt()
    sigma = torch.where(size > 0.0, shared / size, torch.nan).numpy()
    return WeightedComparison(first, second, sigma, second[None, :] - first[:, None])


def radial_steps(q_max: float, *, finest: float = 2.5 / 4000) -> Array:
    """Midpoints of equal steps up to `q_max` (Å⁻¹), at least as fine as those that σ and ε need at 2.5 Å⁻¹."""
    count = max(16, ceil(q_max / finest))
    return (np.arange(count, dtype=np.float64) + 0.5) * (q_max / count)
