"""An image with its masks, and how crops of it are looked at: within masks, and on both sides of their borders."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from passband.zero_shot.continuity import Borders, border_pairs
from passband.zero_shot.crops import CropPlaces, Crops
from passband.zero_shot.textures.embeddings import Texture
from passband.zero_shot.textures.space import TextureSpace


@dataclass(frozen=True, eq=False)
class MaskedImage:
    """An image, its masks, and how crops of it are embedded.

    Attributes
    ----------
    image
        (y, x), of mean 0 and standard deviation 1.
    places
        Where crops may lie.
    labels
        (rows, columns): masks, numbered from 1.
    texture, pixel_size
        Embedding, and what it may need, Å.
    """

    image: NDArray[np.float32]
    places: CropPlaces
    labels: NDArray[np.int64]
    texture: Texture
    pixel_size: float | None

    def embedded(self, crops: Crops) -> NDArray[np.float32]:
        """Features (n, m) of crops."""
        return self.texture.embed(crops.cut(self.image), self.pixel_size)

    def borders(self, space: TextureSpace, sure: NDArray[np.bool_], *, seed: int) -> Borders:
        """Measure what differs across the borders of some masks (masks,), as if there were no others."""
        labels = np.where(np.append(False, sure)[self.labels], self.labels, 0)
        generator = np.random.default_rng(seed)
        pairs = border_pairs(self.places, labels, generator=generator)
        crops = self.places.crops(pairs.places.ravel(), generator=generator)
        places = space.of_features(self.embedded(crops)).reshape(*pairs.places.shape, len(space.noise))
        return Borders.of(pairs.masks, places, space.noise)

    def at(self, side: int, *, whole: float) -> Self:
        """Return the same with crops of another side."""
        return replace(self, places=CropPlaces.of(self.labels, self.image.shape, side=side, whole=whole))


def mask_means(values: NDArray[np.float64], mask: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Means (count, directions) over the crops (n, directions) of each mask (n,); NaN for one without crops."""
    number = np.bincount(mask, minlength=count)[:, None].astype(np.float64)
    total = np.stack([np.bincount(mask, column, minlength=count) for column in values.T], axis=1)
    return np.divide(total, number, out=np.full_like(total, np.nan), where=number > 0)


def crop_majority(labels: NDArray[np.int64], mask: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Label (count,) that most crops (n,) of each mask (n,) have; 0 for a mask without crops."""
    votes = np.zeros((count, int(labels.max(initial=0)) + 1))
    np.add.at(votes, (mask, labels), 1.0)
    return np.asarray(votes.argmax(1), dtype=np.int64)
