"""DCGAN, the deep convolutional generative adversarial network of Radford et al. (2016), for micrographs."""

from collections.abc import Iterable, Mapping
from math import log2
from typing import Any, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from passband.generation.architecture import GENERATORS, ImageGenerator, checked_size
from passband.generation.image_learner import Scoring
from passband.generation.losses import discriminator_loss, generator_loss
from passband.generation.resampling import pixel_by_pixel
from passband.training import Turn

BETAS = (0.5, 0.999)  # of Adam (Radford et al. 2016, section 4)
AT_ONCE = 64  # images that are generated together
DEVIATION = 0.02  # of the random start (the same)


@GENERATORS.register
class DCGAN(ImageGenerator):
    """Widths of the networks.

    A layer of s pixels a side has width · size / (2 s) channels. The lecture's network, that of the paper, has 64
    pixels a side, 100 latents and a width of 64; the defaults train on two cores.

    Attributes
    ----------
    size
        Pixels of a side: 32, 64, 128, 256 or 512.
    latent
        Numbers that an image is made of.
    width
        Channels of the finest layer.
    """

    kind: Literal["dcgan"] = "dcgan"
    latent: int = Field(default=100, ge=2, le=4096)
    width: int = Field(default=16, ge=1, le=256)

    @model_validator(mode="after")
    def _check(self) -> Self:
        checked_size(self.size)
        return self

    @property
    def latents(self) -> int:
        """All of them belong to the style; there is no noise beside."""
        return self.latent

    @property
    def channels(self) -> tuple[int, ...]:
        """Of the layers from 4 pixels a side to half the size."""
        return tuple(self.width * 2**k for k in reversed(range(round(log2(self.size)) - 2)))

    def build(self) -> nn.Module:
        """Build the generator; its random start comes from torch's global generator."""
        return DCGANGenerator(self)


class DCGANGenerator(nn.Module):
    """Transposed convolutions from latents to images of −1 to 1, with batch normalisation between them."""

    def __init__(self, recipe: DCGAN) -> None:
        super().__init__()
        first, *others = recipe.channels
        layers: list[nn.Module] = [nn.ConvTranspose2d(recipe.latent, first, 4, bias=False)]
        for inside, outside in zip(recipe.channels, [*others, 1], strict=True):
            layers += [
                nn.BatchNorm2d(inside),
                nn.ReLU(),
                nn.ConvTranspose2d(inside, outside, 4, 2, 1, bias=outside == 1),
            ]
        self.layers = nn.Sequential(*layers, nn.Tanh())
        self.apply(_initialise)

    def forward(self, latents: Tensor, *, truncation: float = 1.0) -> Tensor:  # (n, latent)
        """Return images (n, 1, size, size); truncation shortens the latents, whose mean is the mean image's."""
        first, others = self.layers[0], self.layers[1:]
        images: Tensor = others(pixel_by_pixel(first(truncation * latents[:, :, None, None])))
        return images


class DCGANDiscriminator(nn.Module):
    """Convolutions of stride 2 from an image to one logit, with batch normalisation but at both ends."""

    def __init__(self, recipe: DCGAN) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inside = 1
        for outside in reversed(recipe.channels):
            layers += [nn.Conv2d(inside, outside, 4, 2, 1, bias=inside == 1)]
            layers += [nn.BatchNorm2d(outside)] if inside > 1 else []
            layers += [nn.LeakyReLU(0.2)]
            inside = outside
        self.layers = nn.Sequential(*layers, nn.Conv2d(inside, 1, 4))
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Tensor:  # (n, 1, size, size)
        """Return logits (n,)."""
        logits: Tensor = self.layers(pixel_by_pixel(images)).flatten()
        return logits


def _initialise(layer: nn.Module) -> None:
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0.0, DEVIATION)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, DEVIATION)


class DCGANLearner(nn.Module):
    """A generator and its discriminator, which moves first at each step; `passband.training.fit` trains both.

    Parameters
    ----------
    recipe
        Of the networks.
    seed
        Of the latents of the images that are scored.
    """

    def __init__(self, recipe: DCGAN, *, seed: int = 0) -> None:
        super().__init__()
        self.recipe, self.seed = recipe, seed
        self.generator, self.discriminator = DCGANGenerator(recipe), DCGANDiscriminator(recipe)
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        self.register_buffer("signs", torch.zeros(2, dtype=torch.int64))  # their sum and number since the last row
        self.seen: Tensor
        self.signs: Tensor
        self.scoring = Scoring()

    @property
    def p(self) -> float:
        """Probability of augmentation, which there is none of."""
        return 0.0

    def kept(self) -> Mapping[str, Tensor]:
        """Return the tensors of the generator."""
        return self.generator.state_dict()

    def turns(self) -> tuple[Turn, ...]:
        """Return whose turn it is, one after the other."""
        players = {"discriminator": self.discriminator, "generator": self.generator}
        return tuple(Turn(name, tuple(player.parameters()), betas=BETAS) for name, player in players.items())

    def loss(self, batch: Tensor, *, step: int, turn: str) -> Tensor:
        """Return the logistic loss of a player on real images (n, 1, size, size)."""
        del step
        reals = batch.to(self.seen.device)
        fakes = self.generator(torch.randn(len(reals), self.recipe.latent).to(reals.device))
        if turn == "generator":
            return generator_loss(self.discriminator(fakes))
        real = self.discriminator(reals)
        with torch.no_grad():
            self.seen += len(reals)
            self.signs += torch.stack([real.sign().sum(), real.new_tensor(len(real))]).long()
        return discriminator_loss(real, self.discriminator(fakes.detach()))

    def validate(self, name: str, batches: Iterable[Any]) -> dict[str, float]:
        """Return how far the training is and what the generator scores: `kimg`, `p` (0), `r_t`, `frechet`, `recall`."""
        del name, batches
        found = {"kimg": float(self.seen) / 1000.0, "p": 0.0, "r_t": float(self.signs[0] / self.signs[1].clamp(min=1))}
        self.signs.zero_()
        return found | self.scoring.of(self.generated)

    @torch.no_grad()
    def generated(self, count: int) -> Tensor:
        """Return images (count, 1, size, size), of the same latents each time."""
        latents = torch.randn(count, self.recipe.latent, generator=torch.Generator().manual_seed(self.seed))
        return torch.cat([self.generator(part.to(self.seen.device)) for part in torch.split(latents, AT_ONCE)])
