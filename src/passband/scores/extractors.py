"""What turns images into features that can be compared: the table of extractors, after which scores are named."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from passband.cache import cache_folder, kept_array
from passband.entries import Entries
from passband.recipe import PassbandError
from passband.scores.extractor import Crops, Extractor

Features = NDArray[np.float64]

KEPT = 256  # sets whose features are kept
DEFAULT = "textures"


@dataclass(frozen=True)
class ExtractorKind:
    """A kind of extractor.

    Attributes
    ----------
    name
        What options call it; scores are `frechet_<name>`.
    says
        What it is, in a few words.
    load
        Makes one of the text behind `=`, a path as a rule; of an empty one by default.
    """

    name: str
    says: str
    load: Callable[[str], Extractor]


def _textures(place: str) -> Extractor:
    from passband.scores.texture_features import texture_extractor  # brings torch

    return texture_extractor(place or None)


def _random(seed: str) -> Extractor:
    from passband.scores.random_features import random_extractor

    if not (seed or "0").isdecimal():
        raise PassbandError(f"random={seed!r:.40} is no seed of a random network; write random or random=1")
    return random_extractor(int(seed or 0))


def _inception(path: str) -> Extractor:
    from passband.scores.inception_features import inception_extractor

    return inception_extractor(path)


def _imagenet(path: str) -> Extractor:
    from passband.scores.imagenet_features import imagenet_extractor

    return imagenet_extractor(path)


#: To add one is to add one entry; options, scores and messages follow.
EXTRACTORS: Entries[ExtractorKind] = Entries(
    "feature extractor",
    (
        ExtractorKind(
            "textures", "passband's own encoder of textures, or textures=FOLDER with one of yours", _textures
        ),
        ExtractorKind("inception", "the network of FID, inception=FILE or address (SHA-256 6726825d…)", _inception),
        ExtractorKind("imagenet", "EfficientNet-Lite0, trained on photographs, imagenet=FILE", _imagenet),
        ExtractorKind("random", "a network that learned nothing, random=SEED; for tests and as a baseline", _random),
    ),
)


def find_extractor(text: str) -> Extractor:
    """Return the extractor of a text such as "textures" or "imagenet=FILE".

    Raises
    ------
    PassbandError
        There is none of this name, or its weights are missing, damaged or others.
    """
    name, _, place = text.partition("=")
    return EXTRACTORS[name].load(place)


def extracted(extractor: Extractor, crops: Crops) -> Features:
    """Features (n, d) of crops (n, y, x), from the cache where the same pixels were asked for before.

    The key is the SHA-256 of the pixels with the identity of the extractor, which holds its weights and the version of
    its preprocessing.
    """
    digest = hashlib.sha256(f"{extractor.identity} {crops.shape}".encode())
    digest.update(np.ascontiguousarray(crops, dtype=np.float32).data)
    path = cache_folder("features") / f"{digest.hexdigest()}.npy"
    kept = kept_array(path, lambda: extractor.features(crops), axes=2, most=KEPT)
    return kept.astype(np.float64)
