"""How a simple observer that learned under some conditions does under others: a forecast of what a network will lose.

The **mismatched channelised observer**. Image science asks what a task is worth under given conditions of a fixed,
linear observer behind a few channels (the channelised Hotelling observer: Barrett & Myers, Foundations of Image
Science, Wiley 2004, chapters 13 and 14). Here the observer tells particle from support at every pixel; it is trained
on simulated micrographs of the training conditions and measured on those of the evaluation. So the forecast knows the
specimen, the dose, the difficulty at the evaluation, the sign of the contrast, and structures that are not the
training's, of which a contrast transfer function knows nothing. It needs no network and about a second per data set.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from scipy.stats import mannwhitneyu
from sklearn.linear_model import LogisticRegression

from passband.dataset.acquisition import Acquisition
from passband.forecast.channels import ChannelRecipe, channel_images
from passband.recipe import PassbandError, Recipe
from passband.segmentation.losses import paper_loss

Array = NDArray[np.float64]

BATCH = 16  # images filtered together


class ObserverRecipe(Recipe):
    """The observer and what it is shown.

    Attributes
    ----------
    channels
        What it sees of each pixel.
    kind
        "linear": logistic regression on the channels, which all share one scale; "quadratic": on the channels, their
        squares and products; "random": on the channels and `hidden` random rectified sums of them, which bends and
        extrapolates as a network of rectifiers does.
    hidden
        Random sums; drawn from `seed`.
    ridge
        Penalty on the squared weights, per pixel.
    images, pixels
        Micrographs of each data set, and pixels drawn in each.
    seed
        Of the random sums and of the places of the pixels.
    """

    channels: ChannelRecipe = ChannelRecipe()
    kind: Literal["linear", "quadratic", "random"] = "linear"
    hidden: int = Field(default=128, ge=1, le=4096)
    ridge: float = Field(default=1e-3, gt=0.0)
    images: int = Field(default=48, ge=1)
    pixels: int = Field(default=256, ge=1)
    seed: int = Field(default=0, ge=0)


@dataclass(frozen=True)
class PixelSample:
    """Pixels of one data set: channels (n, c), truth (n,), and the number of the micrograph of each (n,)."""

    channels: Array
    truth: NDArray[np.bool_]
    image: NDArray[np.int64]


class ObserverScores(NamedTuple):
    """What observers trained on n data sets reach on m others; each (n, m).

    `loss` is on the scale of arXiv 2512.09067, `auc` the area under the ROC curve (0.5 is guessing).
    """

    loss: Array
    cross_entropy: Array
    auc: Array


def sample_pixels(acquisition: Acquisition, recipe: ObserverRecipe) -> PixelSample:
    """Draw pixels of a data set's micrographs, with what the channels say of them.

    Two acquisitions that differ in conditions only, `in_turn` and of one seed, show the same structures at the same
    places, so that their comparison does not suffer from which structures were drawn.

    Raises
    ------
    PassbandError
        The patches are too small for the channels' border.
    """
    rng = np.random.default_rng(recipe.seed)
    size = min(BATCH, recipe.images)
    channels, truth = [], []
    for step in range(ceil(recipe.images / size)):
        batch = acquisition.batch(step, size)
        responses = channel_images(batch.images, recipe.channels).flatten(2).cpu()
        masks = batch.masks.flatten(1).cpu()
        for response, mask in zip(responses, masks, strict=True):
            places = torch.from_numpy(rng.integers(mask.shape[0], size=recipe.pixels))
            channels.append(response[:, places].T.double().numpy())
            truth.append(mask[places].numpy() > 0)
    kept = slice(0, recipe.images)
    image = np.repeat(np.arange(recipe.images), recipe.pixels)
    return PixelSample(np.concatenate(channels[kept]), np.concatenate(truth[kept]), image)


class Observer:
    """An observer trained on the pixels of one data set.

    Raises
    ------
    PassbandError
        The pixels are all of one class.
    """

    def __init__(self, sample: PixelSample, recipe: ObserverRecipe) -> None:
        if sample.truth.all() or not sample.truth.any():
            raise PassbandError(
                f"all {len(sample.truth)} pixels are of one class; train on structures with particles and support"
            )
        self.recipe = recipe
        self.centre = sample.channels.mean(0)
        self.spread = np.maximum(sample.channels.std(0), 1e-9)
        count = sample.channels.shape[1]
        rng = np.random.default_rng(np.random.SeedSequence([recipe.seed, count]))
        self._weights = rng.standard_normal((count, recipe.hidden)) / np.sqrt(count)
        self._offsets = rng.uniform(-1.0, 1.0, recipe.hidden)
        regression = LogisticRegression(
            C=1.0 / (recipe.ridge * len(sample.truth)), solver="newton-cholesky", tol=1e-4, max_iter=100
        )
        self._regression = regression.fit(self._features(sample.channels), sample.truth)

    def logits(self, channels: Array) -> Array:
        """Logarithm of the odds that each pixel (n, c) shows a particle; (n,)."""
        found: Array = self._regression.decision_function(self._features(channels))
        return found

    def _features(self, channels: Array) -> Array:
        scaled: Array = (channels - self.centre) / self.spread
        if self.recipe.kind == "linear":
            return scaled
        if self.recipe.kind == "quadratic":
            first, second = np.triu_indices(scaled.shape[1])
            return np.concatenate((scaled, scaled[:, first] * scaled[:, second]), axis=1)
        return np.concatenate((scaled, np.maximum(scaled @ self._weights + self._offsets, 0.0)), axis=1)


def observer_scores(
    training: Sequence[PixelSample], evaluation: Sequence[PixelSample], recipe: ObserverRecipe
) -> ObserverScores:
    """Train an observer on each of n data sets and measure it on each of m.

    Forecasts compare data sets that share no structure: give held-out structures as `evaluation`.

    Raises
    ------
    PassbandError
        A training sample holds one class only.
    """
    table = np.zeros((3, len(training), len(evaluation)))
    for row, sample in enumerate(training):
        observer = Observer(sample, recipe)
        for column, other in enumerate(evaluation):
            table[:, row, column] = _scores(observer.logits(other.channels), other.truth)
    return ObserverScores(*table)


def _scores(logits: Array, truth: NDArray[np.bool_]) -> tuple[float, float, float]:
    both = torch.from_numpy(np.stack((np.zeros_like(logits), logits), axis=1))
    paper = float(paper_loss(both, torch.from_numpy(truth.astype(np.int64))))
    entropy = float(np.logaddexp(0.0, np.where(truth, -logits, logits)).mean())
    return paper, entropy, area_under_curve(logits, truth)


def area_under_curve(values: Array, truth: NDArray[np.bool_]) -> float:
    """Return the chance that a true pixel has the larger value, ties counting half; NaN where a class is missing."""
    positive, negative = values[truth], values[~truth]
    if not len(positive) or not len(negative):
        return float("nan")
    wins = mannwhitneyu(positive, negative, method="asymptotic").statistic  # its p-value is of no interest here
    return float(wins / (len(positive) * len(negative)))
