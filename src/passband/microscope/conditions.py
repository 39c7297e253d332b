"""The conditions a micrograph is taken under: energy, aberrations, coherence, aperture, dose, detector.

`Conditions` is one setting of the microscope, `ConditionDistribution` a distribution over settings, `ConditionMixture`
several such distributions at once. Units: eV, Å, rad (angles and azimuths), e⁻/Å², e⁻.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Literal, Self, TypeVar

import numpy as np
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    field_validator,
    model_validator,
)

from passband.distribution import Choice, LogUniform, Normal, Scalar, Uniform, check_sum, limits, sample
from passband.electron import check_energy
from passband.microscope.aberrations import COEFFICIENTS, Aberrations, check_coefficient, resolve_name
from passband.microscope.instruments.instrument import Setting, SettingDistribution
from passband.recipe import PassbandError, Recipe

_Anything = TypeVar("_Anything")


def check_focal_spread(value: float) -> float:
    """Return a focal spread in Å, or raise `PassbandError`."""
    if not 0.0 <= value <= 1e4:
        cure = "it is a standard deviation in Å (abTEM's is √2 times larger)"
        raise PassbandError(f"focal_spread={value:g} Å is outside 0 to 1e4 Å; {cure}")
    return value


def _check_angle(name: str, value: float, *, zero: bool) -> float:
    positive = value >= 0.0 if zero else value > 0.0
    if not positive or value > 0.5:
        allowed = "0 to 0.5 rad" if zero else "0 (excluded) to 0.5 rad"
        cure = f"angles are in rad, so write 10 mrad as {name}=10e-3"
        raise PassbandError(f"{name}={value:g} rad is outside {allowed}; {cure}")
    return value


def _check_angular_spread(value: float) -> float:
    return _check_angle("angular_spread", value, zero=True)


def _check_aperture(value: float) -> float:
    return _check_angle("aperture", value, zero=False)


def check_dose(value: float) -> float:
    """Return a dose in e⁻/Å², or raise `PassbandError`."""
    if value == 0.0:
        raise PassbandError("dose=0 e⁻/Å² leaves no electrons; write dose=null (None) for noise-free images")
    if not 0.0 < value <= 1e9:
        raise PassbandError(f"dose={value:g} e⁻/Å² is outside 0 to 1e9; write the electrons per Å² of the exposure")
    return value


def _check_readout_noise(value: float) -> float:
    if not 0.0 <= value <= 1e6:
        raise PassbandError(
            f"readout_noise={value:g} e⁻ is outside 0 to 1e6; it is an rms number of electrons per pixel"
        )
    return value


def number_or_none(check: Callable[[float], float]) -> Callable[[float | None], float | None]:
    """Return a check that lets None pass."""
    return lambda value: None if value is None else check(value)


class MTF(Recipe):
    """Modulation transfer of the detector against the fraction f of its Nyquist frequency; the identity by default.

    Attributes
    ----------
    half_at
        Fraction h of the Nyquist frequency at which half the contrast is left; it may exceed 1. None is the identity.
    shape
        "gaussian" is 2^−(f/h)², "lorentzian" 1/(1 + (f/h)²), whose long tail is that of a scintillator.

    Examples
    --------
    >>> MTF(half_at=0.5).transfer(0.5), MTF().transfer(0.7)
    (0.5, 1.0)
    """

    half_at: float | None = Field(default=None, gt=0.0, le=100.0)
    shape: Literal["gaussian", "lorentzian"] = "gaussian"

    @property
    def identity_transfer(self) -> bool:
        """Whether the detector passes every frequency unchanged, so that applying it may be skipped."""
        return self.half_at is None

    def transfer(self, fraction_of_nyquist: Any) -> Any:
        """Contrast left at a fraction of Nyquist: number, NumPy array or torch tensor, and the same comes back."""
        if self.half_at is None:
            return fraction_of_nyquist * 0.0 + 1.0
        squared = (fraction_of_nyquist / self.half_at) ** 2
        return 0.5**squared if self.shape == "gaussian" else 1.0 / (1.0 + squared)


def _mtf_from_word(value: Any) -> Any:
    return MTF() if value == "identity" else value


class Conditions(Setting):
    """One setting of the microscope.

    Attributes
    ----------
    energy
        eV.
    aberrations
        Coefficients in Å, azimuths in rad.
    focal_spread
        Standard deviation of the defocus during one exposure, Å.
    angular_spread
        Standard deviation of the illumination angles, rad.
    aperture
        Half-angle of the objective aperture, rad; None is open.
    dose
        e⁻/Å² at the specimen; None is noise-free.
    readout_noise
        Root mean square, in electrons per pixel.
    mtf
        Of the detector; "identity" is understood.
    """

    kind: Literal["tem"] = Field(default="tem", repr=False)
    energy: Annotated[float, AfterValidator(check_energy)] = 300e3
    aberrations: Aberrations = Aberrations()
    focal_spread: Annotated[float, AfterValidator(check_focal_spread)] = 0.0
    angular_spread: Annotated[float, AfterValidator(_check_angular_spread)] = 0.0
    aperture: Annotated[float | None, AfterValidator(number_or_none(_check_aperture))] = None
    dose: Annotated[float | None, AfterValidator(number_or_none(check_dose))] = None
    readout_noise: Annotated[float, AfterValidator(_check_readout_noise)] = 0.0
    mtf: Annotated[MTF, BeforeValidator(_mtf_from_word)] = MTF()


def negated(scalar: Scalar) -> Scalar:
    """Return the distribution of −x where `scalar` is that of x.

    Raises
    ------
    PassbandError
        For a log-uniform distribution, which has no negative values.
    """
    match scalar:
        case Uniform(uniform=(low, high)):
            return Uniform(uniform=(-high, -low))
        case Normal(normal=(mean, std)):
            return Normal(normal=(-mean, std))
        case Choice(choice=values):
            return Choice(choice=tuple(-value for value in values))
        case LogUniform():
            cure = "write it as uniform or choice"
            raise PassbandError(
                f"{scalar!r} cannot be given as defocus = −C10: no log-uniform value is negative; {cure}"
            )
        case _:
            return -scalar if scalar else 0.0


def checked_limits(check: Callable[[float], float]) -> AfterValidator:
    """Check the smallest and the largest value of a distribution (a normal one to ± 3 standard deviations)."""

    def validate(scalar: Scalar | None) -> Scalar | None:
        if scalar is not None:
            for value in limits(scalar):
                check(value)
        return scalar

    return AfterValidator(validate)


def _allowed(value: float, check: Callable[[float], float]) -> bool:
    try:
        check(value)
    except PassbandError:
        return False
    return True


def draw_checked(scalar: Scalar, rng: np.random.Generator, check: Callable[[float], float]) -> float:
    """One value that `check` accepts: the tail of a normal distribution beyond the physical range is drawn again."""
    value = sample(scalar, rng)
    while not _allowed(value, check):
        value = sample(scalar, rng)
    return value


def resolved_aberrations(given: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Coefficients of a distribution under their symbols, in the order of `COEFFICIENTS`; aliases are understood.

    Raises
    ------
    PassbandError
        A name is unknown or given twice, or a value is not physical.
    """
    resolved: dict[str, Scalar] = {}
    for name, scalar in given.items():
        symbol, sign = resolve_name(name)
        if symbol in resolved:
            raise PassbandError(f"{name!r} gives {symbol} a second time; write {symbol} or its alias, not both")
        resolved[symbol] = scalar if sign > 0 else negated(scalar)
        for value in limits(resolved[symbol]):
            check_coefficient(symbol, value)
    return {symbol: resolved[symbol] for symbol in COEFFICIENTS if symbol in resolved}


