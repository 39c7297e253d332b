"""Convolutional autoencoder: two numbers that a patch is drawn from again; the rival of a rotation-invariant one.

Its numbers mix how a patch is turned, where it lies and what it shows (Kalinin et al., Sci. Adv. 2021).
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from passband.latent.likelihood import GaussianPixels, Likelihood
from passband.latent.patches import PatchBatch
from passband.recipe import Recipe


class ConvolutionalAE(Recipe):
    """Architecture and likelihood of a convolutional autoencoder.

    Attributes
    ----------
    content
        Number of latents.
    filters
        Of each convolution; each halves the sides of a patch.
    likelihood
        Of pixels.
    """

    content: int = Field(default=2, ge=1, le=64)
    filters: tuple[int, ...] = (32, 64)
    likelihood: Likelihood = GaussianPixels()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not 1 <= len(self.filters) <= 5 or any(not 1 <= number <= 512 for number in self.filters):
            raise ValueError(f"filters={list(self.filters)} must be one to five numbers, each from 1 to 512")
        return self


class Autoencoder(nn.Module):
    """The networks of a `ConvolutionalAE` for patches of one shape (h, w)."""

    def __init__(self, recipe: ConvolutionalAE, shape: tuple[int, int]) -> None:
        super().__init__()
        self.recipe, self.shape = recipe, shape
        sides = [shape]
        for _ in recipe.filters:
            sides.append(((sides[-1][0] + 1) // 2, (sides[-1][1] + 1) // 2))
        channels, smallest = (1, *recipe.filters), (recipe.filters[-1], *sides[-1])
        numbers = smallest[0] * smallest[1] * smallest[2]
        down: list[nn.Module] = []
        for before, after in pairwise(channels):
            down += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.LeakyReLU(0.1)]
        self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(numbers, recipe.content))
        up: list[nn.Module] = [nn.Linear(recipe.content, numbers), nn.LeakyReLU(0.1), nn.Unflatten(1, smallest)]
        back = (*recipe.filters[::-1], recipe.filters[0])
        for (before, after), side in zip(pairwise(back), sides[-2::-1], strict=True):
            up += [nn.Upsample(side), nn.Conv2d(before, after, 3, padding=1), nn.LeakyReLU(0.1)]
        self.decoder = nn.Sequential(*up, nn.Conv2d(recipe.filters[0], 1, 3, padding=1))
        self.log_noise = nn.Parameter(torch.zeros(()))

    def content(self, images: Tensor) -> Tensor:
        """Return the latents (n, content) of patches (n, h, w)."""
        found: Tensor = self.encoder(images[:, None])
        return found

    def drawn(self, content: Tensor) -> Tensor:
        """Return what the likelihood takes for patches (n, h, w): values, or logits."""
        found: Tensor = self.decoder(content)[:, 0]
        return found

    def draw(self, content: Tensor) -> Tensor:
        """Return the images (n, h, w) of latents (n, content)."""
        return self.recipe.likelihood.image_of(self.drawn(content))

    def log_likelihood(self, images: Tensor) -> Tensor:
        """Return that of patches (n, h, w) as they are drawn again, nats: (n,)."""
        drawn = self.drawn(self.content(images))
        return self.recipe.likelihood.log_likelihood(drawn, images, self.log_noise).sum((1, 2))


class AutoencoderLearner(nn.Module):
    """An autoencoder with its loss, the negative logarithm of the likelihood; `passband.training.fit` trains it."""

    def __init__(self, network: Autoencoder) -> None:
        super().__init__()
        self.network = network

    def loss(self, batch: PatchBatch, *, step: int) -> Tensor:
        """Mean of it, nats a pixel."""
        del step
        images = batch.images.to(self.network.log_noise.device)
        return -self.network.log_likelihood(images).mean() / images[0].numel()

    def validate(self, name: str, batches: Iterable[PatchBatch]) -> dict[str, float]:
        """Return it as `training_loss`, nats a pixel."""
        found = mean_likelihood(self.network, batches)
        if found is None:
            raise ValueError(f"the set {name!r} holds no patch; give at least one batch")
        return {"training_loss": -found / (self.network.shape[0] * self.network.shape[1])}


def mean_likelihood(network: Autoencoder, batches: Iterable[PatchBatch]) -> float | None:
    """Return the mean logarithm of the likelihood over patches, nats; None where there is no patch."""
    total, count = 0.0, 0
    with torch.no_grad():
        for batch in batches:
            total += float(network.log_likelihood(batch.images.to(network.log_noise.device)).double().sum())
            count += len(batch.images)
    return total / count if count else None
