"""Crops of one size for a generator to learn from, out of a folder of micrographs of any size, format and bit depth."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from passband.files.grey import data_bar_rows
from passband.files.listing import find_images
from passband.files.reading import open_micrograph
from passband.generation.domain import REACH, Levels
from passband.patches.resampling import resample_to_pixel
from passband.recipe import PassbandError

Images = NDArray[np.float32]
NORMALISATION = f"of each micrograph, the quantiles of 0.1 % and 99.9 % become -{REACH:g} and {REACH:g}"
ALIKE = 0.01  # pixel sizes that differ by less are one
COARSEST = 2.0  # times the finest pixel size: what is coarser is refused rather than blurring all others


@dataclass(frozen=True)
class TrainingCrops:
    """Square crops of micrographs, on one scale of values and of one pixel size.

    Attributes
    ----------
    images
        (n, size, size), about −1 to 1; see `NORMALISATION`.
    micrograph
        (n,) which file of `paths` each is of.
    corner
        (n, 2) first row and column of each, in pixels of `pixel_size`.
    paths
        The files that crops are of.
    pixel_size
        Å; None where no file says it and nobody gave it.
    offset, gain
        A value is gain · image + offset in the units of the files, where these agree; of the middle micrograph.
    notes
        What was done to the micrographs, for a person to read.
    """

    images: Images
    micrograph: NDArray[np.int64]
    corner: NDArray[np.int64]
    paths: tuple[Path, ...]
    pixel_size: float | None
    offset: float = 0.0
    gain: float = 1.0
    notes: tuple[str, ...] = field(default=())

    def in_units(self) -> Images:
        """Return the crops in the units of the middle micrograph, each with the contrast of the others."""
        return self.images * np.float32(self.gain) + np.float32(self.offset)

    def scaled(self, images: Images) -> Images:
        """Return images in these units on the scale of the crops."""
        return (images - np.float32(self.offset)) / np.float32(self.gain)


@dataclass(frozen=True)
class _Read:
    """A micrograph without its data bar, its pixel size in Å, and what was done to it."""

    path: Path
    array: Images
    pixel_size: float | None
    notes: tuple[str, ...]


def read_crops(files: Sequence[str], *, size: int = 64, pixel_size: float | None = None) -> TrainingCrops:
    """Read micrographs and cut them into crops that cover them, the last ones of a row overlapping where need be.

    Pixels are kept as they are where all micrographs have the same pixel size. Where they have not, but none is more
    than twice the finest, all are resampled to the coarsest one. Colour pictures of a grey micrograph are read as grey;
    a data bar that was burned in is cut off.

    Parameters
    ----------
    files
        Paths, folders and patterns, as of the command line.
    size
        Pixels of a side.
    pixel_size
        Å, instead of what the files say.

    Raises
    ------
    PassbandError
        A file cannot be read; pixel sizes are too different, or known of some only; a micrograph is smaller than a
        crop; all values are the same; there are fewer than two crops.
    """
    read = [_read(path, pixel_size) for path in find_images(files)]
    common = _common_pixel_size(read)
    parts, notes = [], [note for one in read for note in one.notes]
    for number, one in enumerate(read):
        array = one.array
        if common is not None and one.pixel_size is not None and abs(one.pixel_size / common - 1.0) > ALIKE:
            array = resample_to_pixel(array, one.pixel_size, common)
            notes.append(f"{one.path.name}: {one.pixel_size:.4g} Å resampled to {common:.4g} Å")
        if min(array.shape) < size:
            rows, columns = array.shape
            raise PassbandError(
                f"{one.path} is {columns} × {rows} pixels, smaller than a crop of {size}; use a smaller --size, "
                "or leave it out"
            )
        levels = _levels(array, one.path)
        corners = [(y, x) for y in _starts(array.shape[0], size) for x in _starts(array.shape[1], size)]
        parts.append((number, levels.scaled(array), corners, levels))
    places = [(number, *corner) for number, _, corners, _ in parts for corner in corners]
    if len(places) < 2:
        raise PassbandError(f"{read[0].path} gives one crop of {size} pixels, too few to learn from; give more files")
    images = np.stack([scaled[y : y + size, x : x + size] for _, scaled, corners, _ in parts for y, x in corners])
    offset, gain = np.median([(levels.offset, levels.gain) for *_, levels in parts], axis=0).tolist()
    table = np.asarray(places, dtype=np.int64)
    return TrainingCrops(
        images, table[:, 0], table[:, 1:], tuple(one.path for one in read), common, offset, gain, tuple(notes)
    )


def _read(path: Path, pixel_size: float | None) -> _Read:
    micrograph = open_micrograph(path, pixel_size=pixel_size, need_pixel_size=False)
    array, notes = micrograph.array, tuple(f"{path.name}: {note}" for note in micrograph.provenance["notes"])
    if bar := data_bar_rows(array):
        array, notes = array[:-bar], (*notes, f"{path.name}: a data bar of {bar} rows cut off")
    sides = micrograph.pixel_size
    if sides is not None and abs(sides[0] / sides[1] - 1.0) > ALIKE:
        array, notes = resample_to_pixel(array, sides, max(sides)), (*notes, f"{path.name}: pixels made square")
    return _Read(path, np.asarray(array, dtype=np.float32), None if sides is None else max(sides), notes)


def _common_pixel_size(read: Sequence[_Read]) -> float | None:
    """Return the coarsest pixel size, Å; None where none is known."""
    known = [(one.pixel_size, one.path) for one in read if one.pixel_size is not None]
    if not known:
        return None
    if len(known) < len(read):
        silent = next(one.path for one in read if one.pixel_size is None)
        raise PassbandError(
            f"{silent} does not say its pixel size, {known[0][1]} does ({known[0][0]:.4g} Å); give --pixel-size for all"
        )
    finest, coarsest = min(known), max(known)
    if coarsest[0] > COARSEST * finest[0]:
        raise PassbandError(
            f"pixels of {finest[0]:.4g} Å ({finest[1]}) and {coarsest[0]:.4g} Å ({coarsest[1]}) are more than "
            f"{COARSEST:g}-fold apart; train on each magnification alone, or give one --pixel-size for all"
        )
    return coarsest[0]


def _levels(array: Images, path: Path) -> Levels:
    low, high = float(array.min()), float(array.max())
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        raise PassbandError(f"{path} has the value {low:g} everywhere; leave it out")
    return Levels.of(array)


def _starts(length: int, size: int) -> list[int]:
    """First pixels of crops that cover a side, as evenly as whole pixels allow."""
    count = -(-length // size)
    return [round(start) for start in np.linspace(0, length - size, count)] if count > 1 else [0]
