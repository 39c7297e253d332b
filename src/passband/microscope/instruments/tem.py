"""The transmission microscope as an instrument: its quantities, its distances, and what its images tell of it.

Quantities are the aberrations to third order, the coherence and the dose; distances to a training are ε, σ and Δε up to
the Nyquist frequency of the network's pixels; a setting is fitted to the Thon rings.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from passband.microscope.aberrations import cs_text
from passband.microscope.conditions import ConditionDistribution, Conditions, validate_conditions
from passband.microscope.information.curves import radial_transfer
from passband.microscope.information.distance import transfer_distances
from passband.microscope.instruments.instrument import (
    INSTRUMENTS,
    Array,
    FittedSetting,
    Quantity,
    RadialTransfer,
    Setting,
    SettingDistribution,
)
from passband.microscope.instruments.lens import LensInstrument, aberration
from passband.microscope.rings.fitting import PLAUSIBLE_CS, FitRecipe, fit_image
from passband.microscope.rings.result import Fit, Lens, Refusal


def _lens_values(lens: Fit | Lens) -> dict[str, float]:
    return {"C10": lens.c10, "C12": lens.c12, "phi12": lens.phi12, "C30": lens.cs}


@INSTRUMENTS.register
class TransmissionMicroscope(LensInstrument):
    """HRTEM with `Conditions` as its settings."""

    MODE: ClassVar[str] = "TEM"
    WORDS: ClassVar[str] = "a transmission microscope"
    SETTING: ClassVar[type[Setting]] = Conditions
    NUMBERS: ClassVar[tuple[str, ...]] = ("focal_spread", "angular_spread", "dose")
    UNVARIED: ClassVar[tuple[str, ...]] = ("readout_noise",)
    DISTRIBUTION: ClassVar[type[SettingDistribution]] = ConditionDistribution
    QUANTITIES: ClassVar[tuple[Quantity, ...]] = (
        aberration("C10", 300.0, "defocus"),
        aberration("C12", 50.0, "two-fold astigmatism"),
        aberration("C21", 1500.0, "coma"),
        aberration("C23", 1500.0, "three-fold astigmatism"),
        aberration("C30", 5e5, "spherical aberration"),
        Quantity("focal_spread", "Å", words="focal spread", least=25.0, lowest=0.0),
        Quantity("angular_spread", "rad", words="angular spread", least=3e-4, lowest=0.0),
        Quantity("dose", "e⁻/Å²", words="dose", logarithmic=True, highest=1e9),
    )
    DISTANCES: ClassVar[tuple[str, ...]] = ("epsilon", "sigma", "delta_epsilon")
    LEADING: ClassVar[str] = "C10"
    ASKED: ClassVar[tuple[str, ...]] = ("C30",)
    MAPPED: ClassVar[tuple[tuple[str, str], ...]] = (("C10", "C30"), ("C10", "C12"))
    FIXED: ClassVar[tuple[str, ...]] = ("mtf",)
    NOT_FITTED: ClassVar[str] = "the defocus was not given and the rings were not looked at"
    HINT: ClassVar[str] = (
        "give what you know, for example --c10 -80 --dose 400: together with the defocus it informs the prediction"
    )

    kind: Literal["tem"] = Field(default="tem", repr=False)

    def validate_distribution(self, values: Any) -> SettingDistribution:
        """Return the distribution or the mixture that plain values describe."""
        return validate_conditions(values)

    def exactly(self, setting: Setting) -> SettingDistribution:
        """Return the distribution whose every draw is a setting."""
        return ConditionDistribution.exactly(self._setting(setting))

    def compare(
        self, settings: Sequence[Setting], trained: SettingDistribution, *, pixel_size: float, every: bool = False
    ) -> list[dict[str, float]]:
        """ε, σ and Δε of each setting to a training; with `every`, also those that weigh by area."""
        drawn = [self._setting(one) for one in settings]
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
        notes = [f"{found.rings} Thon rings, Cs = {cs_text(found.cs)}".replace("-", "\u2212"), *found.notes]
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

    def transfer(self, q: Array, settings: Sequence[Setting]) -> RadialTransfer | None:
        """Root-mean-square |T| over the settings and all azimuths, and its envelope."""
        return radial_transfer(q, [self._setting(one) for one in settings])
