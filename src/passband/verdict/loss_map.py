"""Advice before the session: predicted loss over the conditions that a microscope can reach."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from passband.microscope.aberrations import COEFFICIENTS
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
    logarithmic: bool = False

    @property
    def column(self) -> str:
        """Name in a table: coefficients are in Å and say so, other quantities are in their own unit."""
        return f"{self.name}_A" if self.name in COEFFICIENTS else self.name


class LossMap(NamedTuple):
    """Predictions over two quantities; the arrays of each interval are (len(second), len(first))."""

    first: Axis
    second: Axis
    loss: PredictionIntervals
    dice: PredictionIntervals
    sigma: Array

    def rows(self) -> list[dict[str, float]]:
        """Return one row for each setting; quantities as `Axis.column` names them."""
        known = bool(np.isfinite(self.sigma).any())  # scans have no such distance
        return [
            {
                self.first.column: float(x),
                self.second.column: float(y),
                "loss": float(self.loss.value[j, i]),
                "loss_low": float(self.loss.low[j, i]),
                "loss_high": float(self.loss.high[j, i]),
                "dice": float(self.dice.value[j, i]),
            }
            | ({"sigma": float(self.sigma[j, i])} if known else {})
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

    def enough(self, limit: float) -> dict[str, float] | None:
        """Least value of a logarithmic first quantity from which on the loss is below a limit, and Dice; or None.

        The second quantity has the value in the middle of its axis.
        """
        middle = len(self.second.values) // 2
        above = np.flatnonzero(~(self.loss.value[middle] <= limit))
        first = int(above[-1]) + 1 if len(above) else 0
        if not self.first.logarithmic or first == len(self.first.values):
            return None
        value, dice = float(self.first.values[first]), float(self.dice.value[middle, first])
        return {self.first.name: value, "predicted_dice": dice}


def axis(instrument: Instrument, name: str, low: float, high: float, count: int) -> Axis:
    """Evenly spaced values of a quantity (or alias) between two that can be reached, in decades where it counts so.

    Raises
    ------
    PassbandError
        The name is unknown, the values run backwards, fewer than 2 are asked for, or a quantity of decades is 0.
    """
    symbol, sign = instrument.resolve(name)
    if not low < high or count < 2:
        raise PassbandError(f"{name} from {low:g} to {high:g} in {count} steps: write low < high and at least 2 steps")
    quantity = instrument.quantity(symbol)
    logarithmic = quantity is not None and quantity.logarithmic
    if logarithmic and low <= 0.0:
        raise PassbandError(f"{name} from {low:g} to {high:g}: it counts in decades; begin above 0")
    values = np.geomspace(low, high, count) if logarithmic else np.sort(sign * np.linspace(low, high, count))
    return Axis(symbol, values, *instrument.axis_label(symbol), logarithmic)


def covered_range(error_model: ErrorModel, name: str) -> tuple[float, float]:
    """Lowest and highest value of a quantity in the training; of one that was fixed there, in the measurements."""
    low, high = trained_range(error_model.trained)[name]
    if low == high:
        column = error_model.table.column(name)
        low, high = float(column.min()), float(column.max())
    return low, high


def middle_of_training(error_model: ErrorModel, given: Mapping[str, float]) -> Setting:
    """Return the setting in the middle of the training, with given values in it; no aberrations but those.

    Raises
    ------
    PassbandError
        Nothing is mapped of the instrument of the network.
    """
    instrument = instrument_of(error_model.trained)
    if not instrument.MAPPED:
        raise PassbandError(f"nothing is mapped of a setting of {instrument.kind!r}; use passband trust")
    setting = bounding_distribution(error_model.trained).sample(1, np.random.default_rng(0))[0]
    middle: dict[str, float | None] = dict.fromkeys(instrument.values(setting).keys() & {*COEFFICIENTS}, 0.0)
    for name, ends in trained_range(error_model.trained).items():
        quantity = instrument.quantity(name)
        if name not in COEFFICIENTS and quantity is not None:
            middle[name] = float(np.sqrt(np.prod(ends))) if quantity.logarithmic else float(np.mean(ends))
    return instrument.with_values(setting, {**middle, **given})


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
