"""Advice before the session: predicted loss over the conditions that a microscope can reach."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import Conditions
from passband.microscope.instruments.choice import instrument_of
from passband.microscope.instruments.instrument import Instrument, Setting
from passband.performance.error_model import LEVEL, ErrorModel, PredictionIntervals
from passband.performance.widening import bounding_distribution, trained_range
from passband.recipe import PassbandError

Array = NDArray[np.float64]


class Axis(NamedTuple):
    """A quantity and the values that the user can reach; on the axis of a figure they are divided by `divisor`."""

    name: str
    values: Array
    divisor: float
    label: str


class LossMap(NamedTuple):
    """Predictions over two quantities; the arrays of each interval are (len(second), len(first))."""

    first: Axis
    second: Axis
    loss: PredictionIntervals
    dice: PredictionIntervals
    sigma: Array

    def rows(self) -> list[dict[str, float]]:
        """Return one row for each setting, lengths in Å."""
        return [
            {
                f"{self.first.name}_A": float(x),
                f"{self.second.name}_A": float(y),
                "loss": float(self.loss.value[j, i]),
                "loss_low": float(self.loss.low[j, i]),
                "loss_high": float(self.loss.high[j, i]),
                "dice": float(self.dice.value[j, i]),
                "sigma": float(self.sigma[j, i]),
            }
            for j, y in enumerate(self.second.values)
            for i, x in enumerate(self.first.values)
        ]

    def best(self) -> dict[str, Any]:
        """Return the setting of the least predicted loss, with its loss, interval and Dice."""
        j, i = divmod(int(np.nanargmin(self.loss.value)), len(self.first.values))
        return {
            self.first.name: float(self.first.values[i]),
            self.second.name: float(self.second.values[j]),
            "predicted_loss": float(self.loss.value[j, i]),
            "interval": [float(self.loss.low[j, i]), float(self.loss.high[j, i])],
            "predicted_dice": float(self.dice.value[j, i]),
        }


def axis(instrument: Instrument, name: str, low: float, high: float, count: int) -> Axis:
    """Evenly spaced values of a quantity (or alias) between two that can be reached.

    Raises
    ------
    PassbandError
        The name is unknown, the values run backwards, or fewer than 2 are asked for.
    """
    symbol, sign = instrument.resolve(name)
    if not low < high or count < 2:
        raise PassbandError(f"{name} from {low:g} to {high:g} in {count} steps: write low < high and at least 2 steps")
    values = np.sort(sign * np.linspace(low, high, count))
    return Axis(symbol, values, *instrument.axis_label(symbol))


def covered_range(error_model: ErrorModel, name: str) -> tuple[float, float]:
    """Lowest and highest value of a quantity in the training; of one that was fixed there, in the measurements."""
    low, high = trained_range(error_model.trained)[name]
    if low == high:
        column = error_model.table.column(name)
        low, high = float(column.min()), float(column.max())
    return low, high


def middle_of_training(error_model: ErrorModel, given: Mapping[str, float]) -> Conditions:
    """Return the setting in the middle of the training, with given values in it; no astigmatism, coma or trefoil.

    Raises
    ------
    PassbandError
        The network is for another instrument than a transmission microscope.
    """
    setting = bounding_distribution(error_model.trained).sample(1, np.random.default_rng(0))[0]
    if not isinstance(setting, Conditions):
        raise PassbandError(f"a network for images of {setting.kind!r} has no defocus × Cs to map; use passband trust")
    ranges = trained_range(error_model.trained)
    middle = {name: float(np.mean(ranges[name])) for name in ("focal_spread", "angular_spread")}
    if "dose" in ranges:
        middle["dose"] = float(np.sqrt(np.prod(ranges["dose"])))
    round_lens = setting.model_copy(update={"aberrations": Aberrations()})
    return instrument_of(setting).with_values(round_lens, {**middle, **given})


def loss_map(error_model: ErrorModel, setting: Setting, first: Axis, second: Axis, *, level: float = LEVEL) -> LossMap:
    """Predicted loss and Dice where two quantities vary and everything else is as in `setting`.

    NaN where a quantity is further out than anything that was measured, for nothing is known there.

    Raises
    ------
    PassbandError
        All of it is further out.
    """
    instrument = instrument_of(setting)
    settings = [
        instrument.with_values(setting, {first.name: float(x), second.name: float(y)})
        for y in second.values
        for x in first.values
    ]
    found = error_model.predict(settings, level=level)
    shape = (len(second.values), len(first.values))
    covered = _measured(error_model, second)[:, None] & _measured(error_model, first)[None, :]
    if not covered.any():
        raise PassbandError(
            f"no {first.name} and {second.name} of the map was calibrated; reach closer to the training"
        )
    loss, dice = (
        PredictionIntervals(*(np.where(covered, part.reshape(shape), np.nan) for part in one))
        for one in (found.loss, found.dice)
    )
    sigma = np.array([row.get("sigma", np.nan) for row in found.rows]).reshape(shape)
    return LossMap(first, second, loss, dice, sigma)


def _measured(error_model: ErrorModel, one: Axis) -> NDArray[np.bool_]:
    """Which values of an axis the table covers, a tenth of its width forgiven, as in a verdict."""
    if one.name not in error_model.table.sets:
        return np.ones(len(one.values), dtype=bool)
    column = error_model.table.column(one.name)
    slack = 0.1 * (column.max() - column.min())
    return np.asarray((one.values >= column.min() - slack) & (one.values <= column.max() + slack))
