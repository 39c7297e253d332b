"""The incoherent part of an image: electrons that the wave does not hold, put where they land on the camera.

A multislice on pixels of p keeps the frequencies below 1/(3p). What is scattered further leaves the wave, yet without
an objective aperture it reaches the camera: left out, a particle of gold looks darker than it is. Two facts give it
back. In a specimen that absorbs nothing, what is missing from the wave is 1 − |ψ|², seen at a few Å, below which the
intensity of a wave varies because electrons are steered and not because they are lost. And an electron that leaves at
the angle α meets the camera at a distance ∇χ(q)/2π, as a ray, where χ is the phase of the lens: far enough from the
rest that no fringe is left at the resolution of a camera.

The envelope of the angular spread damps a wave likewise, where the illumination only blurs the image; what it takes
from each annulus of the wave is given back by the same rule. So the mean of an image is 1 whatever the conditions, and
behind an aperture it is the intensity that passes. `benchmarks/bench_contrast.py` compares with waves of 0.1 Å.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, log, pi, sqrt
from typing import NamedTuple

import numpy as np
import torch
from numpy.polynomial.polynomial import polyval2d
from numpy.typing import NDArray
from torch import Tensor

from passband.electron import wavelength
from passband.microscope.conditions import Conditions
from passband.microscope.frequencies import resize_spectrum, spatial_frequencies
from passband.microscope.phase_polynomial import gradient, phase_coefficients
from passband.recipe import PassbandError

RESOLUTION = 2.0  # Å, std, of 1 − |ψ|²; with 1 to 4 Å the contrast of gold changes by at most 0.04 of the film's std
SCREENING = 1.0  # Å⁻¹, of dσ/dΩ ∝ 1/(q² + q₀²)²; fits waves of gold on carbon; Thomas–Fermi: 0.6 for C, 1.5 for Au
ANNULI = 5  # of equal width, that the wave is divided into
RAYS = 64  # of each annulus, and four times as many beyond the band
_NOTHING = 1e-6  # of the beam: less is not looked for
_ROUNDING = 1e-12  # of the beam, in one Fourier coefficient
_SMALLEST = 1e-3  # of the blur; higher frequencies of the maps are not kept
_GOLDEN = pi * (3.0 - sqrt(5.0))  # radians between successive rays: even in azimuth at any number


@dataclass(frozen=True, eq=False)
class IncoherentPart:
    """Where the electrons of one specimen leave the wave, and in which annulus of the wave the others are.

    Attributes
    ----------
    maps
        Low frequencies of intensities in units of the vacuum's, complex `(1 + ANNULI, ky, kx)`, kx ≥ 0, mean at
        [0, 0]: of what lies beyond the band, and of each annulus. Mean over phonons.
    field
        Sides (y, x) in Å.
    cumulative
        Intensity within each of evenly spaced frequencies from 0 to `highest`, `(steps,)`.
    highest
        Of the wave, Å⁻¹.
    """

    maps: Tensor
    field: tuple[float, float]
    cumulative: NDArray[np.float64]
    highest: float

    @property
    def transmitted(self) -> float:
        """Intensity that the wave holds, 1 if none has left its band."""
        return float(self.cumulative[-1])

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.maps.nbytes + self.cumulative.nbytes

    def within(self, q: float) -> float:
        """Intensity of the wave up to a frequency in Å⁻¹."""
        return float(np.interp(q, self._frequencies, self.cumulative))

    def quantiles(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Frequencies of equally many electrons in each annulus, (ANNULI, RAYS), and the intensity of each share."""
        edges = np.interp(np.linspace(0.0, self.highest, ANNULI + 1), self._frequencies, self.cumulative)
        shares = np.diff(edges) / RAYS
        wanted = edges[:-1, None] + shares[:, None] * (np.arange(RAYS) + 0.5)
        return np.interp(wanted, self.cumulative, self._frequencies), shares

    @property
    def _frequencies(self) -> NDArray[np.float64]:
        return np.linspace(0.0, self.highest, len(self.cumulative))


