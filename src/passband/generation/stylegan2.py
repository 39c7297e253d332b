"""StyleGAN2: a generator of micrographs whose style is set layer by layer, and the discriminator that teaches it.

Written from Karras et al., CVPR 2020 (arXiv 1912.04958), for one channel: mapping of normal latents z to w, synthesis
from a learnt constant of 4 × 4 with modulated convolutions, noise at each layer and skips that sum the image, and a
residual discriminator.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import log2, sqrt
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from passband.generation.architecture import GENERATORS, ImageGenerator, checked_size
from passband.generation.resampling import double, halve, pixel_by_pixel
from passband.generation.stylegan2_layers import (
    EqualConvolution,
    EqualLinear,
    ModulatedConvolution,
    StyledLayer,
    minibatch_deviation,
)

LOWEST = 4  # pixels of the constant that the synthesis begins with, and of the last map of the discriminator


@GENERATORS.register
class StyleGAN2(ImageGenerator):
    """Widths of the networks.

    A layer for images of s pixels a side has capacity / s channels, at most `most_channels`. The paper's networks have
    a capacity of 32,768 and at most 512 channels; the defaults train on two cores.

    Attributes
    ----------
    size
        Pixels of a side: 32, 64, 128, 256 or 512.
    latent
        Numbers of z and of w.
    mapping_layers
        Dense layers from z to w; 8 in the paper.
    capacity, most_channels
        As above.
    """

    kind: Literal["stylegan2"] = "stylegan2"
    latent: int = Field(default=64, ge=2, le=4096)
    mapping_layers: int = Field(default=8, ge=1, le=16)
    capacity: int = Field(default=1024, ge=64, le=2**18)
    most_channels: int = Field(default=64, ge=4, le=4096)

    @model_validator(mode="after")
    def _check(self) -> Self:
        checked_size(self.size)
        return self

    @property
    def sides(self) -> tuple[int, ...]:
        """Pixels of a side from 4 to the whole image."""
        return tuple(LOWEST * 2**k for k in range(round(log2(self.size // LOWEST)) + 1))

    @property
    def layers(self) -> int:
        """Styled layers with the last toRGB, each of which takes a w: 2 log₂ size − 2."""
        return 2 * len(self.sides)

    def channels(self, side: int) -> int:
        """Return the channels of layers for images of some pixels a side."""
        return max(1, min(self.most_channels, self.capacity // side))

    @property
    def noise_sides(self) -> tuple[int, ...]:
        """Pixels of a side of the noise of each styled layer."""
        first, *others = self.sides
        return (first, *(side for side in others for _ in range(2)))

    @property
    def latents(self) -> int:
        """Normal numbers that an image is made of: z, then the noise of each layer."""
        return self.latent + sum(side**2 for side in self.noise_sides)

    def build(self) -> "Generator":
        """Build the generator; its random start comes from torch's global generator."""
        return Generator(self)


class Mapping(nn.Module):
    """From normal latents z to the latents w, in which one direction may change one property alone.

    `mean` is the running average of w over training, by which truncation knows the middle.
    """

    def __init__(self, recipe: StyleGAN2) -> None:
        super().__init__()
        size = recipe.latent
        self.layers = nn.Sequential(
            *(EqualLinear(size, size, multiplier=0.01, activated=True) for _ in range(recipe.mapping_layers))
        )
        self.register_buffer("mean", torch.zeros(size))
        self.mean: Tensor

    def forward(self, z: Tensor) -> Tensor:  # (n, latent)
        """Return w, (n, latent); only the direction of z counts."""
        found: Tensor = self.layers(z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8))
        return found


