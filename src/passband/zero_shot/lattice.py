"""Masks without weights: regions of one texture, grown from points in the space of local spectra and brightness."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveFloat, PositiveInt
from scipy.ndimage import binary_opening, distance_transform_edt, label, maximum_position, minimum_filter

from passband.recipe import Recipe
from passband.zero_shot.filters import MaskFilters, kept
from passband.zero_shot.lattice_features import Array, cell_features, local_change
from passband.zero_shot.lattice_scale import TextureScale, texture_scale
from passband.zero_shot.prompts import Prompt
from passband.zero_shot.proposals import Proposals

NAME = "lattice"
Cell = tuple[int, int]
Cells = NDArray[np.bool_]

_MARGIN = 1.07  # a radius is compared with those 7 % to either side
_NEAREST, _FARTHEST = 1.0, 200.0  # radii that are tried, units of noise
_BEYOND = 2.5  # times the farthest cell: a region that places to avoid bound is there at all of these radii
_UNSURE = 1.0  # cells by which no mask is known better: a single one is not stable
_CORE = 3.0  # radius of what is so like a seed that it needs no seed of its own,
_CORE_SPREAD = 2.0  # and in units of how much the seed's surroundings differ from it
_WHOLE = 0.95  # of the image: a mask is everything
_MASKS = 3  # for each prompt, as Segment Anything has them
_SAME = 0.9  # IoU of two masks that are one
_AGAIN = 3  # times that what no core covers is asked again


class LatticeRecipe(Recipe):
    """How features are weighed, how many regions are grown, and which masks are kept.

    Attributes
    ----------
    mean_weight
        Of the local mean of the image, against its local spectrum.
    seeds
        How many places masks of a whole image are grown from, at most.
    filters
        What masks of a whole image must fulfil.
    """

    mean_weight: PositiveFloat = 0.5
    seeds: PositiveInt = 400
    filters: MaskFilters = MaskFilters(quality=0.2, stability=0.8, box_overlap=1.0)


@dataclass(frozen=True)
class LatticeProposer:
    """Proposes regions of one texture and brightness; needs no weights."""

    recipe: LatticeRecipe = field(default_factory=LatticeRecipe)

    @property
    def name(self) -> str:
        """What --proposals calls it."""
        return NAME

    def embed(self, image: NDArray[np.float32]) -> "LatticeEmbedding":
        """Take the features of an image (y, x).

        Raises
        ------
        PassbandError
            The image is smaller than a window.
        """
        array = np.ascontiguousarray(image, dtype=np.float32)
        spread = float(array.std(dtype=np.float64))
        level = (array - np.float32(np.median(array))) / np.float32(spread or 1.0)
        scale = texture_scale(level)
        features = cell_features(level, scale, mean_weight=self.recipe.mean_weight)
        return LatticeEmbedding(features, scale, (array.shape[0], array.shape[1]), self.recipe)


class _Grown(NamedTuple):
    """A mask that was grown from seeds, how sure it is, and how stable."""

    mask: Cells
    area: float
    quality: float
    stability: float


@dataclass(frozen=True, eq=False)
class LatticeEmbedding:
    """Texture of one image, cell by cell.

    Attributes
    ----------
    features
        (rows, columns, n), in units of noise.
    scale
        Windows and cells that they were taken with.
    shape
        (y, x) of the image in pixels.
    recipe
        How regions are grown.
    """

    features: Array
    scale: TextureScale
    shape: tuple[int, int]
    recipe: LatticeRecipe

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        return self.features.shape[0], self.features.shape[1]

    def answer(self, prompt: Prompt) -> Proposals:
        """Regions about the points of a prompt at up to three radii, the surest first.

        What is nearer to a place to avoid than to a point is left out, and what is outside of the box. A box without
        points asks for what is in its middle.

        Raises
        ------
        PassbandError
            The prompt leaves the image.
        """
        prompt.check(self.shape)
        inside = self._inside(prompt.box)
        seeds = [self._cell(point) for point in prompt.points] or [self._middle(inside)]
        distance = np.min([self._distance(seed) for seed in seeds], axis=0)
        distance = np.where(inside, distance, np.inf)
        for place in prompt.avoid:
            distance[self._distance(self._cell(place)) < distance] = np.inf
        return self._proposals(grown(distance, seeds, nearest=min(self._spread(seed) for seed in seeds)))

    def everything(self) -> Proposals:
        """Masks of whatever there is: grown from where the image changes least, until like places cover it."""
        found: list[_Grown] = []
        covered = np.zeros(self.grid, dtype=np.bool_)
        left = self.recipe.seeds
        seeds = self._calm_places()
        for _ in range(_AGAIN):
            for seed in seeds:
                if covered[seed] or not left:
                    continue
                distance, spread = self._distance(seed), self._spread(seed)
                for new in grown(distance, [seed], nearest=spread):
                    found = _with(found, new)
                covered |= connected(distance <= max(_CORE, _CORE_SPREAD * spread), [seed])
                covered[seed] = True
                left -= 1
            seeds = middles(~covered, max(2, self._reach))
        return kept(self._proposals(found), self.recipe.filters)

    @cached_property
    def _change(self) -> Array:
        return local_change(self.features)

    @property
    def _reach(self) -> int:
        """Cells around a place that a window there shows; what is small beside a window where there is no lattice."""
        return 1 if self.scale.period is None else max(1, round(0.5 * self.scale.window / self.scale.cell))

    def _spread(self, cell: Cell) -> float:
        """Median distance of the features around a cell from that cell's: noise is not the same everywhere."""
        y, x, reach = *cell, self._reach
        around = self.features[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
        away = np.square(around - self._reference(cell)).sum(2)
        return max(_NEAREST, float(np.sqrt(np.median(away))))

    def _reference(self, cell: Cell) -> Array:
        """Return the median of the features of the 3 × 3 cells around one."""
        y, x = cell
        near = self.features[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
        return np.asarray(np.median(near.reshape(-1, near.shape[2]), axis=0), dtype=np.float32)

    def _calm_places(self) -> list[Cell]:
        """Cells around which the features change less than around their neighbours, the calmest first."""
        low = np.argwhere(self._change == minimum_filter(self._change, 2 * max(2, self._reach) + 1, mode="nearest"))
        order = np.argsort(self._change[tuple(low.T)], kind="stable")
        return [(int(y), int(x)) for y, x in low[order]]

    def _cell(self, point: tuple[float, float]) -> Cell:
        y, x = (
            min(int(place * count / side), count - 1)
            for place, count, side in zip(point, self.grid, self.shape, strict=True)
        )
        return y, x

    def _inside(self, box: tuple[float, float, float, float] | None) -> Cells:
        """Cells whose middle is in the box, or at least the one in its middle."""
        if box is None:
            return np.ones(self.grid, dtype=np.bool_)
        rows, columns = (
            (np.arange(count) + 0.5) * side / count for count, side in zip(self.grid, self.shape, strict=True)
        )
        y0, x0, y1, x1 = box
        inside = ((rows >= y0) & (rows < y1))[:, None] & ((columns >= x0) & (columns < x1))
        inside[self._cell((0.5 * (y0 + y1), 0.5 * (x0 + x1)))] = True
        return np.asarray(inside)

    def _middle(self, inside: Cells) -> Cell:
        """Return the calmest cell of the middle third of a box."""
        y, x = np.nonzero(inside)
        middle = np.ones(len(y), dtype=np.bool_)
        for place in (y, x):
            middle &= np.abs(place - 0.5 * (place[0] + place[-1])) <= max(0.5, (place[-1] - place[0]) / 6)
        y, x = y[middle], x[middle]
        best = self._change[y, x].argmin()
        return int(y[best]), int(x[best])

    def _distance(self, cell: Cell) -> Array:
        """Distance of the features of every cell from those at one."""
        return np.asarray(np.sqrt(np.square(self.features - self._reference(cell)).sum(2)), dtype=np.float32)

    def _proposals(self, found: Sequence[_Grown]) -> Proposals:
        masks = np.array([one.mask for one in found], dtype=np.bool_).reshape(-1, *self.grid)
        quality, stability = np.array([one[2:] for one in found], dtype=np.float64).reshape(-1, 2).T
        return Proposals(masks, quality, stability, (NAME,) * len(found), self.shape)


def _with(found: list[_Grown], new: _Grown) -> list[_Grown]:
    """Add a mask, in place of those that are the same and less stable, and not beside one that is as stable."""
    same = [_same(new, old) for old in found]
    if any(alike and old.quality >= new.quality for alike, old in zip(same, found, strict=True)):
        return found
    return [*(old for alike, old in zip(same, found, strict=True) if not alike), new]


def _same(new: _Grown, old: _Grown) -> bool:
    """Whether two masks have an IoU above 0.9."""
    if not _SAME * old.area < new.area < old.area / _SAME:
        return False
    return float((new.mask & old.mask).sum()) > _SAME * float((new.mask | old.mask).sum())


def grown(distance: Array, seeds: Sequence[Cell], *, nearest: float = _NEAREST) -> list[_Grown]:
    """Regions connected to seeds that stay the same over the widest ranges of radii, as masks at up to three of them.

    The surest first; everything only where nothing else is to be had. The stability is the share of the area at a
    radius 7 % larger that is there at one 7 % smaller.

    Parameters
    ----------
    distance
        (rows, columns), of the features from those of the seeds; infinite where a region may not be.
    seeds
        Cells.
    nearest
        Smallest radius that is tried.
    """
    radius = max(nearest, *(float(distance[seed]) for seed in seeds if np.isfinite(distance[seed])), 0.0)
    farthest = min(float(distance[np.isfinite(distance)].max(initial=0.0)) * _BEYOND, _FARTHEST)
    areas, radii = [float(connected(distance <= radius, seeds).sum())], [radius]
    while (radius < farthest and areas[-1] < _WHOLE * distance.size) or len(radii) < 2:
        radius *= _MARGIN**2
        radii.append(radius)
        areas.append(float(connected(distance <= radius, seeds).sum()))
    size, middle = np.array(areas), np.sqrt(np.array(radii[:-1]) * np.array(radii[1:]))
    if not size[-1]:
        return []
    stability, between = size[:-1] / (size[1:] + _UNSURE), np.sqrt(size[:-1] * size[1:])
    plateau = np.array([_plateau(size, area) for area in between])
    whole = size[1:] >= _WHOLE * distance.size
    chosen: list[int] = []
    for one in np.lexsort((-stability, -plateau, whole)):
        if (whole[one] and chosen) or len(chosen) == _MASKS:
            break
        like = (between > _SAME * between[one]) & (between < between[one] / _SAME)
        if not like[chosen].any():
            chosen.append(int(np.where(like, stability, 0.0).argmax()))
    masks = [connected(distance <= middle[one], seeds) for one in chosen]
    return [
        _Grown(mask, float(mask.sum()), float(plateau[one]), float(stability[one]))
        for mask, one in zip(masks, chosen, strict=True)
    ]


def _plateau(size: NDArray[np.float64], area: float) -> float:
    """How sure a mask is: 1 − r₀/r₁, where its area stays the same within a tenth from the radius r₀ to r₁."""
    like = np.count_nonzero((size > _SAME * area) & (size < area / _SAME))
    return 1.0 - float(_MARGIN ** (-2.0 * like))


def connected(inside: Cells, seeds: Iterable[Cell]) -> Cells:
    """Parts of a mask (rows, columns) that hold a seed; cells that touch at a corner are not connected."""
    parts, count = label(inside)
    held = np.zeros(count + 1, dtype=np.bool_)
    held[[int(parts[seed]) for seed in seeds]] = True
    held[0] = False
    return np.asarray(held[parts])


def middles(mask: Cells, side: int) -> list[Cell]:
    """Deepest cell of each part of a mask that holds a square of `side` cells, of the largest part first."""
    wide = binary_opening(mask, np.ones((side, side), dtype=np.bool_))
    parts, count = label(wide)
    if not count:
        return []
    numbers = np.arange(1, count + 1)
    places = maximum_position(distance_transform_edt(np.pad(wide, 1))[1:-1, 1:-1], parts, numbers)
    order = np.argsort(-np.bincount(parts.ravel())[1:], kind="stable")
    return [(int(places[one][0]), int(places[one][1])) for one in order]