def incoherent_part(spectra: Tensor, *, pixel_size: float) -> IncoherentPart:
    """Find where electrons leave an exit wave, and the map of every annulus of what is left.

    Parameters
    ----------
    spectra
        `torch.fft.fft2` of exit waves `(phonons, y, x)` of one specimen, 1 in vacuum.
    pixel_size
        Å, of the waves.

    Raises
    ------
    PassbandError
        `spectra` is not complex with three axes.
    """
    if spectra.ndim != 3 or not spectra.is_complex():
        given = f"{tuple(spectra.shape)} of {spectra.dtype}"
        raise PassbandError(f"spectra {given} are no waves; give complex spectra (phonons, y, x)")
    shape = (spectra.shape[-2], spectra.shape[-1])
    amplitudes = spectra / (shape[0] * shape[1])
    q, _ = spatial_frequencies(shape, pixel_size, dtype=torch.float64, device=spectra.device)
    power = amplitudes.abs().square().mean(dim=0).double()
    highest = float(q[power > _ROUNDING * float(power.max())].max())
    steps = max(64, max(shape))
    rings = (q * (steps / max(highest, 1e-12))).ceil().long().clamp(max=steps)
    cumulative = torch.bincount(rings.flatten(), weights=power.flatten(), minlength=steps + 1).cumsum(0)
    field = (shape[0] * pixel_size, shape[1] * pixel_size)
    beyond = -_low_frequencies(amplitudes, field)
    beyond[0, 0] = 1.0 - power.sum()
    maps = [beyond]
    for low, high in _annuli(highest):
        maps.append(_low_frequencies(amplitudes * ((q > low) & (q <= high)), field))
    blur = _blur(beyond.shape, field).to(spectra.device, spectra.real.dtype)
    return IncoherentPart(torch.stack(maps) * blur, field, cumulative.cpu().numpy(), highest)


def _annuli(highest: float) -> list[tuple[float, float]]:
    edges = np.linspace(0.0, highest, ANNULI + 1)
    return [(float(low), float(high) * (1.0 + 1e-9)) for low, high in pairwise(edges)]


def _low_frequencies(amplitudes: Tensor, field: tuple[float, float]) -> Tensor:
    """Low frequencies (ky, kx ≥ 0) of the intensity of waves with these Fourier coefficients, mean over phonons.

    The waves are squared on a grid so wide that no difference of two frequencies is folded back on those kept.
    """
    rows, columns = (_frequencies_kept(side) for side in field)
    wide = (amplitudes.shape[-2] + 2 * rows, amplitudes.shape[-1] + 2 * columns)
    waves = torch.fft.ifft2(resize_spectrum(amplitudes, wide), norm="forward")
    intensity = torch.fft.rfft2(waves.abs().square().mean(dim=0), norm="forward")
    kept: Tensor = torch.cat((intensity[: rows + 1], intensity[-rows:]))[:, : columns + 1]
    return kept


def _frequencies_kept(side: float) -> int:
    """Count the frequencies of a side in Å at which the blur still lets something through."""
    return ceil(side * sqrt(-log(_SMALLEST) / 2.0) / (pi * RESOLUTION))


def part_bytes(pixels: int, field: float) -> int:
    """Bytes of the `IncoherentPart` of single-precision waves of a square field of `field` Å, before there is one."""
    kept = _frequencies_kept(field)
    return 8 * ((1 + ANNULI) * (2 * kept + 1) * (kept + 1) + max(64, pixels) + 1)


