"""Crops of simulated images with the material of each, from which an encoder of textures learns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from passband.dataset.acquisition import Acquisition
from passband.patches.standardising import standardised
from passband.patches.symmetry import dihedral
from passband.recipe import PassbandError, Recipe
from passband.zero_shot.textures.contrastive import CropBatch
from passband.zero_shot.textures.encoder import EncoderRecipe, prepared

_TRIES = 100  # images drawn until one shows two materials large enough


class CropRecipe(Recipe):
    """How crops are drawn.

    Attributes
    ----------
    sides
        Smallest and largest side of a crop, Å; log-uniform. All crops of one image have one.
    pixels
        Fewest and most pixels of a side.
    of_image
        Crops of each image.
    inside
        Least share of a crop that is of its material.
    noise
        Most white noise that is added to an image, in its standard deviations; to half of the images.
    contrast
        Standard deviation of the logarithm of an image's contrast, and of its brightness: what else an image shows
        decides how it is standardised.
    gain
        Standard deviation of the brightness and of the contrast of single crops, as where thickness varies.
    """

    sides: tuple[float, float] = (9.0, 28.0)
    pixels: tuple[int, int] = (24, 128)
    of_image: int = Field(default=24, ge=4)
    inside: float = Field(default=0.85, gt=0.5, le=1.0)
    noise: float = Field(default=0.5, ge=0.0)
    contrast: float = Field(default=0.3, ge=0.0)
    gain: float = Field(default=0.03, ge=0.0)


@dataclass(frozen=True, eq=False)
class TextureImage:
    """An image (y, x) with labels (y, x) of its materials, and its pixel size in Å."""

    image: NDArray[np.float32]
    labels: NDArray[np.uint8]
    pixel_size: float


def film_images(stream: Acquisition, count: int) -> list[TextureImage]:
    """Images number 0 to `count` − 1 of a store of films, with their materials."""
    found = []
    for step in range(count):
        batch = stream.batch(step, 1)
        image, labels = batch.images[0, 0].cpu().numpy(), batch.masks[0].cpu().numpy().astype(np.uint8)
        found.append(TextureImage(image, labels, float(batch.rows[0]["pixel_size"])))
    return found


def lattice_sheets(stream: Acquisition, count: int, *, lattices: int = 3, seed: int = 0) -> list[TextureImage]:
    """Sheets of several lattices side by side, each seen under one setting of the microscope and of the scan.

    A structure of the store is one material whatever its grains. Each is standardised, and gets a brightness and a
    contrast of its own: what nature gives two materials is not known, so any small difference may be.
    """
    found = []
    for step in range(count):
        rng = np.random.default_rng(np.random.SeedSequence([seed, step]))
        row = stream.row(step, 0, 1)
        chosen = rng.choice(stream.indices, size=lattices, replace=False)
        parts = [_of_structure(stream, row, int(index)) for index in chosen]
        gains = np.exp(rng.normal(0.0, 0.25, size=lattices))
        shifts = rng.normal(0.0, 0.4, size=lattices)
        image = np.concatenate(
            [gain * one + shift for one, gain, shift in zip(parts, gains, shifts, strict=True)], axis=1
        )
        side = parts[0].shape[0]
        labels = np.repeat(np.arange(lattices, dtype=np.uint8), side)[None].repeat(side, axis=0)
        found.append(TextureImage(standardised(image), labels, float(row["pixel_size"])))
    return found


def _of_structure(stream: Acquisition, row: dict[str, Any], index: int) -> NDArray[np.float32]:
    image, _ = stream.image_from_row({**row, "structure": index})
    return np.asarray(image.cpu().numpy())


class CropStream:
    """Batches of crops from a pool of images; equal steps give equal batches."""

    def __init__(self, pool: Sequence[TextureImage], recipe: CropRecipe, encoder: EncoderRecipe, *, seed: int) -> None:
        self.pool, self.recipe, self.side, self.seed = pool, recipe, encoder.side, seed

    def batch(self, step: int, size: int) -> CropBatch:
        """Crops of `size` images.

        Raises
        ------
        PassbandError
            The pool has no image with two materials that hold crops.
        """
        parts = [
            self._of_image(np.random.default_rng(np.random.SeedSequence([self.seed, step, k]))) for k in range(size)
        ]
        image = torch.cat([torch.full((len(crops),), k) for k, (crops, _) in enumerate(parts)])
        return CropBatch(torch.cat([crops for crops, _ in parts]), image, torch.cat([own for _, own in parts]))

    def _of_image(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Crops (n, 1, side, side) of an image that is drawn, and their materials (n,)."""
        for _ in range(_TRIES):
            shown = self.pool[int(rng.integers(len(self.pool)))]
            low, high = np.log(self.recipe.sides)
            fewest, most = self.recipe.pixels
            side = int(np.clip(round(float(np.exp(rng.uniform(low, high))) / shown.pixel_size), fewest, most))
            places = crop_places(shown.labels, side, self.recipe.inside)
            if len(places) > 1:
                return self._cut(shown, side, places, rng)
        raise PassbandError("no image of the pool has two materials that hold crops; widen films or shrink sides")

    def _cut(
        self, shown: TextureImage, side: int, places: dict[int, NDArray[np.int64]], rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        each = self.recipe.of_image // len(places)
        chosen = [(name, at[rng.integers(len(at), size=each)]) for name, at in places.items()]
        crops = np.stack([shown.image[y : y + side, x : x + side] for _, at in chosen for y, x in at])
        level = self.recipe.noise * rng.random() * float(rng.random() < 0.5)
        gain = rng.normal(1.0, self.recipe.gain, size=(2, len(crops), 1, 1))
        crops = crops * gain[0] + (gain[1] - 1.0) + level * rng.standard_normal(crops.shape)
        crops = rng.lognormal(0.0, self.recipe.contrast) * crops + rng.normal(0.0, self.recipe.contrast)
        ready = prepared(torch.from_numpy(crops.astype(np.float32)), self.side)
        turned = torch.stack(
            [dihedral(one, int(turn)) for one, turn in zip(ready, rng.integers(8, size=len(crops)), strict=True)]
        )
        return turned, torch.tensor([name for name, at in chosen for _ in at])


def crop_places(labels: NDArray[np.uint8], side: int, inside: float) -> dict[int, NDArray[np.int64]]:
    """Corners (n, 2) y, x of squares that are mostly of one material, by material; those without any are left out."""
    found = {}
    for name in np.unique(labels):
        summed = np.pad(np.cumsum(np.cumsum(labels == name, axis=0, dtype=np.int64), axis=1), ((1, 0), (1, 0)))
        share = summed[side:, side:] - summed[:-side, side:] - summed[side:, :-side] + summed[:-side, :-side]
        places = np.argwhere(share >= inside * side**2)
        if len(places):
            found[int(name)] = places
    return found
