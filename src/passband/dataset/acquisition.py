"""Micrographs on the fly: a store of exit waves under ever new conditions, as batches of images and masks.

A data set is (store, distribution of conditions, seed). Image k of step s is drawn with its own generator, so it does
not depend on the images before it, and its row makes it again, bit for bit on one device with as many threads.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import isqrt
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from passband.camera.camera import Camera
from passband.camera.recording import Patch, exposed_field, record, recorded_patch
from passband.dataset.imaging import Imaging, imaging_problems, structures_at
from passband.dataset.layout import StoreError
from passband.dataset.store import WaveStore
from passband.dataset.truth import resample_mask
from passband.distribution import sample
from passband.microscope.conditions import Conditions
from passband.microscope.contrast import Contrast, with_contrast
from passband.microscope.frequencies import band_limited
from passband.microscope.imaging import form_images
from passband.microscope.incoherent import IncoherentPart, add_incoherent, incoherent_part
from passband.patches.standardising import standardised_tensor
from passband.recipe import PassbandError


@dataclass(frozen=True)
class Batch:
    """Images, masks, and the rows that make each of them again.

    Attributes
    ----------
    images
        float32 `(n, 1, patch, patch)`, each of mean 0 and standard deviation 1.
    masks
        int64 `(n, patch, patch)`, 1 = particle.
    rows
        One dictionary of plain JSON values per image: structure, conditions, pixel size, place, seed of the noise.
    """

    images: Tensor
    masks: Tensor
    rows: list[dict[str, Any]]


class _PreparedStructure(NamedTuple):
    """What imaging needs of a structure: spectra of its waves `(1, phonons, y, x)` on the device, mask, focus."""

    spectra: Tensor
    incoherent: IncoherentPart
    mask: npt.NDArray[np.bool_]
    focus_offset: float

    @property
    def nbytes(self) -> int:
        return self.spectra.nbytes + self.incoherent.nbytes + self.mask.nbytes


class Acquisition:
    """Batches of labelled micrographs from a store, reproducible from (seed, step).

    Parameters
    ----------
    store
        Exit waves and masks; its `memory` keeps the spectra of the waves, for every acquisition from it.
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
        imaging: Imaging,
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

    def _check(self) -> None:
        if not self.indices or not 0 <= min(self.indices) <= max(self.indices) < len(self.store):
            raise PassbandError(f"indices must name at least one of the structures 0 to {len(self.store) - 1}")
        problems = list(imaging_problems(self.store.recipe, self.imaging))
        if problems:
            raise PassbandError(*problems)
        found = structures_at(self.store.recipe, self.imaging, self.indices)
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
        pairs = [self._patch(row, self._shared_field(row)) for row in rows]
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
        recipe = self.store.recipe
        energy = recipe.energy_of(self.indices[place])  # of its waves, whatever the conditions draw
        conditions = self.imaging.conditions.sample(1, rng)[0].model_copy(update={"energy": energy})
        pixels = round(recipe.scene.field / max(sample(self.imaging.pixel_size, rng), 1e-3))
        pixels = min(max(pixels, self.imaging.patch), recipe.stored_pixels)  # the tails of a normal distribution
        top, left = ((int(rng.integers(pixels)) + shift) % pixels for shift in patch_shift(turn, shared, pixels))
        row = {
            "store": self.store.identity,
            "structure": self.indices[place],
            "conditions": conditions.model_dump(mode="json"),
            "pixels": pixels,
            "pixel_size": recipe.scene.field / pixels,
            "patch": self.imaging.patch,
            "top": top,
            "left": left,
            "focal_nodes": self.imaging.focal_nodes,
            "noise_seed": int(rng.integers(2**63)),
            "seed": self.seed,
            "step": step,
            "image": k,
        }
        return row | self._drawn_camera(row, turn, rng)

    def _drawn_camera(self, row: Mapping[str, Any], turn: int, rng: np.random.Generator) -> dict[str, Any]:
        """Entries of a row for contrast and camera where the imaging has them, drawn after everything else."""
        drawn: dict[str, Any] = {}
        if self.imaging.contrast is not None:
            drawn["contrast"] = self.imaging.contrast.sample(rng).model_dump(mode="json")
        if self.imaging.camera is not None:
            camera = self.imaging.camera.sample(rng)
            pixels = min(max(round(row["pixels"] * camera.oversampling), 8), self.store.recipe.stored_pixels)
            seeds = rng.integers(2**63, size=self._sharing)  # each patch has noise of its own
            drawn |= {"camera": camera.model_dump(mode="json"), "camera_pixels": pixels, "noise_seed": int(seeds[turn])}
        return drawn

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
        return self._patch(row, self._field(row))

    @property
    def _sharing(self) -> int:
        return 1 if self.in_turn else self.imaging.patches_per_field

    def _shared_field(self, row: Mapping[str, Any]) -> Tensor:
        """Field of a row of `row`, imaged once for the consecutive batches that cut patches from it."""
        if self._sharing == 1:
            return self._field(row)
        first = row["step"] - row["step"] % self._sharing
        shared, fields = self._fields  # read once: another thread may put those of other steps in their place
        if shared != first:
            fields = {}
            self._fields = (first, fields)
        if row["image"] not in fields:
            fields[row["image"]] = self._field(row)
        return fields[row["image"]]

    def _patch(self, row: Mapping[str, Any], field: Tensor) -> tuple[Tensor, Tensor]:
        rows, columns = ((np.arange(row["patch"]) + row[name]) % row["pixels"] for name in ("top", "left"))
        patch = self._camera_patch(row, field) if "camera" in row else _part(field, rows, columns)
        if not bool(torch.isfinite(patch).all()):
            raise PassbandError(f"the image of structure {row['structure']} is not finite; check {row['conditions']}")
        mask = resample_mask(self._prepared(row["structure"]).mask, (row["pixels"],) * 2, part=(rows, columns))
        return standardised_tensor(patch), torch.from_numpy(mask).to(self.device).long()

    def _camera_patch(self, row: Mapping[str, Any], field: Tensor) -> Tensor:
        conditions, camera = Conditions.model_validate(row["conditions"]), Camera.model_validate(row["camera"])
        patch = Patch(*(row[name] for name in ("top", "left", "patch", "pixels", "pixel_size")))
        return recorded_patch(field, conditions, camera, patch=patch, generator=self._noise(row))

    def _field(self, row: Mapping[str, Any]) -> Tensor:
        """Image of the whole field, vacuum mean 1, as the camera records it, `(pixels, pixels)`.

        Where a row has a camera of its own, as it reaches that one, `(camera_pixels, camera_pixels)`.
        """
        conditions = Conditions.model_validate(row["conditions"])
        image = self._noise_free(row, conditions)
        if "camera" not in row:
            return record(image[None], [conditions], pixel_size=row["pixel_size"], generator=self._noise(row))[0]
        camera = Camera.model_validate(row["camera"])
        return exposed_field(image, conditions, camera, pixels=row["pixels"], pixel_size=row["pixel_size"])

    def _noise_free(self, row: Mapping[str, Any], conditions: Conditions) -> Tensor:
        """Intensity at the pixels of the camera, with the contrast of the row."""
        prepared, pixels = self._prepared(row["structure"]), row.get("camera_pixels", row["pixels"])
        aberrations = conditions.aberrations.model_copy(
            update={"C10": conditions.aberrations.C10 + prepared.focus_offset}
        )
        focused = conditions.model_copy(update={"aberrations": aberrations})
        image = form_images(
            prepared.spectra,
            [focused],
            pixel_size=self.store.recipe.scene.field / prepared.spectra.shape[-1],
            focal_nodes=row["focal_nodes"],
            output_shape=(pixels, pixels),
            space="fourier",
        )
        image = add_incoherent(image, [prepared.incoherent], [focused])[0]
        if "contrast" not in row:
            return image
        contrast = Contrast.model_validate(row["contrast"])
        return with_contrast(image, contrast, pixel_size=self.store.recipe.scene.field / pixels)

    def _noise(self, row: Mapping[str, Any]) -> torch.Generator:
        return torch.Generator(self.device).manual_seed(row["noise_seed"])

    def _prepared(self, index: int) -> _PreparedStructure:
        """Read a structure, or find it in the memory of the store."""
        key = (str(self.store.directory.absolute()), self.store.identity, index, self.imaging.band, self.device)
        return self.store.memory.wave(key, lambda: self._read(index))

    def _read(self, index: int) -> _PreparedStructure:
        wave = torch.from_numpy(self.store.wave(index)).to(self.device)
        offset = float(self.store.scene(index)["focus_offset"])
        spectra = torch.fft.fft2(wave)
        if self.imaging.band is not None:
            spectra = band_limited(spectra, self.imaging.band, pixel_size=self.store.pixel_size)
        incoherent = incoherent_part(spectra, pixel_size=self.store.recipe.scene.field / spectra.shape[-1])
        return _PreparedStructure(spectra[None], incoherent, self.store.mask(index), offset)


def _part(field: Tensor, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> Tensor:
    y, x = (torch.from_numpy(one).to(field.device) for one in (rows, columns))
    return field[y][:, x]


def patch_shift(number: int, count: int, pixels: int) -> tuple[int, int]:
    """Pixels (y, x) from patch 0 to patch `number` of `count` that are spread over a periodic field.

    They lie on a grid of ⌈√count⌉ places along each side, neighbours in `number` on another row and another column.

    Examples
    --------
    >>> [patch_shift(number, 4, 200) for number in range(4)]
    [(0, 0), (100, 100), (0, 100), (100, 0)]
    """
    side = isqrt(count - 1) + 1
    row, column = number % side, (number + number // side) % side
    return row * pixels // side, column * pixels // side
