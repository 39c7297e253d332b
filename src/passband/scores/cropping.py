"""Crops of micrographs of any size, pixel size and bit depth, alike enough to be compared."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from passband.files.grey import data_bar_rows
from passband.files.micrograph import Micrograph
from passband.patches.resampling import resample_to_pixel
from passband.patches.standardising import check_image, standardised
from passband.recipe import PassbandError
from passband.scores.image_stack import Crops, Normalisation, normalised
from passband.scores.intensity import level_spacing

SIDE = 64  # pixels of a crop, where images are as large
FEWEST_PIXELS = 16  # along a crop


@dataclass(frozen=True, eq=False)
class CropSet:
    """Square crops of a set of images.

    Attributes
    ----------
    crops
        (n, side, side), with normalised intensities.
    image
        (n,): number of the image that each is of.
    spacing
        (n,): distance of grey levels on the scale of the crops, 0 where it does not show.
    left_out
        How many images were smaller than a crop.
    """

    crops: Crops
    image: NDArray[np.int64]
    spacing: NDArray[np.float64]
    left_out: int = 0

    @property
    def images(self) -> int:
        """How many images there are crops of."""
        return len(np.unique(self.image))

    def hashes(self) -> list[bytes]:
        """SHA-256 of the pixels of each crop."""
        return [hashlib.sha256(crop.data).digest() for crop in self.crops]

    def part(self, which: NDArray[np.bool_]) -> "CropSet":
        """Return some of the crops."""
        return replace(self, crops=self.crops[which], image=self.image[which], spacing=self.spacing[which])


def on_common_pixels(sets: Sequence[Sequence[Micrograph]]) -> tuple[list[list[Micrograph]], float | None, list[str]]:
    """Sample all images on the coarsest pixels of any, and cut burned-in data bars off.

    Returns
    -------
    sets
        As given; of images without change the same objects.
    pixel_size
        Å, or None where some image does not say it: then nothing is resampled.
    notes
        What was done, in sentences.
    """
    trimmed = [[_without_bar(one) for one in some] for some in sets]
    bars = sum(
        one is not other for some, old in zip(trimmed, sets, strict=True) for one, other in zip(some, old, strict=True)
    )
    notes = [f"a data bar was cut off {bars} image{'s' * (bars != 1)}"] if bars else []
    everything = [one for some in trimmed for one in some]
    sizes = [one.pixel_size for one in everything if one.pixel_size is not None]
    if len(sizes) < len(everything):
        if sizes:
            unknown = len(everything) - len(sizes)
            notes.append(f"{unknown} of {len(everything)} images do not say their pixel size: compared pixel by pixel")
        return trimmed, None, notes
    coarsest = max(max(pair) for pair in sizes)
    sampled = [[_sampled(one, coarsest) for one in some] for some in trimmed]
    changed = sum(
        one.array.shape != other.array.shape
        for a, b in zip(sampled, trimmed, strict=True)
        for one, other in zip(a, b, strict=True)
    )
    if changed:
        notes.append(f"{changed} image{'s' * (changed != 1)} resampled to the coarsest pixels of all, {coarsest:.4g} Å")
    return sampled, coarsest, notes


def _without_bar(micrograph: Micrograph) -> Micrograph:
    check_image(micrograph.array)
    rows = data_bar_rows(micrograph.array)
    return replace(micrograph, array=micrograph.array[: len(micrograph.array) - rows]) if rows else micrograph


def _sampled(micrograph: Micrograph, target: float) -> Micrograph:
    array = resample_to_pixel(micrograph.array, micrograph.known_pixel_size, target)
    if array.shape == micrograph.array.shape:
        return micrograph
    return replace(micrograph, array=array, pixel_size=(target, target))


def common_side(sets: Sequence[Sequence[Micrograph]]) -> int:
    """Pixels of a crop that each set has an image for, `SIDE` at most.

    Raises
    ------
    PassbandError
        All images of a set are smaller than `FEWEST_PIXELS`.
    """
    side: int = min([SIDE, *(max(min(one.array.shape) for one in some) for some in sets)])
    if side < FEWEST_PIXELS:
        raise PassbandError(f"images of at most {side} pixels a side are too small; {FEWEST_PIXELS} at least")
    return side


def cut_crops(
    micrographs: Sequence[Micrograph], side: int, *, most: int, each: bool, rng: np.random.Generator
) -> CropSet:
    """Cut images into crops side by side, as many of each as of the others where there are more than are wanted.

    Parameters
    ----------
    micrographs
        Images.
    side
        Of a crop, pixels; images that are smaller are left out.
    most
        Crops in all.
    each
        Whether every image is brought to mean 0 and standard deviation 1 first.
    rng
        Chooses among crops, and among images where there are more than `most`.

    Raises
    ------
    PassbandError
        All images are smaller than a crop.
    """
    large = [one for one in micrographs if min(one.array.shape) >= side]
    if not large:
        raise PassbandError(f"no image has {side} pixels a side; choose smaller crops")
    chosen = np.sort(rng.permutation(len(large))[:most])
    parts, owners, spacing = [], [], []
    for number in chosen:
        array = large[number].array
        values = standardised(array) if each else array.astype(np.float32)
        crops = _tiles(values, side)
        quota = max(1, most // len(chosen))
        kept = np.sort(rng.permutation(len(crops))[:quota])
        parts.append(crops[kept])
        owners.append(np.full(len(kept), number))
        spread = float(array.std(dtype=np.float64)) or 1.0
        spacing.append(np.full(len(kept), level_spacing(array) / (spread if each else 1.0)))
    return CropSet(
        np.ascontiguousarray(np.concatenate(parts)),
        np.concatenate(owners).astype(np.int64),
        np.concatenate(spacing),
        len(micrographs) - len(large),
    )


def _tiles(image: NDArray[np.float32], side: int) -> Crops:
    """Squares (n, side, side) that lie side by side in the middle of an image."""
    rows, columns = (length // side for length in image.shape)
    top, left = ((length - count * side) // 2 for length, count in zip(image.shape, (rows, columns), strict=True))
    middle = image[top : top + rows * side, left : left + columns * side]
    tiles: Crops = middle.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(-1, side, side)
    return tiles


def scaled(crops: CropSet, how: Normalisation, real: CropSet) -> CropSet:
    """Bring crops that were cut as they are onto the scale of the real ones, where `how` says so."""
    if how != "real":
        return crops
    spread = float(real.crops.std(dtype=np.float64)) or 1.0
    return replace(crops, crops=normalised(crops.crops, how, real.crops), spacing=crops.spacing / spread)
