"""What a fit of Thon rings tells of a microscope: values with intervals, other lenses that fit, and what to be told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import pi, sqrt
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from passband.microscope.aberrations import Aberrations, cs_text
from passband.microscope.conditions import Conditions
from passband.microscope.rings.cs import CsFit
from passband.microscope.rings.doubt import CLEAR, zeros
from passband.microscope.rings.fit import RingFit
from passband.microscope.rings.intervals import (
    Interval,
    astigmatism_intervals,
    cs_interval,
    drift_of,
    factor_interval,
    hull,
    interval,
    polar,
)
from passband.microscope.rings.model import ABSORPTION, SPREAD, THICKNESS, RingSetting
from passband.microscope.rings.spectrum import RingSpectrum

# e-folds, standard deviation, by which the shape of the scattering moves an envelope: those of films of carbon with a
# focal spread of 10 Å were 13 to 27 Å, with intervals that took the shape for known.
ENVELOPE_ERROR = 0.45


class Lens(NamedTuple):
    """Another lens that may have made the rings, Å and rad, and how much less likely it is than the best.

    `worse_by` is twice the log of the likelihood ratio: 0 where the two cannot be told apart.
    """

    c10: float
    c12: float
    phi12: float
    worse_by: float
    cs: float


@dataclass(frozen=True)
class Refusal:
    """Why conditions cannot be read from an image, and what was given; `cs` is None where nobody gave it."""

    reason: str
    energy: float
    cs: float | None
    pixel_size: tuple[float, float]


@dataclass(frozen=True)
class Fit:
    """Conditions read from one micrograph.

    Attributes
    ----------
    c10, c12, phi12
        Å, Å, rad in [0, π); C10 = −defocus of the film's mid-plane.
    c10_interval, c12_interval, phi12_interval
        Of the confidence asked for; that of C10 covers every Cs that fits. φ12 has its middle in [0, π) and may reach
        beyond; without significant astigmatism it is (0, π).
    cs, cs_interval, cs_known
        Å: as given, or the likeliest of those that lenses have, the interval of all that fit, and whether it was given.
    effective_envelope, effective_envelope_interval
        Standard deviation of the defocus, Å, that would damp the rings as much as focal spread, angular spread,
        vibration and camera do together: no focal spread of the microscope. An interval that spans a factor of several
        is mostly the prior.
    drift, drift_interval, drift_azimuth
        Length in Å that the specimen moved during the exposure, and the direction in [0, π), counted as φ12.
    amplitude_contrast, amplitude_contrast_interval
        As given, or fitted.
    thickness, thickness_interval
        Of the film, Å, from where its rings fade (its node); a tilt of the film is in it. As uncertain as its interval
        says.
    sign_ambiguous
        Whether C10 of the other sign is as likely.
    alternatives
        Other lenses that cannot be told from this one.
    evidence
        Twice the log likelihood ratio of rings over a smooth spectrum.
    rings
        Zeros of the transfer between the centre and the end of the band, along the direction that has most, as far as
        the spectrum resolves them.
    notes
        What to be told of, in words.
    energy, pixel_size, confidence
        As given.
    draw
        Makes the `spectrum`.
    """

    c10: float
    c12: float
    phi12: float
    c10_interval: Interval
    c12_interval: Interval
    phi12_interval: Interval
    cs: float
    cs_interval: Interval
    cs_known: bool
    effective_envelope: float
    effective_envelope_interval: Interval
    drift: float
    drift_interval: Interval
    drift_azimuth: float
    amplitude_contrast: float
    amplitude_contrast_interval: Interval
    thickness: float
    thickness_interval: Interval
    sign_ambiguous: bool
    alternatives: tuple[Lens, ...]
    evidence: float
    rings: int
    notes: tuple[str, ...]
    energy: float
    pixel_size: tuple[float, float]
    confidence: float
    draw: Callable[[], RingSpectrum] = field(repr=False, compare=False)

    @cached_property
    def spectrum(self) -> RingSpectrum:
        """Data and fit, for drawing."""
        return self.draw()

    def conditions(self) -> Conditions:
        """Return conditions with the fitted lens; spreads, aperture, dose and detector are not known from rings."""
        lens = Aberrations(C10=self.c10, C12=self.c12, phi12=self.phi12, C30=self.cs)
        return Conditions(energy=self.energy, aberrations=lens)


def ring_result(fitted: RingFit, fits: Sequence[CsFit], setting: RingSetting, known: dict[str, Any]) -> Fit:
    """Values and intervals of rings.

    Parameters
    ----------
    fitted
        With the model and cells of the fits.
    fits
        Patterns that cannot be told apart, the one to report first.
    setting
        What was known before the fit.
    known
        `energy`, `pixel_size`, `confidence` and `spectrum` of the result.
    """
    best = fits[0].pattern
    width = float(ndtri(0.5 + 0.5 * known["confidence"]))
    errors = np.sqrt(np.diag(best.covariance)) * width
    values = best.refined.parameters.numpy()
    spread, thickness = float(np.exp(values[SPREAD])), float(np.exp(values[THICKNESS]))
    c12_interval, phi12_interval = astigmatism_intervals(best, width)
    lens = _lens(fits[0])
    same_sign = [one for one in fits if one.pattern.lens[0] * lens.c10 >= 0.0]
    free = max(width, sqrt(CLEAR))  # a Cs between those of data sheets fits as far as one of them would
    cs = hull([cs_interval(one, free) for one in same_sign])
    alternatives = _alternatives(fits, mirrored=not setting.tells_sign)
    drift, drift_interval, drift_azimuth = drift_of(best, width)
    absorption = float(values[ABSORPTION])
    return Fit(
        c10=lens.c10,
        c12=lens.c12,
        phi12=lens.phi12,
        cs=lens.cs,
        c10_interval=hull([interval(one.pattern, 0, width if one.listed else free) for one in same_sign]),
        c12_interval=c12_interval,
        phi12_interval=phi12_interval,
        cs_interval=cs,
        cs_known=setting.cs is not None,
        effective_envelope=spread,
        effective_envelope_interval=factor_interval(spread, float(np.hypot(errors[SPREAD], width * ENVELOPE_ERROR))),
        drift=drift,
        drift_interval=drift_interval,
        drift_azimuth=drift_azimuth,
        amplitude_contrast=float(np.sin(absorption)),
        amplitude_contrast_interval=interval(best, ABSORPTION, width),
        thickness=thickness,
        thickness_interval=factor_interval(thickness, float(errors[THICKNESS])),
        sign_ambiguous=any(one.c10 * lens.c10 <= 0.0 for one in alternatives),
        alternatives=tuple(alternatives),
        evidence=best.evidence,
        rings=zeros(fitted),
        notes=_notes(setting, lens, cs),
        **known,
    )


def _notes(setting: RingSetting, lens: Lens, cs: Interval) -> tuple[str, ...]:
    if setting.cs is not None:
        return ()
    said, low, high = (cs_text(one) for one in (lens.cs, *cs))
    text = f"Cs was not given; the rings fit {said} ({low.removesuffix(' mm')} to {high}): give Cs if it is known"
    return (text.replace("-", "\u2212"),)


def _alternatives(fits: Sequence[CsFit], *, mirrored: bool) -> list[Lens]:
    """Other lenses, and those of the other sign where Cs and absorption are 0."""
    listed = {one.pattern.lens[0] > 0.0 for one in fits if one.listed}  # a free Cs only widens their intervals
    found = [_lens(one) for one in fits if one.listed or (one.pattern.lens[0] > 0.0) not in listed]
    if mirrored:
        found = [*found, *(Lens(-one.c10, one.c12, (one.phi12 + 0.5 * pi) % pi, one.worse_by, one.cs) for one in found)]
    return found[1:]


def _lens(one: CsFit) -> Lens:
    c10, cosine, sine = (float(value) for value in one.pattern.lens)
    return Lens(c10, *polar(cosine, sine), max(one.worse_by, 0.0), one.cs)
