"""How a network of Segment Anything's kind is asked for everything: points, crops, and what masks must fulfil."""

from collections.abc import Iterator
from math import ceil
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PositiveInt

from passband.recipe import Recipe
from passband.zero_shot.filters import Fraction, MaskFilters
from passband.zero_shot.proposals import FINEST_GRID

#: y0, x0, y1, x1 in pixels of the image; the end is not of it.
Crop = tuple[int, int, int, int]


class SamRecipe(Recipe):
    """How an image is asked for masks; names and defaults are Segment Anything's, but where another is said.

    Attributes
    ----------
    points_per_side
        Points of a square grid in the image, and in each crop; Segment Anything takes 32, the paper of the semantic
        booster 16.
    places
        Whether the points stand in that grid, or, at most as many, amid one texture each
        (`sam.ranking.homogeneous_places`).
    crop_layers
        Layer i, from 1, has 4**i crops that are asked on their own; 0: the image alone.
    crop_overlap
        Of neighbouring crops of the first layer, as a fraction of the shorter side of the image; half as much in each
        further layer.
    crop_points_downscale
        Points per side in layer i are fewer by this to the power of i.
    stability_offset
        Of logits: a mask is compared with itself above the threshold by it and below by it.
    grid
        Cells along the longer side of the image that masks are given on, at most.
    batch
        Prompts that are answered at once; four is best on a CPU.
    ranking
        Which mask of a prompt comes first, and what its quality is: the one that follows the texture best
        (`sam.ranking.texture_quality`), or that of the highest predicted IoU, as Segment Anything has it. Masks of
        everything are told by their predicted IoU.
    filters
        What masks of everything must fulfil.
    """

    points_per_side: PositiveInt = 16
    places: Literal["grid", "texture"] = "grid"
    crop_layers: Annotated[int, Field(ge=0, le=4)] = 0
    crop_overlap: Fraction = 512 / 1500
    crop_points_downscale: PositiveInt = 1
    stability_offset: PositiveFloat = 1.0
    grid: Annotated[int, Field(ge=1, le=FINEST_GRID)] = 512
    batch: PositiveInt = 4
    ranking: Literal["texture", "predicted"] = "texture"
    filters: MaskFilters = MaskFilters()


def point_grid(crop: Crop, count: int) -> NDArray[np.float64]:
    """Points (count², 2), (y, x) in pixels of the image, in the middles of the cells of a grid in a crop."""
    middles = (np.arange(count) + 0.5) / count
    y, x = np.meshgrid(middles, middles, indexing="ij")
    y0, x0, y1, x1 = crop
    return np.stack([y0 + y.ravel() * (y1 - y0), x0 + x.ravel() * (x1 - x0)], axis=1)


def crop_layers(shape: tuple[int, int], recipe: SamRecipe) -> Iterator[tuple[int, Crop]]:
    """Give layer and crop of the image of (y, x) pixels and of what it is cut into, as Segment Anything cuts."""
    yield 0, (0, 0, *shape)
    for layer in range(1, recipe.crop_layers + 1):
        across = 2**layer
        overlap = int(recipe.crop_overlap * min(shape) * (2 / across))
        sides = [ceil((overlap * (across - 1) + length) / across) for length in shape]
        starts = [[(side - overlap) * number for number in range(across)] for side in sides]
        for x in starts[1]:
            for y in starts[0]:
                yield layer, (y, x, min(y + sides[0], shape[0]), min(x + sides[1], shape[1]))
