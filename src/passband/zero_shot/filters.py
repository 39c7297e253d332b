"""Which of the masks that were proposed for an image are kept: the filters of an automatic mask generator."""

from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, NonNegativeFloat, NonNegativeInt
from scipy.ndimage import label

from passband.recipe import PassbandError, Recipe
from passband.zero_shot.proposals import Proposals

Boxes = NDArray[np.float64]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
_EIGHT = np.ones((3, 3), dtype=np.int64)  # pixels that touch at a corner are connected


class MaskFilters(Recipe):
    """What a mask must fulfil; the defaults are those of the generator of Segment Anything (Kirillov et al. 2023).

    Attributes
    ----------
    quality
        Masks must be above it.
    stability
        Masks must reach it.
    box_overlap
        Of two masks of one crop whose boxes have a larger IoU, the one of lower quality goes.
    crop_overlap
        The same between masks of different crops, where the one of the larger crop goes.
    crop_margin
        Pixels of the image: a box that comes so near to the edge of its crop, where the image goes on, is cut by it
        and goes.
    smallest_region
        Pixels of the image: smaller holes are filled and smaller islands removed; 0 leaves them.
    """

    quality: Fraction = 0.88
    stability: Fraction = 0.95
    box_overlap: Fraction = 0.7
    crop_overlap: Fraction = 0.7
    crop_margin: NonNegativeFloat = 20.0
    smallest_region: NonNegativeInt = 0


def kept(proposals: Proposals, filters: MaskFilters, *, crops: ArrayLike | None = None) -> Proposals:
    """Return the masks that are left, the best first.

    In the order of Segment Anything: quality, stability, masks cut by the edge of their crop, non-maximum suppression
    of boxes within each crop, then between crops, and small regions, after which doubles are looked for once more.

    Parameters
    ----------
    proposals
        Of all crops, on the grid of the whole image.
    crops
        (n, 4): the crop that each was proposed in, y0, x0, y1, x1 in pixels of the image; None: the whole image.

    Raises
    ------
    PassbandError
        There is not one crop for each mask.
    """
    windows = _windows(proposals, crops)
    sure = confident(proposals, filters)
    found, windows = proposals.chosen(sure), windows[sure]
    boxes = mask_boxes(found)
    whole = ~cut_by_crop(boxes, windows, found.shape, margin=filters.crop_margin)
    found, windows, boxes = found.chosen(whole), windows[whole], boxes[whole]
    _, number = np.unique(windows, axis=0, return_inverse=True)
    groups = [np.flatnonzero(number.ravel() == one) for one in range(int(number.max(initial=-1)) + 1)]
    order = [group[suppressed(boxes[group], found.quality[group], filters.box_overlap)] for group in groups]
    chosen = np.concatenate([np.zeros(0, np.int64), *order])
    if len(groups) > 1:
        size = (windows[chosen, 2:] - windows[chosen, :2]).prod(1)
        chosen = chosen[suppressed(boxes[chosen], 1.0 / size, filters.crop_overlap)]
    found = found.chosen(chosen[np.argsort(-found.quality[chosen], kind="stable")])
    return without_small_regions(found, filters) if filters.smallest_region else found


def _windows(proposals: Proposals, crops: ArrayLike | None) -> Boxes:
    whole = np.tile(np.array([0.0, 0.0, *proposals.shape]), (len(proposals), 1))
    windows = whole if crops is None else np.asarray(crops, dtype=np.float64)
    if windows.shape != whole.shape:
        raise PassbandError(f"crops of shape {windows.shape} for {len(proposals)} masks; give y0, x0, y1, x1 of each")
    return windows


def confident(proposals: Proposals, filters: MaskFilters) -> NDArray[np.bool_]:
    """Whether each mask (n,) has the quality and the stability that is asked for, and any pixel at all."""
    good = (proposals.quality > filters.quality) & (proposals.stability >= filters.stability)
    return np.asarray(good & proposals.masks.any((1, 2)))


def mask_boxes(proposals: Proposals) -> Boxes:
    """Boxes (n, 4) about the masks, y0, x0, y1, x1 in pixels of the image, the ends not of it; zeros about nothing."""
    boxes: Boxes = np.zeros((len(proposals), 4))
    for axis in (0, 1):
        size, step = proposals.grid[axis], proposals.shape[axis] / proposals.grid[axis]
        filled = np.any(proposals.masks, axis=2 - axis)
        boxes[:, axis] = filled.argmax(1) * step
        boxes[:, axis + 2] = (size - filled[:, ::-1].argmax(1)) * step * filled.any(1)
    return boxes


def suppressed(boxes: Boxes, score: NDArray[np.float64], overlap: float) -> NDArray[np.int64]:
    """Non-maximum suppression: numbers of the boxes that stay, the best score first.

    A box goes where its IoU with a better one that stays is above `overlap`; of equal scores the first is the better.
    """
    order = np.argsort(-score, kind="stable")
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    stay: list[int] = []
    while len(order):
        best, rest = order[0], order[1:]
        stay.append(int(best))
        low = np.maximum(boxes[rest, :2], boxes[best, :2])
        high = np.minimum(boxes[rest, 2:], boxes[best, 2:])
        common = np.clip(high - low, 0.0, None).prod(1)
        order = rest[common <= overlap * (area[rest] + area[best] - common)]
    return np.array(stay, dtype=np.int64)


def cut_by_crop(boxes: Boxes, crops: Boxes, shape: tuple[int, int], *, margin: float) -> NDArray[np.bool_]:
    """Whether a box (n, 4) ends within `margin` of an edge of its crop (n, 4) that is no edge of the image (y, x)."""
    image = np.array([0.0, 0.0, *shape])
    cut = (np.abs(boxes - crops) <= margin) & (np.abs(boxes - image) > margin)
    return np.asarray(cut.any(1))


def without_small_regions(proposals: Proposals, filters: MaskFilters) -> Proposals:
    """Fill small holes, remove small islands, and drop what is a double now; what was not changed is the better one."""
    cell = np.prod(proposals.shape) / np.prod(proposals.grid)
    smallest = filters.smallest_region / float(cell)
    cleaned = [solid(mask, smallest) for mask in proposals.masks]
    masks = np.array(cleaned, dtype=np.bool_).reshape(proposals.masks.shape)
    same = (masks == proposals.masks).all((1, 2))
    found = Proposals(masks, proposals.quality, proposals.stability, proposals.source, proposals.shape)
    stay = suppressed(mask_boxes(found), same.astype(np.float64), max(filters.box_overlap, filters.crop_overlap))
    return found.chosen(np.sort(stay))


def solid(mask: NDArray[np.bool_], smallest: float) -> NDArray[np.bool_]:
    """Return a mask (y, x) without holes and islands of fewer than `smallest` cells; its largest island stays."""
    holes, _ = label(~mask, structure=_EIGHT)
    small = np.bincount(holes.ravel()) < smallest
    small[0] = False
    filled = mask | small[holes]
    islands, count = label(filled, structure=_EIGHT)
    if count == 0:
        return filled
    sizes = np.bincount(islands.ravel())
    sizes[0] = 0
    large = (sizes >= smallest) & (sizes > 0)
    large[sizes.argmax()] = True
    return np.asarray(large[islands])
