"""The residual network of CycleGAN as a generator of translations (Johnson et al. 2016; Zhu et al., arXiv 1703.10593).

Edges are repeated instead of reflected, and maps are halved and doubled with a low-pass filter instead of strides:
their gradients are deterministic on every device, and lattices are not folded into moiré.
"""

from itertools import pairwise
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from passband.generation.resampling import double, halve, with_borders
from passband.generation.translator import Translator, TranslatorRecipe, initialised


class ResNetTranslator(TranslatorRecipe):
    """Recipe of a residual network.

    Attributes
    ----------
    blocks
        Residual blocks at the lowest resolution; 9 in the paper for 256² pixels, 6 for fewer.
    depth
        Halvings.
    """

    kind: Literal["resnet"] = "resnet"
    blocks: int = Field(default=9, ge=1, le=32)
    depth: int = Field(default=2, ge=1, le=4)

    @property
    def stride(self) -> int:
        """2^depth."""
        return int(2**self.depth)

    @property
    def compared(self) -> tuple[int, ...]:
        """Blocks after which maps are compared: one in the middle and the last."""
        return tuple(sorted({(self.blocks + 1) // 2, self.blocks}))

    @property
    def widths(self) -> tuple[int, ...]:
        """The image, the maps after each halving, and after some blocks."""
        levels = tuple(self.width * 2**level for level in range(1, self.depth + 1))
        return (1, *levels, *(levels[-1],) * len(self.compared))

    def build(self) -> "ResNetTranslation":
        """Build the network."""
        return ResNetTranslation(self)


class _Convolution(nn.Module):
    """Edges repeated, a convolution that keeps the size, instance normalisation."""

    def __init__(self, before: int, after: int, side: int = 3) -> None:
        super().__init__()
        self.padding = side // 2
        self.convolution = nn.Conv2d(before, after, side)

    def forward(self, x: Tensor) -> Tensor:
        """(n, before, y, x) → (n, after, y, x)."""
        return F.instance_norm(self.convolution(with_borders(x, self.padding)))


class _ResidualPair(nn.Module):
    """Two convolutions beside the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = _Convolution(width, width), _Convolution(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(n, width, y, x) → the same."""
        out: Tensor = x + self.second(F.relu(self.first(x)))
        return out


class ResNetTranslation(Translator):
    """The network; `ResNetTranslator.build` makes one."""

    def __init__(self, recipe: ResNetTranslator) -> None:
        super().__init__()
        self.residual, self.compared = recipe.residual, recipe.compared
        levels = [recipe.width * 2**level for level in range(recipe.depth + 1)]
        self.stem = _Convolution(1, levels[0], 7)
        self.down = nn.ModuleList(_Convolution(*pair) for pair in pairwise(levels))
        self.blocks = nn.ModuleList(_ResidualPair(levels[-1]) for _ in range(recipe.blocks))
        self.up = nn.ModuleList(_Convolution(*pair) for pair in pairwise(levels[::-1]))
        self.head = nn.Conv2d(levels[0], 1, 7)
        initialised(self)

    def features(self, images: Tensor) -> list[Tensor]:
        """Return the image, the maps (n, c, y/2^k, x/2^k) after each halving, and those of some blocks."""
        return self._encoded(images)[1]

    def _encoded(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        maps = [images]
        x = F.relu(self.stem(images))  # (n, width, y, x)
        for convolution in self.down:
            x = F.relu(convolution(halve(x)))
            maps.append(x)
        for number, block in enumerate(self.blocks, start=1):
            x = block(x)
            if number in self.compared:
                maps.append(x)
        return x, maps

    def forward(self, images: Tensor) -> Tensor:
        """(n, 1, y, x) → (n, 1, y, x)."""
        x, _ = self._encoded(images)
        for convolution in self.up:
            x = F.relu(convolution(double(x)))
        out = self.head(with_borders(x, 3))
        return images + out if self.residual else torch.tanh(out)
