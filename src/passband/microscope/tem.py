"""The transmission microscope as an instrument: its quantities, its distances, and what its images tell of it.

Quantities are the aberrations to third order, the coherence and the dose; distances to a training are ε, σ and Δε up to
the Nyquist frequency of the network's pixels; a setting is fitted to the Thon rings.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from passband.distribution import Scalar
from passband.microscope.aberrations import COEFFICIENTS, LARGEST, TERMS, resolve_name
from passband.microscope.conditions import ConditionDistribution, Conditions, validate_conditions
from passband.microscope.curves import radial_transfer
from passband.microscope.distance import transfer_distances
from passband.microscope.fitting import PLAUSIBLE_CS, FitRecipe, fit_image
from passband.microscope.instrument import (
    INSTRUMENTS,
    Array,
    FittedSetting,
    Instrument,
    Quantity,
    RadialTransfer,
    S,
    Setting,
    SettingDistribution,
)
from passband.microscope.ring_result import Fit, Lens, Refusal
from passband.recipe import PassbandError

T = TypeVar("T")

SPREADS = ("focal_spread", "angular_spread")
REACH = 100.0  # Å of C10 that can be set either way, at least


def _aberration(symbol: str, least: float, words: str) -> Quantity:
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


def _tem(value: Setting | SettingDistribution, cls: type[T]) -> T:
    """Return a value that is one of this instrument's."""
    if not isinstance(value, cls):
        raise PassbandError(
            f"{type(value).__name__} is no {cls.__name__} of a transmission microscope (kind={value.kind!r})"
        )
    return value


def _lens_values(lens: Fit | Lens) -> dict[str, float]:
    return {"C10": lens.c10, "C12": lens.c12, "phi12": lens.phi12, "C30": lens.cs}


