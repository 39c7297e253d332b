"""Mean loss and Dice of a network under given conditions, each with an interval whose level was measured.

A Gaussian process over the setting and its distances to the training learns from the table of measured performance; how
far it errs where it has not seen the answer (each case left out, in closed form), in units of its own local
uncertainty, sets the width of the intervals (`performance.conformal`). So they are narrow where the table is dense. All
cases chose the kernel, so that the left-out errors are not quite those of a new case, and intervals from left-out
errors have no guarantee for every regressor even where the kernel is fixed (Barber, Candès, Ramdas & Tibshirani, Ann.
Stat. 49 (2021) 486, section 1.2). What share of new data sets they hold was measured for the shipped network:
benchmarks/RESULTS.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from passband.microscope.instruments.choice import instrument_named, instrument_of, validate_distribution
from passband.microscope.instruments.instrument import Setting, SettingDistribution
from passband.performance.conformal import check_level, conformal_quantile
from passband.performance.gaussian_process import GaussianProcess, Kernel, fitted_kernel
from passband.performance.image_error import ImageErrorModel, image_kernel
from passband.performance.settings import SettingRow, distance_rows, features_of, setting_row
from passband.performance.table import Kernels, PerformanceTable, measured_performance
from passband.segmentation.card import ModelCard

Array = NDArray[np.float64]

LEVEL = 0.8  # nominal coverage of the intervals that commands print
SMALLEST_LOSS = 1e-4  # a loss below is perfect
DICE = (0.005, 0.995)  # between which Dice is told apart


class PredictionIntervals(NamedTuple):
    """A value for each of n cases, and between what it lies with the nominal probability."""

    value: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class Regression:
    """A regression of a quantity over features, and its errors where it had not seen the answer."""

    process: GaussianProcess
    scores: Array  # |error| / local uncertainty, each case left out

    @classmethod
    def conditioned(cls, kernel: Kernel, features: Array, values: Array) -> Self:
        """Regression conditioned on values (n,) at features (n, d)."""
        process = GaussianProcess.conditioned(kernel, features, values)
        predicted, deviation = process.leave_one_out()
        return cls(process, np.abs(values - predicted) / deviation)

    def predict(self, features: Array, *, level: float) -> PredictionIntervals:
        """Return the prediction for features (n, d), with intervals of the nominal coverage."""
        value, deviation = self.process.predict(features)
        reach = conformal_quantile(self.scores, check_level(level)) * deviation
        return PredictionIntervals(value, value - reach, value + reach)


def table_features(table: PerformanceTable) -> Array:
    """Features (n, d) of all data sets that were measured."""
    names = [name for name in table.sets if name not in ("loss", "dice", "other_camera")]
    columns = [table.column(name) for name in names]
    rows = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
    return features_of(rows, instrument_named(table.instrument))


def table_values(table: PerformanceTable) -> tuple[Array, Array]:
    """Return what is learned, (n,) each: the logarithm of the loss, the logit of Dice."""
    loss = np.log(np.maximum(table.column("loss"), SMALLEST_LOSS))
    return loss, logit(np.clip(table.column("dice"), *DICE))


def with_kernels(table: PerformanceTable) -> PerformanceTable:
    """Table with the kernels that its predictions need, so that nobody who uses it has to search for them."""
    own = table.own_camera
    loss, dice = (fitted_kernel(table_features(table)[own], values[own]) for values in table_values(table))
    return table.model_copy(update={"kernels": Kernels(loss=loss, dice=dice, images=image_kernel(table))})


class PredictedPerformance(NamedTuple):
    """Loss (scale of arXiv 2512.09067) and Dice of n settings, and the settings' numbers with their distances."""

    loss: PredictionIntervals
    dice: PredictionIntervals
    rows: list[SettingRow]


class ErrorModel:
    """Predicts a network's loss and Dice under any setting from its table of measured performance.

    They are those of micrographs from the training's own cameras. Its attribute `images` predicts them for one
    micrograph; None where no single images were measured.

    Parameters
    ----------
    table
        Measured performance; where it has no kernels they are searched for.
    trained
        Conditions of the training.
    pixel_size
        Of the network, Å.
    """

    def __init__(self, table: PerformanceTable, trained: SettingDistribution, pixel_size: float) -> None:
        table = table if table.kernels is not None else with_kernels(table)
        self.table, self.trained, self.pixel_size = table, trained, pixel_size
        own, features, (loss, dice) = table.own_camera, table_features(table), table_values(table)
        kernels = table.kernels
        assert kernels is not None
        self.loss = Regression.conditioned(kernels.loss, features[own], loss[own])
        self.dice = Regression.conditioned(kernels.dice, features[own], dice[own])
        left_out = self.loss.process.predict(features)[0]
        left_out[own] = self.loss.process.leave_one_out()[0]
        self.images = ImageErrorModel.of_table(table, left_out)

    @classmethod
    def of_card(cls, card: ModelCard) -> Self | None:
        """Error model of a network; None where it was never measured.

        Raises
        ------
        PerformanceError
            The table is damaged.
        """
        table = measured_performance(card)
        if table is None:
            return None
        return cls(table, validate_distribution(card.conditions), card.pixel_size)

    def predict(
        self, settings: Sequence[Setting], *, camera_pixel: float | None = None, level: float = LEVEL
    ) -> PredictedPerformance:
        """Loss and Dice under settings of the instrument.

        Parameters
        ----------
        settings
            n of them.
        camera_pixel
            Å; the network's own by default.
        level
            Nominal coverage of the intervals.

        Raises
        ------
        PassbandError
            The level is not between 0 and 1.
        """
        near = [setting_row(one, camera_pixel or self.pixel_size) for one in settings]
        far = distance_rows(settings, self.trained, pixel_size=self.pixel_size)
        return self.predict_rows([{**one, **other} for one, other in zip(near, far, strict=True)], level=level)

    def predict_groups(
        self, groups: Sequence[Sequence[Setting]], *, camera_pixel: float | None = None, level: float = LEVEL
    ) -> list[PredictedPerformance]:
        """Predicted performance of each group of settings; arguments as in `predict`.

        All in one go, because most of the time goes into the training's side of their distances.
        """
        rows = self.predict([one for group in groups for one in group], camera_pixel=camera_pixel, level=level).rows
        ends = np.cumsum([0, *(len(group) for group in groups)])
        return [self.predict_rows(rows[start:end], level=level) for start, end in pairwise(ends)]

    def predict_rows(self, rows: list[SettingRow], *, level: float = LEVEL) -> PredictedPerformance:
        """Loss and Dice of settings whose distances are known; rows as in the table."""
        features = features_of(rows, instrument_of(self.trained))
        loss = PredictionIntervals(*(np.exp(part) for part in self.loss.predict(features, level=level)))
        dice = PredictionIntervals(*(expit(part) for part in self.dice.predict(features, level=level)))
        return PredictedPerformance(loss, dice, rows)
