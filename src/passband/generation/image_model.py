"""A trained generator with its card: kept in a folder without pickle, drawn from by a seed, walked through."""

from collections.abc import Sequence
from math import acos, sin
from pathlib import Path
from typing import Annotated, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, JsonValue, SerializeAsAny
from torch import Tensor, nn

import passband.generation.dcgan
import passband.generation.stylegan2  # noqa: F401  registers its kind
from passband.generation.architecture import GENERATORS, ImageGenerator
from passband.recipe import PassbandError, Recipe
from passband.segmentation.saving import load_network, read_card_as, save_network

AT_ONCE = 16  # images that are drawn together


class ImageCard(Recipe):
    """What must be known of a trained generator.

    Attributes
    ----------
    network
        Its recipe.
    offset, gain
        An image is value · gain + offset of what the network draws, in the units of the training images.
    pixel_size
        Of images, Å; None where it is not known.
    normalisation
        What was done to the values of micrographs before, in words.
    training
        Recipe of its training, as plain values.
    images
        How many crops it was trained on.
    kimg
        Thousands of real images that it was shown.
    p
        Probability of augmentation at the end; above 0.8 the changes may have been learnt too.
    near_copies
        Share of samples that were near copies of training images; None where nobody looked.
    seconds
        That the training took.
    """

    network: Annotated[SerializeAsAny[ImageGenerator], BeforeValidator(GENERATORS.validate)]
    offset: float = 0.0
    gain: float = Field(default=1.0, gt=0.0)
    pixel_size: float | None = None
    normalisation: str = ""
    training: dict[str, JsonValue] = Field(default={})
    images: int = 0
    kimg: float = 0.0
    p: float = 0.0
    near_copies: float | None = None
    seconds: float = 0.0
    weights_sha256: str = ""


class ImageModel:
    """A generator, ready to be asked, and its card."""

    def __init__(self, network: nn.Module, card: ImageCard) -> None:
        self.network, self.card = network.eval().requires_grad_(False), card

    def save(self, directory: str | Path) -> Self:
        """Write weights and card into a folder."""
        card = save_network(directory, self.network, self.card.network, self.card)
        return type(self)(self.network, card)

    def latents(self, count: int, seed: int) -> Tensor:
        """Return the normal numbers of images, (count, recipe.latents); those of image k follow from the seed and k."""
        size = self.card.network.latents
        draws = [np.random.default_rng([seed, number]).standard_normal(size, np.float32) for number in range(count)]
        return torch.from_numpy(np.stack(draws)) if draws else torch.zeros(0, size)

    def drawn(self, latents: Tensor, *, truncation: float = 1.0) -> NDArray[np.float32]:
        """Return images (n, size, size) of latents (n, recipe.latents), in the units of the training images."""
        device = next(iter(self.network.state_dict().values())).device
        parts = [
            self.network(part.to(device), truncation=truncation)[:, 0].cpu() for part in torch.split(latents, AT_ONCE)
        ]
        images: NDArray[np.float32] = (torch.cat(parts) * self.card.gain + self.card.offset).numpy()
        return images

    def sample(self, count: int, seed: int = 0, truncation: float = 1.0) -> NDArray[np.float32]:
        """Draw images, (count, size, size); the same seed gives the same bytes on a CPU with as many threads.

        Parameters
        ----------
        count
            How many.
        seed
            Of their latents and noise.
        truncation
            1 draws what was learnt; less draws closer to the mean style, likelier images of less variety; 0 the mean
            style alone.
        """
        if not 0.0 <= truncation <= 1.0:
            raise PassbandError(f"truncation={truncation} must be from 0 (the mean style) to 1 (what was learnt)")
        if count < 1:
            raise PassbandError(f"{count} images cannot be drawn; ask for 1 or more")
        return self.drawn(self.latents(count, seed), truncation=truncation)

    def interpolate(self, seeds: Sequence[int], frames: int, truncation: float = 1.0) -> NDArray[np.float32]:
        """Walk from the first image of each seed to that of the next, over great circles of z: (frames, size, size).

        Noise stays that of the first seed, so that between two frames only the style changes. The ends are frames.
        """
        if len(seeds) < 2 or frames < 2:
            raise PassbandError(f"{len(seeds)} seeds and {frames} frames make no way; give 2 or more of each")
        ends = torch.cat([self.latents(1, seed) for seed in seeds])
        size = self.card.network.latent
        found = ends[:1].repeat(frames, 1)
        for number, place in enumerate(np.linspace(0.0, len(seeds) - 1.0, frames)):
            start = min(int(place), len(seeds) - 2)
            found[number, :size] = slerp(ends[start, :size], ends[start + 1, :size], place - start)
        return self.drawn(found, truncation=truncation)


def slerp(first: Tensor, second: Tensor, part: float) -> Tensor:
    """Go a part of the great circle from one latent (d,) to another, and the same part of the lengths between them.

    In many dimensions normal latents lie near a sphere; the straight line between two leaves it, and the images in its
    middle are none that were trained (White 2016, arXiv 1609.04468).
    """
    lengths = float(first.norm()), float(second.norm())
    a, b = first / lengths[0], second / lengths[1]
    angle = acos(max(-1.0, min(1.0, float(a @ b))))
    length = lengths[0] + part * (lengths[1] - lengths[0])
    if sin(angle) < 1e-6:  # the same direction, or opposite ones, between which no circle is the shortest
        return length * torch.nn.functional.normalize(a.lerp(b, part), dim=0)
    return length * (sin((1.0 - part) * angle) * a + sin(part * angle) * b) / sin(angle)


def load_generator(directory: str | Path) -> ImageModel:
    """Read a model that `ImageModel.save` wrote; ModelError where a file is missing, altered or another one."""
    card = read_card_as(ImageCard, directory)
    network = load_network(directory, card.network, card.weights_sha256)
    return ImageModel(network, card)
