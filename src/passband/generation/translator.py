"""What the recipe of a network says that changes micrographs from one domain to another."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from pydantic import Field
from torch import Tensor, nn

from passband.recipe import Recipe

WIDEST = 512  # channels: what a card may ask for


class Translator(nn.Module, ABC):
    """A generator of translations: images (n, 1, y, x), about −1 to 1, in and out; its stride divides their sides."""

    @abstractmethod
    def features(self, images: Tensor) -> list[Tensor]:
        """Return the maps (n, c, y, x) of its encoder, the image first; what a contrastive loss compares."""


class TranslatorRecipe(Recipe, ABC):
    """Recipe of a generator of translations.

    Attributes
    ----------
    width
        Channels at full resolution.
    residual
        Add what goes in to what comes out. An untrained generator is then nearly the identity, columns stay where they
        are and keep their sign from the first step on; without it values end in tanh, as in the papers.
    """

    width: int = Field(default=64, ge=1, le=WIDEST)
    residual: bool = True

    @property
    @abstractmethod
    def stride(self) -> int:
        """Sides of images are multiples of this."""

    @property
    @abstractmethod
    def widths(self) -> tuple[int, ...]:
        """Channels of the maps that `Translator.features` returns."""

    @abstractmethod
    def build(self) -> Translator:
        """Build the network; its random start comes from torch's global generator."""

    def may_have(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Whether tensors of these shapes can be its own."""
        return self.width <= max((side for shape in shapes.values() for side in shape), default=0)


def initialised(network: nn.Module) -> None:
    """Draw weights from a normal distribution of standard deviation 0.02, as pix2pix and CycleGAN do; biases are 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
