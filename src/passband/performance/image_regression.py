"""A quantity of single images as a function of what they show, and how far it errs on data sets that it never saw.

The function is a line, whose slopes are never negative where more of a feature cannot mean less of the quantity, and a
Gaussian process of what the line leaves, which fades away from the images that it learned from: far from them the line
alone predicts. In the line and in all that is measured of the errors every data set weighs the same, however many
images of it there are.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from passband.performance.conformal import grouped_quantile
from passband.performance.gaussian_process import GaussianProcess, Kernel

Array = NDArray[np.float64]

FOLDS = 10
PENALTY = 1e-2  # on the squares of the slopes, in units of the variances
BANDWIDTH = 0.5  # of the predictions' standard deviation, over which errors are alike


class Groups(NamedTuple):
    """Images with the data sets that they belong to.

    Attributes
    ----------
    features
        (n, d), logarithms.
    values
        (n,), logarithms of what is predicted.
    sets
        (n,), numbers of the data sets.
    """

    features: Array
    values: Array
    sets: NDArray[np.int64]


@dataclass(frozen=True)
class Line:
    """A linear function of features, and the features that it was fitted to."""

    slopes: Array
    offset: float

    @classmethod
    def fitted(cls, images: Groups, rising: NDArray[np.bool_]) -> Self:
        """Least squares with every data set weighing the same; slopes of `rising` features (d,) are never negative."""
        weights = set_weights(images.sets)
        (centre, scale), level = centre_and_scale(images.features, weights), float(weights @ images.values)
        scaled = (images.features - centre) / scale
        both = np.concatenate([scaled, -scaled[:, ~rising]], axis=1)  # a free slope is the difference of two
        root = np.sqrt(weights)[:, None]
        damped = np.concatenate([both * root, np.sqrt(PENALTY) * np.eye(both.shape[1])])
        target = np.concatenate([(images.values - level) * root[:, 0], np.zeros(both.shape[1])])
        found = nnls(damped, target)[0]
        slopes = found[: len(rising)].copy()
        slopes[~rising] -= found[len(rising) :]
        slopes /= scale
        return cls(slopes, level - float(slopes @ centre))

    def __call__(self, features: Array) -> Array:
        """Values (n,) at features (n, d)."""
        return np.asarray(features @ self.slopes + self.offset)


@dataclass(frozen=True)
class ImageRegression:
    """A line with what it leaves, and how far both err on data sets that they have not seen.

    Attributes
    ----------
    line
        Fitted to all images.
    process
        Of what it leaves; None where no kernel of it is known.
    predicted, errors
        Of each image where its data set was left out, and the true value minus it; (n,).
    remoteness
        How much less certain the process is there than among images that it knows, as a factor; (n,).
    sets
        (n,), numbers of the data sets.
    """

    line: Line
    process: GaussianProcess | None
    predicted: Array
    errors: Array
    remoteness: Array
    sets: NDArray[np.int64]

    @classmethod
    def fitted(
        cls,
        images: Groups,
        rising: NDArray[np.bool_],
        kernel: Kernel | None = None,
        *,
        like: GaussianProcess | None = None,
    ) -> Self:
        """Regression of images; `rising` (d,) as for the line, `like` as for the process."""
        line = Line.fitted(images, rising)
        left = images.values - line(images.features)
        process = None if kernel is None else GaussianProcess.conditioned(kernel, images.features, left, like=like)
        predicted, remoteness = np.empty(len(left)), np.ones(len(left))
        folds = images.sets % FOLDS
        for fold in np.unique(folds):
            out = folds == fold
            without = Line.fitted(Groups(*(part[~out] for part in images)), rising)(images.features)
            predicted[out] = without[out]
            if process is not None:
                more, deviation = process.left_out(out, images.values - without)
                predicted[out] += more
                remoteness[out] = deviation / process.noise
        return cls(line, process, predicted, images.values - predicted, remoteness, images.sets)

    def predict(self, features: Array) -> tuple[Array, Array]:
        """Values for features (n, d), and the usual size of the error of each; (n,) both."""
        values, remoteness = self.line(features), np.ones(len(features))
        if self.process is not None:
            more, deviation = self.process.predict(features)
            values, remoteness = values + more, deviation / self.process.noise
        return values, remoteness * self.spread(values)

    def spread(self, predicted: Array) -> Array:
        """Usual size of the error where so much is predicted, (n,): a mean over images with predictions alike.

        Among images that the process knows; elsewhere it is larger by their remoteness.
        """
        width = BANDWIDTH * float(self.predicted.std()) + 1e-9
        near = np.clip(predicted, self.predicted.min(), self.predicted.max())
        weights = np.exp(-0.5 * ((near[:, None] - self.predicted) / width) ** 2) * set_weights(self.sets)
        return np.asarray((weights @ (np.abs(self.errors) / self.remoteness)) / weights.sum(axis=1)) + 1e-6

    @cached_property
    def scores(self) -> Array:
        """Errors in units of their spread, (n,)."""
        return self.errors / (self.remoteness * self.spread(self.predicted))

    def reaches(self, level: float) -> tuple[float, float]:
        """Between what scores the one of an image of a new data set lies with the nominal probability.

        As much of the rest is left below as above; a score of 0, that of the prediction itself, always lies between.
        """
        one_sided = 0.5 * (1.0 + level)
        low = grouped_quantile(-self.scores, self.sets, one_sided)
        return min(-low, 0.0), max(grouped_quantile(self.scores, self.sets, one_sided), 0.0)

    @cached_property
    def variances(self) -> tuple[float, float]:
        """Variance of the scores between data sets, and within them (analysis of variance, one way)."""
        _, where, counts = np.unique(self.sets, return_inverse=True, return_counts=True)
        means = np.bincount(where, self.scores) / counts
        within = float(((self.scores - means[where]) ** 2).sum()) / max(1, len(where) - len(counts))
        between = float(means.var()) - within * float((1.0 / counts).mean())
        return max(between, 0.0), within


def centre_and_scale(features: Array, weights: Array) -> tuple[Array, Array]:
    """Weighted mean and standard deviation (d,) of features (n, d); `weights` (n,) add up to 1."""
    centre = weights @ features
    return centre, np.sqrt(weights @ (features - centre) ** 2) + 1e-9


def set_weights(sets: NDArray[np.int64]) -> Array:
    """Weights (n,) of images that give every data set as much; they add up to 1."""
    _, where, counts = np.unique(sets, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / (len(counts) * counts[where]))
