"""Micrographs of amorphous films, made without passband's own imaging: the truth for tests of the fit of Thon rings.

Atoms lie at random in slices; the phase of one is γλ times the Fourier transform of Wentzel's scattering factor
(Reimer & Kohl, Transmission Electron Microscopy, 5th ed., §5.1); the wave is propagated from slice to slice. The lens
multiplies by exp(−iχ), the focal spread is a sum of intensities over foci, and a tilted film is an image whose focus
runs from side to side. The micrograph is the middle of a field twice as wide, since a periodic one holds rings that
no tile resolves. Drift, vibration and MTF multiply the intensity's spectrum, electrons are counted before the MTF
(an integrating camera) and readout noise is added after it. Lengths in Å, angles in rad; `c10` is of the mid-plane.
"""

from dataclasses import dataclass
from math import cos, hypot, pi, sin, sqrt, tan

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fft2, ifft2

Array = NDArray[np.float64]

ATOMS = 0.1  # carbon atoms per Å³, 2 g/cm³
SCREENING = 0.885 * 0.5292 / 6.0 ** (1.0 / 3.0)  # Å, Thomas–Fermi radius of carbon
FORWARD = 2.0 * 6.0 * SCREENING**2 / 0.5292  # Å, Wentzel's scattering factor at q = 0
FIELD = 2  # sides of the micrograph
FOCI = 9  # nodes over the focal spread
TILT_STEP = 25.0  # Å of focus between the images of a tilted film


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One exposure: film, lens, beam, stage and camera."""

    energy: float = 300e3
    cs: float = 0.0
    c10: float = -500.0
    c12: float = 0.0
    phi12: float = 0.0
    thickness: float = 50.0
    tilt: float = 0.0  # about the y axis
    amplitude_contrast: float = 0.0
    focal_spread: float = 10.0
    angular_spread: float = 0.0
    drift: float = 0.0
    drift_azimuth: float = 0.0
    vibration: float = 0.0  # standard deviation, isotropic
    mtf: float = 1.0  # at the Nyquist frequency, beside the pixel's own
    readout: float = 0.0  # electrons
    dose: float = 400.0
    pixel: float = 0.4
    side: int = 384
    oversampling: int = 2

    @property
    def wavelength(self) -> float:
        """Relativistic wavelength in Å (Reimer & Kohl, eq. 2.5), energy in eV."""
        return 12.2643 / sqrt(self.energy * (1.0 + 0.978476e-6 * self.energy))


def micrograph(shot: Shot, rng: np.random.Generator) -> Array:
    """Counted image (side, side) of a new film."""
    side, pixel = FIELD * shot.side * shot.oversampling, shot.pixel / shot.oversampling
    axis: Array = np.asarray(np.fft.fftfreq(side, pixel), dtype=np.float64)
    q_y, q_x = axis[:, None], axis[None, :]
    wave = fft2(_exit_wave(shot, q_y**2 + q_x**2, rng))
    image = _tilted(shot, wave, q_y, q_x)
    blur = np.sinc(shot.drift * (q_x * cos(shot.drift_azimuth) + q_y * sin(shot.drift_azimuth)))
    blur *= np.exp(-2.0 * (pi * shot.vibration) ** 2 * (q_x**2 + q_y**2))
    blur *= np.sinc(q_x * shot.pixel) * np.sinc(q_y * shot.pixel)
    image = ifft2(fft2(image) * blur).real[:: shot.oversampling, :: shot.oversampling]
    counts = rng.poisson(np.maximum(image, 0.0) * shot.dose * shot.pixel**2).astype(float)
    u = np.hypot(*np.meshgrid(*(2.0 * np.fft.fftfreq(FIELD * shot.side),) * 2))
    seen = ifft2(fft2(counts) / (1.0 + (1.0 / shot.mtf - 1.0) * u**2)).real
    first = (FIELD - 1) * shot.side // 2
    seen = seen[first : first + shot.side, first : first + shot.side]
    return np.asarray(seen + shot.readout * rng.normal(size=seen.shape))


def _exit_wave(shot: Shot, squared: Array, rng: np.random.Generator) -> NDArray[np.complex128]:
    """Wave in the plane of the film's middle, behind slices of 12 Å or thinner."""
    side, pixel = squared.shape[0], shot.pixel / shot.oversampling
    slices = max(1, round(shot.thickness / 12.0))
    step = shot.thickness / slices
    inside = squared < (0.5 / pixel) ** 2 * (4.0 / 9.0 if shot.oversampling > 1 else 1.0)
    form = FORWARD / (1.0 + (2.0 * pi * SCREENING) ** 2 * squared)
    scale = (1.0 + shot.energy / 510998.95) * shot.wavelength / pixel**2
    propagator = np.exp(-1j * pi * shot.wavelength * step * squared) * inside
    contrast = 1j * sqrt(1.0 - shot.amplitude_contrast**2) - shot.amplitude_contrast
    wave = np.ones((side, side), dtype=np.complex128)
    for _ in range(slices):
        atoms = rng.poisson(ATOMS * step * pixel**2, (side, side)) - ATOMS * step * pixel**2
        phase = scale * ifft2(fft2(atoms) * form * inside).real
        wave = ifft2(fft2(wave * np.exp(contrast * phase)) * propagator)
    # from half a step behind the last slice's middle, back to the middle of the film
    back = np.exp(1j * pi * shot.wavelength * (0.5 * shot.thickness + 0.5 * step) * squared)
    return np.asarray(ifft2(fft2(wave) * back))


