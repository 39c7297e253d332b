"""X-ray hits, hot and dead pixels: told from what a lens can image, and replaced by the median around them.

One pixel of a million times the contrast decides mean and spread of an image, and with them what a network sees. A
pixel is an outlier only if all of this holds, so that particles, atom columns, edges, text and counted electrons stay:

* it lies outside the range of everything extended in the image (medians of 5 × 5 blocks) by more than that range and
  six times the noise (median absolute deviation within the blocks; of the unequal pixels, where most are equal);
* it is sharper than any image: no more than four connected pixels reach a quarter of its height, or twelve if it is
  thirty times the range; what is larger is structure, and widens the range;
* such pixels are few: at most 0.05 % of the image, or 40.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_BLOCK = 5  # pixels
_STRIP = 2**20  # pixels at a time, so that the memory stays near that of the image
_NOISE = 6.0
_SIGMA = 1.4826  # of the median absolute deviation of a Gaussian
_SHOULDER = 0.25  # of the height; an optical spot of σ ≥ 0.6 pixels keeps this at its neighbours
_SPOT, _LARGEST = 4, 12  # pixels
_WINDOW = 6  # pixels to each side; a thin line in it is larger than the largest spot
_ABSURD = 30.0  # ranges
_FEW, _FRACTION = 40, 5e-4
_MOST_CANDIDATES = 50_000
_AROUND = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]

Pixel = tuple[int, int]


class Cleaned(NamedTuple):
    """An image without outliers."""

    array: NDArray[Any]
    replaced: int  # pixels
    extreme: float  # the raw value furthest from the image
    left: int = 0  # pixels that stand out, or more, too many to be faults of a detector

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done, in words; nothing where no pixel stands out."""
        if self.left:
            return (f"{self.left} or more single pixels stand out, too many for X-ray hits; left as they are",)
        if not self.replaced:
            return ()
        pixels = (
            "outlier (an X-ray hit, hot or dead pixel?)"
            if self.replaced == 1
            else "outliers (X-ray hits, hot or dead pixels?)"
        )
        return (f"{self.replaced} {pixels} up to {self.extreme:.6g} replaced by the median of the pixels around",)


