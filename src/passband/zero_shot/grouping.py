"""Groups of crops by their texture, made by the masks of one image that are sure to show one each.

Ours, beside the paper's k-means: the space in which crops are grouped (`texture_space`), the number of materials where
it is not given (`clusters`), masks that go on into one another (`continuity`), and that only masks with a whole crop
count.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from passband.recipe import Recipe
from passband.zero_shot.clusters import Cloud, Clusters
from passband.zero_shot.continuity import border_crops, joined
from passband.zero_shot.crops import CropPlaces, Crops
from passband.zero_shot.textures.embeddings import Texture, known_texture
from passband.zero_shot.textures.space import TextureSpace


class Merging(Recipe):
    """How masks of one material are found.

    Attributes
    ----------
    materials
        How many there are, vacuum counted as one; None: as many as are clearly apart.
    texture
        Embedding of crops, one of `textures.TEXTURES`, or the folder of an encoder.
    crops
        Of each mask, at most.
    whole
        A crop is whole if this fraction of it lies in its mask.
    most
        Materials, at most, where their number is not given.
    separation
        Ashman's D between any two of them, at least, where their number is not given.
    continuity
        Masks go on into one another if they differ by less across their common border, in deviations within masks.
    smallest
        Part of all masks that a material covers, at least, where there are masks enough.
    seed
        Of crops and of the starts of k-means.
    """

    materials: PositiveInt | None = None
    texture: Annotated[str, AfterValidator(known_texture)] = "radial+intensity"
    crops: PositiveInt = 20
    whole: Annotated[float, Field(gt=0.0, le=1.0)] = 0.9
    most: PositiveInt = 8
    separation: PositiveFloat = 4.0
    continuity: NonNegativeFloat = 2.5
    smallest: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.01
    seed: NonNegativeInt = 0


@dataclass(frozen=True, eq=False)
class TextureGroups:
    """Groups of crops by texture: the labeller that one image's own crops make."""

    texture: Texture
    space: TextureSpace
    clusters: Clusters

    @property
    def materials(self) -> int:
        """How many groups there are."""
        return len(self.clusters.centres)

    def side(self, pixel_size: float | None) -> None:
        """Say that crops are as large as they were when the groups were made."""

    def label(self, crops: NDArray[np.float32], pixel_size: float | None) -> NDArray[np.int64]:
        """Return the nearest group (n,) of crops (n, y, x)."""
        return self.clusters.nearest(self.space.of_features(self.texture.embed(crops, pixel_size)))


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


def group_textures(
    seen: MaskedImage, crops: Crops, areas: NDArray[np.float64], rules: Merging
) -> tuple[TextureGroups, NDArray[np.int64], NDArray[np.int64]]:
    """Group crops by texture, those of large masks counting more, by the square root of their area.

    Only masks that hold a whole crop take part: narrow strips, whose crops show their neighbours too, would make
    groups of their own. If fewer such masks than materials are there, those that hold most of a crop join.

    Parameters
    ----------
    seen
        The image.
    crops
        Some of every mask.
    areas
        (masks,), in any unit.
    rules
        How.

    Returns
    -------
    groups
        What labels any crop.
    shown
        (n,): group of each crop.
    unit
        (masks,): number of the unit that each mask is part of; those of one unit go on into one another.
    """
    best = np.zeros(len(areas))
    np.maximum.at(best, crops.mask, crops.inside)
    wanted = rules.materials or 1
    sure = best >= min(rules.whole, np.sort(best)[::-1][:wanted].min())
    fit = sure[crops.mask]
    features = seen.embedded(crops)
    space = TextureSpace.of(features[fit], crops.mask[fit])
    places = space.of_features(features)
    unit = _units(seen, space, sure, rules)
    places += _levelled(places, crops.mask, areas * sure, unit)
    mask = crops.mask[fit]
    sizes = areas[mask] / np.bincount(mask)[mask]
    cloud = Cloud(places[fit], sizes / np.sqrt(areas[mask]), sizes, space.noise)
    most = max(rules.most, rules.materials or 1)
    clusters = cloud.well_separated(
        most=min(most, len(np.unique(unit[mask]))),
        separation=rules.separation,
        smallest=rules.smallest,
        seed=rules.seed,
    )
    if rules.materials is not None:
        clusters = cloud.clusters(rules.materials, found=clusters, seed=rules.seed)
    return TextureGroups(seen.texture, space, clusters), clusters.nearest(places), unit


def _units(seen: MaskedImage, space: TextureSpace, sure: NDArray[np.bool_], rules: Merging) -> NDArray[np.int64]:
    """Find the unit (masks,) of each mask; only sure ones are joined."""
    labels = np.where(np.append(False, sure)[seen.labels], seen.labels, 0)
    borders = border_crops(seen.places, labels, generator=np.random.default_rng(rules.seed))
    steps = space.of_features(seen.embedded(borders[0])) - space.of_features(seen.embedded(borders[1]))
    pairs = np.stack([side.mask for side in borders], axis=1)
    least = (rules.materials or 1) + int((~sure).sum())
    return joined(pairs, steps, space.noise, separation=rules.continuity, units=(len(sure), least))


def _levelled(
    places: NDArray[np.float64], mask: NDArray[np.int64], areas: NDArray[np.float64], unit: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Tell what brings the mean place of each mask to that of its unit, for each crop (n, directions)."""
    count = np.bincount(mask, minlength=len(areas))[:, None]
    means = np.stack([np.bincount(mask, column, minlength=len(areas)) for column in places.T], axis=1) / count
    weight = np.bincount(unit, areas)
    summed = np.stack([np.bincount(unit, column * areas) for column in means.T], axis=1)
    level = np.divide(summed, weight[:, None], out=np.zeros_like(summed), where=weight[:, None] > 0)[unit]
    moved: NDArray[np.float64] = np.where(areas[:, None] > 0, level - means, 0.0)[mask]
    return moved
