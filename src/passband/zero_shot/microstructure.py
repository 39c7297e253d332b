"""A micrograph becomes a map of its materials, without training and without a label."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import PositiveInt

from passband.files.micrograph import Micrograph
from passband.files.reading import as_micrograph
from passband.recipe import PassbandError, Recipe
from passband.zero_shot.booster import Booster, boost
from passband.zero_shot.flattening import flattened
from passband.zero_shot.grouping import Merging
from passband.zero_shot.lattice_scale import TextureScale, texture_scale
from passband.zero_shot.partition import Partitioning, enlarged
from passband.zero_shot.prompts import Embedding, Prompt, Proposer
from passband.zero_shot.proposals import Proposals
from passband.zero_shot.proposers import find_proposer
from passband.zero_shot.removal import Removal

#: Without a lattice what is small is a precipitate or a pore, and no piece of one that its spectrum missed.
SMALL_ALLOWED = Removal(tiny_child=0.0, tiny_island=0.0002)


class ZeroShot(Recipe):
    """What is asked of a micrograph.

    Attributes
    ----------
    proposals
        What proposes masks: names of `proposers.PROPOSERS`, several with + between them.
    weights
        File or folder of the weights of a network that proposes; None: those it is known with.
    materials
        How many there are, vacuum counted as one; None: as many as are clearly apart.
    prompts
        One for each material that is wanted, see `prompts.one_for_each`; none: whatever there is.
    cover
        Give every pixel to a material; otherwise those that no mask holds stay unassigned.
    """

    proposals: str = "lattice"
    weights: str | None = None
    materials: PositiveInt | None = None
    prompts: tuple[Prompt, ...] = ()
    cover: bool = False


@dataclass(frozen=True, eq=False)
class Microstructure:
    """Materials of one micrograph.

    Attributes
    ----------
    labels
        uint16 (y, x): the material of each pixel, from 1; 0 where none was assigned.
    confidence
        (rows, columns), on a grid of the image: how sure the material is, 0 to 1; 0 where no mask says it.
    proposals
        How many masks were proposed.
    stages
        Masks (n, rows, columns) by the name of the step that left them, in order.
    pixel_size
        (y, x) in Å, or None.
    """

    labels: NDArray[np.uint16]
    confidence: NDArray[np.float64]
    proposals: int
    stages: tuple[tuple[str, NDArray[np.bool_]], ...]
    pixel_size: tuple[float, float] | None

    @property
    def materials(self) -> int:
        """How many materials have pixels."""
        return int(np.count_nonzero(np.bincount(self.labels.ravel())[1:]))

    @property
    def mean_confidence(self) -> float:
        """Mean over what masks hold; 0 where none was found."""
        known = self.confidence[self.confidence > 0]
        return float(known.mean()) if known.size else 0.0


def find_materials(
    micrograph: Micrograph | ArrayLike | str | PathLike[str],
    *,
    materials: int | None = None,
    proposals: str | Proposer = "lattice",
    prompts: Sequence[Prompt] = (),
    cover: bool = False,
    pixel_size: float | str | tuple[float, float] | None = None,
) -> Microstructure:
    """Say which pixels of a micrograph show one material, without training.

    Masks are proposed, those that say nothing new removed, and the others merged by their texture. With prompts,
    the mask of each is the material.

    Parameters
    ----------
    micrograph
        A micrograph, the path of its file, or an array (y, x).
    materials
        How many there are, vacuum counted as one; None: as many as are clearly apart.
    proposals
        What proposes masks: "lattice" needs no weights; or a proposer, such as `proposers.find_proposer` returns.
    prompts
        One for each material that is wanted, see `prompts.one_for_each`.
    cover
        Give every pixel to a material.
    pixel_size
        In Å, one number or (y, x), or a text such as "77.6pm"; it need not be known.

    Raises
    ------
    PassbandError
        The file cannot be read, the image is not finite or smaller than a window, a point or a box is outside of it, or
        there are fewer masks than materials.

    Examples
    --------
    >>> image = np.random.default_rng(0).normal(size=(128, 128))
    >>> image[:, 64:] += 8.0
    >>> found = find_materials(image, materials=2)
    >>> found.labels.shape, found.materials
    ((128, 128), 2)
    """
    seen = as_micrograph(micrograph, pixel_size=pixel_size, need_pixel_size=False)
    proposer = find_proposer(proposals) if isinstance(proposals, str) else proposals
    asked = ZeroShot(proposals=proposer.name, materials=materials, prompts=tuple(prompts), cover=cover)
    return materials_of(seen, proposer, asked)


def materials_of(micrograph: Micrograph, proposer: Proposer, asked: ZeroShot) -> Microstructure:
    """Find the materials of a micrograph with a proposer that is there already; see `find_materials`."""
    prompts = asked.prompts
    if prompts and asked.materials is not None:
        raise PassbandError(
            f"materials={asked.materials} beside {len(prompts)} points or boxes: each is a material; leave one out"
        )
    image = np.asarray(micrograph.array, dtype=np.float32)
    if not np.isfinite(image).all():
        raise PassbandError("the image has pixels that are not finite; replace them first")
    scale = texture_scale(image)
    for prompt in prompts:
        prompt.check((image.shape[0], image.shape[1]))
    embedding = proposer.embed(image)
    if prompts:
        return _pointed_at(embedding, prompts, micrograph, cover=asked.cover)
    return _boosted(image, embedding.everything(), scale, asked, micrograph)


def _pointed_at(
    embedding: Embedding, prompts: Sequence[Prompt], micrograph: Micrograph, *, cover: bool
) -> Microstructure:
    """Take the best mask for each prompt; where masks overlap the smaller one counts."""
    found = [embedding.answer(prompt) for prompt in prompts]
    best = [one.chosen([0]) for one in found if len(one)]
    if len(best) < len(found):
        prompt = prompts[[len(one) for one in found].index(0)]
        where = f"in the box {prompt.box}" if prompt.box is not None else f"at the point {prompt.points[0]}"
        raise PassbandError(
            f"nothing is found {where}; it looks the same where another point is, or a place to avoid; leave one out"
        )
    masks = best[0]
    for one in best[1:]:
        masks = masks.beside(one)
    labels = flattened(masks)
    quality = np.concatenate([[0.0], masks.quality])[labels]
    if cover:
        labels = _nearest(labels)
    shape = (micrograph.array.shape[0], micrograph.array.shape[1])
    everything = sum(len(one) for one in found)
    stages = (("proposals", _all(found)), ("prompts", masks.masks))
    return Microstructure(enlarged(labels, shape, smooth=0.7), quality, everything, stages, micrograph.pixel_size)


def _all(found: Sequence[Proposals]) -> NDArray[np.bool_]:
    together = found[0]
    for one in found[1:]:
        together = together.beside(one)
    return together.masks


def _nearest(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give cells without a label that of the nearest one."""
    from scipy.ndimage import distance_transform_edt

    place = distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
    return np.asarray(labels[tuple(place)])


def _boosted(
    image: NDArray[np.float32], proposals: Proposals, scale: TextureScale, asked: ZeroShot, micrograph: Micrograph
) -> Microstructure:
    rules = Booster(
        removal=SMALL_ALLOWED if scale.period is None else Removal(),
        merging=Merging(materials=asked.materials),
        partitioning=Partitioning(cover=asked.cover),
    )
    size = None if micrograph.pixel_size is None else float(np.sqrt(np.prod(micrograph.pixel_size)))
    found = boost(image, proposals, window=scale.window, rules=rules, pixel_size=size)
    stages = tuple((stage.name, stage.masks) for stage in found.stages)
    labels = found.partition.labels
    return Microstructure(labels, found.partition.confidence, len(proposals), stages, micrograph.pixel_size)
