"""A micrograph becomes a map of its materials, without training and without a label."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import PositiveInt
from scipy.ndimage import label

from passband.camera.border import Border
from passband.camera.data_bar import data_bar
from passband.files.micrograph import Micrograph
from passband.files.reading import as_micrograph
from passband.recipe import PassbandError, Recipe
from passband.zero_shot.booster import Boosted, Booster, boost
from passband.zero_shot.brightness import Phases, brightness_levels, brightness_phases
from passband.zero_shot.flattening import flattened
from passband.zero_shot.grouping import Merging, TextureGroups
from passband.zero_shot.lattice import NAME
from passband.zero_shot.lattice_scale import TextureScale, texture_scale
from passband.zero_shot.merging import TooFewMasksError
from passband.zero_shot.partition import Partitioning, enlarged
from passband.zero_shot.prompts import Embedding, Prompt, Proposer
from passband.zero_shot.proposals import Proposals
from passband.zero_shot.proposers import find_proposer
from passband.zero_shot.removal import Removal

Point = tuple[float, float]
#: Without a lattice what is small is a precipitate or a pore, and no piece of one that its spectrum missed.
SMALL_ALLOWED = Removal(tiny_child=0.0, tiny_island=0.0002)
TEXTURE_ALONE = "radial"  # where there is no lattice, and brightness tells no phases apart
REST = 0.5  # of the image: where masks hold less, what shows nothing to be told apart is one more mask


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
    points
        (y, x) in pixels, one in each material that is wanted; then these are the materials. None: whatever there is.
    cover
        Give every pixel to a material; otherwise those that no mask holds stay unassigned.
    """

    proposals: str = "lattice"
    weights: str | None = None
    materials: PositiveInt | None = None
    points: tuple[Point, ...] = ()
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
    bar
        Rows at the top and the bottom that are a bar of data, and were left out: not assigned.
    """

    labels: NDArray[np.uint16]
    confidence: NDArray[np.float64]
    proposals: int
    stages: tuple[tuple[str, NDArray[np.bool_]], ...]
    pixel_size: tuple[float, float] | None
    bar: Border = field(default_factory=Border)

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
    points: Sequence[Point] = (),
    cover: bool = False,
    pixel_size: float | str | tuple[float, float] | None = None,
) -> Microstructure:
    """Say which pixels of a micrograph show one material, without training.

    Masks are proposed, those that say nothing new removed, and the others merged by their texture. With points, the
    mask of each is the material. Where there is no lattice, and no network proposes, phases that differ in brightness
    come first; only where there are none, textures; and where these do not part as many materials as are said to be, as
    many levels of brightness. A bar of data above or below the image is left out.

    Parameters
    ----------
    micrograph
        A micrograph, the path of its file, or an array (y, x).
    materials
        How many there are, vacuum counted as one; None: as many as are clearly apart.
    proposals
        What proposes masks: "lattice" needs no weights; or a proposer, such as `proposers.find_proposer` returns.
    points
        (y, x) in pixels, one in each material that is wanted.
    cover
        Give every pixel to a material.
    pixel_size
        In Å, one number or (y, x), or a text such as "77.6pm"; it need not be known.

    Raises
    ------
    PassbandError
        The file cannot be read, the image is not finite or smaller than a window, a point is outside of it, or there
        are fewer masks than materials.

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
    asked = ZeroShot(proposals=proposer.name, materials=materials, points=tuple(points), cover=cover)
    return materials_of(seen, proposer, asked)


def materials_of(micrograph: Micrograph, proposer: Proposer, asked: ZeroShot) -> Microstructure:
    """Find the materials of a micrograph with a proposer that is there already; see `find_materials`."""
    if asked.points and asked.materials is not None:
        raise PassbandError(
            f"materials={asked.materials} beside {len(asked.points)} points: each point is a material; leave one out"
        )
    if not np.isfinite(micrograph.array).all():
        raise PassbandError("the image has pixels that are not finite; replace them first")
    bar = data_bar(micrograph.array)
    if bar == Border():
        return _without_bar(micrograph, proposer, asked)
    points = tuple((y - bar.top, x) for y, x in asked.points)
    inside = replace(micrograph, array=bar.inside(micrograph.array))
    found = _without_bar(inside, proposer, asked.model_copy(update={"points": points}))
    stages = tuple((name, _beside_bar(masks, bar, inside)) for name, masks in found.stages)
    labels, confidence = (_beside_bar(one, bar, inside) for one in (found.labels, found.confidence))
    return replace(found, labels=labels, confidence=confidence, stages=stages, bar=bar)


def _beside_bar(maps: NDArray[Any], bar: Border, inside: Micrograph) -> NDArray[Any]:
    """Put 0 where the bar is beside maps (…, rows, columns) of an image or of a grid of it."""
    rows = [round(one * maps.shape[-2] / len(inside.array)) for one in (bar.top, bar.bottom)]
    return np.pad(maps, [*[(0, 0)] * (maps.ndim - 2), (rows[0], rows[1]), (0, 0)])


