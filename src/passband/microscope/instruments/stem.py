"""The scanning microscope as an instrument: its settings, their distributions, and its quantities.

A setting is the probe, the dark-field detector, and how many electrons fall on the specimen how steadily. What an image
tells of it is how steadily (`verdict.scan_fit`).
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import AfterValidator, Field, field_validator, model_validator

from passband.distribution import Scalar, limits
from passband.electron import check_energy
from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import (
    check_dose,
    check_focal_spread,
    checked_limits,
    draw_checked,
    drawn_aberrations,
    number_or_none,
    resolved_aberrations,
)
from passband.microscope.instruments.instrument import INSTRUMENTS, Array, Quantity, Setting, SettingDistribution
from passband.microscope.instruments.lens import LensInstrument, aberration, own
from passband.microscope.scanning.annular import Annulus, Detectors, check_milliradians
from passband.microscope.scanning.probe import Probe
from passband.recipe import PassbandError

DETECTOR = "DF"  # the name of the one detector


def _check_semi_angle(value: float) -> float:
    return check_milliradians("semi_angle", value)


def _check_inner(value: float) -> float:
    return check_milliradians("inner", value)


def _check_outer(value: float) -> float:
    return check_milliradians("outer", value)


def _check_source_size(value: float) -> float:
    if not 0.0 <= value <= 100.0:
        raise PassbandError(f"source_size={value:g} Å is outside 0 to 100 Å; it is a full width at half maximum in Å")
    return value


def _check_jitter(value: float) -> float:
    if not 0.0 <= value <= 10.0:
        raise PassbandError(f"jitter={value:g} pixels is outside 0 to 10; it is the rms shift of a row in pixels")
    return value


def _check_detector(inner: float, outer: float, semi_angle: float) -> None:
    if inner < semi_angle:
        raise PassbandError(
            f"inner={inner:g} rad is within the disc of a beam of semi_angle={semi_angle:g} rad; a dark-field detector "
            "begins outside, at three times that for HAADF"
        )
    if outer <= inner:
        raise PassbandError(
            f"inner={inner:g} rad is not below outer={outer:g} rad; exchange them, or widen the detector"
        )


class ScanConditions(Setting):
    """One setting of a scanning microscope.

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
        Full width at half maximum of the image of the source, Å.
    inner, outer
        Of the dark-field detector, rad.
    dose
        e⁻/Å² of a frame, in place of the current of the scanner; None is that of its current and dwell time.
    jitter
        Shift of each row along itself, rms in pixels, in place of that of the scanner; None is that.
    """

    kind: Literal["stem"] = Field(default="stem", repr=False)
    energy: Annotated[float, AfterValidator(check_energy)] = 200e3
    semi_angle: Annotated[float, AfterValidator(_check_semi_angle)] = 22e-3
    aberrations: Aberrations = Aberrations()
    focal_spread: Annotated[float, AfterValidator(check_focal_spread)] = 0.0
    source_size: Annotated[float, AfterValidator(_check_source_size)] = 0.8
    inner: Annotated[float, AfterValidator(_check_inner)] = 66e-3
    outer: Annotated[float, AfterValidator(_check_outer)] = 198e-3
    dose: Annotated[float | None, AfterValidator(number_or_none(check_dose))] = None
    jitter: Annotated[float | None, AfterValidator(number_or_none(_check_jitter))] = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_detector(self.inner, self.outer, self.semi_angle)
        return self

    @property
    def probe(self) -> Probe:
        """The beam."""
        return Probe(
            energy=self.energy,
            semi_angle=self.semi_angle,
            aberrations=self.aberrations,
            focal_spread=self.focal_spread,
            source_size=self.source_size,
        )

    @property
    def detectors(self) -> Detectors:
        """The one detector."""
        return Detectors(annuli={DETECTOR: Annulus(inner=self.inner, outer=self.outer)})


class ScanDistribution(SettingDistribution):
    """A distribution over settings of a scanning microscope; each quantity is a number or varies by itself.

    Attributes
    ----------
    energy
        eV.
    semi_angle
        Convergence semi-angle, rad.
    aberrations
        Coefficients or their aliases (`defocus`, `Cs`, …) in Å, azimuths in rad.
    focal_spread
        Standard deviation of the defocus, Å.
    source_size
        Full width at half maximum of the image of the source, Å.
    inner, outer
        Of the dark-field detector, rad. What would be within the disc of the beam, or inside out, is drawn again.
    dose
        e⁻/Å² of a frame, in place of the current of the scanner; None is that of its current and dwell time.
    jitter
        Shift of each row along itself, rms in pixels, in place of that of the scanner; None is that.

    Raises
    ------
    pydantic.ValidationError
        A name is unknown (a near one is suggested), given twice, or a value of the distribution is not physical.
    """

    kind: Literal["stem"] = Field(default="stem", repr=False)
    energy: Annotated[Scalar, checked_limits(check_energy)] = 200e3
    semi_angle: Annotated[Scalar, checked_limits(_check_semi_angle)] = 22e-3
    aberrations: dict[str, Scalar] = Field(default_factory=dict)
    focal_spread: Annotated[Scalar, checked_limits(check_focal_spread)] = 0.0
    source_size: Annotated[Scalar, checked_limits(_check_source_size)] = 0.8
    inner: Annotated[Scalar, checked_limits(_check_inner)] = 66e-3
    outer: Annotated[Scalar, checked_limits(_check_outer)] = 198e-3
    dose: Annotated[Scalar | None, checked_limits(check_dose)] = None
    jitter: Annotated[Scalar | None, checked_limits(_check_jitter)] = None

    @field_validator("aberrations")
    @classmethod
    def _resolve(cls, given: Mapping[str, Scalar]) -> dict[str, Scalar]:
        return resolved_aberrations(given)

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_detector(limits(self.inner)[1], limits(self.outer)[1], limits(self.semi_angle)[0])
        return self

    @property
    def members(self) -> tuple["ScanDistribution", ...]:
        """The distribution itself."""
        return (self,)

    def sample(self, n: int, rng: np.random.Generator) -> list[ScanConditions]:
        """Draw `n` settings; the first k of n are those of `sample(k, rng)` from the same generator state."""
        return [self._sample_one(rng) for _ in range(n)]

    def _sample_one(self, rng: np.random.Generator) -> ScanConditions:
        energy = draw_checked(self.energy, rng, check_energy)
        lens = drawn_aberrations(self.aberrations, rng)
        focal_spread = draw_checked(self.focal_spread, rng, check_focal_spread)
        source_size = draw_checked(self.source_size, rng, _check_source_size)
        dose = None if self.dose is None else draw_checked(self.dose, rng, check_dose)
        jitter = None if self.jitter is None else draw_checked(self.jitter, rng, _check_jitter)
        while True:
            semi_angle = draw_checked(self.semi_angle, rng, _check_semi_angle)
            inner, outer = draw_checked(self.inner, rng, _check_inner), draw_checked(self.outer, rng, _check_outer)
            if semi_angle <= inner < outer:
                break
        return ScanConditions(
            energy=energy,
            semi_angle=semi_angle,
            aberrations=lens,
            focal_spread=focal_spread,
            source_size=source_size,
            inner=inner,
            outer=outer,
            dose=dose,
            jitter=jitter,
        )


@INSTRUMENTS.register
class ScanningMicroscope(LensInstrument):
    """HAADF-STEM with `ScanConditions` as its settings."""

    MODE: ClassVar[str] = "STEM"
    WORDS: ClassVar[str] = "a scanning microscope"
    SETTING: ClassVar[type[Setting]] = ScanConditions
    DISTRIBUTION: ClassVar[type[SettingDistribution]] = ScanDistribution
    NUMBERS: ClassVar[tuple[str, ...]] = ("focal_spread", "source_size", "dose", "jitter")
    UNVARIED: ClassVar[tuple[str, ...]] = ("semi_angle", "inner", "outer")
    QUANTITIES: ClassVar[tuple[Quantity, ...]] = (
        aberration("C10", 50.0, "defocus"),
        aberration("C12", 30.0, "two-fold astigmatism"),
        aberration("C21", 500.0, "coma"),
        aberration("C23", 500.0, "three-fold astigmatism"),
        aberration("C30", 1e5, "spherical aberration"),
        Quantity("focal_spread", "Å", words="focal spread", least=15.0, lowest=0.0, highest=200.0),
        Quantity("source_size", "Å", words="source size", least=0.3, lowest=0.0, highest=5.0),
        Quantity("dose", "e⁻/Å²", words="dose", logarithmic=True, highest=1e9, saturation=1e6),
        Quantity("jitter", "pixels", words="jitter of rows", least=0.1, lowest=0.0, highest=5.0),
    )
    LEADING: ClassVar[str] = "dose"
    MAPPED: ClassVar[tuple[tuple[str, str], ...]] = (("dose", "source_size"), ("dose", "C10"))
    FIXED: ClassVar[tuple[str, ...]] = ()
    NOT_FITTED: ClassVar[str] = "the setting of the scan was not given"
    HINT: ClassVar[str] = (
        "give what you know, for example --dose 1e4 --set source_size=0.8: it may be beyond what was calibrated"
    )

    kind: Literal["stem"] = Field(default="stem", repr=False)

    def widest_angle(self, setting: Setting, *, pixel_size: float) -> float:
        """Return the semi-angle of the beam, rad."""
        return own(setting, ScanConditions, self.WORDS).semi_angle

    def reachable(self, trained: tuple[float, float]) -> Array:
        """Doses of the training, evenly in decades."""
        return np.geomspace(*trained, 31)

    def said(self, setting: Setting, *, advice: bool = False) -> str:
        """Dose in e⁻/Å²."""
        value = own(setting, ScanConditions, self.WORDS).dose
        return f"{'a ' * advice}dose of {value or float('inf'):.3g} e⁻/Å²"

    def axis_label(self, name: str) -> tuple[float, str]:
        """Coefficients as of any lens, the other quantities by their words."""
        found = self.quantity(name)
        return (1.0, f"{found.words} ({found.unit})") if found and name in self.NUMBERS else super().axis_label(name)

    def exactly(self, setting: Setting) -> SettingDistribution:
        """Return the distribution whose every draw is a setting."""
        one = own(setting, ScanConditions, self.WORDS)
        fields: dict[str, Any] = one.model_dump()
        fields["aberrations"] = one.aberrations.nonzero()
        return ScanDistribution(**fields)