@INSTRUMENTS.register
class TransmissionMicroscope(Instrument):
    """HRTEM with `Conditions` as its settings."""

    MODE: ClassVar[str] = "TEM"
    DISTRIBUTION: ClassVar[type[SettingDistribution]] = ConditionDistribution
    QUANTITIES: ClassVar[tuple[Quantity, ...]] = (
        _aberration("C10", 300.0, "defocus"),
        _aberration("C12", 50.0, "two-fold astigmatism"),
        _aberration("C21", 1500.0, "coma"),
        _aberration("C23", 1500.0, "three-fold astigmatism"),
        _aberration("C30", 5e5, "spherical aberration"),
        Quantity("focal_spread", "Å", words="focal spread", least=25.0, lowest=0.0),
        Quantity("angular_spread", "rad", words="angular spread", least=3e-4, lowest=0.0),
        Quantity("dose", "e⁻/Å²", words="dose", logarithmic=True, highest=1e9),
    )
    DISTANCES: ClassVar[tuple[str, ...]] = ("epsilon", "sigma", "delta_epsilon")
    LEADING: ClassVar[str] = "C10"
    FIXED: ClassVar[tuple[str, ...]] = ("mtf",)
    NOT_FITTED: ClassVar[str] = "the defocus was not given and the rings were not looked at"
    HINT: ClassVar[str] = "give what you know, for example --c10 -80 --dose 400: it informs the prediction"

    kind: Literal["tem"] = Field(default="tem", repr=False)

    def unit(self, name: str) -> str:
        """Return the unit of a quantity or of a coefficient of the lens."""
        if name in COEFFICIENTS:
            return "rad" if name.startswith("phi") else "Å"
        return super().unit(name)

    def resolve(self, name: str) -> tuple[str, float]:
        """Symbol and sign of an alias such as `defocus`; spreads and the dose as they are."""
        return (name, 1.0) if name in (*SPREADS, "dose") else resolve_name(name)

    def validate_distribution(self, values: Any) -> SettingDistribution:
        """Return the distribution or the mixture that plain values describe."""
        return validate_conditions(values)

    def scalars(self, distribution: SettingDistribution) -> dict[str, Scalar | None]:
        """Coefficients that vary or are not 0, and the other numbers."""
        one = _tem(distribution, ConditionDistribution)
        others = {name: getattr(one, name) for name in ("energy", *SPREADS, "readout_noise", "dose")}
        return {**one.aberrations, **others}

    def with_scalars(
        self, distribution: SettingDistribution, scalars: Mapping[str, Scalar | None]
    ) -> SettingDistribution:
        """Return the distribution with some coefficients or other numbers replaced."""
        one = _tem(distribution, ConditionDistribution)
        lens = {**one.aberrations, **scalars}
        fields: dict[str, Any] = {name: value for name, value in scalars.items() if name not in COEFFICIENTS}
        fields["aberrations"] = {name: lens[name] for name in COEFFICIENTS if name in lens}
        return one.model_copy(update=fields)

    def values(self, setting: Setting) -> dict[str, float | None]:
        """All coefficients, the spreads and the dose."""
        one = _tem(setting, Conditions)
        lens = {name: float(getattr(one.aberrations, name)) for name in COEFFICIENTS}
        return {**lens, **{name: getattr(one, name) for name in (*SPREADS, "dose")}}

    def with_values(self, setting: S, values: Mapping[str, float | None]) -> S:
        """Return the setting with some coefficients, spreads or the dose replaced; aliases are understood."""
        one = _tem(setting, Conditions)
        lens, others = one.aberrations.nonzero(), one.model_dump()
        for name, value in values.items():
            symbol, sign = self.resolve(name)
            if symbol in COEFFICIENTS:
                lens[symbol] = sign * (value or 0.0)
            else:
                others[symbol] = value
        return type(setting).model_validate({**others, "aberrations": lens})

    def known_values(self, setting: Setting) -> dict[str, float]:
        """Return C10, the other coefficients that are not 0, the spreads, and the dose of an image with noise."""
        one = _tem(setting, Conditions)
        numbers = one.aberrations.nonzero() | {"C10": one.aberrations.C10}
        spreads = {name: float(getattr(one, name)) for name in SPREADS}
        return numbers | spreads | ({} if one.dose is None else {"dose": one.dose})

    def exactly(self, setting: Setting) -> SettingDistribution:
        """Return the distribution whose every draw is a setting."""
        return ConditionDistribution.exactly(_tem(setting, Conditions))

    @property
    def drawn_together(self) -> tuple[tuple[str, ...], ...]:
        """Each coefficient with its azimuth, then the spreads and the dose."""
        lens = tuple((term.symbol, term.angle) if term.angle else (term.symbol,) for term in TERMS)
        return (*lens, *((name,) for name in (*SPREADS, "dose")))

    def compare(
        self, settings: Sequence[Setting], trained: SettingDistribution, *, pixel_size: float, every: bool = False
    ) -> list[dict[str, float]]:
        """ε, σ and Δε of each setting to a training; with `every`, also those that weigh by area."""
        drawn = [_tem(one, Conditions) for one in settings]
        return transfer_distances(drawn, validate_conditions(trained), pixel_size=pixel_size, area=every)

    def fit(
        self,
        image: NDArray[Any],
        *,
        pixel_size: tuple[float, float],
        energy: float,
        given: Mapping[str, float],
        middle: Mapping[str, float],
    ) -> FittedSetting | str:
        """Fit defocus and astigmatism to the Thon rings, with the Cs given or those of lenses and of the training.

        What damps the rings is told beside the values: it is no focal spread of the microscope.
        """
        recipe = FitRecipe(plausible_cs=tuple(dict.fromkeys((middle["C30"], *PLAUSIBLE_CS))))
        found = fit_image(np.asarray(image), pixel_size=pixel_size, energy=energy, cs=given.get("C30"), recipe=recipe)
        if isinstance(found, Refusal):
            return found.reason
        notes = [f"{found.rings} Thon rings, Cs = {found.cs:g} Å", *found.notes]
        if found.sign_ambiguous:
            notes.append("the sign of C10 cannot be told, and the worse one counts")
        return FittedSetting(
            values=_lens_values(found),
            alternatives=tuple(_lens_values(one) for one in found.alternatives),
            intervals={"C10": found.c10_interval, "C12": found.c12_interval, "C30": found.cs_interval},
            note="; ".join(notes),
            others={"effective_envelope": found.effective_envelope, "drift": found.drift},
            guessed=() if "C30" in given else ("C30",),
        )

    def reachable(self, trained: tuple[float, float]) -> Array:
        """C10 as far as in training, to both sides."""
        low, high = trained
        reach = max(abs(low), abs(high), REACH)
        return np.linspace(-reach, reach, 31)

    def said(self, setting: Setting, *, advice: bool = False) -> str:
        """C10 in nm; in advice the defocus, and C10 in Å."""
        c10 = _tem(setting, Conditions).aberrations.C10
        text = f"a defocus of {-c10 / 10.0:+.3g} nm (C10 = {c10:.4g} Å)" if advice else f"C10 = {c10 / 10.0:.3g} nm"
        return text.replace("-", "\u2212")

    def axis_label(self, name: str) -> tuple[float, str]:
        """Divisor and label: nm, µm for coefficients of third order, rad for azimuths."""
        if name.startswith("phi"):
            return 1.0, f"{name} (rad)"
        factor, unit = (1e4, "µm") if name in ("C30", "C32", "C34") else (10.0, "nm")
        words = {"C10": "C10 = −defocus", "C30": "C30 = Cs", "C12": "C12, two-fold astigmatism"}
        return factor, f"{words.get(name, name)} ({unit})"

    def transfer(self, q: Array, settings: Sequence[Setting]) -> RadialTransfer | None:
        """Root-mean-square |T| over the settings and all azimuths, and its envelope."""
        return radial_transfer(q, [_tem(one, Conditions) for one in settings])
