"""The focused probe of a scanning microscope: its aperture, its phases, its intensity and how wide it is.

    P(r) = Σ_q a(q) exp(2πi **q**·(**r** − **R**)) / √area,   a(q) = A(q) exp(−iχ(q)),   Σ|a|² = 1,

over the frequencies of a periodic field, so that ∫|P|² = 1. A is 1 up to the convergence semi-angle, with a linear edge
of one frequency step, as in abTEM; χ has the signs of `aberrations`: behind z Å of vacuum C10 is C10 + z, and a probe
with C10 = −z is focused z Å below the entrance face. The focal spread is an incoherent sum over the defocus with a
standard deviation of Δ. The source blurs the image, not the wave.
"""

from collections.abc import Iterator
from math import log, pi, sqrt
from typing import Annotated, NamedTuple

import torch
from pydantic import AfterValidator, Field
from torch import Tensor

from passband.electron import check_energy, wavelength
from passband.microscope.aberrations import Aberrations, phase_aberration, phase_gradient_squared
from passband.microscope.frequencies import spatial_frequencies
from passband.microscope.imaging import enough_focal_nodes, focal_nodes_and_weights
from passband.microscope.scanning.annular import check_milliradians
from passband.recipe import PassbandError, Recipe

OUTSIDE = 0.1  # of the probe: what may lie beyond the circle in the field


def _check_semi_angle(value: float) -> float:
    return check_milliradians("semi_angle", value)


class Probe(Recipe):
    """A focused beam.

    Attributes
    ----------
    energy
        eV.
    semi_angle
        Convergence semi-angle, rad.
    aberrations
        Of the probe-forming lens: coefficients in Å, azimuths in rad.
    focal_spread
        Standard deviation of the defocus, Å.
    source_size
        Full width at half maximum of the Gaussian image of the source at the specimen, Å; 0.5 to 1 is common.

    Examples
    --------
    >>> Probe(energy=200e3, semi_angle=20e-3, aberrations=Aberrations(C10=-30.0), source_size=0.7).semi_angle
    0.02
    """

    energy: Annotated[float, AfterValidator(check_energy)]
    semi_angle: Annotated[float, AfterValidator(_check_semi_angle)]
    aberrations: Aberrations = Aberrations()
    focal_spread: float = Field(default=0.0, ge=0.0, le=1e4)
    source_size: float = Field(default=0.0, ge=0.0, le=100.0)

    @property
    def highest_frequency(self) -> float:
        """Of the wave, in Å⁻¹; the intensity reaches twice as far."""
        return self.semi_angle / wavelength(self.energy)

    @property
    def source_deviation(self) -> float:
        """Standard deviation of the source along one axis, Å."""
        return self.source_size / sqrt(8.0 * log(2.0))


def aperture(probe: Probe, q: Tensor, azimuth: Tensor, sides: tuple[float, float]) -> Tensor:
    """Transmission of the aperture at frequencies in Å⁻¹ of a field of `sides` (y, x) Å: 1, a linear edge, 0."""
    width = torch.hypot(torch.sin(azimuth) / sides[0], torch.cos(azimuth) / sides[1])
    open_part = ((probe.highest_frequency - q) / width + 0.5).clamp(0.0, 1.0)
    return torch.where(q == 0.0, torch.ones_like(q), open_part)


class Beams(NamedTuple):
    """Plane waves of a periodic field: their frequencies in steps of 1/side, (n,) along y and along x."""

    rows: Tensor
    columns: Tensor
    sides: tuple[float, float]

    @classmethod
    def of(cls, probe: Probe, sides: tuple[float, float], device: torch.device | str | None = None) -> "Beams":
        """Those that the aperture of a probe lets through, on a field of `sides` (y, x) Å."""
        reach = [int(probe.highest_frequency * side) + 2 for side in sides]
        rows, columns = (torch.arange(-most, most + 1) for most in reach)
        grid = torch.meshgrid(rows, columns, indexing="ij")
        every = cls(grid[0].reshape(-1), grid[1].reshape(-1), sides)
        inside = aperture(probe, *every.frequencies(), sides) > 0.0
        return cls(every.rows[inside].to(device), every.columns[inside].to(device), sides)

    def frequencies(self) -> tuple[Tensor, Tensor]:
        """Magnitude in Å⁻¹ and azimuth in rad, (n,), double precision."""
        q_y, q_x = self.rows.double() / self.sides[0], self.columns.double() / self.sides[1]
        return torch.hypot(q_y, q_x), torch.atan2(q_y, q_x)


def beam_amplitudes(probe: Probe, beams: Beams) -> Tensor:
    """Amplitudes a (n,) of the beams in the probe at the origin, complex128, Σ|a|² = 1; focal spread is left out."""
    q, azimuth = beams.frequencies()
    chi = phase_aberration(q, azimuth, probe.aberrations.nonzero(), wavelength(probe.energy))
    amplitude = aperture(probe, q, azimuth, beams.sides)
    return torch.polar(amplitude / torch.linalg.vector_norm(amplitude), -chi)


