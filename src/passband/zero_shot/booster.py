"""From masks that somebody proposed to a map of materials: removal, merging by texture, partition, each stage kept."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, PositiveFloat

from passband.recipe import PassbandError, Recipe
from passband.zero_shot.crops import normalised
from passband.zero_shot.flattening import flattened
from passband.zero_shot.grouping import Merging
from passband.zero_shot.lattice_scale import texture_scale
from passband.zero_shot.merging import CropLabeller, Merged, merge
from passband.zero_shot.objective import TRADE_OFF, Objective, objective, pairwise_iou
from passband.zero_shot.partition import Partition, Partitioning, partition
from passband.zero_shot.proposals import Proposals
from passband.zero_shot.removal import Removal, Removed, coarse_grid, remove, sampled_masks

GRID = 256  # cells of the longest side, on which crops are placed
COMPARED = 128  # the same, on which masks are compared for the objective
STAGES = ("proposals", "removal", "merging")


class Booster(Recipe):
    """What the booster does.

    Attributes
    ----------
    removal, merging, partitioning
        Rules of the stages.
    crop
        Side of crops, in windows.
    rest
        Fraction of the image: where more is held by no mask that removal leaves, the rest is a mask too; 1: never.
    trade_off
        Of the objective that is reported: overlap that one mask more must bring.
    """

    removal: Removal = Removal()
    merging: Merging = Merging()
    partitioning: Partitioning = Partitioning()
    crop: PositiveFloat = 1.0
    rest: Annotated[float, Field(ge=0.0, le=1.0)] = 1.0
    trade_off: NonNegativeFloat = TRADE_OFF


@dataclass(frozen=True, eq=False)
class Stage:
    """Masks after one step.

    Attributes
    ----------
    name
        One of `STAGES`.
    masks
        Those that are left, (n, rows, columns).
    objective
        Their worth, the proposals being what they stand for.
    """

    name: str
    masks: NDArray[np.bool_]
    objective: Objective


@dataclass(frozen=True, eq=False)
class Boosted:
    """Result for one image.

    Attributes
    ----------
    stages
        In their order.
    removed
        What became of each proposal.
    merged
        Materials of the masks that removal left; None where it left none.
    partition
        The map of materials.
    side
        Of crops, pixels.
    """

    stages: tuple[Stage, ...]
    removed: Removed
    merged: Merged | None
    partition: Partition
    side: int


def boost(
    image: NDArray[np.float32],
    proposals: Proposals,
    *,
    window: int | None = None,
    rules: Booster | None = None,
    pixel_size: float | None = None,
    labeller: CropLabeller | None = None,
) -> Boosted:
    """Make a map of materials from proposed masks.

    Parameters
    ----------
    image
        (y, x), in any units.
    proposals
        Masks of it, which may overlap.
    window
        Pixels that hold some periods of the lattice; default: as `texture_scale` finds them in the image. A labeller
        may have crops of its own.
    rules
        Default `Booster()`.
    pixel_size
        Å; for textures that need it.
    labeller
        What knows the materials already (`known_materials`); without one the image's own crops are grouped.

    Raises
    ------
    PassbandError
        More materials are asked for than masks are left, or the masks are of an image of another size.
    """
    rules = rules or Booster()
    if image.shape != proposals.shape:
        raise PassbandError(
            f"an image of {image.shape} (y, x) and masks of one of {proposals.shape}; propose masks for this image"
        )
    side = labeller.side(pixel_size) if labeller is not None else None
    if side is None:
        side = max(2, min(round(rules.crop * (window or texture_scale(image).window)), *image.shape))
    normal = normalised(image)
    small = proposals.on_grid(coarse_grid(proposals.grid, GRID))
    removed = remove(small, rules.removal)
    rest = ~small.masks[removed.kept].any(0)
    if rest.mean() > rules.rest:
        proposals, small = (_with_rest(masks, removed.kept) for masks in (proposals, small))
        removed = Removed(np.append(removed.kept, len(proposals) - 1), (*removed.fates, "kept"))
    left = proposals.chosen(removed.kept)
    labels, coarse = _numbered(left, small.chosen(removed.kept))
    if coarse.any():
        merged = merge(normal, coarse, side=side, pixel_size=pixel_size, rules=rules.merging, labeller=labeller)
        found = partition(normal, labels, merged, side=side, pixel_size=pixel_size, rules=rules.partitioning)
        number = np.concatenate([[-1], merged.material])[labels]
    else:
        merged, number = None, np.full(labels.shape, -1)
        found = Partition(np.zeros(image.shape, np.uint16), np.zeros(labels.shape), 0)
    groups = Proposals.of_masks(number == np.unique(number[number >= 0])[:, None, None], shape=proposals.shape)
    reference = sampled_masks(small, COMPARED)
    among = pairwise_iou(reference, reference)
    overlaps = (among, among[:, removed.kept], pairwise_iou(reference, sampled_masks(groups, COMPARED)))
    stages = tuple(
        Stage(name, masks, objective(iou, trade_off=rules.trade_off))
        for name, masks, iou in zip(STAGES, (proposals.masks, left.masks, groups.masks), overlaps, strict=True)
    )
    return Boosted(stages, removed, merged, found, side)


def _with_rest(proposals: Proposals, kept: NDArray[np.int64]) -> Proposals:
    """Add the cells that none of the kept masks holds, as one mask."""
    rest = ~proposals.masks[kept].any(0, keepdims=True)
    return proposals.beside(Proposals.of_masks(rest, quality=[0.0], source="rest", shape=proposals.shape))


def _numbered(masks: Proposals, small: Proposals) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Flatten masks, on their grid and on a coarse one, numbered from 1 without those that others hide."""
    coarse = flattened(small)
    seen = np.unique(coarse[coarse > 0])
    numbers = np.zeros(len(masks) + 1, dtype=np.int64)
    numbers[seen] = np.arange(1, len(seen) + 1)
    return numbers[flattened(masks)], numbers[coarse]
