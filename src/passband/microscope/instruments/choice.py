"""Instruments by what a plan or a card says of them, or by one of their settings.

An instrument in a file of its own is imported here, so that it is known wherever a setting is named.
"""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

from pydantic import BeforeValidator, SerializeAsAny

from passband.microscope.instruments.instrument import INSTRUMENTS, Instrument, Setting, SettingDistribution
from passband.microscope.instruments.stem import ScanningMicroscope
from passband.microscope.instruments.tem import TransmissionMicroscope

__all__ = [
    "AnyDistribution",
    "ScanningMicroscope",
    "TransmissionMicroscope",
    "instrument_named",
    "instrument_of",
    "validate_distribution",
]


@cache
def instrument_named(kind: str) -> Instrument:
    """Instrument of a kind.

    Raises
    ------
    PassbandError
        There is none; a near one is suggested.
    """
    return INSTRUMENTS[kind].model_validate({})


def instrument_of(value: Setting | SettingDistribution) -> Instrument:
    """Instrument that a setting or a distribution is of."""
    return instrument_named(value.kind)


def validate_distribution(values: Any) -> SettingDistribution:
    """Return the distribution of whatever instrument that plain values describe, as on the card of a model.

    Raises
    ------
    PassbandError
        The instrument is unknown.
    pydantic.ValidationError
        They describe no distribution of the instrument's settings.
    """
    if isinstance(values, SettingDistribution):
        return values
    kind = values.get("kind", INSTRUMENTS.default) if isinstance(values, Mapping) else INSTRUMENTS.default
    return instrument_named(str(kind)).validate_distribution(values)


#: A distribution over the settings of any instrument; JSON and identity are those of the one that it is.
AnyDistribution = Annotated[SerializeAsAny[SettingDistribution], BeforeValidator(validate_distribution)]
