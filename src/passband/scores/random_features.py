"""Features of a network that learned nothing: what a distance is worth without training, and what tests can afford."""

import math
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

from passband.scores.extractor import Extractor, picture_features

_CHANNELS = (1, 16, 32, 32)
_SIDE = 64  # pixels that every crop is resized to
_VERSION = 1


def random_extractor(seed: int = 0) -> Extractor:
    """Return three random convolutions, of which each channel's mean and deviation are the 64 features.

    The weights follow from the seed alone.
    """
    generator = torch.Generator().manual_seed(seed)
    weights = [
        torch.randn((after, before, 3, 3), generator=generator) * math.sqrt(2.0 / (9 * before))
        for before, after in pairwise(_CHANNELS)
    ]

    def network(pictures: Tensor) -> Tensor:
        level = 8.0 * pictures - 4.0
        for weight in weights:
            level = F.relu(F.conv2d(level, weight, stride=2, padding=1))
        flat = level.flatten(2)  # (n, 32, places)
        return torch.cat([flat.mean(2), flat.std(2, correction=0)], dim=1)

    return Extractor(
        "random", "FD-random", f"random {_VERSION} {seed}", lambda crops: picture_features(network, crops, _SIDE)
    )
