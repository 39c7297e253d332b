"""A setting of an instrument as numbers that a loss is predicted from: its own, and its distances to a training."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from passband.microscope.instruments.choice import instrument_of
from passband.microscope.instruments.instrument import Instrument, Setting, SettingDistribution
from passband.performance.widening import trained_range

SettingRow = dict[str, float]
#: Quantities that a training did not cover: name → (value, trained range).
Outside = dict[str, tuple[float, tuple[float, float]]]


def setting_row(setting: Setting, pixel_size: float) -> SettingRow:
    """Quantities of one setting and the camera's pixel size in Å; 0 for one without a value, such as no noise."""
    instrument = instrument_of(setting)
    values = instrument.values(setting)
    return {**{one.name: values[one.name] or 0.0 for one in instrument.QUANTITIES}, "pixel_size": pixel_size}


def distance_rows(
    settings: Sequence[Setting], trained: SettingDistribution, *, pixel_size: float, every: bool = False
) -> list[SettingRow]:
    """Distances of each setting to a training at the network's pixel size in Å, by the names that the instrument gives.

    With `every`, also those that are kept in a table and that no error model uses.
    """
    return instrument_of(trained).compare(settings, trained, pixel_size=pixel_size, every=every)


def outside_of(row: Mapping[str, float], trained: SettingDistribution) -> Outside:
    """Quantities of a setting that the training did not cover: name → (value, trained range).

    A tolerance of 2 % of the range forgives rounding, and where the training was one value, that of the quantity. Of a
    mixture it is what the member that lacks least did not cover: a network trained on both sides of focus has not seen
    what lies between.
    """
    return min((_outside_member(row, member) for member in trained.members), key=len)


def _outside_member(row: Mapping[str, float], trained: SettingDistribution) -> Outside:
    ranges = trained_range(trained)
    return {
        one.name: (row[one.name], ranges[one.name])
        for one in instrument_of(trained).QUANTITIES
        if one.name in ranges and one.leaves(row[one.name], ranges[one.name])
    }


def setting_columns(instrument: Instrument) -> tuple[str, ...]:
    """Columns of a table that a prediction needs: the quantities, the camera's pixel size, the distances."""
    return (*(one.name for one in instrument.QUANTITIES), "pixel_size", *instrument.DISTANCES)


def feature_names(instrument: Instrument) -> tuple[str, ...]:
    """Names of the features, in the order of `features_of`."""
    own = (name for one in instrument.QUANTITIES for name in one.features)
    return (*own, "pixel_size", *instrument.DISTANCES)


def features_of(rows: Sequence[Mapping[str, float]], instrument: Instrument) -> NDArray[np.float64]:
    """Features (n, d) of settings with their distances: what an error model predicts from."""
    return np.array(
        [
            [
                *(value for one in instrument.QUANTITIES for value in one.feature_values(row[one.name])),
                *(row[name] for name in ("pixel_size", *instrument.DISTANCES)),
            ]
            for row in rows
        ]
    )
