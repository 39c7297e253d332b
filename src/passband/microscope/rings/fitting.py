"""The conditions of one micrograph, read from the Thon rings in its power spectrum, with how sure they are.

Energy and pixel size are given; defocus, two-fold astigmatism, drift and damping are fitted (`model` has the
formulas, `starts` the search), and Cs where it is not given. Four things to know of the result:

* **C10 is that of the film's mid-plane.** Against a lens that is focused on the exit face of a film of thickness t it
  is larger by t/2: an atom that lies d above the plane in focus is seen with C10 + d.
* **A wrong Cs is a wrong focus**: by some 20 nm for 1 mm. Nobody's Cs is taken to be 0. Without one, every Cs that
  lenses have is tried (`cs`), those that fit are among the `alternatives`, and the interval of C10 covers them. A
  given one that the rings contradict is used, and the `notes` say so.
* **Rings do not know their sign where Cs = 0**: (C10, C12, φ12) and (−C10, C12, φ12 + π/2) give the same spectrum.
  Underfocus, C10 < 0, is reported, `sign_ambiguous` says so, and the other is among the `alternatives`.
* **What damps the rings has many causes**; only drift has a shape of its own. `effective_envelope` is the focal spread
  that would damp as much as all others do together.

An image without rings gets a `Refusal` that says why, not a number.
"""

from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, Self

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray
from pydantic import Field, model_validator

from passband.electron import check_energy, wavelength
from passband.microscope.aberrations import check_coefficient, cs_text
from passband.microscope.power_spectrum import Periodogram, averaged_periodogram
from passband.microscope.rings.cs import CsFit, agreeing, gain_of_other
from passband.microscope.rings.doubt import CLEAR, doubt
from passband.microscope.rings.fit import RingFit, fit_rings
from passband.microscope.rings.model import RingSetting
from passband.microscope.rings.result import Fit, Lens, Refusal, ring_result
from passband.microscope.rings.spectrum import ring_spectrum
from passband.pixels import pixel_pair
from passband.recipe import PassbandError, Recipe

SMALLEST_SIDE = 64  # pixels
LARGEST_PIXEL = 1e6  # Å; what is larger was given in another unit
HIGHEST_FREQUENCY = 2.0  # Å⁻¹: no microscope carries rings of amorphous matter beyond
#: Å, of lenses: corrected, ultra-twin, super-twin and other pole pieces, cryo, twin.
PLAUSIBLE_CS = (0.0, 5e6, 6e6, 1e7, 1.2e7, 2e7, 2.7e7)


class FitRecipe(Recipe):
    """How conditions are fitted.

    Attributes
    ----------
    amplitude_contrast
        Sine of the phase by which absorption moves the rings: some 0.03 for thin light films, 0.07 to 0.1 is usual for
        ice. None fits it, about 0.
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
    plausible_cs
        Å, of the lenses that may have taken an image whose Cs is not given.
    """

    amplitude_contrast: float | None = Field(default=None, ge=0.0, lt=1.0)
    element: str = "C"
    focal_spread: float | None = Field(default=None, ge=0.0, le=1e4)
    largest_c10: float | None = Field(default=None, gt=0.0, le=1e6)
    largest_c12: float | None = Field(default=None, ge=0.0, le=1e6)
    band: tuple[float, float] | None = None
    confidence: float = Field(default=0.95, gt=0.0, lt=1.0)
    plausible_cs: tuple[float, ...] = PLAUSIBLE_CS

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.element not in atomic_numbers:
            raise PassbandError(f"element={self.element!r} is no chemical element; write C for a carbon film")
        if self.band is not None and not 0.0 < self.band[0] < self.band[1]:
            raise PassbandError(f"band={self.band} Å⁻¹ must rise from above 0; write for example 0.2,1.5")
        return self


