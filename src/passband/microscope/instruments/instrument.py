"""What is said once of a kind of microscope, so that cards, error models and verdicts need not know which it is.

An instrument describes its settings and their distributions: which quantities they have, in what unit, how far a
measurement goes beyond a training in each, and what an error model makes of it; how a setting is compared with a
training; and what can be fitted to an image.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log10
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import SerializerFunctionWrapHandler, model_serializer

from passband.distribution import LogUniform, Scalar, Uniform, limits
from passband.kinds import Kinds
from passband.recipe import PassbandError, Recipe

Array = NDArray[np.float64]
S = TypeVar("S", bound="Setting")

STRETCH = 2.5  # a wider distribution has this times the half width of the training
DECADE_STEP = 4.0  # and a logarithmic one reaches further by this factor, either way


class Setting(Recipe):
    """One setting of an instrument; its subclasses say which quantities it has.

    Attributes
    ----------
    kind
        Of the instrument, left out of the JSON of the oldest.
    """

    kind: str

    @model_serializer(mode="wrap")
    def _serialise(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return INSTRUMENTS.without_default(handler(self))


class SettingDistribution(Recipe, ABC):
    """A distribution over the settings of an instrument.

    Attributes
    ----------
    kind
        Of the instrument, left out of the JSON of the oldest.
    """

    kind: str

    @model_serializer(mode="wrap")
    def _serialise(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return INSTRUMENTS.without_default(handler(self))

    @property
    @abstractmethod
    def members(self) -> tuple["SettingDistribution", ...]:
        """The distributions that it is a mixture of, or itself alone."""

    @abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> Sequence[Setting]:
        """Draw `n` settings; the first k of n are those of `sample(k, rng)` from the same generator state."""


@dataclass(frozen=True)
class Quantity:
    """One quantity of a setting, and what measurements, error models and figures make of it.

    Attributes
    ----------
    name, unit
        As in the columns of a table; "Å", "rad".
    words
        In a sentence.
    least
        Half width that a wider distribution has at least.
    lowest, highest
        That it can have; None is not bounded.
    azimuth
        Name and multiplicity of the azimuth that goes with a magnitude; a wider distribution covers the whole turn.
    tolerance
        By which a setting may differ from a training that had one value.
    magnitude
        Whether an error model sees its magnitude too, for most of the loss is even in it.
    logarithmic
        Whether it counts in decades. Without a value (0 in a table) it is beyond all others, as the dose of an image
        free of noise, and more of it does no harm.
    saturation
        Value of a logarithmic quantity from which on nothing changes.
    """

    name: str
    unit: str
    words: str = ""
    least: float = 0.0
    lowest: float | None = None
    highest: float | None = None
    azimuth: tuple[str, int] | None = None
    tolerance: float = 0.0
    magnitude: bool = False
    logarithmic: bool = False
    saturation: float = 1e5

    def widened(self, trained: Scalar | None) -> dict[str, Scalar | None]:
        """Wider distribution around that of a training, and that of the azimuth; by name."""
        if trained is None:
            return {self.name: None}
        low, high = limits(trained)
        if self.logarithmic:
            return {self.name: LogUniform(log_uniform=(max(low, 1e-3) / DECADE_STEP, high * DECADE_STEP))}
        middle, half = 0.5 * (low + high), max(0.5 * STRETCH * (high - low), self.least)
        bottom = middle - half if self.lowest is None else max(self.lowest, middle - half)
        top = middle + half if self.highest is None else min(middle + half, self.highest)
        found: dict[str, Scalar | None] = {self.name: Uniform(uniform=(bottom, top))}
        if self.azimuth is not None:
            name, fold = self.azimuth
            found[name] = Uniform(uniform=(-float(np.pi / fold), float(np.pi / fold)))
        return found

    @property
    def features(self) -> tuple[str, ...]:
        """Names of what an error model sees of it."""
        if self.logarithmic:
            return (f"log_{self.name}",)
        return (self.name, f"abs_{self.name}") if self.magnitude else (self.name,)

    def feature_values(self, value: float) -> tuple[float, ...]:
        """Numbers that an error model sees of a value, one for each of `features`."""
        if self.logarithmic:
            most = log10(self.saturation)
            return (min(log10(value), most) if value > 0 else most,)
        return (value, abs(value)) if self.magnitude else (value,)

    def leaves(self, value: float, trained: tuple[float, float]) -> bool:
        """Whether a value is one that the range of a training does not cover; 2 % of it are forgiven."""
        low, high = trained
        slack = 0.02 * (high - low) + self.tolerance * (high == low) + 1e-9 * abs(high)
        if self.logarithmic and not value:
            value = self.highest or np.inf
        return not low - slack <= value <= high + slack


class FittedSetting(NamedTuple):
    """Quantities that were fitted to an image: the best values, others as likely, intervals, and a note in words.

    `others` are numbers that tell of the image and are no quantities of a setting. `guessed` are quantities on which
    the rest hangs, fitted with it because nobody told them.
    """

    values: Mapping[str, float]
    alternatives: tuple[Mapping[str, float], ...]
    intervals: Mapping[str, tuple[float, float]]
    note: str
    others: Mapping[str, float] = MappingProxyType({})
    guessed: tuple[str, ...] = ()


class RadialTransfer(NamedTuple):
    """Root-mean-square |T| and envelope over settings and azimuths, at each frequency."""

    transfer: Array
    envelope: Array


class Instrument(Recipe, ABC):
    """A kind of microscope. A new one is a subclass with a field `kind` and `@INSTRUMENTS.register`.

    The methods are written for settings whose quantities are fields of their own; an instrument whose quantities lie
    deeper, such as aberrations, overrides those that read and write them.

    Attributes
    ----------
    MODE
        What the metadata of a file call it: "TEM".
    DISTRIBUTION
        Class of the distributions of its settings; both have an `energy` in eV.
    QUANTITIES
        That a measurement varies and an error model predicts from, in the order of its features.
    DISTANCES
        Columns of `compare` that an error model predicts from too.
    LEADING
        Quantity that is set from image to image: without it nothing is predicted, and another value of it is advised.
    ASKED
        Quantities that a prediction hangs on so much that it is said where one is taken as in training.
    MAPPED
        Pairs of quantities that advice maps the predicted loss over.
    FIXED
        Fields that measurements share with the training, beside the energy.
    NOT_FITTED, HINT
        In words: why a setting that was not given is not known; what a user may give.
    """

    MODE: ClassVar[str]
    DISTRIBUTION: ClassVar[type[SettingDistribution]]
    QUANTITIES: ClassVar[tuple[Quantity, ...]]
    DISTANCES: ClassVar[tuple[str, ...]] = ()
    LEADING: ClassVar[str]
    ASKED: ClassVar[tuple[str, ...]] = ()
    MAPPED: ClassVar[tuple[tuple[str, str], ...]] = ()
    FIXED: ClassVar[tuple[str, ...]] = ()
    NOT_FITTED: ClassVar[str] = "it was not given"
    HINT: ClassVar[str] = "give what you know"

    kind: str

    def quantity(self, name: str) -> Quantity | None:
        """Quantity of a name; None for what no measurement varies."""
        return next((one for one in self.QUANTITIES if one.name == name), None)

    def unit(self, name: str) -> str:
        """Return the unit of a quantity, in which all values are."""
        found = self.quantity(name)
        return found.unit if found else ""

    def resolve(self, name: str) -> tuple[str, float]:
        """Name and sign of the quantity that a name or an alias of it stands for.

        Raises
        ------
        PassbandError
            There is none.
        """
        if self.quantity(name) is None:
            known = ", ".join(one.name for one in self.QUANTITIES)
            raise PassbandError(f"{name!r} is no quantity of a setting of {self.kind}; write one of {known}")
        return name, 1.0

    def validate_distribution(self, values: Any) -> SettingDistribution:
        """Return the distribution that plain values describe; one of the instrument as it is.

        Raises
        ------
        pydantic.ValidationError
            They describe none.
        """
        return self.DISTRIBUTION.model_validate(values)

    def scalars(self, distribution: SettingDistribution) -> dict[str, Scalar | None]:
        """Return the energy and each quantity of a distribution that is no mixture; one that is missing is 0."""
        return {name: getattr(distribution, name) for name in ("energy", *self._names)}

    def with_scalars(
        self, distribution: SettingDistribution, scalars: Mapping[str, Scalar | None]
    ) -> SettingDistribution:
        """Return the distribution with some quantities replaced."""
        return distribution.model_copy(update=dict(scalars))

    def values(self, setting: Setting) -> dict[str, float | None]:
        """Return the value of each quantity of a setting."""
        return {name: getattr(setting, name) for name in self._names}

    def with_values(self, setting: S, values: Mapping[str, float | None]) -> S:
        """Return the setting with some quantities replaced.

        Raises
        ------
        PassbandError
            A name is unknown or a value is not physical.
        """
        given: dict[str, float | None] = {}
        for name, value in values.items():
            symbol, sign = self.resolve(name)
            given[symbol] = None if value is None else sign * value
        return type(setting).model_validate({**setting.model_dump(), **given})

    def known_values(self, setting: Setting) -> dict[str, float]:
        """Return what a file that carries its setting tells of it."""
        return {name: value for name, value in self.values(setting).items() if value is not None}

    def negligible(self, name: str, setting: Setting, *, pixel_size: float) -> float | None:
        """Largest magnitude that does not show of something that no measurement varies, in images of a setting.

        `pixel_size` is that of the network, Å. None where the name is of a quantity, or of nothing that could show.
        """
        return None

    def exactly(self, setting: Setting) -> SettingDistribution:
        """Return the distribution whose every draw is a setting."""
        return self.DISTRIBUTION.model_validate(setting.model_dump())

    @property
    def drawn_together(self) -> tuple[tuple[str, ...], ...]:
        """Quantities of a setting, each with those that are drawn from the same distribution."""
        return tuple((name,) for name in self._names)

    def compare(
        self, settings: Sequence[Setting], trained: SettingDistribution, *, pixel_size: float, every: bool = False
    ) -> list[dict[str, float]]:
        """Return the distances of each setting to a training at the network's pixel size in Å: columns `DISTANCES`.

        With `every`, also columns that are kept in a table and that no error model uses.
        """
        return [{} for _ in settings]

    def fit(
        self,
        image: NDArray[Any],
        *,
        pixel_size: tuple[float, float],
        energy: float,
        given: Mapping[str, float],
        middle: Mapping[str, float],
    ) -> FittedSetting | str:
        """Fit a setting to an image (y, x) of pixels (y, x) in Å; a refusal is its reason.

        `given` is what the user knows, `middle` the middle of the training: what else the fit needs may be so.
        """
        return f"nothing is fitted to {self.MODE} images"

    def reachable(self, trained: tuple[float, float]) -> Array:
        """Values of the leading quantity that can be set, about those of the training."""
        return np.linspace(*trained, 31)

    def said(self, setting: Setting, *, advice: bool = False) -> str:
        """Leading quantity of a setting in words, for the label of a figure or for advice."""
        value = self.values(setting)[self.LEADING]
        return f"{self.LEADING} = {value:.4g} {self.unit(self.LEADING)}"

    def axis_label(self, name: str) -> tuple[float, str]:
        """Divisor of values on an axis, and the label with the unit that it gives."""
        found = self.quantity(name)
        return 1.0, f"{found.words or name if found else name} ({self.unit(name)})"

    def value_said(self, name: str, value: float) -> str:
        """Value of a quantity in words, in the unit of an axis: "C10 = −60 nm"."""
        divisor, label = self.axis_label(name)
        return f"{name} = {value / divisor:.3g} {label.rpartition('(')[2].rstrip(')')}".replace("-", "\u2212")

    def transfer(self, q: Array, settings: Sequence[Setting]) -> RadialTransfer | None:
        """Contrast transfer of settings at spatial frequencies q in Å⁻¹; None where there is no such curve."""
        return None

    @property
    def has_transfer(self) -> bool:
        """Whether its images have a contrast transfer."""
        return type(self).transfer is not Instrument.transfer

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.QUANTITIES)


#: Every instrument by its kind. Cards, plans and stores of before there were several do not say theirs.
INSTRUMENTS: Kinds[Instrument] = Kinds("instrument", default="tem")
