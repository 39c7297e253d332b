"""Features of the Inception network that the Fréchet Inception Distance is defined by, from the file of its weights.

The file is `pt_inception-2015-12-05-6726825d.pth`, TensorFlow's network of 2015 converted for torch. It differs from
other Inception v3 networks in the weights and in how it pools, and only with it may a distance be called FID.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from passband.scores.extractor import Extractor, picture_features
from passband.scores.folded_layers import FoldedLayers, read_state
from passband.scores.remote_weights import fetched, is_address

SHA256 = "6726825d"  # what that of the file begins with
SIDE = 299
_VERSION = 1


class ConvolutionOfBranch(NamedTuple):
    """A convolution: name, channels, kernel along y and x, stride. With stride 1 it keeps the size, unless "valid"."""

    name: str
    channels: int
    y: int = 1
    x: int = 1
    stride: int = 1
    valid: bool = False


class Branch(NamedTuple):
    """Layers one behind the other; then, where there are two, `fan` side by side. `pool` comes before all of them."""

    layers: tuple[ConvolutionOfBranch, ...]
    fan: tuple[ConvolutionOfBranch, ...] = ()
    pool: str = ""


class InceptionBlock(NamedTuple):
    """Branches side by side, whose channels are joined."""

    name: str
    branches: tuple[Branch, ...]


def _pool(channels: int, kind: str = "average") -> Branch:
    return Branch((ConvolutionOfBranch("branch_pool", channels),), pool=kind)


def _a(name: str, pooled: int) -> InceptionBlock:
    double = (
        ConvolutionOfBranch("branch3x3dbl_1", 64),
        ConvolutionOfBranch("branch3x3dbl_2", 96, 3, 3),
        ConvolutionOfBranch("branch3x3dbl_3", 96, 3, 3),
    )
    five = (ConvolutionOfBranch("branch5x5_1", 48), ConvolutionOfBranch("branch5x5_2", 64, 5, 5))
    return InceptionBlock(
        name, (Branch((ConvolutionOfBranch("branch1x1", 64),)), Branch(five), Branch(double), _pool(pooled))
    )


def _b(name: str) -> InceptionBlock:
    double = (
        ConvolutionOfBranch("branch3x3dbl_1", 64),
        ConvolutionOfBranch("branch3x3dbl_2", 96, 3, 3),
        ConvolutionOfBranch("branch3x3dbl_3", 96, 3, 3, 2),
    )
    return InceptionBlock(
        name, (Branch((ConvolutionOfBranch("branch3x3", 384, 3, 3, 2),)), Branch(double), Branch((), pool="halve"))
    )


def _c(name: str, inner: int) -> InceptionBlock:
    seven = (
        ConvolutionOfBranch("branch7x7_1", inner),
        ConvolutionOfBranch("branch7x7_2", inner, 1, 7),
        ConvolutionOfBranch("branch7x7_3", 192, 7, 1),
    )
    double = (
        ConvolutionOfBranch("branch7x7dbl_1", inner),
        ConvolutionOfBranch("branch7x7dbl_2", inner, 7, 1),
        ConvolutionOfBranch("branch7x7dbl_3", inner, 1, 7),
        ConvolutionOfBranch("branch7x7dbl_4", inner, 7, 1),
        ConvolutionOfBranch("branch7x7dbl_5", 192, 1, 7),
    )
    return InceptionBlock(
        name, (Branch((ConvolutionOfBranch("branch1x1", 192),)), Branch(seven), Branch(double), _pool(192))
    )


def _d(name: str) -> InceptionBlock:
    three = (ConvolutionOfBranch("branch3x3_1", 192), ConvolutionOfBranch("branch3x3_2", 320, 3, 3, 2))
    seven = (
        ConvolutionOfBranch("branch7x7x3_1", 192),
        ConvolutionOfBranch("branch7x7x3_2", 192, 1, 7),
        ConvolutionOfBranch("branch7x7x3_3", 192, 7, 1),
        ConvolutionOfBranch("branch7x7x3_4", 192, 3, 3, 2),
    )
    return InceptionBlock(name, (Branch(three), Branch(seven), Branch((), pool="halve")))


def _e(name: str, pool: str) -> InceptionBlock:
    fan = (ConvolutionOfBranch("branch3x3_2a", 384, 1, 3), ConvolutionOfBranch("branch3x3_2b", 384, 3, 1))
    fan_double = (ConvolutionOfBranch("branch3x3dbl_3a", 384, 1, 3), ConvolutionOfBranch("branch3x3dbl_3b", 384, 3, 1))
    double = (ConvolutionOfBranch("branch3x3dbl_1", 448), ConvolutionOfBranch("branch3x3dbl_2", 384, 3, 3))
    branches = (
        Branch((ConvolutionOfBranch("branch1x1", 320),)),
        Branch((ConvolutionOfBranch("branch3x3_1", 384),), fan),
        Branch(double, fan_double),
        _pool(192, pool),
    )
    return InceptionBlock(name, branches)


def _alone(layer: ConvolutionOfBranch, pool: str = "") -> InceptionBlock:
    return InceptionBlock("", (Branch((layer,), pool=pool),))


#: Szegedy et al., CVPR 2016 (arXiv:1512.00567), with the pools that the network of 2015 has: averages that leave the
#: border out, and a maximum in the last block.
BLOCKS = (
    _alone(ConvolutionOfBranch("Conv2d_1a_3x3", 32, 3, 3, 2)),
    _alone(ConvolutionOfBranch("Conv2d_2a_3x3", 32, 3, 3, 1, True)),
    _alone(ConvolutionOfBranch("Conv2d_2b_3x3", 64, 3, 3)),
    _alone(ConvolutionOfBranch("Conv2d_3b_1x1", 80), "halve"),
    _alone(ConvolutionOfBranch("Conv2d_4a_3x3", 192, 3, 3, 1, True)),
    InceptionBlock("", (Branch((), pool="halve"),)),
    _a("Mixed_5b", 32),
    _a("Mixed_5c", 64),
    _a("Mixed_5d", 64),
    _b("Mixed_6a"),
    _c("Mixed_6b", 128),
    _c("Mixed_6c", 160),
    _c("Mixed_6d", 160),
    _c("Mixed_6e", 192),
    _d("Mixed_7a"),
    _e("Mixed_7b", "average"),
    _e("Mixed_7c", "maximum"),
)


def shapes() -> Iterator[tuple[str, tuple[int, int, int, int]]]:
    """Name and shape of the weight of each convolution."""
    channels = 3
    for block in BLOCKS:
        joined = 0
        for branch in block.branches:
            now = channels
            for layer in branch.layers:
                yield f"{block.name}.{layer.name}".lstrip("."), (layer.channels, now, layer.y, layer.x)
                now = layer.channels
            for layer in branch.fan:
                yield f"{block.name}.{layer.name}", (layer.channels, now, layer.y, layer.x)
            joined += sum(layer.channels for layer in branch.fan) or now
        channels = joined


def inception_extractor(path: str) -> Extractor:
    """Return the 2048 features that FID compares, of the weights in a file or at an address.

    Grey pictures of 299 pixels, the same in three channels, between −1 and 1.

    Raises
    ------
    WeightsError
        There is no such file, or it is not the network of FID.
    """
    path = str(fetched(path, SHA256)) if is_address(path) else path
    state, sha256 = read_state(path, "the Inception network of FID", sha256=SHA256)
    layers = FoldedLayers(state, path)
    for name, shape in shapes():
        layers.fold(name, f"{name}.conv", f"{name}.bn", shape)

    def network(pictures: Tensor) -> Tensor:
        level = (2.0 * pictures - 1.0).expand(-1, 3, -1, -1)
        for block in BLOCKS:
            level = torch.cat([_branch(layers, block.name, branch, level) for branch in block.branches], dim=1)
        return level.mean((2, 3))

    return Extractor(
        "inception", "FID", f"inception {_VERSION} {sha256}", lambda crops: picture_features(network, crops, SIDE)
    )


def _branch(layers: FoldedLayers, block: str, branch: Branch, level: Tensor) -> Tensor:
    level = pooled(level, branch.pool)
    for layer in branch.layers:
        level = _layer(layers, block, layer, level)
    return torch.cat([_layer(layers, block, layer, level) for layer in branch.fan], dim=1) if branch.fan else level


def _layer(layers: FoldedLayers, block: str, layer: ConvolutionOfBranch, level: Tensor) -> Tensor:
    padding = (0, 0) if layer.valid or layer.stride > 1 else (layer.y // 2, layer.x // 2)
    name = f"{block}.{layer.name}".lstrip(".")
    return F.relu(layers.convolved(name, level, stride=layer.stride, padding=padding))


def pooled(level: Tensor, kind: str) -> Tensor:
    """Pool over 3 × 3 pixels: "halve" by the maximum with stride 2, "maximum" and "average" keep the size."""
    if kind == "halve":
        return F.max_pool2d(level, 3, stride=2)
    if kind == "maximum":
        return F.max_pool2d(level, 3, stride=1, padding=1)
    return F.avg_pool2d(level, 3, stride=1, padding=1, count_include_pad=False) if kind == "average" else level
