"""Loss and Dice that a network will have under given conditions, each with an interval that was checked, not assumed.

A Gaussian process over the setting and its distances to the training is fitted to the calibration's table; how far it
errs where it has not seen the answer (leave one out, in closed form: Rasmussen & Williams, Gaussian Processes for
Machine Learning (2006), section 5.4.2), in units of its own local uncertainty, sets the width of the intervals
(`trust.conformal`). So they are narrow where the table is dense, and keep their level on average over conditions like
the calibration's.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve
from scipy.special import expit, logit
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from passband.microscope.conditions import AnyConditions, Conditions, validate_conditions
from passband.segmentation.model import ModelCard
from passband.trust.calibration import Calibration, calibration_of
from passband.trust.conformal import check_level, conformal_quantile
from passband.trust.distance import Row, distance_rows, log_dose, setting_row

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

    process: GaussianProcessRegressor
    centre: Array
    scale: Array
    scores: Array  # |error| / local uncertainty, leave one out

    @classmethod
    def fitted(cls, features: Array, values: Array) -> Self:
        """Fit features (n, d) and values (n,); deterministic."""
        centre, scale = features.mean(axis=0), features.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        kernel = ConstantKernel(1.0) * Matern(4.0, (0.5, 50.0), nu=2.5) + WhiteKernel(0.1, (1e-4, 2.0))
        process = GaussianProcessRegressor(kernel, normalize_y=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a length at its bound is as good a length
            process.fit((features - centre) / scale, values)
        inverse = cho_solve((process.L_, True), np.eye(len(values)))
        precision = np.diag(inverse)
        # leave one out: the error is α_i / K⁻¹_ii and its variance 1 / K⁻¹_ii, so their ratio is this
        scores = np.abs(process.alpha_.ravel()) / np.sqrt(precision)
        return cls(process, centre, scale, scores)

    def left_out(self) -> tuple[Array, Array]:
        """Values predicted for each case from all others, and their uncertainty; (n,) each."""
        inverse = cho_solve((self.process.L_, True), np.eye(len(self.scores)))
        precision = np.diag(inverse)
        spread = float(self.process._y_train_std)
        known = self.process.y_train_ * spread + float(self.process._y_train_mean)
        return known - spread * self.process.alpha_.ravel() / precision, spread / np.sqrt(precision)

    def predict(self, features: Array, *, level: float) -> Interval:
        """Return the prediction for features (n, d), with intervals of the nominal coverage."""
        value, deviation = self.process.predict((features - self.centre) / self.scale, return_std=True)
        reach = conformal_quantile(self.scores, check_level(level)) * deviation
        return Interval(value, value - reach, value + reach)


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
        The table.
    trained
        Conditions of the training.
    pixel_size
        Of the network, Å.
    """

    def __init__(self, calibration: Calibration, trained: AnyConditions, pixel_size: float) -> None:
        self.calibration, self.trained, self.pixel_size = calibration, trained, pixel_size
        names = [name for name in calibration.sets if name not in ("loss", "dice")]
        columns = {name: calibration.column(name) for name in names}
        rows = [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        features = features_of(rows)
        self.loss = Surface.fitted(features, np.log(np.maximum(calibration.column("loss"), SMALLEST_LOSS)))
        self.dice = Surface.fitted(features, logit(np.clip(calibration.column("dice"), *DICE)))

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

    def forecast_rows(self, rows: list[Row], *, level: float = LEVEL) -> Forecast:
        """Loss and Dice of settings whose distances are known; rows as in the calibration's table."""
        features = features_of(rows)
        loss = Interval(*(np.exp(part) for part in self.loss.predict(features, level=level)))
        dice = Interval(*(expit(part) for part in self.dice.predict(features, level=level)))
        return Forecast(loss, dice, rows)
