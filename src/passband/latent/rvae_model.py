"""A trained rotation-invariant autoencoder with its card: kept in a folder, asked for latents, drawn as a manifold."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from torch import nn

from passband.latent.learner import elbo
from passband.latent.manifold import content_grid
from passband.latent.patch_model import PatchCard, PatchModel, PatchNetwork, read_model
from passband.latent.patches import Patches, checked
from passband.latent.rvae import RVAE, RotationInvariantVAE


class RVAENetwork(PatchNetwork):
    """A rotation-invariant autoencoder for patches of one shape."""

    recipe: RotationInvariantVAE

    def build(self) -> nn.Module:
        """Build the network; its random start comes from torch's global generator."""
        return RVAE(self.recipe, self.shape)


class RVAECard(PatchCard):
    """What must be known of a trained autoencoder, beside what every network for patches has.

    Attributes
    ----------
    network
        Its recipe and the shape of its patches.
    bound_nats
        Mean parts of the evidence lower bound over the patches, for densities in the units of the image.
    collapsed
        Latents that say nothing.
    low, high
        Between these, 5 and 95 % of the patches, lie their content latents.
    """

    network: RVAENetwork
    bound_nats: dict[str, float] = Field(default={})
    collapsed: tuple[str, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    @property
    def elbo_nats(self) -> float:
        """Evidence lower bound of a mean patch, nats."""
        return elbo(self.bound_nats)


@dataclass(frozen=True)
class Latents:
    """What a network says of n patches, and how sure it is.

    `angle` (n,) rad, from x towards y; `shift` (n, 2) y, x in pixels of the patch; `scale` (n,); `content` (n, d);
    `state` (n,), the likeliest, or all 0; `angle_deviation` (n,) rad and `content_deviation` (n, d) are standard
    deviations.
    """

    angle: NDArray[np.float64]
    shift: NDArray[np.float64]
    scale: NDArray[np.float64]
    content: NDArray[np.float64]
    state: NDArray[np.int64]
    angle_deviation: NDArray[np.float64]
    content_deviation: NDArray[np.float64]


class RVAEModel(PatchModel[RVAE, RVAECard]):
    """A trained network and its card."""

    def encode(self, images: ArrayLike, classes: NDArray[np.int64] | None = None) -> Latents:
        """Return the latents of patches, (n, h, w) or with a channel of 1, in the units of the image."""
        patches = checked(images, self.card.network.shape)
        recipe, half = self.network.recipe, max(1.0, 0.5 * (max(self.card.network.shape) - 1))
        found: list[tuple[NDArray[np.float64], ...]] = []
        with torch.no_grad():
            for batch in Patches(patches, classes, scaling=self.card.scaling).in_turn():
                one = self.network.posterior(batch.images.to(self.network.places.device), batch.classes)
                spread = self.network.deviations(one)
                shift = half * one.shift.flip(1) if recipe.shift else torch.zeros_like(one.shift)
                scale = torch.exp(one.scale) if recipe.scale else torch.ones_like(one.scale)
                angle = one.angle if recipe.angle else torch.zeros_like(one.angle)
                state = one.logits.argmax(1) if recipe.discrete else torch.zeros(len(batch.images))
                parts = (angle, shift, scale, one.content, state, spread.angle, spread.content)
                found.append(tuple(part.double().cpu().numpy() for part in parts))
        angle_, shift_, scale_, content, state_, of_angle, of_content = map(np.concatenate, zip(*found, strict=True))
        return Latents(angle_, shift_, scale_, content, state_.astype(np.int64), of_angle, of_content)

    def manifold(self, side: int = 9, *, angle: float = 0.0, known: int = 0) -> NDArray[np.float32]:
        """Return the images of a grid over the first two content latents, (side, side, h, w): z1 to the right, z2 down.

        They go over the middle 90 % of the patches that it was trained on; further latents are in their middle.
        All are turned by `angle`, rad, and of the class `known`, where the network is told classes.
        """
        recipe, device = self.network.recipe, self.network.places.device
        content = content_grid(self.card.low, self.card.high, side).to(device)
        told = torch.full((side * side,), known, dtype=torch.long, device=device) if recipe.classes else None
        with torch.no_grad():
            drawn = self.network.draw(content, classes=told, angle=angle) * self.card.gain + self.card.offset
        return drawn.reshape(side, side, *self.card.network.shape).cpu().numpy()


def load_rvae(directory: str | Path) -> RVAEModel:
    """Read a model that `RVAEModel.save` wrote; ModelError where a file is missing, altered or of another network."""
    return RVAEModel(*read_model(directory, RVAECard, RVAE))
