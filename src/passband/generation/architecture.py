"""What the recipe of a generator says of it, so that commands and cards need not know which network draws."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from pydantic import Field
from torch import nn

from passband.kinds import Kinds
from passband.recipe import PassbandError, Recipe

SIZES = (32, 64, 128, 256, 512)


class ImageGenerator(Recipe, ABC):
    """Recipe of a generator of square micrographs of one channel.

    Attributes
    ----------
    kind
        Name of the network on cards.
    size
        Pixels of a side: 32, 64, 128, 256 or 512.
    latent
        The first of the numbers that an image is made of, which interpolation changes; the others are noise.
    """

    kind: str
    size: int = Field(default=64)
    latent: int = Field(default=64, ge=2, le=4096)

    @property
    @abstractmethod
    def latents(self) -> int:
        """How many numbers, drawn from a standard normal distribution, an image is made of."""

    @abstractmethod
    def build(self) -> nn.Module:
        """Build the generator; its random start comes from torch's global generator.

        Called with latents (n, latents) of a standard normal distribution, and `truncation`, below 1 of which images
        are nearer to the mean one, it returns images (n, 1, size, size) of about −1 to 1. In evaluation mode it is a
        function of these alone.
        """

    def build_meta(self) -> nn.Module:
        """Build it without the numbers of its tensors."""
        return self.build().to("meta")

    def may_have(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Whether tensors of these shapes can be its own."""
        del shapes
        return self.size <= SIZES[-1]


#: Every generator of micrographs by its kind.
GENERATORS: Kinds[ImageGenerator] = Kinds("generator")


def checked_size(size: int) -> int:
    """Return a size that a generator can have.

    Raises
    ------
    PassbandError
        It is none of 32, 64, 128, 256, 512.
    """
    if size not in SIZES:
        near = min(SIZES, key=lambda one: abs(one - size))
        raise PassbandError(f"size={size} is not one of {', '.join(map(str, SIZES))} pixels; use {near}")
    return size
