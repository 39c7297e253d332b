"""A feature extractor, and how micrographs become the pictures that networks of others were trained on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Crops = NDArray[np.float32]

LEVELS = 4.0  # standard deviations from the mean of an image to black and to white
AT_ONCE = 64  # pictures


@dataclass(frozen=True, eq=False)
class Extractor:
    """A function from images to features, with the name of the scores that it makes.

    Attributes
    ----------
    name
        Of scores: `frechet_<name>`.
    title
        Of its Fréchet distance for a person: "FD-textures"; "FID" is that of one network alone.
    identity
        Changes with its weights and with the version of its preprocessing.
    features
        Crops float32 (n, y, x), mean about 0 and standard deviation about 1 → features float32 (n, d), each crop for
        itself.
    """

    name: str
    title: str
    identity: str
    features: Callable[[Crops], NDArray[np.float32]]


def picture_features(network: "Callable[[Tensor], Tensor]", crops: Crops, side: int) -> NDArray[np.float32]:
    """Features (n, d) of a network of photographs, which takes grey pictures (n, 1, side, side) between 0 and 1.

    The mean of an image is middle grey, ±4 standard deviations are black and white; what is beyond is cut. The resize
    is bilinear, low-passed where it shrinks.
    """
    import torch
    from torch.nn import functional as F

    found = []
    with torch.inference_mode():
        for part in torch.split(torch.from_numpy(np.ascontiguousarray(crops, dtype=np.float32)), AT_ONCE):
            grey = (0.5 + part[:, None] / (2.0 * LEVELS)).clamp(0.0, 1.0)
            picture = F.interpolate(grey, size=(side, side), mode="bilinear", antialias=True)
            found.append(network(picture))
    return np.asarray(torch.cat(found).numpy())
