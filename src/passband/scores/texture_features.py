"""Features of passband's own encoder of textures, which learned from simulated lattices and is in the package."""

import numpy as np
from numpy.typing import NDArray

from passband.scores.extractor import Crops, Extractor
from passband.zero_shot.textures.encoder import load_encoder

_VERSION = 1  # of what happens to crops before the network and to features behind it


def texture_extractor(folder: str | None = None) -> Extractor:
    """Return the encoder that comes with passband, or that of a folder.

    Its features have length 1; here their mean square is 1, so that distances do not depend on their number.

    Raises
    ------
    ModelError
        The folder holds none, or its weights do not fit its card.
    """
    encoder = load_encoder(folder)
    scale = np.float32(np.sqrt(encoder.card.architecture.features))

    def features(crops: Crops) -> NDArray[np.float32]:
        return encoder.embed(crops) * scale

    return Extractor("textures", "FD-textures", f"textures {_VERSION} {encoder.card.weights_sha256}", features)
