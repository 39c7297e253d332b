"""Frames of stored columns: what is drawn for each, how it is scanned, cut and resampled, and its mask.

Everything is periodic with the field of the structure, so that a frame may lie anywhere on it, turned by any angle.
"""

from collections.abc import Mapping
from dataclasses import replace
from math import ceil, cos, sin
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from passband.camera.quantities import check_quantity
from passband.camera.scan_path import FramePart, ScanPath, scan_path, seen_positions
from passband.camera.scan_reading import labels_at, scanned
from passband.camera.scan_readout import detected
from passband.camera.scanner import QUANTITIES, Scanner
from passband.dataset.imager import Imager
from passband.dataset.resolved_columns import resolved_columns
from passband.dataset.scan_imaging import ScanImaging
from passband.dataset.scan_masks import disc_mask
from passband.dataset.scan_simulation import ScanSimulation
from passband.distribution import sample
from passband.electron import ELEMENTARY_CHARGE
from passband.microscope.instruments.stem import ScanConditions
from passband.microscope.scanning.columns import Columns
from passband.microscope.scanning.image import field_of_columns
from passband.microscope.scanning.probe import Probe
from passband.patches.standardising import standardised_tensor
from passband.recipe import PassbandError

SPREAD = 0.3  # Å of rows over which a column is seen, standard deviation: 0.7 of that of its image
OVERSAMPLED = 4.0  # pixels of the ideal image for each cycle of its highest frequency
BLURRED = 0.483  # cycles: a source of standard deviation s leaves 1 % of the frequency BLURRED/s
FINE, COARSE = 0.03, 0.25  # Å of a pixel of the ideal image
SPARE = 2  # positions around a patch that are scanned with it


class _PreparedColumns(NamedTuple):
    """What scanning needs of a structure: its columns, the points (n, 2) of its truth in y, x with classes, its map."""

    columns: Columns
    points: NDArray[np.float64]
    kind: NDArray[np.int64]
    regions: Tensor | None

    @property
    def nbytes(self) -> int:
        arrays = (*self.columns[:5], self.points, self.kind)
        return sum(one.nbytes for one in arrays) + (0 if self.regions is None else self.regions.nbytes)


class _PatchOfFrame(NamedTuple):
    """Part of a frame around a patch, and how its pixels lie to those of the patch: there (i + ½)/ratio − ½ + first."""

    path: ScanPath
    part: FramePart
    ratio: float
    first: tuple[float, float]


