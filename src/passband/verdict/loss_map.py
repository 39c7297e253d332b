"""Advice before the session: predicted loss over the conditions that a microscope can reach."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from passband.microscope.instrument import Instrument, Setting
from passband.microscope.instruments import instrument_of
from passband.performance.error_model import LEVEL, ErrorModel, PredictionIntervals
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
