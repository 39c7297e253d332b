"""What is known of the conditions of one micrograph, from the user, from its file or from its Thon rings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from passband.distribution import limits
from passband.files.micrograph import Micrograph
from passband.microscope.aberrations import resolve_name
from passband.microscope.conditions import AnyConditions, Conditions
from passband.microscope.fitting import Fit, Refusal, fit_conditions
from passband.performance.widening import bounding_distribution

Origin = Literal["given", "file", "fitted", "unknown"]
DRAWS = 16  # settings that stand for the quantities that are not known


@dataclass(frozen=True)
class ConditionEstimate:
    """Quantities of a setting that are known; the others are taken as the training had them.

    Attributes
    ----------
    source
        "given" by the user, read from the "file", "fitted" to the Thon rings (with what the user gave), or "unknown".
    values
        Symbol or `focal_spread`, `angular_spread`, `dose` → value in Å, rad, e⁻/Å².
    alternatives
        Other values of some of them that are as likely, such as the other sign of C10.
    intervals
        Of fitted values.
    note
        Why nothing is known, or what is ambiguous.
    """

    source: Origin = "unknown"
    values: Mapping[str, float] = field(default_factory=dict)
    alternatives: tuple[Mapping[str, float], ...] = ()
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    note: str = "nothing was given"

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "source": self.source,
            "values": dict(self.values),
            "alternatives": [dict(one) for one in self.alternatives],
            "intervals": {name: list(pair) for name, pair in self.intervals.items()},
            "note": self.note,
        }


def with_values(conditions: Conditions, values: dict[str, float]) -> Conditions:
    """Return conditions with some coefficients, spreads or the dose replaced; aliases of coefficients are understood.

    Raises
    ------
    PassbandError
        A name is unknown or a value is not physical.
    """
    lens, others = conditions.aberrations.nonzero(), conditions.model_dump()
    for name, value in values.items():
        if name in ("focal_spread", "angular_spread", "dose"):
            others[name] = value
        else:
            symbol, sign = resolve_name(name)
            lens[symbol] = sign * value
    return Conditions.model_validate({**others, "aberrations": lens})


def compatible_settings(
    estimate: ConditionEstimate, trained: AnyConditions, *, draws: int = DRAWS
) -> list[list[Conditions]]:
    """Return settings for what is known and for each alternative; the rest is drawn as in training."""
    drawn = trained.sample(draws, np.random.default_rng(0))
    groups = []
    for values in (estimate.values, *({**estimate.values, **other} for other in estimate.alternatives)):
        group = [with_values(one, dict(values)) for one in drawn]
        groups.append(group[:1] if all(one == group[0] for one in group) else group)
    return groups


def estimate_conditions(
    micrograph: Micrograph,
    trained: AnyConditions,
    *,
    given: Mapping[str, float],
    fit: bool = True,
) -> ConditionEstimate:
    """Find out under what conditions a micrograph was taken.

    A defocus that the user or the file gives is believed; else the Thon rings are fitted, with the Cs that was given,
    or else the middle of what the training had.

    Parameters
    ----------
    micrograph
        With its pixel size; a simulated one may carry its conditions.
    trained
        Conditions of the network's training, for energy and Cs where nobody says them.
    given
        What the user knows; symbols, `focal_spread`, `angular_spread`, `dose`.
    fit
        Whether to look at the rings at all.

    Raises
    ------
    PassbandError
        A value that was given is not physical.
    """
    if micrograph.conditions is not None:
        return ConditionEstimate(
            "file", {**_numbers(micrograph.conditions), **given}, note="the file carries its conditions"
        )
    if "C10" in given:
        return ConditionEstimate("given", dict(given), note="what was not given is taken as in training")
    if not fit or micrograph.pixel_size is None:
        source: Origin = "given" if given else "unknown"
        return ConditionEstimate(source, dict(given), note="the defocus was not given and the rings were not looked at")
    energy = micrograph.energy or float(np.mean(limits(bounding_distribution(trained).energy)))
    cs = given.get("C30", float(np.mean(limits(bounding_distribution(trained).aberrations.get("C30", 0.0)))))
    return fitted_conditions(micrograph.array, micrograph.pixel_size, energy, cs, given)


def fitted_conditions(
    image: ArrayLike, pixel_size: tuple[float, float], energy: float, cs: float, given: Mapping[str, float]
) -> ConditionEstimate:
    """Conditions from the rings of an image, joined with what is given; a refusal is reported in the note."""
    found = fit_conditions(np.asarray(image), pixel_size=pixel_size, energy=energy, cs=cs)
    if isinstance(found, Refusal):
        source: Origin = "given" if given else "unknown"
        return ConditionEstimate(source, dict(given), note=f"no fit: {found.reason}")
    return _of_fit(found, given)


def _of_fit(found: Fit, given: Mapping[str, float]) -> ConditionEstimate:
    values = {"C10": found.c10, "C12": found.c12, "phi12": found.phi12, "focal_spread": found.focal_spread}
    others = tuple({"C10": one.c10, "C12": one.c12, "phi12": one.phi12} for one in found.alternatives)
    intervals = {
        "C10": found.c10_interval,
        "C12": found.c12_interval,
        "focal_spread": found.focal_spread_interval,
    }
    note = f"{found.rings} Thon rings, Cs = {found.cs:g} Å"
    if found.sign_ambiguous:
        note += "; the sign of C10 cannot be told, and the worse one counts"
    return ConditionEstimate("fitted", {**values, **given}, others, intervals, note)


def _numbers(conditions: Conditions) -> dict[str, float]:
    numbers = conditions.aberrations.nonzero() | {"C10": conditions.aberrations.C10}
    spreads = {"focal_spread": conditions.focal_spread, "angular_spread": conditions.angular_spread}
    return numbers | spreads | ({} if conditions.dose is None else {"dose": conditions.dose})
