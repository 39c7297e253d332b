"""How probable it is that a mask fails: that more of it is wrong than a user would accept, whatever the error's size.

The predicted error area says little of this where particles are small: a mask may have missed all of them. So what is
learned is whether the masks of the card's images failed, by a logistic regression on the same features as the error
area's and on the error area predicted there. Slopes of features that an error never falls with are never negative.
Every data set weighs the same. Half a failed and half a right image of average features keep the offset finite where
none failed, or all.

A mask is doubted above the probability that 95 % of the right masks inside the training stay below, each predicted by a
model that was not fitted to its data set (the error areas of the others, one of its features, were predicted by models
of nine tenths of all); not below a tenth, and above two thirds at the latest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit

from passband.performance.image_regression import FOLDS, centre_and_scale, set_weights

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
JudgedBy = Literal["dice", "f1"]

HALF = 0.5  # Dice or F1 below which a mask fails
SOME, LARGE = 0.01, 0.1  # error areas: at most which a Dice says nothing, and above which a mask fails whatever it is
PENALTY = 1.0  # on the squares of the slopes, of features of unit variance
RIGHT = 0.95  # share of right masks inside that are not doubted
LEAST, MOST = 0.1, 2.0 / 3.0  # of the probability above which a mask is doubted
LABORATORY = 1.0  # standard deviation of what a laboratory's own images may change of the logit, before they are seen


def failed(images: Mapping[str, ArrayLike], by: JudgedBy = "dice") -> Flags:
    """Which masks failed, (n,), by `error_area` and `dice`, or by `f1` of networks that find columns or defects.

    More than 10 % of the image is wrong; or the Dice is below 0.5 with more than 1 % wrong. Of columns and defects: F1
    is below 0.5. A Dice or an F1 of −1 is that of nothing, and right; where there is no Dice, the area decides alone.
    """
    if by == "f1":
        f1 = np.asarray(images["f1"], dtype=np.float64)
        return np.asarray((f1 >= 0.0) & (f1 < HALF))
    area = np.asarray(images["error_area"], dtype=np.float64)
    dice = np.asarray(images.get("dice", -1.0), dtype=np.float64)
    return np.asarray((area > LARGE) | ((area > SOME) & (dice >= 0.0) & (dice < HALF)))


class Examples(NamedTuple):
    """Images whose masks failed or not: features (n, d), `failed` (n,), and numbers of their data sets (n,)."""

    features: Array
    failed: Flags
    sets: NDArray[np.int64]


@dataclass(frozen=True)
class Logistic:
    """Probability as a logistic function of features: 1 / (1 + exp(−offset − slopes · features))."""

    slopes: Array
    offset: float

    @classmethod
    def fitted(cls, images: Examples, rising: Flags) -> Self:
        """Largest likelihood under a penalty on the slopes; those of `rising` features (d,) are never negative."""
        shares = set_weights(images.sets)
        centre, scale = centre_and_scale(images.features, shares)
        seen = np.column_stack([np.ones(len(shares)), (images.features - centre) / scale])
        middle, penalty = np.eye(1, seen.shape[1]), np.append(0.0, np.full(len(rising), PENALTY))
        ready, weights = np.concatenate([seen, middle, middle]), np.append(len(shares) * shares, [0.5, 0.5])
        sign = np.append(np.where(images.failed, 1.0, -1.0), [1.0, -1.0])

        def unlikely(found: Array) -> tuple[float, Array]:
            margin = sign * (ready @ found)
            slope = -(ready.T @ (weights * sign * expit(-margin))) + penalty * found
            return float(weights @ np.logaddexp(0.0, -margin) + 0.5 * penalty @ found**2), slope

        bounds = [(None, None), *((0.0 if one else None, None) for one in rising)]
        found = minimize(unlikely, np.zeros(ready.shape[1]), jac=True, method="L-BFGS-B", bounds=bounds).x
        slopes = found[1:] / scale
        return cls(slopes, float(found[0] - slopes @ centre))

    def logit(self, features: Array) -> Array:
        """Logarithm of the odds, (n,), at features (n, d)."""
        return np.asarray(features @ self.slopes + self.offset)


@dataclass(frozen=True)
class FailureModel:
    """The probability that a mask fails, and above which one it is doubted.

    Attributes
    ----------
    logistic
        Fitted to all images.
    left_out
        Probability (n,) of each image, its data set being left out.
    limit
        Probability above which a mask is doubted.
    """

    logistic: Logistic
    left_out: Array
    limit: float

    @classmethod
    def fitted(cls, images: Examples, rising: Flags, inside: Flags) -> Self:
        """Model of images, of which the training covered those `inside` (n,); `rising` (d,) as for the logistic."""
        left_out = np.empty(len(images.sets))
        folds = images.sets % FOLDS
        for fold in np.unique(folds):
            out = folds == fold
            others = Logistic.fitted(Examples(*(part[~out] for part in images)), rising)
            left_out[out] = expit(others.logit(images.features[out]))
        right = left_out[inside & ~images.failed]
        limit = float(np.clip(np.quantile(right, RIGHT), LEAST, MOST)) if len(right) else LEAST
        return cls(Logistic.fitted(images, rising), left_out, limit)

    def probability(self, features: Array, *, shift: float = 0.0) -> Array:
        """Probability (n,) that the masks of images with features (n, d) fail; `shift` is of the logit."""
        return np.asarray(expit(self.logistic.logit(features) + shift))

    def shift(self, features: Array, failed: Sequence[bool] | Flags) -> float:
        """Return what a laboratory's own images, whose masks `failed` (n,) or not, say that the logit is off by.

        The most probable shift, of a normal one with standard deviation 1 before they are seen.
        """
        margin, sign = self.logistic.logit(features), np.where(failed, 1.0, -1.0)

        def unlikely(shift: float) -> float:
            return float(np.logaddexp(0.0, -sign * (margin + shift)).sum() + 0.5 * (shift / LABORATORY) ** 2)

        return float(minimize_scalar(unlikely, bracket=(-1.0, 1.0)).x)
