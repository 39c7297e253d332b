"""The conditions of one micrograph, read from the Thon rings in its power spectrum, with how sure they are.

Energy, Cs and pixel size are given; defocus, two-fold astigmatism and focal spread are fitted (`ring_model` has the
formulas, `ring_search` the search). Three things to know of the result:

* **C10 is that of the film's mid-plane.** Against a lens that is focused on the exit face of a film of thickness t it
  is larger by t/2: an atom that lies d above the plane in focus is seen with C10 + d.
* **Rings do not know their sign where Cs = 0**: (C10, C12, φ12) and (−C10, C12, φ12 + π/2) give the same spectrum.
  Underfocus, C10 < 0, is reported, `sign_ambiguous` says so, and the other is among the `alternatives`.
* **Focal spread is what damps the rings**: without an angular spread or a detector's MTF in the model, theirs is in it.

An image without rings gets a `Refusal` that says why, not a number.
"""

from dataclasses import dataclass, field
from math import atan2, hypot, pi
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from ase.data import atomic_numbers
from numpy.typing import NDArray
from pydantic import Field, model_validator
from scipy.special import ndtr, ndtri

from passband.electron import check_energy, wavelength
from passband.microscope.aberrations import Aberrations, check_coefficient
from passband.microscope.conditions import Conditions
from passband.microscope.power_spectrum import FloatArray, Periodogram, averaged_periodogram
from passband.microscope.ring_fit import Pattern, RingFit, expected_power, fit_rings, radial_misfit
from passband.microscope.ring_model import SPREAD, THICKNESS, RingSetting
from passband.pixels import pixel_pair
from passband.recipe import PassbandError, Recipe

SMALLEST_SIDE = 64  # pixels
LARGEST_PIXEL = 1e6  # Å; what is larger was given in another unit
HIGHEST_FREQUENCY = 2.0  # Å⁻¹: no microscope carries rings of amorphous matter beyond
LEAST_EVIDENCE = 50.0  # twice a log likelihood ratio; smooth spectra without rings gave up to 10
LEAST_AGREEMENT = 4.0  # standard errors by which the mean gain of the sectors of azimuth exceeds 0
CLEAR = 12.0  # twice a log likelihood ratio, 400 : 1; what is worse by less cannot be told from the best
LARGEST_MISFIT = 0.09  # left 0.115 by the fringes of soot, 0.056 by four particles of gold on 70 Å of carbon
# With crystals in the image the data scatter more about the model than noise does, and likelihoods are worth less: the
# best pattern must then lead by this share of its evidence for each unit of excess dispersion.
LEAD = 0.75

Interval = tuple[float, float]


