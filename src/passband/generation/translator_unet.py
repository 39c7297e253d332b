"""The U-Net of pix2pix as a generator of translations (Isola et al., arXiv 1611.07004), of any depth and width.

With eight levels of 64 to 512 channels it has 54.4 million parameters, and is the generator of Khan et al. (npj Comput.
Mater. 9, 85, 2023). Convolutions of 4 × 4 pixels at stride 2 divide evenly, so that every output pixel is made of as
many terms; edges are repeated.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from passband.generation.resampling import with_borders
from passband.generation.translator import Translator, TranslatorRecipe, initialised


class UNetTranslator(TranslatorRecipe):
    """Recipe of a U-Net.

    Attributes
    ----------
    depth
        Halvings; the crops of a training are 2^depth pixels at least.
    """

    kind: Literal["unet"] = "unet"
    depth: int = Field(default=8, ge=2, le=10)

    @property
    def stride(self) -> int:
        """2^depth."""
        return int(2**self.depth)

    @property
    def levels(self) -> tuple[int, ...]:
        """Channels after each halving: doubled thrice, and then as many."""
        return tuple(self.width * min(2**level, 8) for level in range(self.depth))

    @property
    def widths(self) -> tuple[int, ...]:
        """The image, and the maps after each halving but the last."""
        return (1, *self.levels[:-1])

    def build(self) -> "UNetTranslation":
        """Build the network."""
        return UNetTranslation(self)


class UNetTranslation(Translator):
    """The network; `UNetTranslator.build` makes one."""

    def __init__(self, recipe: UNetTranslator) -> None:
        super().__init__()
        self.residual = recipe.residual
        levels = recipe.levels
        self.down = nn.ModuleList(
            nn.Conv2d(before, after, 4, stride=2) for before, after in zip((1, *levels[:-1]), levels, strict=True)
        )
        inputs = (*(2 * level for level in levels[:-1]), levels[-1])
        outputs = (1, *levels[:-1])
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(before, after, 4, stride=2, padding=1)
            for before, after in zip(inputs, outputs, strict=True)
        )
        initialised(self)

    def features(self, images: Tensor) -> list[Tensor]:
        """Return the image and the maps of all levels but the lowest, (n, c, y/2^k, x/2^k)."""
        return self._encoded(images, len(self.down) - 1)

    def _encoded(self, images: Tensor, levels: int) -> list[Tensor]:
        maps = [images]
        for level, convolution in enumerate(self.down[:levels]):
            before = maps[-1] if level == 0 else F.leaky_relu(maps[-1], 0.2)
            after = convolution(with_borders(before, 1))
            normed = 0 < level < len(self.down) - 1  # the lowest level may be one pixel, which has no variance
            maps.append(F.instance_norm(after) if normed else after)
        return maps

    def forward(self, images: Tensor) -> Tensor:
        """(n, 1, y, x) → (n, 1, y, x)."""
        maps = self._encoded(images, len(self.down))
        x = maps[-1]
        for level in range(len(self.up) - 1, -1, -1):
            x = self.up[level](F.relu(x))  # (n, c, y/2^level, x/2^level)
            if level > 0:
                x = torch.cat([maps[level], F.instance_norm(x)], dim=1)
        return images + x if self.residual else torch.tanh(x)
