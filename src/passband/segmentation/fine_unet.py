"""A U-Net whose first level has every pixel of the image, behind a robust preparation of the whole image.

Lattice fringes of 2.0 to 2.4 Å lie beyond the Nyquist frequency of a network that halves 0.8 Å pixels before it looks,
as the stem of `segmentation.unet` does. Here the first level is thin and whole, and four halvings follow (Ronneberger
et al., arXiv 1505.04597), with batch normalisation before each rectifier.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from passband.patches.preparing import Preparation
from passband.segmentation.architecture import ARCHITECTURES, Architecture, as_it_is
from passband.segmentation.initialising import initialise

Width = Annotated[int, Field(ge=1, le=4096)]


@ARCHITECTURES.register
class FineUNetRecipe(Architecture):
    """Widths of a U-Net that looks at every pixel, and how images are prepared for it.

    "fringes" (0.5 M parameters) trains on a CPU, "fringes-wide" (1.5 M) is for a GPU and several materials.

    Attributes
    ----------
    widths
        Channels at 1/1, 1/2, 1/4, … of the image side.
    preparation
        Of whole images.
    """

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "fringes": {"widths": (8, 24, 48, 64, 96)},
        "fringes-wide": {"widths": (16, 32, 64, 128, 192)},
        "fringes-tiny": {"widths": (6, 8, 12)},
    }

    kind: Literal["fine_unet"] = "fine_unet"
    widths: tuple[Width, ...] = Field(default=(8, 24, 48, 64, 96), min_length=2, max_length=7)
    preparation: Preparation = Preparation()

    @property
    def stride(self) -> int:
        """One halving from each level to the next."""
        return 1 << (len(self.widths) - 1)

    def build(self) -> "FineUNet":
        """Build the network; its random start comes from torch's global generator (`torch.manual_seed`)."""
        return FineUNet(self)

    def may_have(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Whether no width is larger than every side of the tensors."""
        widest = max((side for shape in shapes.values() for side in shape), default=0)
        return max(self.channels, self.classes, *self.widths) <= widest

    def activations(self, patch: int) -> float:
        """One copy of what each convolution gives."""
        return sum(4.0 * width * (patch / 2.0**level) ** 2 for level, width in enumerate(self.widths))

    def features(self, network: nn.Module) -> nn.Module | None:
        """Return the deepest level."""
        return network.encoder[-1] if isinstance(network, FineUNet) else None

    def in_tiles(self, network: nn.Module) -> tuple[Callable[[Tensor], Tensor], nn.Module]:
        """Return the preparation of a whole image, and a faster copy of the network, see `FineUNet.folded`."""
        if not isinstance(network, FineUNet):
            return super().in_tiles(network)
        return self.preparation.prepare, network.folded()


class Level(nn.Sequential):
    """3×3 convolutions, each normalised and rectified: (n, width_in, y, x) → (n, width, y, x)."""

    def __init__(self, width_in: int, width: int, convolutions: int) -> None:
        layers: list[nn.Module] = []
        for inside in (width_in, *[width] * (convolutions - 1)):
            layers += [nn.Conv2d(inside, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        super().__init__(*layers)

    def fold(self) -> None:
        """Put each normalisation, as in evaluation, into the convolution before it."""
        for number, norm in enumerate(self):
            if isinstance(norm, nn.BatchNorm2d):
                convolution = self[number - 1]
                assert isinstance(convolution, nn.Conv2d)
                self[number - 1] = fuse_conv_bn_eval(convolution, norm)
                self[number] = nn.Identity()


class FineUNet(nn.Module):
    """The network itself; `FineUNetRecipe.build` makes one."""

    def __init__(self, recipe: FineUNetRecipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.prepare: Callable[[Tensor], Tensor] = recipe.preparation.prepare
        widths, depth = recipe.widths, len(recipe.widths)
        counts = (1, *[2] * (depth - 1))  # the whole level is the dear one: 4 of 5 pixels are there
        self.encoder = nn.ModuleList(
            Level(inside, width, count)
            for inside, width, count in zip((recipe.channels, *widths[:-1]), widths, counts, strict=True)
        )
        rising = list(pairwise(reversed(widths)))  # from the deepest level up
        self.narrow = nn.ModuleList(nn.Conv2d(below, width, 1, bias=False) for below, width in rising)
        self.decoder = nn.ModuleList(
            Level(2 * width, width, count) for (_, width), count in zip(rising, counts[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(widths[0], recipe.classes, 3, padding=1)
        initialise(self, self.head)

    def forward(self, images: Tensor) -> Tensor:
        """Whole images (n, channels, y, x) of any size, gain and offset → logits (n, classes, y, x)."""
        return self.look(self.prepare(images))

    def look(self, images: Tensor) -> Tensor:
        """Return logits (n, classes, y, x) of prepared images (n, channels, y, x), reflected beyond their edges."""
        height, width = images.shape[-2:]
        stride = self.recipe.stride
        padding = (0, -width % stride, 0, -height % stride)
        if any(padding):
            mode = "reflect" if padding[1] < width and padding[3] < height else "replicate"
            images = F.pad(images, padding, mode=mode)
        x, skips = images.contiguous(memory_format=torch.channels_last), []
        for number, level in enumerate(self.encoder):
            x = level(x if number == 0 else F.max_pool2d(x, 2))  # (n, widths[number], Y/2^number, X/2^number)
            skips.append(x)
        skips.pop()
        for narrow, level in zip(self.narrow, self.decoder, strict=True):
            x = F.interpolate(narrow(x), scale_factor=2.0, mode="nearest")
            x = level(torch.cat([x, skips.pop()], dim=1))
        logits: Tensor = self.head(x)  # (n, classes, Y, X)
        return logits[..., :height, :width]

    def folded(self) -> "FineUNet":
        """Return a copy for prepared images whose convolutions do the normalisation: equal but for rounding, faster."""
        network = deepcopy(self).eval()
        network.prepare = as_it_is
        for level in (*network.encoder, *network.decoder):
            assert isinstance(level, Level)
            level.fold()
        return network