class FitRecipe(Recipe):
    """How conditions are fitted.

    Attributes
    ----------
    amplitude_contrast
        Sine of the phase by which absorption moves the rings: 0 for thin light films, 0.07 to 0.1 is usual for ice.
    element
        Of the amorphous film; its form factor is the shape of the scattering beneath the rings.
    focal_spread
        Å (standard deviation) where it is known; None fits it.
    largest_c10, largest_c12
        Å, searched up to; None is up to where the spectrum's bins no longer resolve rings at a quarter of its band, and
        an eighth of that.
    band
        Frequencies that are used, Å⁻¹; None is all that carry rings: 8 % to 95 % of the Nyquist frequency, up to 2 Å⁻¹.
    confidence
        Of the intervals.
    """

    amplitude_contrast: float = Field(default=0.0, ge=0.0, lt=1.0)
    element: str = "C"
    focal_spread: float | None = Field(default=None, ge=0.0, le=1e4)
    largest_c10: float | None = Field(default=None, gt=0.0, le=1e6)
    largest_c12: float | None = Field(default=None, ge=0.0, le=1e6)
    band: tuple[float, float] | None = None
    confidence: float = Field(default=0.95, gt=0.0, lt=1.0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.element not in atomic_numbers:
            raise PassbandError(f"element={self.element!r} is no chemical element; write C for a carbon film")
        if self.band is not None and not 0.0 < self.band[0] < self.band[1]:
            raise PassbandError(f"band={self.band} Å⁻¹ must rise from above 0; write for example 0.2,1.5")
        return self


class Lens(NamedTuple):
    """Another lens that may have made the rings, Å and rad, and how much less likely it is than the best.

    `worse_by` is twice the log of the likelihood ratio: 0 where the two cannot be told apart.
    """

    c10: float
    c12: float
    phi12: float
    worse_by: float


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


@dataclass(frozen=True)
class Refusal:
    """Why conditions cannot be read from an image, and what was given."""

    reason: str
    energy: float
    cs: float
    pixel_size: tuple[float, float]


@dataclass(frozen=True)
class Fit:
    """Conditions read from one micrograph.

    Attributes
    ----------
    c10, c12, phi12
        Å, Å, rad in [0, π); C10 = −defocus of the film's mid-plane.
    c10_interval, c12_interval, phi12_interval
        Of the confidence asked for. φ12 has its middle in [0, π) and may reach beyond; without significant astigmatism
        it is (0, π).
    focal_spread, focal_spread_interval
        Standard deviation of the defocus, Å; an interval that spans a factor of several is mostly the prior.
    thickness, thickness_interval
        Of the film, Å, from where its rings fade (its node); as uncertain as its interval says.
    sign_ambiguous
        Whether C10 of the other sign is as likely.
    alternatives
        Other lenses that cannot be told from this one.
    evidence
        Twice the log likelihood ratio of rings over a smooth spectrum.
    rings
        Zeros of the transfer between the centre and the end of the band, along the direction that has most.
    energy, cs, pixel_size, confidence
        As given.
    spectrum
        Data and fit, for drawing.
    """

    c10: float
    c12: float
    phi12: float
    c10_interval: Interval
    c12_interval: Interval
    phi12_interval: Interval
    focal_spread: float
    focal_spread_interval: Interval
    thickness: float
    thickness_interval: Interval
    sign_ambiguous: bool
    alternatives: tuple[Lens, ...]
    evidence: float
    rings: int
    energy: float
    cs: float
    pixel_size: tuple[float, float]
    confidence: float
    spectrum: RingSpectrum = field(repr=False, compare=False)

    def conditions(self) -> Conditions:
        """Return the fitted conditions; angular spread, aperture, dose and detector are not known from rings."""
        lens = Aberrations(C10=self.c10, C12=self.c12, phi12=self.phi12, C30=self.cs)
        return Conditions(energy=self.energy, aberrations=lens, focal_spread=self.focal_spread)


def fit_conditions(
    image: NDArray[Any],
    *,
    pixel_size: float | tuple[float, float],
    energy: float,
    cs: float = 0.0,
    recipe: FitRecipe | None = None,
) -> Fit | Refusal:
    """Read defocus, two-fold astigmatism and focal spread from the Thon rings of a micrograph.

    Parameters
    ----------
    image
        (y, x), any real type; not changed.
    pixel_size
        Å, one number or (y, x).
    energy, cs
        eV; spherical aberration C30 in Å.
    recipe
        How to fit; the defaults if None.

    Returns
    -------
    Fit or Refusal
        A refusal where there are no rings to read, with the reason.

    Raises
    ------
    PassbandError
        The image is not (y, x) or not finite, or a number is out of its range.
    """
    chosen = recipe or FitRecipe()
    pixels = _checked_pixels(pixel_size)
    check_energy(energy)
    check_coefficient("C30", cs)
    given: dict[str, Any] = {"energy": energy, "cs": cs, "pixel_size": pixels}
    values = _checked_image(image)
    if min(values.shape) < SMALLEST_SIDE:
        sides = f"{values.shape[0]} × {values.shape[1]} pixels"
        return Refusal(f"{sides} are too few to resolve rings; give at least {SMALLEST_SIDE} along each side", **given)
    if float(values.max()) == float(values.min()):
        return Refusal("the image is constant: there is nothing in it to fit", **given)
    periodogram = averaged_periodogram(values, pixel_size=pixels)
    setting = _setting(periodogram, wavelength(energy), cs, chosen)
    if isinstance(setting, str):
        return Refusal(setting, **given)
    largest = _largest(periodogram, setting, chosen)
    needs_both = cs != 0.0 or chosen.amplitude_contrast != 0.0
    fitted = fit_rings(periodogram, setting, largest=largest, both_signs=needs_both)
    reason = _doubt(fitted, setting, largest)
    if reason:
        return Refusal(reason, **given)
    return _result(fitted, _spectrum(periodogram, fitted, setting), chosen.confidence, needs_both, given)


def _checked_pixels(pixel_size: float | tuple[float, float]) -> tuple[float, float]:
    pixels = pixel_pair(pixel_size)
    if max(pixels) >= LARGEST_PIXEL:
        raise PassbandError(f"pixel_size={pixel_size} Å must be above 0; write the side of a pixel in Å")
    return pixels


def _checked_image(image: NDArray[Any]) -> NDArray[Any]:
    values = np.asarray(image)
    if values.ndim != 2 or values.dtype.kind not in "buif":
        raise PassbandError(f"an image of shape {values.shape} and {values.dtype} cannot be fitted; give real (y, x)")
    return values


def _setting(periodogram: Periodogram, length: float, cs: float, recipe: FitRecipe) -> RingSetting | str:
    """Gather what is known before the fit, or say why no fit is possible."""
    highest = min(0.95 * periodogram.nyquist, HIGHEST_FREQUENCY)
    band = (max(0.08 * highest, 5.0 * max(periodogram.step)), highest)
    if recipe.band is not None:
        band = (max(band[0], recipe.band[0]), min(band[1], recipe.band[1]))
    if band[1] < 2.0 * band[0]:
        return f"the band from {band[0]:.3g} to {band[1]:.3g} Å⁻¹ is too narrow for rings; take a wider field of view"
    element = int(atomic_numbers[recipe.element])
    return RingSetting(length, cs, recipe.amplitude_contrast, element, band, recipe.focal_spread)


def _largest(periodogram: Periodogram, setting: RingSetting, recipe: FitRecipe) -> tuple[float, float]:
    """Largest |C10| and C12 to search, Å: rings at a quarter of the band are five bins apart."""
    resolved = 1.0 / (5.0 * max(periodogram.step) * setting.wavelength * 0.5 * setting.band[1])
    c10 = recipe.largest_c10 if recipe.largest_c10 is not None else resolved
    return c10, recipe.largest_c12 if recipe.largest_c12 is not None else c10 / 8.0


def _doubt(fitted: RingFit, setting: RingSetting, largest: tuple[float, float]) -> str:
    """Why the best pattern should not be believed, or nothing."""
    best = fitted.patterns[0]
    nothing = f"no Thon rings for |C10| up to {largest[0] / 10.0:.3g} nm between {setting.band[0]:.2g} and "
    nothing += f"{setting.band[1]:.2g} Å⁻¹"
    if best.evidence < LEAST_EVIDENCE:
        return f"{nothing}: a smooth spectrum explains the image as well; the specimen may be crystalline or vacuum"
    error = float(np.std(best.gains)) / np.sqrt(len(best.gains))
    if best.gains.mean() < LEAST_AGREEMENT * error:
        seen = int((best.gains > 0.0).sum())
        return f"{nothing}: only {seen} of {len(best.gains)} directions agree, as with the spots of a crystal"
    left = radial_misfit(fitted)
    if left > LARGEST_MISFIT:
        cure = "its fringes or particles hide the rings of the film; take a place with more bare film"
        return f"the spectrum differs from that of an amorphous film by {left:.0%} after the best fit: {cure}"
    if _zeros(fitted) < 1:
        cure = "take finer pixels or more defocus"
        return f"not one complete ring lies between {setting.band[0]:.2g} and {setting.band[1]:.2g} Å⁻¹; {cure}"
    lead = max(CLEAR, LEAD * (best.scale - 1.0) * best.evidence)
    rivals = [one for one in fitted.patterns[1:] if best.evidence - one.evidence < lead and not _mirrored(best, one)]
    if rivals:
        there = " and ".join(f"{one.lens[0] / 10.0:.3g} nm" for one in (best, *rivals))
        cure = "take a larger field, a higher dose or a place with more bare film"
        return f"C10 of {there} explain the spectrum about equally well; {cure}"
    return ""


def _mirrored(one: Pattern, other: Pattern) -> bool:
    """Whether C10 of two patterns differ in sign: that is told to the user, not refused."""
    return bool(one.lens[0] * other.lens[0] < 0.0)


def _zeros(fitted: RingFit) -> int:
    """Zeros of sin χ that the rings have in the direction that has most, as far as their contrast is 5 % or more."""
    model, parameters = fitted.model, fitted.patterns[0].refined.parameters
    scattering, noise = model.parts(parameters)
    visible = (scattering / (scattering + noise) > 0.05).numpy()
    phase = np.abs(model.phase(parameters).numpy())
    return int(phase[visible].max() / pi) if visible.any() else 0


def _spectrum(periodogram: Periodogram, fitted: RingFit, setting: RingSetting) -> RingSpectrum:
    parameters, model = fitted.patterns[0].refined.parameters, fitted.model
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


def _result(fitted: RingFit, spectrum: RingSpectrum, confidence: float, needs_both: bool, given: dict[str, Any]) -> Fit:
    best = fitted.patterns[0]
    c10, c12, phi12 = _polar(best)
    width = float(ndtri(0.5 + 0.5 * confidence))
    errors = np.sqrt(np.diag(best.covariance)) * width
    values = best.refined.parameters.numpy()
    spread, thickness = float(np.exp(values[SPREAD])), float(np.exp(values[THICKNESS]))
    others = [one for one in fitted.patterns[1:] if best.evidence - one.evidence < CLEAR]
    alternatives = [Lens(*_polar(one), worse_by=best.evidence - one.evidence) for one in others]
    if not needs_both:
        alternatives = [Lens(-c10, c12, (phi12 + 0.5 * pi) % pi, 0.0)]
    c12_interval, phi12_interval = _astigmatism_intervals(best, width)
    return Fit(
        c10=c10,
        c12=c12,
        phi12=phi12,
        c10_interval=(c10 - float(errors[0]), c10 + float(errors[0])),
        c12_interval=c12_interval,
        phi12_interval=phi12_interval,
        focal_spread=spread,
        focal_spread_interval=_factor(spread, float(errors[SPREAD])),
        thickness=thickness,
        thickness_interval=_factor(thickness, float(errors[THICKNESS])),
        sign_ambiguous=bool(alternatives),
        alternatives=tuple(alternatives),
        evidence=best.evidence,
        rings=_zeros(fitted),
        confidence=confidence,
        spectrum=spectrum,
        **given,
    )


def _factor(value: float, logarithm: float) -> Interval:
    factor = float(np.exp(min(logarithm, 20.0)))
    return value / factor, value * factor


def _polar(pattern: Pattern) -> tuple[float, float, float]:
    c10, cosine, sine = (float(value) for value in pattern.lens)
    return c10, hypot(cosine, sine), (0.5 * atan2(sine, cosine)) % pi


def _astigmatism_intervals(pattern: Pattern, width: float) -> tuple[Interval, Interval]:
    """Intervals of C12, not below 0, and of φ12, which is anything where C12 may be 0."""
    _, c12, phi12 = _polar(pattern)
    covariance = pattern.covariance[1:3, 1:3]
    direction = np.array([np.cos(2.0 * phi12), np.sin(2.0 * phi12)])
    across = np.array([-direction[1], direction[0]])
    along = width * float(np.sqrt(direction @ covariance @ direction))
    turned = width * float(np.sqrt(across @ covariance @ across))
    lowest = c12 - along
    if lowest <= 0.0 or turned >= c12:
        disc = float(np.sqrt(-2.0 * np.log(2.0 * ndtr(-width)))) / width  # both parts of C12 are within, together
        return (0.0, c12 + along * disc), (0.0, pi)
    half = 0.5 * float(np.arcsin(turned / c12))
    return (lowest, c12 + along), (phi12 - half, phi12 + half)
