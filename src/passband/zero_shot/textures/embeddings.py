"""What tells two materials apart in a crop: the table of texture embeddings."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from passband.entries import Entries
from passband.zero_shot.textures.filters import binary_patterns, gabor, haralick
from passband.zero_shot.textures.spectra import intensity, log_spectrum, radial_spectrum

Crops = NDArray[np.float32]
Embed = Callable[[Crops, float | None], NDArray[np.float32]]


@dataclass(frozen=True)
class Texture:
    """An embedding of crops.

    Attributes
    ----------
    name
        What options call it.
    says
        What it sees, in a few words.
    embed
        Crops float32 (n, y, x) of an image of mean 0 and standard deviation 1, and the pixel size in Å (None where it
        is not known) → features (n, m), each crop for itself.
    """

    name: str
    says: str
    embed: Embed


def _with_intensity(embed: Callable[[Crops], NDArray[np.float32]]) -> Embed:
    return lambda crops, _: np.concatenate([embed(crops), intensity(crops)], axis=1)


def _alone(embed: Callable[[Crops], NDArray[np.float32]]) -> Embed:
    return lambda crops, _: embed(crops)


@lru_cache(maxsize=2)
def _encoder(folder: str | None) -> Embed:
    from passband.zero_shot.textures.encoder import load_encoder  # brings torch

    return load_encoder(folder).embed


#: To add a texture is to add one entry; options and studies follow.
TEXTURES: Entries[Texture] = Entries(
    "texture",
    (
        Texture("spectrum", "lattice and its orientation", _alone(log_spectrum)),
        Texture("radial", "lattice in any orientation", _alone(radial_spectrum)),
        Texture("spectrum+intensity", "lattice, its orientation, brightness", _with_intensity(log_spectrum)),
        Texture("radial+intensity", "lattice in any orientation, brightness", _with_intensity(radial_spectrum)),
        Texture("lbp", "local binary patterns at three radii", _alone(binary_patterns)),
        Texture("haralick", "co-occurrence of grey levels", _alone(haralick)),
        Texture("gabor", "energies behind Gabor filters", _alone(gabor)),
        Texture(
            "encoder",
            "what a network learned of simulated lattices, brightness included",
            lambda crops, pixel_size: _encoder(None)(crops, pixel_size),
        ),
    ),
)


def find_texture(name: str) -> Texture:
    """Return a texture by its name in `TEXTURES`, or the encoder of a folder with weights and card.

    Raises
    ------
    PassbandError
        It is neither, or the folder holds no encoder.
    """
    if name not in TEXTURES and Path(name).is_dir():
        return Texture(name, "a network of one's own", _encoder(name))
    return TEXTURES[name]


def known_texture(name: str) -> str:
    """Return the name of a texture that `find_texture` finds; errors as there."""
    return find_texture(name).name
