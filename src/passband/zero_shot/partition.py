"""One material for each pixel: masks that were given to materials become a map at the full resolution of the image."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat
from scipy.ndimage import distance_transform_edt, gaussian_filter, uniform_filter

from passband.recipe import Recipe
from passband.zero_shot.crops import cut_crops
from passband.zero_shot.merging import Merged

Map = NDArray[np.int64]


class Partitioning(Recipe):
    """How masks become a map of materials.

    Attributes
    ----------
    cover
        Give every pixel to a material; otherwise those without a mask are unassigned.
    smooth
        Standard deviation in cells of the masks by which their outlines are smoothed; 0 leaves the cells to be seen.
    open
        With `cover`: a crop is asked for its own texture if this fraction of it has no mask; what is narrower takes
        the material beside it.
    """

    cover: bool = False
    smooth: NonNegativeFloat = 0.7
    open: Annotated[float, Field(gt=0.0, le=1.0)] = 0.75


@dataclass(frozen=True, eq=False)
class Partition:
    """A map of materials.

    Attributes
    ----------
    labels
        uint16 (y, x) of the image: 1 + the number of the material, 0 where it is unassigned.
    confidence
        (rows, columns) on the grid of the masks: that of the mask which each cell is of; 0 where none is, so also
        where `cover` gave it a material.
    materials
        How many there are, whether or not all have pixels.
    """

    labels: NDArray[np.uint16]
    confidence: NDArray[np.float64]
    materials: int


def partition(
    image: NDArray[np.float32],
    labels: Map,
    merged: Merged,
    *,
    side: int,
    pixel_size: float | None = None,
    rules: Partitioning | None = None,
) -> Partition:
    """Make the map from masks (rows, columns; numbers from 1, 0 for none) and the materials they were given.

    `image`, `side` and `pixel_size` are those of `merge`.
    """
    rules = rules or Partitioning()
    materials = np.concatenate([[0], merged.material + 1])[labels]
    confidence = np.concatenate([[0.0], merged.confidence])[labels]
    if rules.cover:
        materials = _covered(image, materials, merged, side=side, pixel_size=pixel_size, rules=rules)
    return Partition(enlarged(materials, image.shape, smooth=rules.smooth), confidence, merged.labeller.materials)


def enlarged(labels: Map, shape: tuple[int, int], *, smooth: float) -> NDArray[np.uint16]:
    """Enlarge a map (rows, columns) to an image (y, x): each pixel has the label that weighs most around it."""
    known = np.unique(labels)
    best = np.full(shape, -1.0, dtype=np.float32)
    result = np.zeros(shape, dtype=np.uint16)
    for number in known:
        weight = (labels == number).astype(np.float32)
        if smooth:
            weight = gaussian_filter(weight, smooth, mode="nearest", truncate=3.0)
        weight = _interpolated(_interpolated(weight, shape[0], 0), shape[1], 1)
        more = weight > best
        best[more] = weight[more]
        result[more] = number
    return result


def _interpolated(values: NDArray[np.float32], length: int, axis: int) -> NDArray[np.float32]:
    """Linear interpolation of the middles of cells at the middles of pixels along one axis."""
    size = values.shape[axis]
    if size == length:
        return values
    place = np.clip((np.arange(length) + 0.5) * size / length - 0.5, 0, size - 1)
    before = np.minimum(place.astype(np.int64), max(size - 2, 0))
    after = np.minimum(before + 1, size - 1)
    part = (place - before).astype(np.float32)
    part = part[:, None] if axis == 0 else part[None, :]
    mixed: NDArray[np.float32] = values.take(before, axis) * (1 - part) + values.take(after, axis) * part
    return mixed


def _covered(
    image: NDArray[np.float32],
    materials: Map,
    merged: Merged,
    *,
    side: int,
    pixel_size: float | None,
    rules: Partitioning,
) -> Map:
    """Give cells without a mask what their own texture says, and where that cannot be seen what lies nearest."""
    scale = np.array(image.shape) / np.array(materials.shape)
    window = np.maximum(1, np.rint(side / scale)).astype(int)
    without = uniform_filter((materials == 0).astype(np.float64), window.tolist(), mode="nearest")
    step = np.maximum(1, window // 2)
    cells = np.argwhere((without >= rules.open) & (materials == 0))
    cells = cells[(cells % step == step // 2).all(1)]
    filled = materials.copy()
    if len(cells):
        corners = np.clip(np.rint((cells + 0.5) * scale - side / 2), 0, np.array(image.shape) - side).astype(np.int64)
        crops = cut_crops(image, corners, side)
        filled[cells[:, 0], cells[:, 1]] = merged.labeller.label(crops, pixel_size) + 1
    nearest = distance_transform_edt(filled == 0, return_distances=False, return_indices=True)
    covered: Map = filled[tuple(nearest)]
    return covered