class Synthesis(nn.Module):
    """From w of each layer and noise to an image: a constant, styled layers, and images summed from coarse to fine."""

    def __init__(self, recipe: StyleGAN2) -> None:
        super().__init__()
        self.noise_sides = recipe.noise_sides
        channels = [recipe.channels(side) for side in recipe.sides]
        self.constant = nn.Parameter(torch.randn(channels[0], LOWEST, LOWEST))
        self.first = StyledLayer(channels[0], channels[0], recipe.latent)
        self.doubling = nn.ModuleList(
            StyledLayer(before, after, recipe.latent, doubling=True) for before, after in pairwise(channels)
        )
        self.keeping = nn.ModuleList(StyledLayer(after, after, recipe.latent) for after in channels[1:])
        self.to_image = nn.ModuleList(
            ModulatedConvolution(one, 1, 1, recipe.latent, demodulated=False) for one in channels
        )
        self.level = nn.Parameter(torch.zeros(()))

    def forward(self, w: Tensor, noise: Sequence[Tensor]) -> Tensor:  # (n, layers, latent), (n, 1, side, side) each
        """Return images, (n, 1, size, size)."""
        features = self.first(pixel_by_pixel(self.constant.expand(len(w), -1, -1, -1)), w[:, 0], noise[0])
        image: Tensor = self.to_image[0](features, w[:, 1]) + self.level
        for number, (up, on, to) in enumerate(zip(self.doubling, self.keeping, self.to_image[1:], strict=True)):
            place = 2 * number + 1
            features = on(up(features, w[:, place], noise[place]), w[:, place + 1], noise[place + 1])
            image = double(image) + to(features, w[:, place + 2])
        return image


class Generator(nn.Module):
    """Mapping and synthesis."""

    def __init__(self, recipe: StyleGAN2) -> None:
        super().__init__()
        self.recipe = recipe
        self.mapping, self.synthesis = Mapping(recipe), Synthesis(recipe)

    def forward(self, latents: Tensor, *, truncation: float = 1.0) -> Tensor:  # (n, recipe.latents)
        """Return images (n, 1, size, size), about −1 to 1, from normal numbers: z first, then the noise of each layer.

        w becomes mean + truncation · (w − mean): at 0 all images have the mean style.
        """
        z, noise = latents[:, : self.recipe.latent], latents[:, self.recipe.latent :]
        w = self.mapping.mean.lerp(self.mapping(z), truncation)
        image: Tensor = self.synthesis(self.for_all_layers(w), list(self.noise_of(noise)))
        return image

    def for_all_layers(self, w: Tensor) -> Tensor:
        """Return w (n, latent) for each layer, (n, layers, latent)."""
        return w[:, None].expand(-1, self.recipe.layers, -1)

    def noise_of(self, numbers: Tensor) -> Iterator[Tensor]:
        """Cut normal numbers (n, …) into the noise of each layer, (n, 1, side, side)."""
        sides = self.recipe.noise_sides
        for part, side in zip(torch.split(numbers, [side**2 for side in sides], dim=1), sides, strict=True):
            yield part.reshape(-1, 1, side, side)


class Discriminator(nn.Module):
    """A residual network that gives each image a logit: above 0 for a real one.

    Parameters
    ----------
    recipe
        Of the generator; it has as many channels at each size.
    """

    def __init__(self, recipe: StyleGAN2) -> None:
        super().__init__()
        channels = [recipe.channels(side) for side in reversed(recipe.sides)]
        self.from_image = EqualConvolution(1, channels[0], 1)
        self.blocks = nn.ModuleList(DiscriminatorBlock(before, after) for before, after in pairwise(channels))
        last = channels[-1]
        self.last = EqualConvolution(last + 1, last, 3)
        self.dense = EqualLinear(last * LOWEST**2, last, activated=True)
        self.logit = EqualLinear(last, 1)

    def forward(self, images: Tensor) -> Tensor:  # (n, 1, size, size)
        """Return logits, (n,)."""
        features = self.from_image(pixel_by_pixel(images))
        for block in self.blocks:
            features = block(features)
        features = self.last(minibatch_deviation(features))
        logits: Tensor = self.logit(self.dense(features.flatten(1)))[:, 0]
        return logits


class DiscriminatorBlock(nn.Module):
    """Two convolutions, the second halving, beside a short way; their sum over √2."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = EqualConvolution(inputs, inputs, 3)
        self.second = EqualConvolution(inputs, outputs, 3, halving=True)
        self.short = EqualConvolution(inputs, outputs, 1, activated=False)

    def forward(self, images: Tensor) -> Tensor:  # (n, inputs, h, w)
        """Return (n, outputs, h / 2, w / 2)."""
        long: Tensor = self.second(self.first(images), gain=sqrt(0.5))
        short: Tensor = self.short(halve(images), gain=sqrt(0.5))
        return long + short
