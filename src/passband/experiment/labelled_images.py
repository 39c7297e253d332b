"""Images and their masks as training data: crops of them, the same ones for the same seed and step."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from passband.dataset.acquisition import Batch
from passband.files.labelled import LabelledFile, read_label
from passband.files.reading import open_micrograph
from passband.patches.resampling import resample_classes, resample_to_pixel
from passband.patches.standardising import check_image, standardised
from passband.recipe import PassbandError


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images of one pixel size, and the true class of each pixel.

    Attributes
    ----------
    images
        (y, x) each, of any size and type.
    masks
        (y, x) each, int64: classes.
    pixel_size
        Å.
    """

    images: tuple[NDArray[np.float32], ...]
    masks: tuple[NDArray[np.int64], ...]
    pixel_size: float

    @classmethod
    def of_arrays(cls, images: Sequence[ArrayLike], masks: Sequence[ArrayLike], pixel_size: float) -> Self:
        """Return images (y, x) with their masks, checked.

        Raises
        ------
        PassbandError
            There are none, they are no images, or a mask is of another shape or not of whole numbers.
        """
        seen = tuple(check_image(image).astype(np.float32) for image in images)
        truth = tuple(np.asarray(mask) for mask in masks)
        if not seen or len(seen) != len(truth):
            raise PassbandError(f"{len(seen)} images and {len(truth)} masks are no pairs; give each image its mask")
        for image, mask in zip(seen, truth, strict=True):
            if mask.shape != image.shape or mask.dtype.kind not in "biu":
                raise PassbandError(
                    f"a mask of shape {mask.shape} and type {mask.dtype} must be of whole numbers and of the shape of "
                    f"its image, {image.shape}"
                )
        return cls(seen, tuple(mask.astype(np.int64) for mask in truth), pixel_size)

    @cached_property
    def identity(self) -> str:
        """16 hexadecimal digits of all pixels."""
        digest = hashlib.sha256(f"{self.pixel_size:.6g}".encode())
        arrays: tuple[NDArray[Any], ...] = (*self.images, *self.masks)
        for array in arrays:
            digest.update(f"{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]

    def chosen(self, which: Sequence[int]) -> "LabelledImages":
        """Return some of them."""
        return LabelledImages(
            tuple(self.images[number] for number in which),
            tuple(self.masks[number] for number in which),
            self.pixel_size,
        )


class LabelledCrops:
    """Batches of standardised crops of labelled images, reproducible from (seed, step).

    Parameters
    ----------
    labelled
        Images of at least `patch` pixels a side.
    patch
        Side of a crop, pixels.
    seed
        Of what is drawn.

    Raises
    ------
    PassbandError
        An image is smaller than a crop.
    """

    def __init__(self, labelled: LabelledImages, patch: int, *, seed: int) -> None:
        smallest = min(min(image.shape) for image in labelled.images)
        if smallest < patch:
            raise PassbandError(
                f"an image of {smallest} pixels at {labelled.pixel_size:g} Å is smaller than the patch of {patch}; "
                f"leave it out, or write --set imaging.patch={smallest}"
            )
        self.labelled, self.patch, self.seed = labelled, patch, seed

    def batch(self, step: int, size: int) -> Batch:
        """Batch `step` of `size` crops; equal arguments give an equal batch."""
        rows = [self._row(step, number) for number in range(size)]
        pairs = [self._crop(row) for row in rows]
        images, masks = (torch.stack(parts) for parts in zip(*pairs, strict=True))
        return Batch(images=images[:, None], masks=masks, rows=rows)

    def _row(self, step: int, number: int) -> dict[str, Any]:
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, step, number]))
        image = int(rng.integers(len(self.labelled.images)))
        top, left = (int(rng.integers(side - self.patch + 1)) for side in self.labelled.images[image].shape)
        return {"image": image, "top": top, "left": left, "pixel_size": self.labelled.pixel_size}

    def _crop(self, row: dict[str, Any]) -> tuple[Tensor, Tensor]:
        inside = slice(row["top"], row["top"] + self.patch), slice(row["left"], row["left"] + self.patch)
        image, mask = self.labelled.images[row["image"]][inside], self.labelled.masks[row["image"]][inside]
        return torch.from_numpy(standardised(image)), torch.from_numpy(np.ascontiguousarray(mask))


def read_labelled(
    files: Sequence[LabelledFile], wanted: float, *, classes: int, pixel_size: float | None = None
) -> LabelledImages:
    """Read images and their masks at one pixel size; those of another are resampled.

    Parameters
    ----------
    files
        Of `files.labelled.labelled_files`.
    wanted
        Å.
    classes
        How many a mask may have, the background included.
    pixel_size
        Å; replaces what the files say.

    Raises
    ------
    PassbandError
        A file cannot be read, its pixel size is unknown, or a mask is none of its image.
    """
    images, masks = [], []
    for file in files:
        micrograph = open_micrograph(file.image, pixel_size=pixel_size)
        mask = read_label(file.label, micrograph.array.shape, classes=classes)
        images.append(resample_to_pixel(micrograph.array, micrograph.known_pixel_size, wanted))
        masks.append(resample_classes(mask, images[-1].shape, classes=classes))
    return LabelledImages.of_arrays(images, masks, wanted)
