"""Training of a rotation-invariant autoencoder on patches."""

from collections.abc import Callable
from math import log, prod
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from passband.latent.learner import LatentLearner, asleep, mean_bound
from passband.latent.likelihood import BernoulliPixels
from passband.latent.patch_training import TRAINING, built, fit_patches
from passband.latent.patches import Patches, checked, scaling_of
from passband.latent.rvae import RVAE, RotationInvariantVAE
from passband.latent.rvae_model import RVAECard, RVAEModel, RVAENetwork
from passband.training import TrainingProgress, TrainingRecipe


def train_rvae(
    images: ArrayLike,
    recipe: RotationInvariantVAE,
    directory: str | Path,
    *,
    classes: NDArray[np.int64] | None = None,
    training: TrainingRecipe = TRAINING,
    progress: Callable[[TrainingProgress], None] | None = None,
) -> RVAEModel:
    """Train an autoencoder on patches, or continue a training that was interrupted: it is the same call.

    Parameters
    ----------
    images
        (n, h, w), or with a channel of 1; from 0 to 1 for a Bernoulli likelihood. For a Gaussian one they are
        standardised as a whole.
    recipe
        Of the network.
    directory
        Checkpoints, history, and at the end weights and card are kept here.
    classes
        (n,) whole numbers, where the recipe has known classes.
    training
        `steps_per_epoch` is overruled: an epoch sees every patch once.
    progress
        Called after steps.

    Raises
    ------
    PassbandError
        Patches are too few for a batch of 2, all alike, or not from 0 to 1 under a Bernoulli likelihood.
    """
    patches = checked(images)
    scaling = scaling_of(patches, probabilities=isinstance(recipe.likelihood, BernoulliPixels))
    batches = Patches(patches, classes, scaling=scaling, seed=training.seed)
    architecture = RVAENetwork(recipe=recipe, shape=(patches.shape[1], patches.shape[2]))
    network = built(architecture, training.seed)
    assert isinstance(network, RVAE)
    steps = training.epochs * batches.steps(min(training.batch_size, len(patches)))
    warm_up = round(recipe.warm_up * steps)
    learner = LatentLearner(network, beta=recipe.beta, warm_up=warm_up, geometry=_geometry(recipe, steps))
    done = fit_patches(learner, batches, architecture, directory, training, progress)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        parts = mean_bound(network, batches.in_turn())
    parts["likelihood"] -= log(scaling.gain) * prod(architecture.shape)  # density in the units of the image
    card = RVAECard(
        network=architecture,
        offset=scaling.offset,
        gain=scaling.gain,
        training=done.training.model_dump(mode="json"),
        patches=len(patches),
        bound_nats=parts,
        collapsed=asleep(network, parts),
        seconds=done.seconds,
    )
    content = RVAEModel(network, card).encode(patches, classes).content
    low, high = (tuple(map(float, ends)) for ends in np.quantile(content, (0.05, 0.95), axis=0))
    return RVAEModel(network, card.model_copy(update={"low": low, "high": high})).save(directory)


def _geometry(recipe: RotationInvariantVAE, steps: int) -> int:
    """Return the steps that belong to angle, shift and scale; none where the recipe has none of these."""
    there = recipe.angle is not None or recipe.shift is not None or recipe.scale is not None
    return round(recipe.geometry * steps) if there else 0
