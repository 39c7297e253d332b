"""Loss and Dice that a network will have under given conditions, each with an interval whose level was measured.

A Gaussian process over the setting and its distances to the training learns from the calibration's table; how far it
errs where it has not seen the answer (each case left out, in closed form), in units of its own local uncertainty, sets
the width of the intervals (`performance.conformal`). So they are narrow where the table is dense. All cases chose the
kernel, so that the left-out errors are not quite those of a new case, and intervals from left-out errors have no
guarantee for every regressor even where the kernel is fixed (Barber, Candès, Ramdas & Tibshirani, Ann. Stat. 49 (2021)
486, section 1.2). What share of new data sets they hold was measured for the shipped network: benchmarks/RESULTS.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from passband.microscope.conditions import AnyConditions, Conditions, validate_conditions
from passband.performance.calibration import Calibration, Kernels, calibration_of
from passband.performance.conformal import check_level, conformal_quantile
from passband.performance.distance import Row, distance_rows, log_dose, setting_row
from passband.performance.gaussian_process import GaussianProcess, Kernel, fitted_kernel
from passband.segmentation.model import ModelCard

Array = NDArray[np.float64]

LEVEL = 0.8  # nominal coverage of the intervals that commands print
SMALLEST_LOSS = 1e-4  # a loss below is perfect
DICE = (0.005, 0.995)  # between which Dice is told apart
#: What the loss is predicted from; signs and magnitudes of C10 and C30 apart, for most of the loss is even in them.
FEATURES = (
    "C10",
    "abs_C10",
    "C12",
    "C21",
    "C23",
    "C30",
    "abs_C30",
    "focal_spread",
    "angular_spread",
    "log_dose",
    "pixel_size",
    "epsilon",
    "sigma",
    "delta_epsilon",
)


def features_of(rows: Sequence[Mapping[str, float]]) -> Array:
    """Features (n, d) of settings with their distances, in the order of `FEATURES`."""
    extra = [
        {"abs_C10": abs(row["C10"]), "abs_C30": abs(row["C30"]), "log_dose": log_dose(row["dose"])} for row in rows
    ]
    return np.array([[{**row, **more}[name] for name in FEATURES] for row, more in zip(rows, extra, strict=True)])


class Interval(NamedTuple):
    """A value for each of n cases, and between what it lies with the nominal probability."""

    value: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class Surface:
    """A regression of a quantity over features, and its errors where it had not seen the answer."""

    process: GaussianProcess
    scores: Array  # |error| / local uncertainty, each case left out

    @classmethod
    def told(cls, kernel: Kernel, features: Array, values: Array) -> Self:
        """Surface through values (n,) at features (n, d)."""
        process = GaussianProcess.told(kernel, features, values)
        predicted, deviation = process.left_out()
        return cls(process, np.abs(values - predicted) / deviation)

    def predict(self, features: Array, *, level: float) -> Interval:
        """Return the prediction for features (n, d), with intervals of the nominal coverage."""
        value, deviation = self.process.predict(features)
        reach = conformal_quantile(self.scores, check_level(level)) * deviation
        return Interval(value, value - reach, value + reach)


def table_features(calibration: Calibration) -> Array:
    """Features (n, d) of the data sets that were measured."""
    names = [name for name in calibration.sets if name not in ("loss", "dice")]
    columns = [calibration.column(name) for name in names]
    return features_of([dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)])


def table_values(calibration: Calibration) -> tuple[Array, Array]:
    """Return what is learned, (n,) each: the logarithm of the loss, the logit of Dice."""
    loss = np.log(np.maximum(calibration.column("loss"), SMALLEST_LOSS))
    return loss, logit(np.clip(calibration.column("dice"), *DICE))


def with_kernels(calibration: Calibration) -> Calibration:
    """Calibration with the kernels that its predictions need, so that nobody who uses it has to search for them."""
    features = table_features(calibration)
    loss, dice = (fitted_kernel(features, values) for values in table_values(calibration))
    return calibration.model_copy(update={"kernels": Kernels(loss=loss, dice=dice)})


class Forecast(NamedTuple):
    """Loss (scale of arXiv 2512.09067) and Dice of n settings, and the settings' numbers with ε, σ and Δε."""

    loss: Interval
    dice: Interval
    rows: list[Row]


class Predictor:
    """Predicts for any setting from the calibration of a network.

    Parameters
    ----------
    calibration
        The table; where it has no kernels they are searched for.
    trained
        Conditions of the training.
    pixel_size
        Of the network, Å.
    """

    def __init__(self, calibration: Calibration, trained: AnyConditions, pixel_size: float) -> None:
        self.calibration, self.trained, self.pixel_size = calibration, trained, pixel_size
        features, (loss, dice) = table_features(calibration), table_values(calibration)
        kernels = calibration.kernels or with_kernels(calibration).kernels
        assert kernels is not None
        self.loss = Surface.told(kernels.loss, features, loss)
        self.dice = Surface.told(kernels.dice, features, dice)

    @classmethod
    def of_card(cls, card: ModelCard) -> Self | None:
        """Predictor of a model; None where it was never calibrated.

        Raises
        ------
        CalibrationError
            The calibration is damaged.
        """
        calibration = calibration_of(card)
        if calibration is None:
            return None
        return cls(calibration, validate_conditions(card.conditions), card.pixel_size)

    def forecast(
        self, settings: Sequence[Conditions], *, camera_pixel: float | None = None, level: float = LEVEL
    ) -> Forecast:
        """Loss and Dice under settings of the microscope.

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
        far = distance_rows(settings, self.trained, pixel_size=self.pixel_size, area=False)
        return self.forecast_rows([{**one, **other} for one, other in zip(near, far, strict=True)], level=level)

    def forecast_groups(
        self, groups: Sequence[Sequence[Conditions]], *, camera_pixel: float | None = None, level: float = LEVEL
    ) -> list[Forecast]:
        """Forecast of each group of settings; arguments as in `forecast`.

        All in one go, because most of the time goes into the training's side of their distances.
        """
        rows = self.forecast([one for group in groups for one in group], camera_pixel=camera_pixel, level=level).rows
        ends = np.cumsum([0, *(len(group) for group in groups)])
        return [self.forecast_rows(rows[start:end], level=level) for start, end in pairwise(ends)]

    def forecast_rows(self, rows: list[Row], *, level: float = LEVEL) -> Forecast:
        """Loss and Dice of settings whose distances are known; rows as in the calibration's table."""
        features = features_of(rows)
        loss = Interval(*(np.exp(part) for part in self.loss.predict(features, level=level)))
        dice = Interval(*(expit(part) for part in self.dice.predict(features, level=level)))
        return Forecast(loss, dice, rows)
