"""How one atom scatters a focused beam into an annular detector: cross-section and object of the incoherent model.

A slice with one atom multiplies the wave by exp(iσV(r)), so a plane wave is scattered by the frequency g with

    T(g) = 2π ∫ (exp(iσV(r)) − 1) J₀(2πgr) r dr    (Å²):

the multislice of one atom, without pixels and without the periodic cell. The first Born approximation is its first
order, iσV̂(g). Beams of the aperture that differ by Q interfere on the detector, which sees the atom as an object with

    w(Q) = ∫ T*(g − Q/2) T(g + Q/2) W_Q(g) d²g    (Å²)

(Nellist & Pennycook, Adv. Imaging Electron Phys. 113 (2000) 147). w(0) is the cross-section, the integral of the image
of the atom over all positions; W_Q(g) is the part of the aperture that a shift by g brings into the annulus. The pairs
of beams fill the lens that two discs of radius q_c share when they are Q apart; it is taken for a disc of the same mean
square radius, that of the ellipse with its axes: q_c(q_c − Q/2). Against multislice of single atoms (C, Sr, W; 80 to
300 kV; 25 mrad; 60 to 180 mrad) images in focus agree within 2 % of their peak; without w(Q)/w(0) they are 7 to 11 %
too high.

V is the projected potential of the Lobato & Van Dyck form factor f = Σ aᵢ (2 + bᵢq²)/(1 + bᵢq²)²,

    V(r) = (2πħ²/m₀e) Σ aᵢ {(2π/bᵢ) K₀(x) + (2π²r/bᵢ^{3/2}) K₁(x)},  x = 2πr/√bᵢ.
"""

from functools import lru_cache
from math import pi, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import j0, k0, k1

from passband.electron import interaction_constant, wavelength
from passband.microscope.form_factors import POTENTIAL_PER_SCATTERING, lobato_coefficients
from passband.microscope.scanning.annular import WIDEST, Annulus
from passband.microscope.scanning.probe import Probe
from passband.recipe import PassbandError

_RADIUS = 16.0  # Å; K₀ of the widest term has fallen to 1e-9 there
_PANELS, _NODES = 400, 12  # of r, Gauss–Legendre: J₀ turns less than once in a panel up to 20 Å⁻¹
_ANGLES = np.geomspace(1e-4, 2.0 * WIDEST, 240)  # rad, at which T is tabulated
NODES = 17  # of w(Q)
_MAGNITUDES, _AZIMUTHS = 240, 24  # nodes of g in polar coordinates


class ObjectTransfer(NamedTuple):
    """w(Q) in Å² of one atom, at `frequencies` Q in Å⁻¹ from 0 to the highest of the image, evenly spaced."""

    frequencies: NDArray[np.float64]
    values: NDArray[np.float64]


def projected_atom(number: int, radius: ArrayLike) -> NDArray[np.float64]:
    """Projected potential of one neutral atom at `radius` > 0 Å, in V·Å.

    Raises
    ------
    PassbandError
        `number` has no form factor.
    """
    r = np.asarray(radius, dtype=np.float64)[..., None]
    a, b = lobato_coefficients(number)
    x = 2.0 * pi * r / np.sqrt(b)
    terms = a * (2.0 * pi / b * k0(x) + 2.0 * pi**2 * r / b**1.5 * k1(x))
    potential: NDArray[np.float64] = POTENTIAL_PER_SCATTERING * terms.sum(axis=-1)
    return potential


def cross_section(number: int, probe: Probe, annulus: Annulus) -> float:
    """Cross-section in Å² of one atom for scattering from the beam of `probe` into an annulus.

    The image of the atom, a fraction of the beam, adds up to it over the plane, whatever the aberrations.

    Raises
    ------
    PassbandError
        As `object_transfer`.

    Examples
    --------
    >>> probe = Probe(energy=80e3, semi_angle=25.2e-3)
    >>> [round(1e4 * cross_section(z, probe, Annulus(inner=63e-3, outer=180e-3)), 1) for z in (6, 74)]
    [7.5, 415.6]
    """
    return float(object_transfer(number, probe, annulus).values[0])