def _without_bar(micrograph: Micrograph, proposer: Proposer, asked: ZeroShot) -> Microstructure:
    """Find the materials of a micrograph all of which is specimen."""
    image = np.asarray(micrograph.array, dtype=np.float32)
    scale = texture_scale(image)
    for point in asked.points:
        Prompt(points=(point,)).check(image.shape)
    if asked.points:
        return _pointed_at(proposer.embed(image), asked, micrograph)
    rules = Booster(
        removal=SMALL_ALLOWED if scale.period is None else Removal(),
        merging=Merging(materials=asked.materials),
        partitioning=Partitioning(cover=asked.cover),
        rest=REST,
    )
    if scale.period is None and proposer.name == NAME:
        return _without_lattice(micrograph, proposer, scale, rules)
    proposals = proposer.embed(image).everything()
    return _of_boosted(_boosted(micrograph, proposals, scale, rules), proposals, micrograph)


def _without_lattice(micrograph: Micrograph, proposer: Proposer, scale: TextureScale, rules: Booster) -> Microstructure:
    """Find materials by their brightness, by their texture, by both, and by brightness as well as it can be.

    Two materials differ in one or the other; of three, one pair may differ in brightness and another in texture.
    """
    image = np.asarray(micrograph.array, dtype=np.float32)
    phases = brightness_phases(image, scale, rules.merging)
    if phases is not None:
        return _of_brightness(phases, micrograph)
    proposals = proposer.embed(image).everything()
    levels = brightness_levels(image, scale, rules.merging)
    if levels is None:
        texture = TEXTURE_ALONE if rules.merging.materials is None else rules.merging.texture
        return _of_boosted(_boosted(micrograph, proposals, scale, _by(rules, texture)), proposals, micrograph)
    textures = [TEXTURE_ALONE] if levels.materials == 2 else [TEXTURE_ALONE, rules.merging.texture]
    for texture in textures:
        try:
            found = _boosted(micrograph, proposals, scale, _by(rules, texture))
        except TooFewMasksError:
            break
        if _told_apart(found, rules.merging):
            return _of_boosted(found, proposals, micrograph)
    return _of_brightness(levels, micrograph)


def _by(rules: Booster, texture: str) -> Booster:
    return rules.model_copy(update={"merging": rules.merging.model_copy(update={"texture": texture})})


def _boosted(micrograph: Micrograph, proposals: Proposals, scale: TextureScale, rules: Booster) -> Boosted:
    size = None if micrograph.pixel_size is None else float(np.sqrt(np.prod(micrograph.pixel_size)))
    image = np.asarray(micrograph.array, dtype=np.float32)
    return boost(image, proposals, window=scale.window, rules=rules, pixel_size=size)


def _of_boosted(found: Boosted, proposals: Proposals, micrograph: Micrograph) -> Microstructure:
    stages = tuple((stage.name, stage.masks) for stage in found.stages)
    labels = found.partition.labels
    return Microstructure(labels, found.partition.confidence, len(proposals), stages, micrograph.pixel_size)


def _told_apart(found: Boosted, rules: Merging) -> bool:
    """Whether textures part the materials as far as they must where nobody says how many there are."""
    groups = None if found.merged is None else found.merged.labeller
    return isinstance(groups, TextureGroups) and groups.clusters.separation > rules.separation


def _of_brightness(phases: Phases, micrograph: Micrograph) -> Microstructure:
    """Take phases by their brightness, as sharp as cells are; what is connected stands for a proposal."""
    labels = enlarged(phases.labels, micrograph.array.shape, smooth=0.7)
    masks = phases.labels == np.arange(1, phases.materials + 1)[:, None, None]
    regions = sum(int(label(mask)[1]) for mask in masks)
    return Microstructure(labels, phases.confidence, regions, (("brightness", masks),), micrograph.pixel_size)


def _pointed_at(embedding: Embedding, asked: ZeroShot, micrograph: Micrograph) -> Microstructure:
    """Take the mask of each point, the others being places to avoid; where masks overlap the smaller one counts."""
    found = [
        embedding.answer(Prompt(points=(point,), avoid=tuple(other for other in asked.points if other != point)))
        for point in asked.points
    ]
    best = [one.chosen([0]) for one in found if len(one)]
    if len(best) < len(found):
        raise PassbandError(
            f"nothing is found at the point {asked.points[[len(one) for one in found].index(0)]}; "
            "it lies where two points look the same; leave one of them out"
        )
    masks = best[0]
    for one in best[1:]:
        masks = masks.beside(one)
    labels = flattened(masks)
    quality = np.concatenate([[0.0], masks.quality])[labels]
    if asked.cover:
        labels = _nearest(labels)
    shape = (micrograph.array.shape[0], micrograph.array.shape[1])
    everything = sum(len(one) for one in found)
    stages = (("proposals", _all(found)), ("points", masks.masks))
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
