"""Training of any network on patches: every epoch sees each of them once."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from passband.latent.patch_model import PatchNetwork
from passband.latent.patches import Patches, fingerprint
from passband.training import FitOptions, Learner, TrainingProgress, TrainingRecipe, fit

TRAINING = TrainingRecipe(epochs=40, batch_size=100, optimiser="adam", learning_rate=2e-3, schedule="cosine")


class Trained(NamedTuple):
    """The recipe that a training had, as plain values, and the seconds that it took: fields of a card."""

    training: TrainingRecipe
    seconds: float


def built(architecture: PatchNetwork, seed: int) -> nn.Module:
    """Build a network whose random start a seed gives."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return architecture.build()


def fit_patches(
    learner: Learner,
    batches: Patches,
    architecture: PatchNetwork,
    directory: str | Path,
    training: TrainingRecipe,
    progress: Callable[[TrainingProgress], None] | None = None,
) -> Trained:
    """Train a learner whose network is of an `architecture`, or go on with a training that was interrupted.

    `steps_per_epoch` of the training is overruled. A directory that holds a training on other patches, or of another
    network, is refused by a TrainingError.
    """
    size = min(training.batch_size, len(batches.images))
    exact = training.model_copy(
        update={"batch_size": size, "steps_per_epoch": batches.steps(size), "validate_every": training.epochs}
    )
    course = str(getattr(learner, "course", ""))  # what depends on the length of the training
    identity = f"{architecture.identity}:{fingerprint(batches.images)}{course}"
    history = fit(learner, batches, {}, exact, directory, FitOptions(progress=progress, identity=identity))
    return Trained(exact, history.seconds)