def probe_wave(
    probe: Probe,
    shape: tuple[int, int],
    sides: tuple[float, float],
    *,
    defocus: float = 0.0,
    device: torch.device | str | None = None,
) -> Tensor:
    """Wave (y, x) of the probe at the origin (corner) of a periodic field, complex128, in Å⁻¹: ∫|P|² = 1.

    Parameters
    ----------
    probe
        Its focal spread and source size are left out.
    shape, sides
        Pixels and Å along (y, x).
    defocus
        Underfocus in Å beside that of `probe`.
    device
        Of the result.

    Raises
    ------
    PassbandError
        The pixels are too coarse for the aperture.
    """
    pixel = (sides[0] / shape[0], sides[1] / shape[1])
    if max(pixel) * probe.highest_frequency > 0.5:
        raise PassbandError(
            f"pixels of {max(pixel):.3g} Å do not hold a probe of {probe.semi_angle:g} rad; "
            f"use {0.25 / probe.highest_frequency:.3g} Å, which holds its intensity"
        )
    q, azimuth = spatial_frequencies(shape, pixel, dtype=torch.float64, device=device)
    lens = probe.aberrations.nonzero()
    lens["C10"] = lens.get("C10", 0.0) - defocus
    chi = phase_aberration(q, azimuth, lens, wavelength(probe.energy))
    amplitude = aperture(probe, q, azimuth, sides)
    norm = float(torch.linalg.vector_norm(amplitude)) * sqrt(sides[0] * sides[1])
    wave: Tensor = torch.fft.ifft2(torch.polar(amplitude, -chi)) * (shape[0] * shape[1] / norm)
    return wave


def probe_intensity(
    probe: Probe,
    shape: tuple[int, int],
    sides: tuple[float, float],
    *,
    depth: float = 0.0,
    device: torch.device | str | None = None,
) -> Tensor:
    """|P|² (y, x) in Å⁻² `depth` Å below the entrance face, with focal spread, without the source; centre at [0, 0].

    The arguments are those of `probe_wave`. The spread is a sum over as many defoci as images of a TEM take
    (`imaging.enough_focal_nodes`) for frequencies up to that of the intensity.
    """
    total = torch.zeros(shape, dtype=torch.float64, device=device)
    for offset, weight in _foci(probe):
        wave = probe_wave(probe, shape, sides, defocus=-(depth + offset), device=device)
        total += weight * wave.abs().square()
    return total


def _foci(probe: Probe) -> Iterator[tuple[float, float]]:
    nodes = enough_focal_nodes(probe.focal_spread, probe.energy, probe.highest_frequency)
    offsets, weights = focal_nodes_and_weights(probe.focal_spread, nodes)
    yield from zip(offsets.tolist(), weights.tolist(), strict=True)


def probe_reach(probe: Probe, depth: float = 0.0) -> float:
    """Radius in Å that holds all but about 1 % of the probe `depth` Å below the entrance face.

    Rays of the aperture meet the plane up to λ|∇χ|/2π from the axis, and 1 % of an Airy disc lies beyond 10/q_c.
    """
    angle = torch.linspace(0.0, 2.0 * pi, 73, dtype=torch.float64)[:, None]
    q = probe.highest_frequency * torch.linspace(0.0, 1.0, 17, dtype=torch.float64).expand(73, 17)
    lens = probe.aberrations.nonzero()
    furthest = 0.0
    for offset in (-3.0 * probe.focal_spread, 3.0 * probe.focal_spread):
        moved = lens | {"C10": lens.get("C10", 0.0) + depth + offset}
        slope = phase_gradient_squared(q, angle.expand_as(q), moved, wavelength(probe.energy)).max().sqrt()
        furthest = max(furthest, wavelength(probe.energy) / (2.0 * pi) * float(slope))
    return furthest + 10.0 / probe.highest_frequency


def check_probe_fits(probe: Probe, sides: tuple[float, float]) -> None:
    """Raise `PassbandError` if more than a tenth of the probe lies beyond the largest circle in a field of (y, x) Å.

    On the periodic field of a simulation that part would come in again from the other side. The probe is looked at on a
    field of twice the sides.
    """
    if 2.0 * probe_reach(probe) <= min(sides):
        return
    double = (2.0 * sides[0], 2.0 * sides[1])
    shape = [2 * (int(2.0 * side * probe.highest_frequency) + 2) for side in double]
    density = probe_intensity(probe, (shape[0], shape[1]), double)
    away = [
        torch.fft.fftfreq(pixels, d=1.0 / side, dtype=torch.float64) for pixels, side in zip(shape, double, strict=True)
    ]
    radius = torch.hypot(away[0][:, None], away[1][None, :])
    outside = float(density[radius > 0.5 * min(sides)].sum() / density.sum())
    if outside > OUTSIDE:
        cure = "give the specimen a wider cell, or the probe less defocus"
        raise PassbandError(
            f"{outside:.0%} of the probe lies beyond {0.5 * min(sides):.3g} Å, half the cell of "
            f"{sides[1]:.4g} × {sides[0]:.4g} Å; it may be {OUTSIDE:.0%}: {cure}"
        )


def coherence(probe: Probe, one: Tensor, other: Tensor) -> Tensor:
    """Factor that focal spread leaves of the interference of beams with q² = `one` and `other`, in Å⁻².

    The mean of exp(−iπλδ(q² − q′²)) over a Gaussian δ: exp(−½(πλΔ)²(q² − q′²)²), exactly.
    """
    width = pi * wavelength(probe.energy) * probe.focal_spread
    return torch.exp(-0.5 * (width * (one - other)).square())


def source_transfer(probe: Probe, q_squared: Tensor) -> Tensor:
    """Factor that the source leaves of an image at q² in Å⁻²: exp(−2π²s²q²), s its standard deviation."""
    return torch.exp(-2.0 * (pi * probe.source_deviation) ** 2 * q_squared)