def fit_image(
    image: NDArray[Any],
    *,
    pixel_size: float | tuple[float, float],
    energy: float,
    cs: float | None = None,
    recipe: FitRecipe | None = None,
) -> Fit | Refusal:
    """Read defocus, two-fold astigmatism and drift from the Thon rings of a micrograph.

    Parameters
    ----------
    image
        (y, x), any real type; not changed.
    pixel_size
        Å, one number or (y, x).
    energy
        eV.
    cs
        Spherical aberration C30 in Å; None fits it too.
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
    check_coefficient("C30", cs or 0.0)
    values = _checked_image(image)
    if min(values.shape) < SMALLEST_SIDE:
        sides = f"{values.shape[0]} × {values.shape[1]} pixels"
        reason = f"{sides} are too few to resolve rings; give at least {SMALLEST_SIDE} along each side"
        return Refusal(reason, energy, cs, pixels)
    if float(values.max()) == float(values.min()):
        return Refusal("the image is constant: there is nothing in it to fit", energy, cs, pixels)
    seen = _Seen(averaged_periodogram(values, pixel_size=pixels), energy, pixels, chosen)
    setting = _setting(seen.periodogram, wavelength(energy), cs, chosen)
    if isinstance(setting, str):
        return Refusal(setting, energy, cs, pixels)
    found = _fit(seen, setting)
    return Refusal(found, energy, cs, pixels) if isinstance(found, str) else found


class _Seen(NamedTuple):
    """An image to fit, and how."""

    periodogram: Periodogram
    energy: float
    pixel_size: tuple[float, float]
    recipe: FitRecipe


def _fit(seen: _Seen, setting: RingSetting) -> Fit | str:
    """Fit rings, or say why not; where Cs is given, whether another one fits better."""
    largest = _largest(seen.periodogram, setting, seen.recipe)
    fitted = fit_rings(seen.periodogram, setting, largest=largest)
    reason = doubt(fitted, setting, largest)
    if setting.cs is None:
        return reason or _result(seen, setting, fitted, agreeing(fitted, seen.recipe.plausible_cs))
    free = setting._replace(cs=None)
    if reason:
        other = _fit(seen, free)
        return reason if isinstance(other, str) else f"{reason}; or give another Cs: {_says(other)}"
    best = fitted.patterns[0]
    fits = [CsFit(setting.cs, one, best.evidence - one.evidence, True) for one in fitted.patterns]
    found = _result(seen, setting, fitted, [one for one in fits if one.worse_by < CLEAR])
    if gain_of_other(fitted, setting, largest) < CLEAR:
        return found
    other = _fit(seen, free)
    if isinstance(other, str) or not _contradicts(found, other):
        return found
    note = f"Cs = {cs_text(setting.cs)} was given, but ".replace("-", "\u2212") + _says(other)
    lens = Lens(other.c10, other.c12, other.phi12, found.evidence - other.evidence, other.cs)
    return replace(found, notes=(*found.notes, note), alternatives=(*found.alternatives, lens, *other.alternatives))


def _result(seen: _Seen, setting: RingSetting, fitted: RingFit, fits: list[CsFit]) -> Fit:
    others = {
        "draw": partial(ring_spectrum, seen.periodogram, fitted, fits[0].pattern, setting),
        "energy": seen.energy,
        "pixel_size": seen.pixel_size,
        "confidence": seen.recipe.confidence,
    }
    return ring_result(fitted, fits, setting, others)


def _contradicts(found: Fit, other: Fit) -> bool:
    """Whether a fit of another Cs excludes the given one and the focus that goes with it."""
    low, high = other.cs_interval
    apart = other.c10_interval[0] > found.c10_interval[1] or other.c10_interval[1] < found.c10_interval[0]
    return apart and not low <= found.cs <= high


def _says(other: Fit) -> str:
    return f"the rings fit Cs = {cs_text(other.cs)} better, with C10 = {other.c10 / 10.0:.1f} nm".replace("-", "\u2212")


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


def _setting(periodogram: Periodogram, length: float, cs: float | None, recipe: FitRecipe) -> RingSetting | str:
    """Gather what is known before the fit, or say why no fit is possible."""
    highest = min(0.95 * periodogram.nyquist, HIGHEST_FREQUENCY)
    band = (max(0.08 * highest, 5.0 * max(periodogram.step)), highest)
    if recipe.band is not None:
        band = (max(band[0], recipe.band[0]), min(band[1], recipe.band[1]))
    if band[1] < 2.0 * band[0]:
        return f"the band from {band[0]:.3g} to {band[1]:.3g} Å⁻¹ is too narrow for rings; take a wider field of view"
    element = int(atomic_numbers[recipe.element])
    step = max(periodogram.step)
    return RingSetting(length, cs, recipe.amplitude_contrast, element, band, recipe.focal_spread, step)


def _largest(periodogram: Periodogram, setting: RingSetting, recipe: FitRecipe) -> tuple[float, float]:
    """Largest |C10| and C12 to search, Å: rings at a quarter of the band are five bins apart."""
    resolved = 1.0 / (5.0 * max(periodogram.step) * setting.wavelength * 0.5 * setting.band[1])
    c10 = recipe.largest_c10 if recipe.largest_c10 is not None else resolved
    return c10, recipe.largest_c12 if recipe.largest_c12 is not None else c10 / 8.0