def drawn_aberrations(given: Mapping[str, Scalar], rng: np.random.Generator) -> Aberrations:
    """Draw the coefficients of a distribution, in their order."""
    values = {symbol: draw_checked(one, rng, partial(check_coefficient, symbol)) for symbol, one in given.items()}
    return Aberrations(**values)


class ConditionDistribution(SettingDistribution):
    """A distribution over settings of the microscope; each quantity is a number or varies by itself.

    Attributes
    ----------
    energy
        eV.
    aberrations
        Coefficients or their aliases (`defocus`, `Cs`, …) in Å, azimuths in rad; they are stored under their symbols,
        and an azimuth that is not given is 0.
    focal_spread
        Standard deviation of the defocus during one exposure, Å.
    angular_spread
        Standard deviation of the illumination angles, rad.
    aperture
        Half-angle of the objective aperture, rad; None is open.
    dose
        e⁻/Å² at the specimen; None is noise-free.
    readout_noise
        Root mean square, in electrons per pixel.
    mtf
        Of the detector; "identity" is understood.

    Raises
    ------
    pydantic.ValidationError
        A name is unknown (a near one is suggested), given twice, or a value of the distribution is not physical.

    Examples
    --------
    >>> many = ConditionDistribution(aberrations={"defocus": {"normal": [100.0, 15.0]}}, focal_spread=10.0)
    >>> many.aberrations
    {'C10': Normal(normal=(-100.0, 15.0))}
    >>> [round(one.aberrations.C10, 1) for one in many.sample(2, np.random.default_rng(0))]
    [-98.1, -102.0]
    """

    kind: Literal["tem"] = Field(default="tem", repr=False)
    energy: Annotated[Scalar, checked_limits(check_energy)] = 300e3
    aberrations: dict[str, Scalar] = Field(default_factory=dict)
    focal_spread: Annotated[Scalar, checked_limits(check_focal_spread)] = 0.0
    angular_spread: Annotated[Scalar, checked_limits(_check_angular_spread)] = 0.0
    aperture: Annotated[Scalar | None, checked_limits(_check_aperture)] = None
    dose: Annotated[Scalar | None, checked_limits(check_dose)] = None
    readout_noise: Annotated[Scalar, checked_limits(_check_readout_noise)] = 0.0
    mtf: Annotated[MTF, BeforeValidator(_mtf_from_word)] = MTF()

    @field_validator("aberrations")
    @classmethod
    def _resolve(cls, given: Mapping[str, Scalar]) -> dict[str, Scalar]:
        return resolved_aberrations(given)

    @property
    def members(self) -> tuple["ConditionDistribution", ...]:
        """The distribution itself: what reads a mixture member by member reads this one too."""
        return (self,)

    def sample(self, n: int, rng: np.random.Generator) -> list[Conditions]:
        """Draw `n` settings; the first k of n are those of `sample(k, rng)` from the same generator state.

        Fields are drawn in a fixed order: energy, coefficients in the order of `COEFFICIENTS`, focal spread, angular
        spread, aperture, dose, read-out noise. Values of a normal distribution that are not physical are drawn again.
        """
        return [self._sample_one(rng) for _ in range(n)]

    def _sample_one(self, rng: np.random.Generator) -> Conditions:
        energy = draw_checked(self.energy, rng, check_energy)
        return Conditions(
            energy=energy,
            aberrations=drawn_aberrations(self.aberrations, rng),
            focal_spread=draw_checked(self.focal_spread, rng, check_focal_spread),
            angular_spread=draw_checked(self.angular_spread, rng, _check_angular_spread),
            aperture=None if self.aperture is None else draw_checked(self.aperture, rng, _check_aperture),
            dose=None if self.dose is None else draw_checked(self.dose, rng, check_dose),
            readout_noise=draw_checked(self.readout_noise, rng, _check_readout_noise),
            mtf=self.mtf,
        )

    @classmethod
    def exactly(cls, conditions: Conditions) -> Self:
        """Return the distribution whose every draw is `conditions`."""
        fields = conditions.model_dump()
        fields["aberrations"] = conditions.aberrations.nonzero()
        return cls(**fields)


