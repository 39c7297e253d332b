"""Micrographs of stored exit waves: what is drawn for each, how it is imaged, recorded and cut, and its mask."""

from collections.abc import Mapping
from math import isqrt
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from passband.camera.camera import Camera
from passband.camera.recording import Patch, exposed_field, record, recorded_patch
from passband.dataset.imager import Imager
from passband.dataset.imaging import Imaging
from passband.dataset.simulation import Simulation
from passband.dataset.truth import resample_mask
from passband.distribution import sample
from passband.microscope.conditions import Conditions
from passband.microscope.contrast import Contrast, with_contrast
from passband.microscope.frequencies import band_limited
from passband.microscope.imaging import form_images
from passband.microscope.incoherent import IncoherentPart, add_incoherent, incoherent_part
from passband.patches.standardising import standardised_tensor
from passband.recipe import PassbandError


class _PreparedStructure(NamedTuple):
    """What imaging needs of a structure: spectra of its waves `(1, phonons, y, x)` on the device, mask, focus."""

    spectra: Tensor
    incoherent: IncoherentPart
    mask: npt.NDArray[np.bool_]
    focus_offset: float

    @property
    def nbytes(self) -> int:
        return self.spectra.nbytes + self.incoherent.nbytes + self.mask.nbytes


class WaveImager(Imager[Imaging, Simulation]):
    """Images and masks of the structures of a store of exit waves."""

    def row(self, index: int, rng: np.random.Generator, *, turn: int, shared: int) -> dict[str, Any]:
        """Everything that is drawn for patch `turn` of the `shared` ones of a field of structure `index`."""
        recipe = self.recipe
        energy = recipe.energy_of(index)  # of its waves, whatever the conditions draw
        conditions = self.imaging.conditions.sample(1, rng)[0].model_copy(update={"energy": energy})
        pixels = round(recipe.scene.field / max(sample(self.imaging.pixel_size, rng), 1e-3))
        pixels = min(max(pixels, self.imaging.patch), recipe.stored_pixels)  # the tails of a normal distribution
        top, left = ((int(rng.integers(pixels)) + shift) % pixels for shift in patch_shift(turn, shared, pixels))
        row = {
            "conditions": conditions.model_dump(mode="json"),
            "pixels": pixels,
            "pixel_size": recipe.scene.field / pixels,
            "patch": self.imaging.patch,
            "top": top,
            "left": left,
            "focal_nodes": self.imaging.focal_nodes,
            "noise_seed": int(rng.integers(2**63)),
        }
        return row | self._drawn_camera(row, turn, shared, rng)

    def _drawn_camera(self, row: Mapping[str, Any], turn: int, shared: int, rng: np.random.Generator) -> dict[str, Any]:
        """Entries of a row for contrast and camera where the imaging has them, drawn after everything else."""
        drawn: dict[str, Any] = {}
        if self.imaging.contrast is not None:
            drawn["contrast"] = self.imaging.contrast.sample(rng).model_dump(mode="json")
        if self.imaging.camera is not None:
            camera = self.imaging.camera.sample(rng)
            pixels = min(max(round(row["pixels"] * camera.oversampling), 8), self.recipe.stored_pixels)
            seeds = rng.integers(2**63, size=shared)  # each patch has noise of its own
            drawn |= {"camera": camera.model_dump(mode="json"), "camera_pixels": pixels, "noise_seed": int(seeds[turn])}
        return drawn

    def patch(self, row: Mapping[str, Any], field: Tensor) -> tuple[Tensor, Tensor]:
        """Image float32 and mask int64 `(patch, patch)` of a row, from its field.

        Raises
        ------
        PassbandError
            The image is not finite.
        """
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

    def field(self, row: Mapping[str, Any]) -> Tensor:
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
            pixel_size=self.recipe.scene.field / prepared.spectra.shape[-1],
            focal_nodes=row["focal_nodes"],
            output_shape=(pixels, pixels),
            space="fourier",
        )
        image = add_incoherent(image, [prepared.incoherent], [focused])[0]
        if "contrast" not in row:
            return image
        contrast = Contrast.model_validate(row["contrast"])
        return with_contrast(image, contrast, pixel_size=self.recipe.scene.field / pixels)

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
        incoherent = incoherent_part(spectra, pixel_size=self.recipe.scene.field / spectra.shape[-1])
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
