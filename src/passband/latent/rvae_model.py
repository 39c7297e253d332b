"""A trained rotation-invariant autoencoder with its card: kept in a folder, asked for latents, drawn as a manifold."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, JsonValue
from torch import nn

from passband.latent.learner import elbo
from passband.latent.patches import LARGEST_SIDE, Patches, Scaling, checked
from passband.latent.rvae import RVAE, RotationInvariantVAE
from passband.recipe import Recipe
from passband.segmentation.saving import load_network, read_card_as, save_network


class PatchNetwork(Recipe):
    """The recipe of a network for patches of one shape, as weights are compared with it."""

    recipe: RotationInvariantVAE
    shape: tuple[int, int]

    def may_have(self, shapes: object) -> bool:
        """Whether its tensors are no larger than any that are asked for here."""
        del shapes
        return max(self.shape) <= LARGEST_SIDE

    def build(self) -> nn.Module:
        """Build the network; its random start comes from torch's global generator."""
        return RVAE(self.recipe, self.shape)

    def build_meta(self) -> nn.Module:
        """Build it without the numbers of its tensors."""
        return self.build().to("meta")


class RVAECard(Recipe):
    """What must be known of a trained autoencoder.

    Attributes
    ----------
    network
        Its recipe and the shape of its patches.
    offset, gain
        A patch is (value − offset) / gain of the image to the network; 0 and 1 for maps of probability.
    pixel_size
        Of patches, Å; None where it is not known.
    training
        Recipe of its training, as plain values.
    patches
        How many it was trained on.
    bound_nats
        Mean parts of the evidence lower bound over these, for densities in the units of the image.
    collapsed
        Latents that say nothing.
    seconds
        That the training took.
    """

    network: PatchNetwork
    offset: float = 0.0
    gain: float = Field(default=1.0, gt=0.0)
    pixel_size: float | None = None
    training: dict[str, JsonValue] = Field(default={})
    patches: int = 0
    bound_nats: dict[str, float] = Field(default={})
    collapsed: tuple[str, ...] = ()
    seconds: float = 0.0
    weights_sha256: str = ""

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


class RVAEModel:
    """A trained network and its card."""

    def __init__(self, network: RVAE, card: RVAECard) -> None:
        self.network, self.card = network.eval(), card

    def encode(self, images: ArrayLike, classes: NDArray[np.int64] | None = None) -> Latents:
        """Return the latents of patches, (n, h, w) or with a channel of 1, in the units of the image."""
        patches = checked(images, self.card.network.shape)
        recipe, half = self.network.recipe, max(1.0, 0.5 * (max(self.card.network.shape) - 1))
        found: list[tuple[NDArray[np.float64], ...]] = []
        with torch.no_grad():
            scaling = Scaling(self.card.offset, self.card.gain)
            for batch in Patches(patches, classes, scaling=scaling).in_turn():
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

    def manifold(self, side: int = 9, *, reach: float = 1.65) -> NDArray[np.float32]:
        """Return the images of a grid over the first two content latents, (side, side, h, w): z1 to the right, z2 down.

        They go from −`reach` to `reach`, by default 90 % of the prior; further latents are 0.
        """
        steps = torch.linspace(-reach, reach, side)
        second, first = torch.meshgrid(steps, steps, indexing="ij")
        content = torch.zeros(side * side, self.network.recipe.content)
        for column, values in enumerate((first, second)[: self.network.recipe.content]):
            content[:, column] = values.flatten()
        told = torch.zeros(side * side, dtype=torch.long) if self.network.recipe.classes else None
        with torch.no_grad():
            drawn = self.network.draw(content, classes=told) * self.card.gain + self.card.offset
        return drawn.reshape(side, side, *self.card.network.shape).numpy()

    def save(self, directory: str | Path) -> "RVAEModel":
        """Write weights and card into a folder."""
        return RVAEModel(self.network, save_network(directory, self.network, self.card.network, self.card))


def load_rvae(directory: str | Path) -> RVAEModel:
    """Read a model that `RVAEModel.save` wrote; ModelError where a file is missing, altered or of another network."""
    card = read_card_as(RVAECard, directory)
    network = load_network(directory, card.network, card.weights_sha256)
    assert isinstance(network, RVAE)
    return RVAEModel(network, card)
