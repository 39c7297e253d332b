"""Instruments whose settings have the aberrations of a lens, beside numbers of their own.

Their settings have a field `aberrations`, an `Aberrations`; in their distributions it has a distribution for each
coefficient that varies or is not 0.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import numpy as np

from passband.distribution import Scalar
from passband.electron import wavelength
from passband.microscope.aberrations import COEFFICIENTS, LARGEST, TERMS, resolve_name
from passband.microscope.instruments.instrument import Array, Instrument, Quantity, S, Setting, SettingDistribution
from passband.recipe import PassbandError

T = TypeVar("T")

REACH = 100.0  # Å of C10 that can be set either way, at least


def aberration(symbol: str, least: float, words: str) -> Quantity:
    """Quantity of a coefficient; a magnitude with its azimuth where it is not round."""
    order, fold = int(symbol[1]), int(symbol[2])
    return Quantity(
        symbol,
        "Å",
        words=words,
        least=least,
        lowest=0.0 if fold else -LARGEST[order],
        highest=LARGEST[order],
        azimuth=(f"phi{symbol[1:]}", fold) if fold else None,
        tolerance=0.1 * least,
        magnitude=not fold,
    )


def own(value: Setting | SettingDistribution, cls: type[T], words: str) -> T:
    """Return a value that is one of an instrument's.

    Raises
    ------
    PassbandError
        It is another one's.
    """
    if not isinstance(value, cls):
        raise PassbandError(f"{type(value).__name__} is no {cls.__name__} of {words} (kind={value.kind!r})")
    return value


class LensInstrument(Instrument):
    """An instrument with a lens.

    Attributes
    ----------
    WORDS
        "a transmission microscope".
    SETTING
        Class of its settings.
    NUMBERS
        Quantities of a setting that are fields of its own.
    UNVARIED
        Other numbers of a distribution that no measurement varies.
    """

    WORDS: ClassVar[str]
    SETTING: ClassVar[type[Setting]]
    NUMBERS: ClassVar[tuple[str, ...]]
    UNVARIED: ClassVar[tuple[str, ...]] = ()

    def _setting(self, value: Setting) -> Any:  # the class is known to the subclass alone
        return own(value, self.SETTING, self.WORDS)

    def _distribution(self, value: SettingDistribution) -> Any:
        return own(value, self.DISTRIBUTION, self.WORDS)

    def unit(self, name: str) -> str:
        """Return the unit of a quantity or of a coefficient of the lens."""
        if name in COEFFICIENTS:
            return "rad" if name.startswith("phi") else "Å"
        return super().unit(name)

    def resolve(self, name: str) -> tuple[str, float]:
        """Symbol and sign of an alias such as `defocus`; other numbers as they are."""
        return (name, 1.0) if name in self.NUMBERS else resolve_name(name)

    def scalars(self, distribution: SettingDistribution) -> dict[str, Scalar | None]:
        """Coefficients that vary or are not 0, and the other numbers."""
        one = self._distribution(distribution)
        others = {name: getattr(one, name) for name in ("energy", *self.NUMBERS, *self.UNVARIED)}
        return {**one.aberrations, **others}

    def with_scalars(
        self, distribution: SettingDistribution, scalars: Mapping[str, Scalar | None]
    ) -> SettingDistribution:
        """Return the distribution with some coefficients or other numbers replaced."""
        one = self._distribution(distribution)
        lens = {**one.aberrations, **scalars}
        fields: dict[str, Any] = {name: value for name, value in scalars.items() if name not in COEFFICIENTS}
        fields["aberrations"] = {name: lens[name] for name in COEFFICIENTS if name in lens}
        copied: SettingDistribution = one.model_copy(update=fields)
        return copied

    def values(self, setting: Setting) -> dict[str, float | None]:
        """All coefficients, and the other numbers."""
        one = self._setting(setting)
        lens = {name: float(getattr(one.aberrations, name)) for name in COEFFICIENTS}
        return {**lens, **{name: getattr(one, name) for name in self.NUMBERS}}

    def with_values(self, setting: S, values: Mapping[str, float | None]) -> S:
        """Return the setting with some coefficients or other numbers replaced; aliases are understood."""
        one = self._setting(setting)
        lens, others = one.aberrations.nonzero(), one.model_dump()
        for name, value in values.items():
            symbol, sign = self.resolve(name)
            if symbol in COEFFICIENTS:
                lens[symbol] = sign * (value or 0.0)
            else:
                others[symbol] = value
        return type(setting).model_validate({**others, "aberrations": lens})

    def known_values(self, setting: Setting) -> dict[str, float]:
        """Return C10 and what is asked for, the other coefficients that are not 0, and the other numbers it has."""
        one = self._setting(setting)
        always = {name: float(getattr(one.aberrations, name)) for name in ("C10", *self.ASKED)}
        numbers: dict[str, float] = one.aberrations.nonzero() | always
        own_numbers = {name: getattr(one, name) for name in self.NUMBERS}
        return numbers | {name: float(value) for name, value in own_numbers.items() if value is not None}

    def negligible(self, name: str, setting: Setting, *, pixel_size: float) -> float | None:
        """Magnitude in Å of a coefficient whose phase reaches π/4 (Rayleigh's quarter of a wave is twice as much).

        At the widest angle α that counts: (2π/λ) Cₙₘ αⁿ⁺¹/(n + 1) = π/4.
        """
        if name not in COEFFICIENTS or name.startswith("phi") or self.quantity(name) is not None:
            return None
        power, length = int(name[1]) + 1, wavelength(self._setting(setting).energy)
        return float(length * power / (8.0 * self.widest_angle(setting, pixel_size=pixel_size) ** power))

    def widest_angle(self, setting: Setting, *, pixel_size: float) -> float:
        """Largest angle to the axis at which aberrations show, rad: that of the Nyquist frequency of pixels in Å."""
        return wavelength(self._setting(setting).energy) / (2.0 * pixel_size)

    @property
    def drawn_together(self) -> tuple[tuple[str, ...], ...]:
        """Each coefficient with its azimuth, then the other numbers."""
        lens = tuple((term.symbol, term.angle) if term.angle else (term.symbol,) for term in TERMS)
        return (*lens, *((name,) for name in self.NUMBERS))

    def reachable(self, trained: tuple[float, float]) -> Array:
        """C10 as far as in training, to both sides."""
        low, high = trained
        reach = max(abs(low), abs(high), REACH)
        return np.linspace(-reach, reach, 31)

    def said(self, setting: Setting, *, advice: bool = False) -> str:
        """C10 in nm; in advice the defocus, and C10 in Å."""
        c10 = self._setting(setting).aberrations.C10
        text = f"a defocus of {-c10 / 10.0:+.3g} nm (C10 = {c10:.4g} Å)" if advice else f"C10 = {c10 / 10.0:.3g} nm"
        return text.replace("-", "\u2212")

    def axis_label(self, name: str) -> tuple[float, str]:
        """Divisor and label: nm, µm for coefficients of third order, rad for azimuths."""
        if name.startswith("phi"):
            return 1.0, f"{name} (rad)"
        factor, unit = (1e4, "µm") if name in ("C30", "C32", "C34") else (10.0, "nm")
        words = {"C10": "C10 = −defocus", "C30": "C30 = Cs", "C12": "C12, two-fold astigmatism"}
        return factor, f"{words.get(name, name)} ({unit})"