def _tilted(shot: Shot, wave: NDArray[np.complex128], q_y: Array, q_x: Array) -> Array:
    """Intensity whose focus runs along x, interpolated between images of one focus each."""
    side = wave.shape[1]
    focus = tan(shot.tilt) * (np.arange(side) - 0.5 * (side - 1)) * shot.pixel / shot.oversampling
    if not shot.tilt:
        return _intensity(shot, wave, (q_y, q_x), 0.0)
    foci = np.linspace(focus[0], focus[-1], max(2, 1 + int(np.ceil(abs(np.ptp(focus)) / TILT_STEP))))
    image = np.zeros(wave.shape)
    for one in foci:
        near = np.maximum(0.0, 1.0 - np.abs(focus - one) / abs(foci[1] - foci[0]))
        image += near[None, :] * _intensity(shot, wave, (q_y, q_x), float(one))
    return image


def _intensity(shot: Shot, wave: NDArray[np.complex128], q: tuple[Array, Array], more: float) -> Array:
    """Mean intensity over the focal spread, at C10 + `more`."""
    length, (q_y, q_x) = shot.wavelength, q
    squared = q_x**2 + q_y**2
    astigmatic = shot.c12 * (cos(2.0 * shot.phi12) * (q_x**2 - q_y**2) + sin(2.0 * shot.phi12) * 2.0 * q_x * q_y)
    chi = pi * length * ((shot.c10 + more) * squared + astigmatic) + 0.5 * pi * shot.cs * length**3 * squared**2
    slope = 2.0 * pi * (shot.c10 * length * np.sqrt(squared) + shot.cs * (length * np.sqrt(squared)) ** 3) / length
    lens = wave * np.exp(-1j * chi - 0.5 * (shot.angular_spread * slope) ** 2)
    if not shot.focal_spread:
        return np.asarray(np.abs(ifft2(lens)) ** 2)
    nodes, weights = np.polynomial.hermite_e.hermegauss(FOCI)
    total = np.zeros(wave.shape)
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        total += weight * np.abs(ifft2(lens * np.exp(-1j * pi * length * node * shot.focal_spread * squared))) ** 2
    return total


def astigmatism_error(found: tuple[float, float], true: tuple[float, float]) -> float:
    """Å between two astigmatisms (C12, φ12)."""
    apart = [found[0] * turn(2.0 * found[1]) - true[0] * turn(2.0 * true[1]) for turn in (cos, sin)]
    return hypot(*apart)