def _frequency_axes(shape: torch.Size, field: tuple[float, float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies in Å⁻¹ of the rows and of the columns of a map (ky, kx ≥ 0)."""
    rows = np.asarray(np.fft.fftfreq(shape[-2], d=field[0] / shape[-2]), dtype=np.float64)
    return rows, np.arange(shape[-1]) / field[1]


def _blur(shape: torch.Size, field: tuple[float, float]) -> Tensor:
    along_y, along_x = (np.exp(-2.0 * (pi * RESOLUTION * axis) ** 2) for axis in _frequency_axes(shape, field))
    return torch.from_numpy(np.outer(along_y, along_x))


def add_incoherent(images: Tensor, parts: Sequence[IncoherentPart], conditions: Sequence[Conditions]) -> Tensor:
    """Images with the electrons that their waves do not hold.

    Parameters
    ----------
    images
        (n, y, x) of `imaging.form_images`.
    parts
        One for all, or one for each image.
    conditions
        n settings that the images were formed with: C10 counts from the exit plane.

    Returns
    -------
    Tensor
        (n, y, x): the mean of each is the intensity that passes the aperture, 1 without one. Inputs are untouched.

    Raises
    ------
    PassbandError
        The numbers of images, parts and conditions do not fit.
    """
    if len(images) != len(conditions) or len(parts) not in (1, len(images)):
        numbers = f"{len(images)} images, {len(parts)} parts and {len(conditions)} conditions"
        raise PassbandError(f"{numbers} do not fit; give one part, or one per image, and a condition for each image")
    shape = (images.shape[-2], images.shape[-1])
    added = images.clone()
    for index, (image, one) in enumerate(zip(images, conditions, strict=True)):
        part = parts[index if len(parts) > 1 else 0]
        spectrum = _spectrum(part, one, float(image.mean(dtype=torch.float64)))
        if spectrum is not None:
            added[index] += _on_grid(spectrum, shape).to(image.dtype)
    return added


def _spectrum(part: IncoherentPart, one: Conditions, coherent: float) -> Tensor | None:
    """Low frequencies (ky, kx) of what an image of mean `coherent` lacks, or None for nothing."""
    aperture = np.inf if one.aperture is None else one.aperture / wavelength(one.energy)
    groups = _Rays.beyond(part, aperture)
    damped = part.within(aperture) - coherent
    if one.angular_spread and damped > _NOTHING:
        groups += _Rays.damped(part, one, aperture, damped)
    if not groups:
        return None
    landings = _landings(part, one, np.concatenate([rays.q for rays in groups]))
    total, start = torch.zeros_like(part.maps[0]), 0
    for rays in groups:
        weights = torch.as_tensor(rays.weights, device=part.maps.device)
        along_y, along_x = (axis[:, start : start + len(weights)] for axis in landings)
        total += rays.chart * ((along_y * weights) @ along_x.T).to(total.dtype)
        start += len(weights)
    return total


class _Rays(NamedTuple):
    """Electrons that start in proportion to one map."""

    chart: Tensor  # (ky, kx): mean 1, or the intensity itself if the weights sum to 1
    q: NDArray[np.float64]  # Å⁻¹
    weights: NDArray[np.float64]

    @classmethod
    def beyond(cls, part: IncoherentPart, aperture: float) -> "list[_Rays]":
        """Equally many electrons at each of the quantiles of q/(q² + q₀²)² beyond the band."""
        share = (np.arange(4 * RAYS) + 0.5) / (4 * RAYS)
        q = np.sqrt((part.highest**2 + SCREENING**2) / (1.0 - share) - SCREENING**2)
        weights = (q <= aperture) / len(q)
        if part.transmitted > 1.0 - _NOTHING or not weights.any():
            return []
        return [cls(part.maps[0], q, weights)]

    @classmethod
    def damped(cls, part: IncoherentPart, one: Conditions, aperture: float, amount: float) -> "list[_Rays]":
        """Electrons that the envelope of the angular spread takes from each annulus, `amount` of the beam in all."""
        q, shares = part.quantiles()
        along_x, along_y = _gradients(one, q.ravel())
        taken = -np.expm1(-(one.angular_spread**2) * (along_x**2 + along_y**2)).reshape(q.shape)
        weights = taken * shares[:, None] * (q <= aperture)
        weights *= amount / max(float(weights.sum()), _NOTHING)
        charts = part.maps[1:] / part.maps[1:, :1, :1].real.clamp(min=_NOTHING)
        return [cls(*rays) for rays in zip(charts, q, weights, strict=True) if rays[2].any()]


def _gradients(one: Conditions, q: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """∂χ/∂α of rays at the frequencies q, spread over azimuths by the golden angle."""
    length = wavelength(one.energy)
    azimuth = _GOLDEN * np.arange(len(q))
    polynomial = phase_coefficients(one.aberrations.nonzero(), length)
    along_x, along_y = (
        polyval2d(length * q * np.cos(azimuth), length * q * np.sin(azimuth), derivative)
        for derivative in gradient(polynomial)
    )
    return along_x, along_y


def _landings(part: IncoherentPart, one: Conditions, q: NDArray[np.float64]) -> tuple[Tensor, Tensor]:
    """Factors (ky, rays) and (kx, rays) of exp(−ik·∇χ): the Fourier transform of where each ray meets the camera."""
    shift_x, shift_y = (wavelength(one.energy) * axis for axis in _gradients(one, q))
    rows, columns = _frequency_axes(part.maps.shape, part.field)
    factors = (np.exp(-1j * np.outer(axis, shift)) for axis, shift in ((rows, shift_y), (columns, shift_x)))
    along_y, along_x = (torch.from_numpy(factor).to(part.maps.device) for factor in factors)
    return along_y, along_x


def _on_grid(spectrum: Tensor, shape: tuple[int, int]) -> Tensor:
    """Image (y, x) of low frequencies (ky, kx ≥ 0)."""
    rows, columns = min(spectrum.shape[0] // 2, (shape[0] - 1) // 2), min(spectrum.shape[1] - 1, (shape[1] - 1) // 2)
    half = spectrum.new_zeros((shape[0], shape[1] // 2 + 1))
    half[: rows + 1, : columns + 1] = spectrum[: rows + 1, : columns + 1]
    if rows:
        half[-rows:, : columns + 1] = spectrum[-rows:, : columns + 1]
    image: Tensor = torch.fft.irfft2(half, s=shape, norm="forward")
    return image
