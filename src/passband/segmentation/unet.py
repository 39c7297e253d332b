"""A residual U-Net: a micrograph goes in, the evidence for each class at every pixel comes out.

The architecture is that of Rangel DaCosta & Scott (arXiv 2512.09067 and npj Comput. Mater. 10, 165 (2024)): a
ResNet-18 of pre-activation blocks (He et al., arXiv 1603.05027) as the encoder of a U-Net (Ronneberger et al., arXiv
1505.04597). The smaller presets keep the five halvings, hence a field of view of hundreds of pixels, and only make
them thinner.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from passband.segmentation.architecture import ARCHITECTURES, Architecture
from passband.segmentation.initialising import initialise

MOST_PARAMETERS = 10**10  # 40 GB of weights, and four times that while they are trained
STRIDE = 32  # five halvings: the input is padded to a multiple of this many pixels

Width = Annotated[int, Field(le=10**6)]


@ARCHITECTURES.register
class UNetRecipe(Architecture):
    """Widths of a residual U-Net; `UNetRecipe.preset("small")` gives a tried one.

    "paper" (14.3 M parameters) is for a GPU, "small" (0.6 M) trains on a CPU, "tiny" (0.1 M) is to try.

    Attributes
    ----------
    stem
        Width (number of channels) after the entry, at 1/2 of the image side.
    encoder
        Widths of the four residual levels, at 1/4, 1/8, 1/16 and 1/32 of the image side.
    decoder
        Widths of the five upsampling levels, at 1/16 to 1/1.
    blocks
        Residual blocks of each encoder level.
    """

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"stem": 64, "encoder": (64, 128, 256, 512), "decoder": (256, 128, 64, 32, 16), "blocks": 2},
        "small": {"stem": 16, "encoder": (16, 32, 64, 80), "decoder": (56, 40, 24, 16, 8), "blocks": 2},
        "tiny": {"stem": 8, "encoder": (8, 16, 32, 32), "decoder": (32, 24, 16, 8, 8), "blocks": 1},
    }

    kind: Literal["unet"] = "unet"
    stem: Width = Field(default=64, ge=1)
    encoder: tuple[Width, Width, Width, Width] = (64, 128, 256, 512)
    decoder: tuple[Width, Width, Width, Width, Width] = (256, 128, 64, 32, 16)
    blocks: int = Field(default=2, ge=1, le=1000)

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in ("encoder", "decoder"):
            widths: tuple[int, ...] = getattr(self, name)
            if min(widths) < 1:
                raise ValueError(f"{name}={list(widths)} has a level without channels; every width must be at least 1")
        if self.parameters > MOST_PARAMETERS:
            size = f"{self.parameters:.2g} parameters, {4e-9 * self.parameters:,.3g} GB"
            cure = f'make stem, encoder and decoder narrower, to {MOST_PARAMETERS:.0e} at most ("paper" has 1.4e7)'
            raise ValueError(f"a network of {size}, is beyond any machine; {cure}")
        return self

    @property
    def parameters(self) -> int:
        """Numbers that training adjusts, counted without building the network."""
        stem, blocks = self.stem, self.blocks
        count = 2 * self.channels + 49 * self.channels * stem + 2 * stem
        for inside, width in zip((stem, *self.encoder[:-1]), self.encoder, strict=True):
            count += 2 * inside + 10 * inside * width + 2 * width + 9 * width**2
            count += (blocks - 1) * (4 * width + 18 * width**2)
        count += 2 * self.encoder[3]
        skips = (self.encoder[2], self.encoder[1], self.encoder[0], stem, 0)
        for inside, skip, width in zip((self.encoder[3], *self.decoder[:-1]), skips, self.decoder, strict=True):
            count += 9 * (inside + skip) * width + 9 * width**2 + 4 * width
        return count + 9 * self.decoder[4] * self.classes + self.classes

    @property
    def stride(self) -> int:
        """Five halvings."""
        return STRIDE

    def build(self) -> "UNet":
        """Build the network; its random start comes from torch's global generator (`torch.manual_seed`)."""
        return UNet(self)

    def may_have(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Whether no width is larger than every side of the tensors, nor the levels longer than their number."""
        widest = max((side for shape in shapes.values() for side in shape), default=0)
        widths = (self.channels, self.classes, self.stem, *self.encoder, *self.decoder)
        return self.blocks <= len(shapes) and max(widths) <= widest

    def activations(self, patch: int) -> float:
        """One copy of what each convolution gives."""
        sides = [patch / 2.0, *(patch / 2.0 ** (level + 2) for level in range(4))]
        maps = [self.stem * sides[0] ** 2]
        maps += [2 * self.blocks * width * side**2 for width, side in zip(self.encoder, sides[1:], strict=True)]
        maps += [2 * width * (patch / 2.0 ** (4 - level)) ** 2 for level, width in enumerate(self.decoder)]
        return sum(maps)

    def features(self, network: nn.Module) -> nn.Module | None:
        """Return the last normalisation of the encoder, at 1/32 of the image side."""
        return network.norm_deep if isinstance(network, UNet) else None


class ResidualBlock(nn.Module):
    """Two pre-activated 3×3 convolutions beside a shortcut, which is a 1×1 convolution where size or width change.

    Where the size changes, pixels are dropped before the 1×1 convolution, which has no stride itself: the same numbers,
    without the weight gradient of a strided 1×1 convolution in channels_last, with which oneDNN writes past its
    workspace below 8 channels on AVX2 and below 16 on AVX-512 (github.com/uxlfoundation/oneDNN/issues/6035).
    """

    def __init__(self, width_in: int, width: int, *, stride: int, project: bool) -> None:
        super().__init__()
        self.stride = stride
        self.norm1 = nn.BatchNorm2d(width_in)
        self.conv1 = nn.Conv2d(width_in, width, 3, stride=stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.project = nn.Conv2d(width_in, width, 1, bias=False) if project else None

    def activate(self, x: Tensor) -> Tensor:
        """Return the normalised, rectified input, which the decoder receives as the skip of this level."""
        return F.relu(self.norm1(x), inplace=True)  # (n, width_in, y, x)

    def thin(self, x: Tensor) -> Tensor:
        """Return every `stride`-th pixel along y and x; unlike a slice, pooling stays in channels_last."""
        return x if self.stride == 1 else F.avg_pool2d(x, 1, self.stride)  # (n, width_in, y/stride, x/stride)

    def forward(self, x: Tensor, activated: Tensor | None = None) -> Tensor:
        """(n, width_in, y, x) → (n, width, y/stride, x/stride)."""
        if activated is None:
            activated = self.activate(x)
        shortcut = x if self.project is None else self.project(self.thin(activated))
        inner = F.relu(self.norm2(self.conv1(activated)), inplace=True)  # (n, width, y/stride, x/stride)
        out: Tensor = self.conv2(inner) + shortcut
        return out


class DecoderLevel(nn.Module):
    """Nearest upsampling, the encoder's skip appended, two 3×3 convolutions."""

    def __init__(self, width_in: int, skip: int, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width_in + skip, width, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor, skip: Tensor | None) -> Tensor:
        """(n, width_in, y, x), (n, skip, 2y, 2x) → (n, width, 2y, 2x)."""
        x = F.interpolate(x, scale_factor=2.0, mode="nearest")  # (n, width_in, 2y, 2x)
        if skip is not None:
            x = torch.cat([x, skip], dim=1)  # (n, width_in + skip, 2y, 2x)
        x = F.relu(self.norm1(self.conv1(x)), inplace=True)  # (n, width, 2y, 2x)
        return F.relu(self.norm2(self.conv2(x)), inplace=True)  # (n, width, 2y, 2x)


class UNet(nn.Module):
    """The network itself; `UNetRecipe.build` makes one."""

    def __init__(self, recipe: UNetRecipe) -> None:
        super().__init__()
        self.recipe = recipe
        stem, encoder, decoder = recipe.stem, recipe.encoder, recipe.decoder
        self.norm_in = nn.BatchNorm2d(recipe.channels)
        self.stem = nn.Conv2d(recipe.channels, stem, 7, stride=2, padding=3, bias=False)
        self.norm_stem = nn.BatchNorm2d(stem)
        self.levels = nn.ModuleList()
        for level, (width_in, width) in enumerate(zip((stem, *encoder[:-1]), encoder, strict=True)):
            first = ResidualBlock(width_in, width, stride=1 if level == 0 else 2, project=True)
            rest = [ResidualBlock(width, width, stride=1, project=False) for _ in range(recipe.blocks - 1)]
            self.levels.append(nn.ModuleList([first, *rest]))
        self.norm_deep = nn.BatchNorm2d(encoder[3])
        skips = (encoder[2], encoder[1], encoder[0], stem, 0)
        inputs = (encoder[3], *decoder[:-1])
        self.decoder = nn.ModuleList(DecoderLevel(*widths) for widths in zip(inputs, skips, decoder, strict=True))
        self.head = nn.Conv2d(decoder[4], recipe.classes, 3, padding=1)
        initialise(self, self.head)

    def forward(self, images: Tensor) -> Tensor:
        """Images (n, channels, y, x) of any size → logits (n, classes, y, x); beyond the edge they are reflected."""
        height, width = images.shape[-2:]
        padding = (0, -width % STRIDE, 0, -height % STRIDE)
        if any(padding):  # repeated edges would show the network stripes instead of noise
            mode = "reflect" if padding[1] < width and padding[3] < height else "replicate"
            images = F.pad(images, padding, mode=mode)
        x = self.norm_in(images)  # (n, channels, Y, X), Y and X multiples of 32
        x = F.relu(self.norm_stem(self.stem(x)), inplace=True)  # (n, stem, Y/2, X/2)
        skips: list[Tensor | None] = [None, x]
        x = F.max_pool2d(x, 3, stride=2, padding=1)  # (n, stem, Y/4, X/4)
        for level, blocks in enumerate(self.levels):
            assert isinstance(blocks, nn.ModuleList)
            first = blocks[0]
            assert isinstance(first, ResidualBlock)
            activated = first.activate(x)  # (n, encoder[level-1], Y/2^(level+1), …)
            if level > 0:
                skips.append(activated)
            x = first(x, activated)  # (n, encoder[level], Y/2^(level+2), …)
            for block in blocks[1:]:
                x = block(x)  # (n, encoder[level], Y/2^(level+2), …)
        x = F.relu(self.norm_deep(x), inplace=True)  # (n, encoder[3], Y/32, X/32)
        for decode in self.decoder:
            x = decode(x, skips.pop())  # (n, decoder[i], Y/2^(4-i), …)
        logits: Tensor = self.head(x)  # (n, classes, Y, X)
        return logits[..., :height, :width]  # (n, classes, y, x)
