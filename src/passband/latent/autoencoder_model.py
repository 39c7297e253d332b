"""A trained convolutional autoencoder with its card: trained on patches, kept in a folder, asked for latents."""

from collections.abc import Callable
from math import log, prod
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from passband.latent.autoencoder import Autoencoder, AutoencoderLearner, ConvolutionalAE, mean_likelihood
from passband.latent.likelihood import BernoulliPixels
from passband.latent.manifold import content_grid
from passband.latent.patch_model import PatchCard, PatchModel, PatchNetwork, read_model
from passband.latent.patch_training import TRAINING, built, fit_patches
from passband.latent.patches import Patches, checked, scaling_of
from passband.training import TrainingProgress, TrainingRecipe


class AutoencoderNetwork(PatchNetwork):
    """A convolutional autoencoder for patches of one shape."""

    recipe: ConvolutionalAE

    def build(self) -> nn.Module:
        """Build the network; its random start comes from torch's global generator."""
        return Autoencoder(self.recipe, self.shape)


class AutoencoderCard(PatchCard):
    """What must be known of a trained autoencoder, beside what every network for patches has.

    Attributes
    ----------
    network
        Its recipe and the shape of its patches.
    likelihood_nats
        Mean logarithm of the likelihood of the patches as drawn again, for densities in the units of the image.
    low, high
        Between these, 5 and 95 % of the patches, lie their latents.
    """

    network: AutoencoderNetwork
    likelihood_nats: float = 0.0
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


class AutoencoderModel(PatchModel[Autoencoder, AutoencoderCard]):
    """A trained network and its card."""

    def encode(self, images: ArrayLike) -> NDArray[np.float64]:
        """Return the latents (n, d) of patches, (n, h, w) or with a channel of 1, in the units of the image."""
        patches = checked(images, self.card.network.shape)
        device = self.network.log_noise.device
        with torch.no_grad():
            batches = Patches(patches, scaling=self.card.scaling).in_turn()
            found = [self.network.content(batch.images.to(device)).double().cpu().numpy() for batch in batches]
        return np.concatenate(found)

    def manifold(self, side: int = 9) -> NDArray[np.float32]:
        """Return the images of a grid over the first two latents, (side, side, h, w): z1 to the right, z2 down.

        They go over the middle 90 % of the patches that it was trained on; further latents are in their middle.
        """
        with torch.no_grad():
            grid = content_grid(self.card.low, self.card.high, side).to(self.network.log_noise.device)
            drawn = self.network.draw(grid) * self.card.gain + self.card.offset
        return drawn.reshape(side, side, *self.card.network.shape).cpu().numpy()


def load_autoencoder(directory: str | Path) -> AutoencoderModel:
    """Read a model that was saved; ModelError where a file is missing, altered or of another network."""
    return AutoencoderModel(*read_model(directory, AutoencoderCard, Autoencoder))


def train_autoencoder(
    images: ArrayLike,
    recipe: ConvolutionalAE,
    directory: str | Path,
    *,
    training: TrainingRecipe = TRAINING,
    progress: Callable[[TrainingProgress], None] | None = None,
) -> AutoencoderModel:
    """Train an autoencoder on patches, or continue a training that was interrupted: it is the same call.

    Arguments and errors are those of `passband.latent.rvae_training.train_rvae`.
    """
    patches = checked(images)
    scaling = scaling_of(patches, probabilities=isinstance(recipe.likelihood, BernoulliPixels))
    batches = Patches(patches, scaling=scaling, seed=training.seed)
    architecture = AutoencoderNetwork(recipe=recipe, shape=(patches.shape[1], patches.shape[2]))
    network = built(architecture, training.seed)
    assert isinstance(network, Autoencoder)
    done = fit_patches(AutoencoderLearner(network), batches, architecture, directory, training, progress)
    likelihood = mean_likelihood(network, batches.in_turn())
    assert likelihood is not None
    card = AutoencoderCard(
        network=architecture,
        offset=scaling.offset,
        gain=scaling.gain,
        training=done.training.model_dump(mode="json"),
        patches=len(patches),
        seconds=done.seconds,
        likelihood_nats=likelihood - log(scaling.gain) * prod(architecture.shape),
    )
    content = AutoencoderModel(network, card).encode(patches)
    low, high = (tuple(map(float, ends)) for ends in np.quantile(content, (0.05, 0.95), axis=0))
    return AutoencoderModel(network, card.model_copy(update={"low": low, "high": high})).save(directory)