class ConditionMixture(SettingDistribution):
    """Several distributions over settings at once, such as a network trained at three defoci.

    Attributes
    ----------
    among
        The distributions; each setting is drawn from one of them. One that is given twice counts twice.
    weights
        How likely each is, as positive numbers in any unit; None is equally likely.

    Examples
    --------
    >>> three = ConditionMixture(among=tuple(ConditionDistribution(aberrations={"C10": c}) for c in (-90.0, 0.0, 90.0)))
    >>> [one.aberrations.C10 for one in three.sample(5, np.random.default_rng(0))]
    [0.0, -90.0, -90.0, -90.0, 90.0]
    """

    kind: Literal["tem"] = Field(default="tem", repr=False)
    among: tuple[ConditionDistribution, ...] = Field(min_length=1)
    weights: tuple[Annotated[float, Field(gt=0.0)], ...] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.weights is not None and len(self.weights) != len(self.among):
            raise PassbandError(
                f"{len(self.weights)} weights for {len(self.among)} distributions; write one each, or leave them out"
            )
        check_sum("weights", self.weights or ())
        return self

    @property
    def members(self) -> tuple[ConditionDistribution, ...]:
        """The distributions that it is made of."""
        return self.among

    @property
    def probabilities(self) -> tuple[float, ...]:
        """Probability of each member; they add up to 1."""
        weights = self.weights or (1.0,) * len(self.among)
        return tuple(weight / sum(weights) for weight in weights)

    def sample(self, n: int, rng: np.random.Generator) -> list[Conditions]:
        """Draw `n` settings; the first k of n are those of `sample(k, rng)` from the same generator state."""
        return [self._sample_one(rng) for _ in range(n)]

    def _sample_one(self, rng: np.random.Generator) -> Conditions:
        return self.among[int(rng.choice(len(self.among), p=self.probabilities))].sample(1, rng)[0]


def _kind(value: Any) -> str:
    """Which of the two a value is meant to be, so that an error speaks of that one alone."""
    mixed = "among" in value if isinstance(value, Mapping) else isinstance(value, ConditionMixture)
    return "mixture" if mixed else "distribution"


#: A distribution over settings, or a mixture of several; JSON and identity are those of the one that it is.
AnyConditions = Annotated[
    Annotated[ConditionDistribution, Tag("distribution")] | Annotated[ConditionMixture, Tag("mixture")],
    Discriminator(_kind),
]
_ADAPTER: TypeAdapter[ConditionDistribution | ConditionMixture] = TypeAdapter(AnyConditions)


def validate_conditions(values: Any) -> ConditionDistribution | ConditionMixture:
    """Return the distribution or the mixture that plain JSON values describe, as on the card of a model.

    Raises
    ------
    pydantic.ValidationError
        They describe neither.
    """
    return _ADAPTER.validate_python(values)
