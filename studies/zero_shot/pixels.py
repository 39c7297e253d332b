"""The baseline without masks and without the booster: pixels are grouped by the texture about them."""

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from passband.zero_shot.textures.dense import embed_pixels
from studies.zero_shot.benchmark import LabelledImage

SEED = 0


def grouped_pixels(shown: LabelledImage, texture: str) -> NDArray[np.int64]:
    """Return labels (y, x), from 1: as many groups as the image shows materials, by k-means of features as they are."""
    found = embed_pixels(shown.image, texture=texture, pixel_size=shown.pixel_size)
    flat = found.features.reshape(-1, found.features.shape[-1])
    group = KMeans(len(shown.materials), n_init=4, random_state=SEED).fit_predict(flat)
    numbers = group.astype(np.int64).reshape(found.features.shape[:2])
    return found.spread(numbers + 1, (shown.image.shape[0], shown.image.shape[1]))
