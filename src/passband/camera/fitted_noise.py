"""Noise and scan of real images as one value that the scanning model takes (`docs/fitted_noise.md`).

Electrons are *effective*: those that would make as much noise as is seen, were each counted once and equally. A
detector whose signals vary by `excess_noise` counts 1 + excess_noise times as many.
"""

from collections.abc import Iterator
from math import pi
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, field_validator

from passband.camera.bootstrap import BootstrapInterval
from passband.documents import naming, parse_json, read_document
from passband.recipe import PassbandError, Recipe
from passband.validation import first_error

Pair = tuple[float, float]


class Estimate(Recipe):
    """One quantity, or why the images do not tell it.

    Attributes
    ----------
    value
        None where the images do not tell it.
    interval
        Of 95 %, by bootstrap over images and the blocks within them; None without a value.
    limits
        What it lies between where it is not told; an end that nothing bounds is None.
    unit
        Of all of these; "" of a ratio.
    note
        What was assumed, or why there is no value.
    """

    value: float | None = None
    interval: Pair | None = None
    limits: tuple[float | None, float | None] | None = None
    unit: str = ""
    note: str = ""


class KnownScan(Recipe):
    """What images of a scan do not tell of themselves; each may be unknown.

    Attributes
    ----------
    pixel_size
        Å.
    offset
        Level of no electrons, grey values: that of a scan with the beam blanked.
    energy
        eV.
    semi_angle
        Convergence semi-angle, rad.
    displacement
        Rms thermal displacement of the columns along one axis, Å.
    lattice
        Ratio of the lengths b/a of the two shortest vectors of the specimen's lattice, and their angle, rad, 90° to
        120°: (1, 2π/3) of a sheet of hexagons, (1, π/2) of SrTiO3 [001].
    """

    pixel_size: float | None = Field(default=None, gt=0.0)
    offset: float | None = None
    energy: float | None = Field(default=None, ge=1e4, le=2e6)
    semi_angle: float | None = Field(default=None, gt=0.0, le=0.2)
    displacement: float = Field(default=0.06, ge=0.0, le=1.0)
    lattice: tuple[float, float] | None = None

    @field_validator("lattice")
    @classmethod
    def _check_lattice(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not (1.0 <= value[0] <= 10.0 and 0.5 * pi - 1e-6 <= value[1] <= 2.0 * pi / 3.0 + 1e-6):
            raise PassbandError(
                f"lattice={value} is no pair of shortest vectors: b/a is 1 or more, their angle 1.5708 to 2.0944 rad"
            )
        return value


class FittedNoise(Recipe):
    """Noise and scan of one session, fitted to its images.

    Attributes
    ----------
    images
        How many it was fitted to.
    pixel_size
        Of these, Å; None where nobody said it.
    bits
        Of integer images, 8 or 16; 0 of others.
    offset
        Level of no electrons, as it was given; None where nobody knows it.
    mean, contrast, noise
        Grey value, standard deviation of the grey values without noise and slow changes, and of the noise at the mean
        grey value.
    dose
        Effective electrons that the detector counted, per Å².
    gain
        Grey values per effective electron.
    read_noise
        Noise that does not grow with the signal, effective electrons rms a pixel.
    row_jitter_px
        Shift of each row along itself that the rows around do not share, rms in pixels.
    source_size_A
        Full width at half maximum of the Gaussian that widens columns beyond the ideal probe and thermal
        vibration, Å: source, focal spread and aberrations.
    image_width_A
        Full width at half maximum of the Gaussian that columns look like, everything included, Å.
    drift_along_px, drift_across_px
        By how much each row is displaced against the one before by drift, pixels along the row (x) and across (y).
    contamination
        Rise of the background along the slow axis of the frame, as a fraction of the mean of the rest of the signal.
    slow_rise, fast_rise
        Rise of the background along the slow and along the fast axis of the frame, in units of the contrast; needs
        neither offset nor gain.
    contrast_electrons
        Standard deviation of the signal, effective electrons a pixel; needs no offset.
    noise_to_contrast
        Noise at the mean grey value over the contrast; needs neither offset nor gain.
    noise_correlation
        Of the noise from one pixel to the next along a row.
    notes
        What about the images limits all this.
    """

    images: int = Field(ge=1)
    pixel_size: float | None = Field(default=None, gt=0.0)
    bits: int = Field(default=0, ge=0, le=32)
    offset: float | None = None
    mean: float
    contrast: float | None = None
    noise: float | None = None
    dose: Estimate = Estimate(unit="e-/A^2")
    gain: Estimate = Estimate(unit="levels/e-")
    read_noise: Estimate = Estimate(unit="e-")
    row_jitter_px: Estimate = Estimate(unit="px")
    source_size_A: Estimate = Estimate(unit="A")
    image_width_A: Estimate = Estimate(unit="A")
    drift_along_px: Estimate = Estimate(unit="px/row")
    drift_across_px: Estimate = Estimate(unit="px/row")
    contamination: Estimate = Estimate()
    slow_rise: Estimate = Estimate()
    fast_rise: Estimate = Estimate()
    contrast_electrons: Estimate = Estimate(unit="e-")
    noise_to_contrast: Estimate = Estimate()
    noise_correlation: Estimate = Estimate()
    notes: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read what `passband translate fit-noise` wrote.

        Raises
        ------
        PassbandError
            The file cannot be read, or is none.
        """
        with naming(path):
            values = parse_json(read_document(path))
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise PassbandError(
                f"{path} is no noise that passband fitted, {first_error(error, whole='content')}; write one with "
                "passband translate fit-noise"
            ) from error

    def estimates(self) -> Iterator[tuple[str, Estimate]]:
        """Each estimate with its name."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Estimate):
                yield name, value


def estimate_of(found: BootstrapInterval | None, unit: str = "", note: str = "") -> Estimate:
    """Estimate of a value with its interval; without one the images do not tell it."""
    if found is None:
        return Estimate(unit=unit, note=note or "the images do not tell it")
    return Estimate(value=found.value, interval=(found.low, found.high), unit=unit, note=note)
