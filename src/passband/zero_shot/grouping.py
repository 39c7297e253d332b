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
from passband.zero_shot.clusters import Cloud, Clusters, furthest, well_separated
from passband.zero_shot.continuity import Borders, joined, levels, slow_change, transitions, widths
from passband.zero_shot.crops import Crops
from passband.zero_shot.masked_image import MaskedImage, crop_majority, mask_means
from passband.zero_shot.narrow import NarrowRules, narrow_materials
from passband.zero_shot.textures.embeddings import Texture, known_texture
from passband.zero_shot.textures.space import TextureSpace

NARROW = 1.5  # crops: an interface that is rough or not seen edge-on is no wider
STRIPS = 3  # that such an interface is cut into, at most


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
    separation: PositiveFloat = 4.5
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


Grouped = tuple[TextureGroups, NDArray[np.int64], NDArray[np.int64]]


def group_textures(seen: MaskedImage, crops: Crops, areas: NDArray[np.float64], rules: Merging) -> Grouped:
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
    order = np.sort(best)[::-1]
    for least in (order[0], order[(rules.materials or 1) - 1]):
        grouped, separate = _grouped(seen, crops, areas, best >= min(rules.whole, least), rules)
        if separate >= (rules.materials or 1):
            break
    return grouped


def _grouped(
    seen: MaskedImage, crops: Crops, areas: NDArray[np.float64], sure: NDArray[np.bool_], rules: Merging
) -> tuple[Grouped, int]:
    """Group by the crops of sure masks; return also how many masks may have a group of their own.

    Slow changes are taken out where that parts the groups further: levels from few crops beside borders are uncertain.
    """
    features = seen.embedded(crops)
    space = TextureSpace.of(features[sure[crops.mask]], crops.mask[sure[crops.mask]])
    places = space.of_features(features)
    held = sure
    sure, borders = _without_transitions(seen, space, sure, rules)
    least = min(rules.materials or 1, int(sure.sum())) + int((~sure).sum())
    unit = joined(borders, separation=rules.continuity, units=(len(sure), least))
    fit = sure[crops.mask]
    mask = crops.mask[fit]
    sizes = areas[mask] / np.bincount(mask)[mask]
    most = min(max(rules.most, rules.materials or 1), len(np.unique(unit[mask])))
    levelled = places + _levelled(places, crops, sure, levels_of=(borders, unit))
    either = [(one, Cloud(one[fit], sizes / np.sqrt(areas[mask]), sizes, space.noise)) for one in (levelled, places)]
    splits = [cloud.splits(most=most, smallest=rules.smallest, seed=rules.seed) for _, cloud in either]
    clearer = int(np.argmax([furthest(one) for one in splits]))
    places, cloud = either[clearer]
    apart = well_separated(splits[clearer], rules.separation)
    first = crop_majority(apart.nearest(places), crops.mask, len(areas))
    narrow = narrow_materials(seen, np.where(sure, first, np.where(held, -2, -1)), areas, _narrow_rules(rules, apart))
    new = max(0, int(narrow.max()) + 1 - len(apart.centres))
    wide = apart if rules.materials is None else cloud.clusters(rules.materials - new, found=apart, seed=rules.seed)
    number = np.append(wide.nearest(apart.centres), len(wide.centres) + np.arange(new))
    means = mask_means(places, crops.mask, len(areas))
    centres = [np.average(means[own], axis=0, weights=areas[own]) for own in _members(narrow, len(apart.centres), new)]
    clusters = Clusters(np.concatenate([wide.centres, *(one[None] for one in centres)]), wide.separation)
    shown = np.where(fit, wide.nearest(places), clusters.nearest(places))
    told = (narrow >= 0)[crops.mask] & ~fit
    shown[told] = number[narrow[crops.mask[told]]]
    return (TextureGroups(seen.texture, space, clusters), shown, unit), int(sure.sum()) + new


def _members(material: NDArray[np.int64], first: int, count: int) -> list[NDArray[np.bool_]]:
    return [material == first + number for number in range(count)]


def _narrow_rules(rules: Merging, apart: Clusters) -> NarrowRules:
    return NarrowRules(
        whole=rules.whole,
        separation=rules.separation,
        continuity=rules.continuity,
        seed=rules.seed,
        most=max(0, (rules.materials or rules.most) - len(apart.centres)),
    )


def _without_transitions(
    seen: MaskedImage, space: TextureSpace, sure: NDArray[np.bool_], rules: Merging
) -> tuple[NDArray[np.bool_], Borders]:
    """Leave out strips that show their neighbours on both sides, as a rough interface does; return what borders say."""
    cell = max(np.array(seen.places.shape) / np.array(seen.places.grid))
    narrow = widths(seen.labels) * cell <= NARROW * seen.places.side
    borders = seen.borders(space, sure, seed=rules.seed)
    for _ in range(STRIPS):
        between = sure & narrow & transitions(borders, len(sure), separation=rules.continuity)
        if not between.any() or (sure & ~between).sum() < (rules.materials or 1):
            break
        sure = sure & ~between
        borders = seen.borders(space, sure, seed=rules.seed)
    return sure, borders


def _levelled(
    places: NDArray[np.float64],
    crops: Crops,
    sure: NDArray[np.bool_],
    *,
    levels_of: tuple[Borders, NDArray[np.int64]],
) -> NDArray[np.float64]:
    """Tell what takes slow changes across the image out of the places of crops (n, directions)."""
    means = mask_means(places, crops.mask, len(sure))
    means[~sure] = np.nan
    away = levels(*levels_of, means)[crops.mask] - places
    return slow_change(crops.corners, away, sure[crops.mask])