def object_transfer(number: int, probe: Probe, annulus: Annulus) -> ObjectTransfer:
    """Transfer w(Q) of one atom; energy and semi-angle of `probe` count. Some 10 ms, 40 at the first of an energy.

    Raises
    ------
    PassbandError
        The annulus begins within the disc of the beam, or the element has no form factor.
    """
    if annulus.inner < probe.semi_angle:
        raise PassbandError(
            f"a detector from {annulus.inner:g} rad lies in the disc of the beam, {probe.semi_angle:g} rad, where "
            "images are coherent; use model=Multislice(), or an inner angle beyond the semi-angle"
        )
    return _object_transfer(number, probe.energy, probe.semi_angle, annulus)


@lru_cache(maxsize=16384)  # elements × probes × detectors of a plan; some 400 bytes each
def _object_transfer(number: int, energy: float, semi_angle: float, annulus: Annulus) -> ObjectTransfer:
    log_g, log_size, phase = _amplitude(number, energy)
    beam, inner, outer = (angle / wavelength(energy) for angle in (semi_angle, annulus.inner, annulus.outer))
    g = np.linspace(inner - beam, outer + beam, _MAGNITUDES + 1)[1:]
    along = np.cos((np.arange(_AZIMUTHS) + 0.5) * pi / _AZIMUTHS) * g[:, None]
    frequencies = np.linspace(0.0, 2.0 * beam, NODES)
    values = np.empty(NODES)
    for index, difference in enumerate(frequencies):
        centre = g[:, None] ** 2 + 0.25 * difference**2
        logs = [
            0.5 * np.log(np.maximum(centre + sign * difference * along, np.exp(2.0 * log_g[0]))) for sign in (-1, 1)
        ]
        sizes = np.interp(logs[0], log_g, log_size) + np.interp(logs[1], log_g, log_size)
        phases = np.interp(logs[1], log_g, phase) - np.interp(logs[0], log_g, phase)
        density = (np.exp(sizes) * np.cos(phases)).mean(axis=1)
        radius = sqrt(beam * max(beam - 0.5 * difference, 1e-6 * beam))
        caught = (_shared(g, radius, outer) - _shared(g, radius, inner)) / (pi * radius**2)
        values[index] = np.trapezoid(density * caught * 2.0 * pi * g, g)
    for array in (frequencies, values):
        array.setflags(write=False)
    return ObjectTransfer(frequencies, values)


@lru_cache(maxsize=1024)  # elements × energies
def _amplitude(number: int, energy: float) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Logarithms of g in Å⁻¹ and of |T(g)|, and the phase of T(g): smooth functions, to be interpolated."""
    edges = _RADIUS * np.linspace(0.0, 1.0, _PANELS + 1) ** 2
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    half = 0.5 * np.diff(edges)[:, None]
    r = (edges[:-1, None] + half * (1.0 + nodes)).ravel()
    scattered = np.expm1(1j * interaction_constant(energy) * projected_atom(number, r)) * r * (half * weights).ravel()
    g = _ANGLES / wavelength(energy)
    amplitude = 2.0 * pi * (j0(2.0 * pi * g[:, None] * r) @ scattered)
    return np.log(g), np.log(np.abs(amplitude)), np.unwrap(np.angle(amplitude))


def _shared(distance: NDArray[np.float64], one: float, other: float) -> NDArray[np.float64]:
    """Area that two discs of radii `one` and `other` share, their centres `distance` > 0 apart."""
    along = (distance**2 + one**2 - other**2) / (2.0 * distance)  # from the centre of `one` to the common chord
    angle = np.arccos(np.clip(along / one, -1.0, 1.0))
    opposite = np.arccos(np.clip((distance - along) / other, -1.0, 1.0))
    area: NDArray[np.float64] = one**2 * (angle - 0.5 * np.sin(2.0 * angle)) + other**2 * (
        opposite - 0.5 * np.sin(2.0 * opposite)
    )
    return area
