"""Which masks show one material: crops of each are embedded, grouped by texture, and the masks vote.

After the merging of "SAM-I-Am" (Abebe et al., Comput. Mater. Sci. 246, 113400): random crops of each mask, k-means of
their embeddings, majority vote. Ours are the space in which crops are grouped (`texture_space`), the number of
materials where it is not given (`clusters.Cloud`), and that only masks with a whole crop make the groups.
"""

from dataclasses import dataclass, replace
from typing import Annotated, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, NonNegativeInt, PositiveFloat, PositiveInt

from passband.recipe import PassbandError, Recipe
from passband.zero_shot.clusters import Cloud, Clusters
from passband.zero_shot.crops import Crops, sample_crops
from passband.zero_shot.texture_space import TextureSpace
from passband.zero_shot.textures import TEXTURES, Texture


class Merging(Recipe):
    """How masks of one material are found.

    Attributes
    ----------
    materials
        How many there are, vacuum counted as one; None: as many as are clearly apart.
    texture
        Embedding of crops, one of `TEXTURES`.
    crops
        Of each mask, at most.
    whole
        A crop is whole if this fraction of it lies in its mask.
    most
        Materials, at most, where their number is not given.
    separation
        Where it is not given: Ashman's D between any two of them, at least.
    seed
        Of crops and of the starts of k-means.
    """

    materials: PositiveInt | None = None
    texture: Annotated[str, AfterValidator(TEXTURES.known)] = "spectrum+intensity"
    crops: PositiveInt = 20
    whole: Annotated[float, Field(gt=0.0, le=1.0)] = 0.9
    most: PositiveInt = 8
    separation: PositiveFloat = 5.0
    seed: NonNegativeInt = 0


class CropLabeller(Protocol):
    """What says of crops which material they show."""

    @property
    def materials(self) -> int:
        """How many it tells apart."""

    def label(self, crops: NDArray[np.float32], pixel_size: float | None) -> NDArray[np.int64]:
        """Return the number of the material (n,), from 0, of crops (n, y, x) of an image of mean 0 and deviation 1."""


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

    def label(self, crops: NDArray[np.float32], pixel_size: float | None) -> NDArray[np.int64]:
        """Return the nearest group (n,) of crops (n, y, x)."""
        return self.clusters.nearest(self.space.of_features(self.texture.embed(crops, pixel_size)))


@dataclass(frozen=True, eq=False)
class Merged:
    """Which masks are one material.

    Attributes
    ----------
    material
        (n,): of each mask, from 0. Without a labeller that knows them, the first has the largest area and each has a
        mask.
    confidence
        (n,): fraction of the mask's crops that say so.
    whole
        (n,): whether the mask holds a whole crop; otherwise it was only assigned.
    labeller
        What the crops were labelled by, its numbers those of `material`.
    """

    material: NDArray[np.int64]
    confidence: NDArray[np.float64]
    whole: NDArray[np.bool_]
    labeller: CropLabeller


def merge(
    image: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    side: int,
    pixel_size: float | None = None,
    rules: Merging | None = None,
    labeller: CropLabeller | None = None,
) -> Merged:
    """Give each mask a material.

    Parameters
    ----------
    image
        (y, x), of mean 0 and standard deviation 1.
    labels
        (rows, columns): number of the mask of each cell, as of `flattened`: from 1 without a gap; 0 belongs to none.
    side
        Of crops, pixels; several periods of the lattice.
    pixel_size
        Å; for embeddings that need it.
    rules
        Default `Merging()`.
    labeller
        What knows the materials already, such as a classifier; without one the image's own crops are grouped.

    Raises
    ------
    PassbandError
        There is no mask, or more materials are asked for than there are masks.
    """
    rules = rules or Merging()
    areas = np.bincount(labels.ravel())[1:]
    if len(areas) < (rules.materials or 1):
        raise PassbandError(
            f"materials={rules.materials or 1} but {len(areas)} masks are left to be given to them; "
            "ask for no more materials than masks, or have more masks proposed"
        )
    generator = np.random.default_rng(rules.seed)
    places = sample_crops(labels, image.shape, side=side, count=rules.crops, whole=rules.whole, generator=generator)
    crops = places.cut(image)
    whole = np.zeros(len(areas), dtype=bool)
    whole[places.mask[places.inside >= rules.whole]] = True
    if labeller is not None:
        return Merged(*_vote(labeller.label(crops, pixel_size), places.mask, labeller.materials), whole, labeller)
    groups = group_textures(crops, places, areas, pixel_size=pixel_size, rules=rules)
    first, share = _vote(groups.label(crops, pixel_size), places.mask, groups.materials)
    covered = np.bincount(first, weights=areas, minlength=groups.materials)
    order = np.argsort(-covered, kind="stable")[: np.count_nonzero(covered)]  # without groups that no mask is of
    clusters = Clusters(groups.clusters.centres[order], groups.clusters.separation)
    return Merged(
        np.argsort(order)[np.searchsorted(np.sort(order), first)], share, whole, replace(groups, clusters=clusters)
    )


def _vote(
    labels: NDArray[np.int64], mask: NDArray[np.int64], materials: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Material (masks,) that most crops of each mask show, and the share of those that do."""
    votes = np.zeros((int(mask.max()) + 1, materials))
    np.add.at(votes, (mask, labels), 1.0)
    return votes.argmax(1), votes.max(1) / votes.sum(1)


def group_textures(
    crops: NDArray[np.float32], places: Crops, areas: NDArray[np.int64], *, pixel_size: float | None, rules: Merging
) -> TextureGroups:
    """Group crops (n, y, x) by texture, those of large masks counting more, by the square root of their area.

    Only masks that hold a whole crop take part: narrow strips, whose crops show their neighbours too, would make
    groups of their own. If fewer such masks than materials are there, those that hold most of a crop join.
    """
    best = np.zeros(len(areas))
    np.maximum.at(best, places.mask, places.inside)
    needed = np.sort(best)[::-1][: rules.materials or 1].min()
    fit = places.inside >= min(rules.whole, needed)
    texture = TEXTURES[rules.texture]
    features = texture.embed(crops[fit], pixel_size)
    space = TextureSpace.of(features, places.chosen(fit))
    mask = places.mask[fit]
    weights = np.sqrt(areas[mask]) / np.bincount(mask)[mask]
    cloud = Cloud(space.of_features(features), weights, space.noise)
    if rules.materials is not None:
        return TextureGroups(texture, space, cloud.clusters(rules.materials, seed=rules.seed))
    most = min(rules.most, len(np.unique(mask)))
    clusters = cloud.well_separated(most=most, separation=rules.separation, seed=rules.seed)
    return TextureGroups(texture, space, clusters)