class ScanImager(Imager[ScanImaging, ScanSimulation]):
    """Images and masks of the structures of a store of columns."""

    def row(self, index: int, rng: np.random.Generator, *, turn: int, shared: int) -> dict[str, Any]:
        """Everything that is drawn for patch `turn` of the `shared` ones of structure `index` under one setting."""
        imaging = self.imaging
        conditions = imaging.conditions.sample(1, rng)[0]
        scanner = imaging.camera.sample(rng)
        pixel_size = min(max(sample(imaging.pixel_size, rng), 1e-3), self.recipe.extent)
        step = pixel_size if imaging.steps is None else sample(imaging.steps, rng)
        frame = round(sample(imaging.frame, rng))
        seeds = rng.integers(2**63, size=(shared, 2))
        return {
            "conditions": conditions.model_dump(mode="json"),
            "camera": _as_told(scanner, conditions, step).model_dump(mode="json"),
            "scan_step": step,
            "frame": max(frame, ceil(imaging.patch * pixel_size / step) + 2 * SPARE),
            "pixel_size": pixel_size,
            "patch": imaging.patch,
            "path_seed": int(seeds[turn, 0]),
            "noise_seed": int(seeds[turn, 1]),
        }

    def field(self, row: Mapping[str, Any]) -> Tensor:
        """Fraction of the beam over the whole field of the structure, `(y, x)`, finer than any frame shows."""
        prepared, conditions = self._prepared(row["structure"]), ScanConditions.model_validate(row["conditions"])
        pixel = min(max(_fine_pixel(conditions.probe), FINE), COARSE)
        shape = tuple(ceil(side / pixel) for side in prepared.columns.sides)
        image = field_of_columns(
            prepared.columns,
            conditions.probe,
            conditions.detectors,
            (shape[0], shape[1]),
            displacement=self.recipe.displacement,
            device=self.device,
        )
        return image[0].clamp_(0.0, 1.0)

    def patch(self, row: Mapping[str, Any], field: Tensor) -> tuple[Tensor, Tensor]:
        """Image float32 and mask int64 `(patch, patch)` of a row, from its field.

        Raises
        ------
        PassbandError
            The image is not finite.
        """
        prepared, frame = self._prepared(row["structure"]), self._frame(row)
        pixels = tuple(side / size for side, size in zip(prepared.columns.sides, field.shape, strict=True))
        fraction = scanned(field, frame.path, pixel_size=(pixels[0], pixels[1]), part=frame.part)
        noise = torch.Generator(self.device).manual_seed(row["noise_seed"])
        image = self._resampled(detected(fraction, frame.path.scanner, generator=noise).image, row)
        if not bool(torch.isfinite(image).all()):
            raise PassbandError(f"the image of structure {row['structure']} is not finite; check {row['conditions']}")
        return standardised_tensor(image), self._mask(prepared, frame, row, field)

    def _frame(self, row: Mapping[str, Any]) -> _PatchOfFrame:
        """Draw the scan, and where in it the patch lies."""
        rng, side = np.random.default_rng(row["path_seed"]), row["frame"]
        scanner = Scanner.model_validate(row["camera"])
        path = scan_path(scanner, (side, side), pixel_size=row["scan_step"], rng=rng)
        size, ratio = self._scanned_size(row)
        top, left = (int(rng.integers(0, side - size + 1)) for _ in range(2))
        middle = torch.tensor([top, left], dtype=torch.float64) + 0.5 * (size - 1)
        at = np.array([float(one) for one in path.specimen(middle[0], middle[1])])
        wanted = self._place(row, rng)
        moved = replace(path, origin=(float(wanted[0] - at[0]), float(wanted[1] - at[1])))
        cut = self._cut(row, ratio)
        return _PatchOfFrame(moved, FramePart(top, left, size, size), ratio, (top + cut / ratio, left + cut / ratio))

    def _place(self, row: Mapping[str, Any], rng: np.random.Generator) -> NDArray[np.float64]:
        """Place y, x in Å of the middle of a patch on the specimen."""
        sides, drawn = np.array(self._prepared(row["structure"]).columns.sides), rng.random(2)
        if self.imaging.place == "anywhere":
            return np.asarray(drawn * sides)
        turned = row["camera"].get("rotation", 0.0)
        side = row["patch"] * row["pixel_size"] * (abs(cos(turned)) + abs(sin(turned)))
        room = np.maximum(sides - side, 0.0)
        return np.asarray(0.5 * sides + (drawn - 0.5) * room)

    def _scanned_size(self, row: Mapping[str, Any]) -> tuple[int, float]:
        """Positions along each side that a patch needs, and pixels of the image for each of them."""
        if row["scan_step"] == row["pixel_size"]:
            return row["patch"], 1.0
        size = min(ceil(row["patch"] * row["pixel_size"] / row["scan_step"]) + 2 * SPARE, row["frame"])
        return size, max(row["patch"], round(size * row["scan_step"] / row["pixel_size"])) / size

    def _cut(self, row: Mapping[str, Any], ratio: float) -> int:
        """Pixels that the image has before the patch begins."""
        size, _ = self._scanned_size(row)
        return (round(size * ratio) - int(row["patch"])) // 2

    def _resampled(self, frame: Tensor, row: Mapping[str, Any]) -> Tensor:
        """Image of a part of a frame, at its pixels, as `patches.resampling` makes it of a micrograph."""
        size, ratio = self._scanned_size(row)
        pixels, first = round(size * ratio), self._cut(row, ratio)
        if pixels != size:
            stack = frame[None, None].float()
            frame = F.interpolate(stack, size=(pixels, pixels), mode="bicubic", antialias=True)[0, 0]
        inside = slice(first, first + row["patch"])
        return frame[inside, inside]

    def _mask(self, prepared: _PreparedColumns, frame: _PatchOfFrame, row: Mapping[str, Any], field: Tensor) -> Tensor:
        side = row["patch"]
        if self.recipe.truth == "material":
            assert prepared.regions is not None  # the recipe has refused it
            place = (torch.arange(side, dtype=torch.float64, device=self.device) + 0.5) / frame.ratio - 0.5
            rows, columns = place[:, None] + frame.first[0], place[None, :] + frame.first[1]
            shape = prepared.regions.shape
            pixels = tuple(length / size for length, size in zip(prepared.columns.sides, shape, strict=True))
            return labels_at(prepared.regions, frame.path, rows, columns, pixel_size=(pixels[0], pixels[1])).long()
        points, kind, sides = prepared.points, prepared.kind, prepared.columns.sides
        if self.recipe.truth == "column":
            points = resolved_columns(points, field.cpu().numpy(), sides=sides)
            kind = np.ones(len(points), dtype=np.int64)
        spread = SPREAD / row["scan_step"]
        index, places = seen_positions(frame.path, points, field=sides, spread=spread, part=frame.part)
        at = (places - frame.first + 0.5) * frame.ratio - 0.5
        radius = self.imaging.disc / row["pixel_size"]
        mask = disc_mask(at, kind[index], (side, side), radius=radius)
        return torch.from_numpy(mask).to(self.device)

    def _prepared(self, index: int) -> _PreparedColumns:
        """Read a structure, or find it in the memory of the store."""
        key = (str(self.store.directory.absolute()), self.store.identity, index, self.device)
        return self.store.memory.wave(key, lambda: self._read(index))

    def _read(self, index: int) -> _PreparedColumns:
        told, table = self.store.scene(index), self.store.atoms(index)
        positions = np.column_stack([table["x"], table["y"]]).astype(np.float64)
        none = np.zeros(len(positions), dtype=np.int64)
        sides = (told["side_y"], told["side_x"])
        columns = Columns(
            positions, table["number"].astype(np.int64), table["atoms"].astype(np.float64), none, np.zeros(1), sides
        )
        points = np.column_stack([table["point_y"], table["point_x"]]).astype(np.float64)
        regions = None
        if "masks" in self.recipe.layout.arrays:
            regions = torch.from_numpy(self.store.material(index)).to(self.device)
        return _PreparedColumns(columns, points, table["point_kind"].astype(np.int64), regions)


def _fine_pixel(probe: Probe) -> float:
    """Å of pixels that the splines of a scan read the image of a probe from."""
    highest = 2.0 * probe.highest_frequency
    if probe.source_size:
        highest = min(highest, BLURRED / probe.source_deviation)
    return 1.0 / (OVERSAMPLED * highest)


def _as_told(scanner: Scanner, conditions: ScanConditions, step: float) -> Scanner:
    """Scanner with the dose and the jitter of the conditions, where they say them."""
    told: dict[str, float] = {}
    if conditions.dose is not None:
        current = conditions.dose * step**2 * ELEMENTARY_CHARGE / scanner.dwell_time
        what = f"give another dose than {conditions.dose:g} e⁻/Å² at steps of {step:g} Å, or another camera.dwell_time"
        check_quantity("beam_current", current, QUANTITIES, cure=what)
        told["beam_current"] = current
    if conditions.jitter is not None:
        told["jitter"] = conditions.jitter
    return scanner.model_copy(update=told)
