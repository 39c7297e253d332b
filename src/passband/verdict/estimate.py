"""The conditions of one micrograph as far as they are known: from the user, from its file or fitted to the image."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from pydantic import ValidationError

from passband.files.micrograph import Micrograph
from passband.microscope.instruments.choice import instrument_of
from passband.microscope.instruments.instrument import FittedSetting, Instrument, Setting, SettingDistribution
from passband.performance.widening import trained_energies, trained_range
from passband.recipe import PassbandError
from passband.validation import error_lines
from passband.verdict.scan_fit import JITTER, fit_scan

Origin = Literal["given", "file", "fitted", "unknown"]
SCAN = "stem"  # kind of the instrument whose images tell their jitter
DRAWS = 16  # settings that stand for the quantities that are not known


@dataclass(frozen=True)
class ConditionEstimate:
    """Quantities of a setting that are known; the others are taken as the training had them.

    Attributes
    ----------
    source
        "given" by the user, read from the "file", "fitted" to the image (with what the user gave), or "unknown".
    values
        By name, in the units of the instrument.
    alternatives
        Other values of some of them that are as likely, such as the other sign of C10.
    intervals
        Of fitted values.
    note
        Why nothing is known, or what is ambiguous.
    others
        Fitted numbers that tell of the image and are no quantities of a setting: in TEM the `effective_envelope` of the
        rings and the `drift`, Å.
    guessed
        Quantities on which fitted ones hang and that nobody told, in TEM the Cs. What follows from them may make a mask
        doubtful; it is not known well enough to put an image outside.
    origins
        Where a value comes from, by name, where that is not the `source`.
    """

    source: Origin = "unknown"
    values: Mapping[str, float] = field(default_factory=dict)
    alternatives: tuple[Mapping[str, float], ...] = ()
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    note: str = "nothing was given"
    others: Mapping[str, float] = field(default_factory=dict)
    guessed: tuple[str, ...] = ()
    origins: Mapping[str, Origin] = field(default_factory=dict)

    def origin(self, name: str) -> Origin:
        """Where a value comes from."""
        return self.origins.get(name, self.source)

    @property
    def told(self) -> "ConditionEstimate":
        """What user and file say, without what was fitted to the image."""
        values = {name: value for name, value in self.values.items() if self.origin(name) != "fitted"}
        return replace(self, values=values, alternatives=())

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "source": self.source,
            "values": dict(self.values),
            "alternatives": [dict(one) for one in self.alternatives],
            "intervals": {name: list(pair) for name, pair in self.intervals.items()},
            "note": self.note,
            "others": dict(self.others),
            "guessed": list(self.guessed),
            "origins": {name: self.origin(name) for name in self.values},
        }


def compatible_settings(
    estimate: ConditionEstimate, trained: SettingDistribution, *, draws: int = DRAWS
) -> list[list[Setting]]:
    """Return settings for what is known and for each alternative; the rest is drawn as in training.

    Raises
    ------
    PassbandError
        A name is unknown or a value is not physical.
    """
    instrument, drawn = instrument_of(trained), trained.sample(draws, np.random.default_rng(0))
    groups = []
    for values in (estimate.values, *({**estimate.values, **other} for other in estimate.alternatives)):
        group = [instrument.with_values(one, values) for one in drawn]
        groups.append(group[:1] if all(one == group[0] for one in group) else group)
    return groups


def estimate_conditions(
    micrograph: Micrograph,
    trained: SettingDistribution,
    *,
    given: Mapping[str, float],
    fit: bool = True,
) -> ConditionEstimate:
    """Find out under what conditions a micrograph was taken.

    What the user gives is believed, and what the file says besides (of a TEM image its Cs; that of a scan is of another
    lens than the probe's). Where both lack the quantity that is set from image to image (in TEM the defocus), the image
    is fitted, with the middle of the training as one of the values that an unknown may have (in TEM the Cs). A scan
    tells its jitter alone, whatever else was given.

    Parameters
    ----------
    micrograph
        With its pixel size; a simulated one may carry its conditions.
    trained
        Conditions of the network's training.
    given
        What the user knows, by name or alias, in the units of the instrument.
    fit
        Whether to fit the image at all.

    Raises
    ------
    PassbandError
        A name that was given is unknown, or its value is not physical.
    """
    instrument = instrument_of(trained)
    resolved = {name: instrument.resolve(name) for name in given}
    given = {symbol: sign * given[name] for name, (symbol, sign) in resolved.items()}
    _check(given, trained)
    if micrograph.conditions is not None and micrograph.conditions.kind == trained.kind:
        values = {**instrument.known_values(micrograph.conditions), **given}
        said: dict[str, Origin] = dict.fromkeys(given, "given")
        return ConditionEstimate("file", values, note="the file carries its conditions", origins=said)
    leading = instrument.LEADING in given
    note = "what was not given is taken as in training" if leading else instrument.NOT_FITTED
    alone = _told(given, _of_file(micrograph, instrument), note)
    scan = trained.kind == SCAN
    if not fit or micrograph.pixel_size is None or (JITTER in given if scan else leading):
        return alone
    if scan:
        return _with_fit(alone, fit_scan(micrograph.array), leading=leading)
    found = instrument.fit(
        micrograph.array,
        pixel_size=micrograph.pixel_size,
        energy=micrograph.energy or float(np.mean(trained_energies(trained))),
        given=alone.values,
        middle={name: float(np.mean(pair)) for name, pair in trained_range(trained).items()},
    )
    return _with_fit(alone, found, leading=leading)


def _of_file(micrograph: Micrograph, instrument: Instrument) -> dict[str, float]:
    """Quantities that the metadata of a file tell."""
    return {"C30": micrograph.cs} if micrograph.cs is not None and "C30" in instrument.ASKED else {}


def _told(given: Mapping[str, float], of_file: Mapping[str, float], note: str) -> ConditionEstimate:
    """Return what the user gave, and of the file what he did not."""
    others = {name: value for name, value in of_file.items() if name not in given}
    source: Origin = "given" if given else "file" if others else "unknown"
    return ConditionEstimate(source, {**given, **others}, note=note, origins=dict.fromkeys(others, "file"))


def _with_fit(alone: ConditionEstimate, found: FittedSetting | str, *, leading: bool) -> ConditionEstimate:
    """Return what was given with what was fitted; where that was refused, with the reason if it matters."""
    if isinstance(found, str):
        return alone if leading else replace(alone, note=f"no fit: {found}")
    return ConditionEstimate(
        source="fitted",
        values={**found.values, **alone.values},
        alternatives=found.alternatives,
        intervals=found.intervals,
        note=found.note,
        others=found.others,
        guessed=found.guessed,
        origins={name: alone.origin(name) for name in alone.values},
    )


def _check(given: Mapping[str, float], trained: SettingDistribution) -> None:
    """Refuse values that no setting can have, whatever else is known."""
    (drawn,) = trained.sample(1, np.random.default_rng(0))
    try:
        instrument_of(trained).with_values(drawn, dict(given))
    except ValidationError as error:
        raise PassbandError(*error_lines(error)) from error
