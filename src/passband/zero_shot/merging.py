"""Which masks show one material: crops of each are embedded, grouped by texture, and the masks vote.

After the merging of "SAM-I-Am" (Abebe et al., Comput. Mater. Sci. 246, 113400): random crops of each mask, k-means of
their embeddings, majority vote. What is ours is in `grouping`.
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from passband.recipe import PassbandError
from passband.zero_shot.clusters import Clusters
from passband.zero_shot.crops import CropPlaces
from passband.zero_shot.grouping import Merging, group_textures
from passband.zero_shot.masked_image import MaskedImage
from passband.zero_shot.textures.embeddings import find_texture


class CropLabeller(Protocol):
    """What says of crops which material they show."""

    @property
    def materials(self) -> int:
        """How many it tells apart."""

    def side(self, pixel_size: float | None) -> int | None:
        """Pixels along the crops that it knows, in an image whose pixels have a size in Å; None: any."""

    def label(self, crops: NDArray[np.float32], pixel_size: float | None) -> NDArray[np.int64]:
        """Return the number of the material (n,), from 0, of crops (n, y, x) of an image of mean 0 and deviation 1."""


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


class TooFewMasksError(PassbandError):
    """Fewer masks than materials."""


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
    TooFewMasksError
        There is no mask, or more materials are asked for than there are masks.
    """
    rules = rules or Merging()
    areas = np.bincount(labels.ravel())[1:].astype(np.float64)
    if len(areas) < (rules.materials or 1):
        raise TooFewMasksError(
            f"materials={rules.materials or 1} but {len(areas)} masks are left to be given to them; "
            "ask for no more materials than masks, or have more masks proposed"
        )
    places = CropPlaces.of(labels, image.shape, side=side, whole=rules.whole)
    crops = places.sample(rules.crops, generator=np.random.default_rng(rules.seed))
    whole = np.zeros(len(areas), dtype=bool)
    whole[crops.mask[crops.inside >= rules.whole]] = True
    if labeller is not None:
        alone = np.arange(len(areas))
        shown = labeller.label(crops.cut(image), pixel_size)
        return Merged(*_vote(shown, crops.mask, alone, labeller.materials), whole, labeller)
    seen = MaskedImage(image, places, labels, find_texture(rules.texture), pixel_size)
    groups, shown, unit = group_textures(seen, crops, areas, rules)
    first, share = _vote(shown, crops.mask, unit, groups.materials)
    covered = np.bincount(first, weights=areas, minlength=groups.materials)
    order = np.argsort(-covered, kind="stable")[: np.count_nonzero(covered)]  # without groups that no mask is of
    clusters = Clusters(groups.clusters.centres[order], groups.clusters.separation)
    material = np.argsort(order)[np.searchsorted(np.sort(order), first)]
    return Merged(material, share, whole, replace(groups, clusters=clusters))


def _vote(
    labels: NDArray[np.int64], mask: NDArray[np.int64], unit: NDArray[np.int64], materials: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Material (masks,) that most crops of each unit show, and the share of each mask's own crops that show it."""
    votes = np.zeros((len(unit), materials))
    np.add.at(votes, (unit[mask], labels), 1.0)
    material = votes.argmax(1)[unit]
    agreed = np.bincount(mask, labels == material[mask], minlength=len(unit))
    return material, agreed / np.bincount(mask, minlength=len(unit))