class _Range(NamedTuple):
    """Values of what is extended in an image, and its noise."""

    low: float
    high: float
    noise: float

    @property
    def width(self) -> float:
        return self.high - self.low + _NOISE * self.noise

    def outside(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        wide = values.astype(np.float64)
        below: NDArray[np.bool_] = wide < self.low - self.width
        return below | (wide > self.high + self.width)

    def with_structure(self, values: Iterable[float]) -> "_Range":
        found = [*values, self.low, self.high]
        return _Range(min(found), max(found), self.noise)


def _strips(array: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    rows = max(_BLOCK, _STRIP // array.shape[1] // _BLOCK * _BLOCK)
    for start in range(0, array.shape[0], rows):
        yield start, array[start : start + rows]


def _extended_range(array: NDArray[Any]) -> _Range | None:
    """Return the range of block medians and the noise within blocks, or None where there is no noise to measure."""
    lows, highs, deviations = [], [], []
    for _, strip in _strips(array):
        rows, columns = (side // _BLOCK for side in strip.shape)
        if not rows or not columns:
            continue
        blocks = strip[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK)
        blocks = np.sort(np.swapaxes(blocks, 1, 2).reshape(-1, _BLOCK**2), axis=-1)
        medians = blocks[:, _BLOCK**2 // 2].astype(np.float64)
        lows.append(float(medians.min()))
        highs.append(float(medians.max()))
        few = slice(None, None, max(1, array.size // _STRIP))
        deviations.append(np.abs(blocks[few].astype(np.float64) - medians[few, None]).reshape(-1))
    if not lows:
        return None
    found = np.concatenate(deviations)
    noise = _SIGMA * float(np.median(found))
    if noise == 0.0:
        unequal = found[found > 0]
        if not unequal.size:
            return None
        noise = _SIGMA * float(np.median(unequal))
    return _Range(min(lows), max(highs), noise)


def _candidates(array: NDArray[Any], extended: _Range) -> set[Pixel]:
    found: set[Pixel] = set()
    for start, strip in _strips(array):
        rows, columns = np.nonzero(extended.outside(strip))
        if len(found) + rows.size > _MOST_CANDIDATES:
            return set()
        found.update(zip((rows + start).tolist(), columns.tolist(), strict=True))
    return found


def _connected(seeds: Iterable[Pixel], allowed: set[Pixel]) -> set[Pixel]:
    """Return the pixels of `allowed` that touch the seeds, directly or through others, by sides or corners."""
    found = set(seeds)
    open_ends = list(found)
    while open_ends:
        y, x = open_ends.pop()
        new = {(y + dy, x + dx) for dy, dx in _AROUND} & allowed - found
        found |= new
        open_ends.extend(new)
    return found


def _around(pixels: Iterable[Pixel], shape: tuple[int, ...], reach: int) -> set[Pixel]:
    pixels = list(pixels)
    rows, columns = [y for y, _ in pixels], [x for _, x in pixels]
    return {
        (y, x)
        for y in range(max(0, min(rows) - reach), min(shape[0], max(rows) + reach + 1))
        for x in range(max(0, min(columns) - reach), min(shape[1], max(columns) + reach + 1))
    }


def _spot(array: NDArray[Any], top: Pixel, candidates: set[Pixel], width: float) -> set[Pixel] | None:
    """Return the pixels that rise with `top`, if they are sharper than an image can be, else None."""
    window = _around([top], array.shape, _WINDOW)
    ground = [float(array[pixel]) for pixel in window - candidates]
    if not ground:
        return None
    level = float(np.median(ground))
    height = float(array[top]) - level
    raised = {pixel for pixel in window if (float(array[pixel]) - level) / height > _SHOULDER}
    spot = _connected([top], raised)
    return spot if len(spot) <= (_LARGEST if abs(height) > _ABSURD * width else _SPOT) else None


def _most(array: NDArray[Any]) -> float:
    """Pixels of an image that may be outliers."""
    return max(_FEW, _FRACTION * array.size)


def _outliers(array: NDArray[Any], extended: _Range) -> set[Pixel]:
    candidates = _candidates(array, extended)
    middle = (extended.low + extended.high) / 2
    left, spots, structure, count = set(candidates), [], [middle], 0
    for top in sorted(candidates, key=lambda pixel: -abs(float(array[pixel]) - middle)):
        if top not in left:
            continue
        if count > _most(array):
            break
        spot = _spot(array, top, candidates, extended.width)
        if spot is None:
            whole = _connected([top], left)
            structure += [float(array[pixel]) for pixel in whole]
            left -= whole
        else:
            spots.append(spot)
            left -= spot
            count += len(spot)
    wider = extended.with_structure(structure)
    return {pixel for spot in spots if wider.outside(np.array([array[p] for p in spot])).any() for pixel in spot}


def _replace(array: NDArray[Any], pixels: set[Pixel]) -> NDArray[Any]:
    """Return a copy in which each of the pixels has the lower median of the 5 × 5 pixels around it, or of more."""
    cleaned = array.copy()
    for pixel in pixels:
        for reach in (2, 4, 8):
            near = _around([pixel], array.shape, reach) - pixels
            if near:
                cleaned[pixel] = sorted(array[other] for other in near)[(len(near) - 1) // 2]
                break
    return cleaned


def without_outliers(array: NDArray[Any]) -> Cleaned:
    """Return an image (y, x) of finite values without its outliers, in the same type; the input is not edited."""
    extended = _extended_range(array)
    if extended is None:
        return Cleaned(array, 0, 0.0)
    found = _outliers(array, extended)
    if len(found) > _most(array):
        return Cleaned(array, 0, 0.0, left=len(found))
    middle = (extended.low + extended.high) / 2
    extreme = max((float(array[pixel]) for pixel in found), key=lambda value: abs(value - middle), default=0.0)
    return Cleaned(_replace(array, found) if found else array, len(found), extreme)
