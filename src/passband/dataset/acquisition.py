"""Micrographs on the fly: a store under ever new conditions, as batches of images and masks.

A data set is (store, distribution of conditions, seed). Image k of step s is drawn with its own generator, so it does
not depend on the images before it, and its row makes it again, bit for bit on one device with as many threads.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from passband.dataset.beam_path import ImagingRecipe
from passband.dataset.imager import Imager
from passband.dataset.imaging import Imaging
from passband.dataset.layout import StoreError
from passband.dataset.scan_imager import ScanImager
from passband.dataset.scan_imaging import ScanImaging
from passband.dataset.scan_simulation import ScanSimulation
from passband.dataset.simulation import Simulation
from passband.dataset.store import WaveStore
from passband.dataset.wave_imaging import WaveImager
from passband.recipe import PassbandError


def _imager(store: WaveStore, imaging: ImagingRecipe, device: torch.device) -> Imager[Any, Any]:
    recipe = store.recipe
    if isinstance(imaging, ScanImaging) and isinstance(recipe, ScanSimulation):
        return ScanImager(store, imaging, recipe, device)
    if isinstance(imaging, Imaging) and isinstance(recipe, Simulation):
        return WaveImager(store, imaging, recipe, device)
    raise PassbandError(f"nothing images kind={imaging.kind!r}; add it to passband.dataset.acquisition")


@dataclass(frozen=True)
class Batch:
    """Images, masks, and the rows that make each of them again.

    Attributes
    ----------
    images
        float32 `(n, 1, patch, patch)`, each of mean 0 and standard deviation 1.
    masks
        int64 `(n, patch, patch)`, an index into the `classes` of the simulation.
    rows
        One dictionary of plain JSON values per image: structure, conditions, pixel size, place, seed of the noise.
    """

    images: Tensor
    masks: Tensor
    rows: list[dict[str, Any]]


class Acquisition:
    """Batches of labelled micrographs from a store, reproducible from (seed, step).

    Parameters
    ----------
    store
        What was simulated; its `memory` keeps what is imaged again and again, for every acquisition from it.
    imaging
        How images are taken.
    indices
        Structures to use, all by default; the members of one split of `WaveStore.splits`. Of a store of several
        energies those are used whose energy the conditions may have.
    seed
        Of everything that is drawn.
    in_turn
        Take the structures one after the other, as a validation does; by default each image draws its own.
    device
        That images are formed on, and batches are returned on; waves are kept on it too.

    Raises
    ------
    PassbandError
        The conditions, the camera's pixels or the patch do not fit the store.
    """

    def __init__(
        self,
        store: WaveStore,
        imaging: ImagingRecipe,
        *,
        indices: Sequence[int] | None = None,
        seed: int = 0,
        in_turn: bool = False,
        device: torch.device | str | None = None,
    ) -> None:
        self.store, self.imaging, self.seed, self.in_turn = store, imaging, seed, in_turn
        self.indices = [int(index) for index in (range(len(store)) if indices is None else indices)]
        self.device = torch.empty(0, device=device or "cpu").device  # "cuda" and "cuda:0" are one device
        self._fields: tuple[int, dict[int, Tensor]] = (-1, {})  # first step that shares them; by number in the batch
        self._check()
        self._imager = _imager(store, imaging, self.device)

    def _check(self) -> None:
        if not self.indices or not 0 <= min(self.indices) <= max(self.indices) < len(self.store):
            raise PassbandError(f"indices must name at least one of the structures 0 to {len(self.store) - 1}")
        problems = list(self.imaging.problems(self.store.recipe))
        if problems:
            raise PassbandError(*problems)
        found = self.imaging.usable(self.store.recipe, self.indices)
        if not found:
            cure = "give other structures, or simulate more"
            raise PassbandError(f"none of {len(self.indices)} structures has an energy of the conditions; {cure}")
        self.indices = found

    def batch(self, step: int, size: int) -> Batch:
        """Batch `step` of `size` images; equal arguments give an equal batch.

        Raises
        ------
        StoreError
            A wave in the store is damaged.
        PassbandError
            An image is not finite.
        """
        rows = [self.row(step, k, size) for k in range(size)]
        pairs = [self._imager.patch(row, self._shared_field(row)) for row in rows]
        images, masks = torch.stack([image for image, _ in pairs]), torch.stack([mask for _, mask in pairs])
        return Batch(images=images[:, None], masks=masks, rows=rows)

    def batches(self, steps: Sequence[int], size: int, *, ahead: int = 0) -> Iterator[Batch]:
        """Yield the batches of several steps; up to `ahead` of them are made in a thread while one is used."""
        if ahead < 1:
            yield from (self.batch(step, size) for step in steps)
            return
        with ThreadPoolExecutor(max_workers=1) as maker:
            coming = [maker.submit(self.batch, step, size) for step in steps[:ahead]]
            for position in range(len(steps)):
                current = coming.pop(0)
                if position + ahead < len(steps):
                    coming.append(maker.submit(self.batch, steps[position + ahead], size))
                yield current.result()

    def row(self, step: int, k: int, size: int) -> dict[str, Any]:
        """Everything that is drawn for image `k` of `size` of a step, as plain JSON values."""
        shared = self._sharing
        turn = step % shared  # the field is that of the first step that shares it
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, step - turn, k]))
        place = (step * size + k) % len(self.indices) if self.in_turn else int(rng.integers(len(self.indices)))
        drawn = self._imager.row(self.indices[place], rng, turn=turn, shared=shared)
        about = {"store": self.store.identity, "structure": self.indices[place]}
        return about | drawn | {"seed": self.seed, "step": step, "image": k}

    def image_from_row(self, row: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
        """Make the image float32 `(patch, patch)` and the mask int64 `(patch, patch)` of a row again.

        Raises
        ------
        StoreError
            The row is of another store, or the wave is damaged.
        PassbandError
            The image is not finite.
        """
        if row["store"] != self.store.identity:
            raise StoreError(f"the row is of store {row['store']} and this is {self.store.identity}; open that one")
        return self._imager.patch(row, self._imager.field(row))

    @property
    def _sharing(self) -> int:
        return 1 if self.in_turn else self.imaging.patches_per_field

    def _shared_field(self, row: Mapping[str, Any]) -> Tensor:
        """Field of a row of `row`, imaged once for the consecutive batches that cut patches from it."""
        if self._sharing == 1:
            return self._imager.field(row)
        first = row["step"] - row["step"] % self._sharing
        shared, fields = self._fields  # read once: another thread may put those of other steps in their place
        if shared != first:
            fields = {}
            self._fields = (first, fields)
        if row["image"] not in fields:
            fields[row["image"]] = self._imager.field(row)
        return fields[row["image"]]
