"""Error area, loss and Dice of one micrograph, predicted from what network and image show, each with an interval.

The logarithm of each is predicted from the logarithms of the signals and, where the conditions are known, the loss that
they predict: a line that never falls with the network's uncertainty or a distance, and what a Gaussian process knows
beyond it of the images on the network's card (`performance.image_regression`). How far it errs on data sets that it did
not learn from (ten folds of whole data sets), in units of the spread of such errors where as much is predicted, sets
the ends of the intervals, below and above apart.

Images of one data set share their conditions, so a new image is not exchangeable with them but with one of another data
set: every data set weighs the same (`conformal.grouped_quantile`). With folds instead of a fit for each case the level
is not guaranteed (Barber, Candès, Ramdas & Tibshirani, Ann. Stat. 49 (2021) 486). What share of new images the
intervals hold was measured: benchmarks/RESULTS.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp, inf, log, sqrt
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from passband.performance.conformal import check_level, conformal_quantile, p_value
from passband.performance.failure import Examples, FailureModel, JudgedBy, failed
from passband.performance.gaussian_process import Kernel, fitted_kernel
from passband.performance.image_regression import Groups, ImageRegression, Line
from passband.performance.laboratory import Correction, correction
from passband.performance.signals import SIGNALS
from passband.performance.table import QUALITIES, PerformanceTable

Array = NDArray[np.float64]

SHARES = ("dice", "f1")  # that are 1 at best, and −1 where there is none
SMALLEST = 1e-3  # of an error area, a loss, or 1 − Dice: what is smaller is as good
SMALLEST_SIGNAL = 1e-2  # so that the logarithms of error and signal are about proportional
WORST = 0.99  # quantile on micrographs inside the training
FAR = 1.5  # times the largest distance that was measured; the error beyond is unknown
FEWEST = 10  # images inside
RARE = 0.01  # share of the images inside whose distance is as large: rarer ones are told
RARE_LIMIT = 1.0 / 3.0  # of the limit of the probability of a failure, where a distance is rare


class ImagePrediction(NamedTuple):
    """A value for one image, and between what it lies with the nominal probability."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ImageErrorModel:
    """Predicts how wrong the mask of one micrograph is; of networks whose card has single images.

    Attributes
    ----------
    table
        Measured performance.
    condition_losses
        (data sets,): logarithm of the loss that the conditions of each predict where it was left out.
    """

    table: PerformanceTable
    condition_losses: Array

    @classmethod
    def of_table(cls, table: PerformanceTable, condition_losses: Array) -> Self | None:
        """Return the model of a table; None where it has no single images with their error, or too few inside."""
        found = cls(table, condition_losses)
        enough = "error_area" in table.images and np.count_nonzero(found.inside) >= FEWEST
        return found if enough else None

    @cached_property
    def sets(self) -> NDArray[np.int64]:
        """Number of the data set of each image, (n,)."""
        return np.asarray(self.table.images["set"], dtype=np.int64)

    @cached_property
    def inside(self) -> NDArray[np.bool_]:
        """Which images the training covered, (n,)."""
        return np.asarray(self.table.inside[self.sets])

    @cached_property
    def names(self) -> list[str]:
        """Signals that a prediction is made from."""
        return [name for name in SIGNALS if name in self.table.images]

    def features(self, signals: Mapping[str, Sequence[float]], condition_losses: Array | None) -> Array:
        """Features (n, d) of images."""
        columns = [np.log(np.asarray(signals[name], dtype=np.float64) + SMALLEST_SIGNAL) for name in self.names]
        return np.stack([*columns, *([] if condition_losses is None else [condition_losses])], axis=1)

    def _features_of_one(self, signals: Mapping[str, float], condition_loss: float | None) -> Array | None:
        """Features (1, d) of one image; None where a signal is missing."""
        if any(name not in signals for name in self.names):
            return None
        losses = None if condition_loss is None else np.array([condition_loss])
        return self.features({name: [signals[name]] for name in self.names}, losses)

    def values(self, images: Mapping[str, Sequence[float]], quantity: str) -> Array:
        """Logarithms of a quantity of images, (n,); NaN where it is not defined."""
        column = np.asarray(images[quantity], dtype=np.float64)
        if quantity in SHARES:
            column = np.where(column < 0.0, np.nan, 1.0 - column)
        return np.asarray(np.log(np.maximum(column, 0.0) + SMALLEST))

    def groups(self, quantity: str, *, known: bool) -> Groups:
        """Images of the table with a quantity, with or without the conditions."""
        losses = self.condition_losses[self.sets] if known else None
        features, values = self.features(self.table.images, losses), self.values(self.table.images, quantity)
        seen = np.isfinite(values)
        return Groups(features[seen], values[seen], self.sets[seen])

    def rising(self, *, known: bool) -> NDArray[np.bool_]:
        """Features (d,) that an error never falls with: all but properties of the mask and of the camera."""
        worse = [SIGNALS[name].kind not in ("mask", "camera") for name in self.names]
        return np.array([*worse, True] if known else worse)

    def regression(self, quantity: str, *, known: bool) -> ImageRegression:
        """Regression of a quantity, with or without the conditions."""
        key = quantity, known
        if key not in self._regressions:
            kernel = None if self.table.kernels is None else self.table.kernels.images
            groups, rising = self.groups(quantity, known=known), self.rising(known=known)
            like = next((one.process for (_, also), one in self._regressions.items() if also == known), None)
            self._regressions[key] = ImageRegression.fitted(groups, rising, kernel, like=like)
        return self._regressions[key]

    @cached_property
    def _regressions(self) -> dict[tuple[str, bool], ImageRegression]:
        return {}  # each takes a decomposition of a matrix, so only those are made that are asked for

    def predict(
        self, signals: Mapping[str, float], condition_loss: float | None = None, *, level: float
    ) -> dict[str, ImagePrediction]:
        """Error area, loss, Dice and, of columns, F1 of one image; nothing where a signal is missing.

        Parameters
        ----------
        signals
            Of the image, by name.
        condition_loss
            Logarithm of the loss that its conditions predict; None where they are not known.
        level
            Nominal coverage of the intervals.

        Raises
        ------
        PassbandError
            The level is not between 0 and 1.
        """
        check_level(level)
        features, known = self._features_of_one(signals, condition_loss), condition_loss is not None
        if features is None:
            return {}
        found = {}
        for quantity in (one for one in QUALITIES if one in self.table.images):
            regression, corrected = self.regression(quantity, known=known), self.correction(quantity)
            middle, spread = (float(one[0]) for one in regression.predict(features))
            centre = middle + corrected.shift * spread
            ends = [centre + corrected.factor * spread * reach for reach in regression.reaches(level)]
            found[quantity] = _prediction(quantity, centre, *ends)
        return found

    def correction(self, quantity: str) -> Correction:
        """Return what a laboratory's own images, whose conditions are not known, change of the predictions."""
        own = self.table.laboratory
        if own is None or quantity not in own.images:
            return Correction()
        regression, values = self.regression(quantity, known=False), self.values(own.images, quantity)
        seen = np.isfinite(values)
        if not seen.any():
            return Correction()
        predicted, spread = regression.predict(self.features(own.images, None)[seen])
        return correction((values[seen] - predicted) / spread, *regression.variances)

    def failure(self, *, known: bool) -> FailureModel:
        """Model of whether masks fail, with or without the conditions."""
        if known not in self._failures:
            errors = self.regression("error_area", known=known).predicted
            features = self.features(self.table.images, self.condition_losses[self.sets] if known else None)
            images = Examples(np.column_stack([features, errors]), failed(self.table.images, self.judged_by), self.sets)
            rising = np.append(self.rising(known=known), True)
            self._failures[known] = FailureModel.fitted(images, rising, self.inside)
        return self._failures[known]

    @cached_property
    def judged_by(self) -> JudgedBy:
        """What decides whether a mask fails: F1 where the table has it, of networks that find columns or defects."""
        return "f1" if "f1" in self.table.images else "dice"

    def failure_limit(self, signals: Mapping[str, float], *, known: bool) -> tuple[float, bool]:
        """Return the probability of a failure above which a mask is doubted, and whether its image is rare.

        It is a third as high where a distance of features or spectrum is rarer than 1 % inside, and larger than on all
        of a laboratory's own images: the probability was learned from images that resemble the training more.
        """
        inside = self.table.in_distribution_signals()
        rare = any(
            name in inside and p_value(inside[name], signals[name]) <= RARE and signals[name] > self._own_largest(name)
            for name in _of_kinds("features", "spectrum")
            if name in signals
        )
        return self.failure(known=known).limit * (RARE_LIMIT if rare else 1.0), rare

    def _own_largest(self, name: str) -> float:
        own = self.table.laboratory
        return max(own.images.get(name, ()), default=-inf) if own is not None else -inf

    @cached_property
    def _failures(self) -> dict[bool, FailureModel]:
        return {}

    def failure_probability(self, signals: Mapping[str, float], condition_loss: float | None = None) -> float | None:
        """Return the probability that the mask of one image fails; None where a signal is missing.

        Parameters
        ----------
        signals, condition_loss
            As for `predict`.
        """
        features, known = self._features_of_one(signals, condition_loss), condition_loss is not None
        if features is None:
            return None
        seen, model = self._with_error(features, known=known), self.failure(known=known)
        return float(model.probability(seen, shift=self._failure_shift)[0])

    def _with_error(self, features: Array, *, known: bool) -> Array:
        """Features with the logarithm of the error area that is predicted from them."""
        return np.column_stack([features, self.regression("error_area", known=known).predict(features)[0]])

    @cached_property
    def _failure_shift(self) -> float:
        """Return what a laboratory's own images, whose conditions are not known, change of the logit."""
        own = self.table.laboratory
        if own is None or (self.judged_by == "f1" and "f1" not in own.images):
            return 0.0
        features = self._with_error(self.features(own.images, None), known=False)
        return self.failure(known=False).shift(features, failed(own.images, self.judged_by))

    @cached_property
    def worst(self) -> float:
        """True error area that 99 % of the images inside the training stay below."""
        return float(np.quantile(np.asarray(self.table.images["error_area"])[self.inside], WORST))

    def too_far(self, signals: Mapping[str, float]) -> list[str]:
        """Distances so far beyond everything that was measured that no error can be predicted from it."""
        known = self.table.images.keys() & signals.keys()
        return [
            name for name in _of_kinds("features", "spectrum") if name in known and signals[name] > self.limit(name)
        ]

    def limit(self, name: str) -> float:
        """Largest value of a distance that a prediction means something at."""
        own = () if self.table.laboratory is None else self.table.laboratory.images[name]
        return FAR * max(*self.table.images[name], *own)

    def mean(self, images: Sequence[ImagePrediction], *, level: float) -> ImagePrediction:
        """Mean error area of images of one session, from the prediction of each, whose intervals have this level.

        What differs between images averages out; what data sets have in common does not. The interval is that of the
        means of the calibration's data sets, left out, as far as they have as many images; of more or fewer it follows
        from the variances within and between data sets.
        """
        regression = self.regression("error_area", known=False)
        low, high = regression.reaches(level)
        values, lows, highs = np.log(np.array(images) + SMALLEST).T
        middle, usual = self._middle(values, (highs - lows) / (high - low))
        if not np.isfinite(high - low):  # too few data sets for this level: nothing is excluded
            return _prediction("error_area", middle, -np.inf, np.inf)
        between, within = (max(one, 1e-6) for one in regression.variances)
        scores, each = self._mean_scores
        share = sqrt((between + within / len(images)) / (between + within / each))
        one_sided = 0.5 * (1.0 + level)
        ends = min(-conformal_quantile(-scores, one_sided), 0.0), max(conformal_quantile(scores, one_sided), 0.0)
        return _prediction("error_area", middle, *(middle + share * usual * end for end in ends))

    def _middle(self, values: Array, spreads: Array) -> tuple[float, float]:
        """Logarithm of the mean error area of images, from that of each and its spread, and the mean's own spread.

        The middle of each prediction is a typical value; the mean of what is skewed lies above it, as in the table.
        """
        weights = np.exp(values) / np.exp(values).sum()
        return log(self._skew * (float(np.exp(values).mean()) - SMALLEST) + SMALLEST), float(weights @ spreads)

    @cached_property
    def _skew(self) -> float:
        """Mean of the true error areas of the table over that of the predicted ones."""
        regression = self.regression("error_area", known=False)
        true, predicted = regression.predicted + regression.errors, regression.predicted
        return float((np.exp(true) - SMALLEST).mean() / (np.exp(predicted) - SMALLEST).mean())

    @cached_property
    def _mean_scores(self) -> tuple[Array, float]:
        """Errors of the mean of each data set in units of its spread, and the images that one has on the average."""
        regression = self.regression("error_area", known=False)
        spreads = regression.remoteness * regression.spread(regression.predicted)
        true = np.exp(regression.predicted + regression.errors)
        scores = []
        for number in np.unique(regression.sets):
            chosen = regression.sets == number
            middle, usual = self._middle(regression.predicted[chosen], spreads[chosen])
            scores.append((log(float(true[chosen].mean())) - middle) / usual)
        return np.array(scores), len(true) / len(scores)


def image_kernel(table: PerformanceTable) -> Kernel | None:
    """Kernel of what the line leaves of the error area, from one image of each data set, which are independent."""
    images = ImageErrorModel.of_table(table, np.zeros(len(table.sets["loss"])))
    if images is None:
        return None
    groups = images.groups("error_area", known=False)
    left = groups.values - Line.fitted(groups, images.rising(known=False))(groups.features)
    _, first = np.unique(groups.sets, return_index=True)
    return fitted_kernel(groups.features[first], left[first])


def _of_kinds(*kinds: str) -> list[str]:
    return [one.name for one in SIGNALS.values() if one.kind in kinds]


def _prediction(quantity: str, middle: float, low: float, high: float) -> ImagePrediction:
    """From logarithms; all three lie between 0 and 1."""
    values = [min(max(exp(min(one, 1.0)) - SMALLEST, 0.0), 1.0) for one in (middle, low, high)]
    if quantity in SHARES:
        return ImagePrediction(1.0 - values[0], 1.0 - values[2], 1.0 - values[1])
    return ImagePrediction(*values)
