"""The smallest generative adversarial network: it learns to draw points of the plane as they are distributed."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, JsonValue
from torch import Tensor, nn

from passband.generation.losses import discriminator_loss, generator_loss, r1_penalty
from passband.generation.moments import PointMoments, moment_errors, moments
from passband.recipe import PassbandError, Recipe
from passband.segmentation.saving import load_network, read_card_as, save_network
from passband.training import FitOptions, TrainingProgress, TrainingRecipe, Turn, fit

Points = NDArray[np.float64]
LEAST = 16  # points of a training
TRAINING = TrainingRecipe(
    epochs=8, steps_per_epoch=200, batch_size=256, learning_rate=1e-2, schedule="cosine", average=0.995
)


class PointGAN(Recipe):
    """Two networks for points in the plane.

    Attributes
    ----------
    latents
        Numbers, drawn from a standard normal distribution, that a point is made of.
    generator
        Widths of the hidden layers of the generator; with none it is an affine map, which draws Gaussians and nothing
        else, and whose mean and covariance are read off.
    discriminator
        Widths of the hidden layers of the discriminator.
    gamma
        Weight of R1, with which adversaries settle instead of circling one another (Mescheder et al. 2018); 0 leaves
        it out.
    momentum
        β₁ of Adam; large ones let adversaries circle (Radford et al. 2016 lowered it to 0.5).
    """

    latents: int = Field(default=2, ge=1, le=256)
    generator: tuple[int, ...] = Field(default=(), max_length=16)
    discriminator: tuple[int, ...] = Field(default=(32,), max_length=16)
    gamma: float = Field(default=1.0, ge=0.0)
    momentum: float = Field(default=0.5, ge=0.0, lt=1.0)

    def build(self) -> nn.Module:
        """Build the generator; its random start comes from torch's global generator."""
        return _perceptron((self.latents, *self.generator, 2))

    def build_meta(self) -> nn.Module:
        """Build it without the numbers of its tensors."""
        with torch.device("meta"):
            return self.build()

    def may_have(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Whether tensors of these shapes can be its own."""
        return len(shapes) == 2 * (len(self.generator) + 1)


def _perceptron(widths: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inside, outside in pairwise(widths):
        layers += [nn.Linear(inside, outside), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers[:-1])


class PointLearner(nn.Module):
    """A generator of points and its discriminator, which moves first at each step; `passband.training.fit` trains both.

    They see points (n, 2) of which each axis has mean 0 and deviation 1.
    """

    def __init__(self, recipe: PointGAN) -> None:
        super().__init__()
        self.recipe, self.generator = recipe, recipe.build()
        self.discriminator = _perceptron((2, *recipe.discriminator, 1))

    def turns(self) -> tuple[Turn, ...]:
        """Return whose turn it is, one after the other."""
        players = {"discriminator": self.discriminator, "generator": self.generator}
        betas = (self.recipe.momentum, 0.99)
        return tuple(Turn(name, tuple(player.parameters()), betas=betas) for name, player in players.items())

    def loss(self, batch: Tensor, *, step: int, turn: str) -> Tensor:
        """Return the logistic loss of a player; R1 is part of the discriminator's."""
        del step
        drawn = self.generator(torch.randn(len(batch), self.recipe.latents).to(batch.device))
        if turn == "generator":
            return generator_loss(self.discriminator(drawn))
        real = batch.requires_grad_(self.recipe.gamma > 0.0)
        logits = self.discriminator(real)
        loss = discriminator_loss(logits, self.discriminator(drawn.detach()))
        return loss + r1_penalty(logits, real, self.recipe.gamma) if self.recipe.gamma else loss

    def validate(self, name: str, batches: Iterable[Tensor]) -> dict[str, float]:
        """Return both losses at the points, and the errors of the moments of as many drawn points."""
        del name
        real = torch.cat(list(batches))
        latents = torch.randn(len(real), self.recipe.latents, generator=torch.Generator().manual_seed(0))
        drawn = self.generator(latents.to(real.device))
        logits = self.discriminator(drawn)
        error = moment_errors(moments(drawn.double().cpu().numpy()), moments(real.double().cpu().numpy()))
        return {
            "training_loss": float(discriminator_loss(self.discriminator(real), logits)),
            "generator_loss": float(generator_loss(logits)),
            "mean_error": error.mean,
            "covariance_error": error.covariance,
        }


class PointCard(Recipe):
    """What must be known of a generator of points.

    Attributes
    ----------
    network
        Its recipe.
    offset, gain
        A point is offset + gain · output, for x and y.
    training
        Recipe of its training, as plain values.
    points
        How many it was trained on.
    seconds
        That the training took.
    """

    network: PointGAN
    offset: tuple[float, float]
    gain: tuple[float, float]
    training: dict[str, JsonValue] = Field(default={})
    points: int = 0
    seconds: float = 0.0
    weights_sha256: str = ""


@dataclass(frozen=True)
class PointModel:
    """A trained generator of points, and its card."""

    network: nn.Module
    card: PointCard

    def sample(self, count: int, *, seed: int = 0) -> Points:
        """Draw points (count, 2)."""
        latents = torch.randn(count, self.card.network.latents, generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            drawn: Points = self.network(latents).double().numpy()
        scaled: Points = np.asarray(self.card.offset) + np.asarray(self.card.gain) * drawn
        return scaled

    def moments(self) -> PointMoments:
        """Return mean and covariance of all that an affine generator draws, Ax + b: b and AAᵀ.

        Raises
        ------
        PassbandError
            The generator has hidden layers.
        """
        if self.card.network.generator:
            raise PassbandError("a generator with hidden layers has no moments in closed form; use moments(sample(n))")
        gain, state = np.asarray(self.card.gain), self.network.state_dict()
        matrix = gain[:, None] * state["0.weight"].double().cpu().numpy()
        return PointMoments(self.card.offset + gain * state["0.bias"].double().cpu().numpy(), matrix @ matrix.T)


def load_points(directory: str | Path) -> PointModel:
    """Read a model that `train_points` wrote; ModelError where a file is missing, altered or of another network."""
    card = read_card_as(PointCard, directory)
    return PointModel(load_network(directory, card.network, card.weights_sha256), card)


def train_points(
    points: ArrayLike,
    recipe: PointGAN,
    directory: str | Path,
    *,
    training: TrainingRecipe = TRAINING,
    progress: Callable[[TrainingProgress], None] | None = None,
) -> PointModel:
    """Train a generator of points, or continue a training that was interrupted: it is the same call.

    Parameters
    ----------
    points
        (n, 2).
    recipe
        Of the networks.
    directory
        Checkpoints, history, and at the end weights and card are kept here.
    training
        Its running average of the weights is what is returned, as adversaries never stand still.
    progress
        Called after steps.

    Raises
    ------
    PassbandError
        There are fewer than 16 points, some are not finite, or all lie on a line along an axis.
    """
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 2 or len(array) < LEAST:
        raise PassbandError(f"points of shape {array.shape} must be (n, 2) with n of {LEAST} or more")
    offset, gain = array.mean(0), array.std(0)
    if not np.isfinite(array).all() or not (gain > 1e-12 * np.abs(offset)).all():
        raise PassbandError(f"points of standard deviation {gain} must be finite and vary along x and y; check them")
    scaled = torch.from_numpy((array - offset) / gain).float()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        learner = PointLearner(recipe)

    def batch(step: int, size: int) -> Tensor:
        return scaled[torch.from_numpy(np.random.default_rng([training.seed, step]).integers(len(scaled), size=size))]

    identity = f"{recipe.identity}:{moments(array).text}"
    history = fit(learner, batch, {"points": [scaled]}, training, directory, FitOptions(None, progress, identity))
    card = PointCard(
        network=recipe,
        offset=(float(offset[0]), float(offset[1])),
        gain=(float(gain[0]), float(gain[1])),
        training=training.model_dump(mode="json"),
        points=len(array),
        seconds=history.seconds,
    )
    return PointModel(learner.generator, save_network(directory, learner.generator, recipe, card))
