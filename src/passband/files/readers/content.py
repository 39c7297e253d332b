"""What every reader shares: the file, the limit on what it may claim, and the description that it hands back."""

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import DTypeLike, NDArray

from passband.files.lengths import clean_unit, is_reciprocal, parse_number, unit_in_angstrom
from passband.recipe import PassbandError

MAX_BYTES = 2**31  # of one image, as stored: 32,768 × 32,768 pixels of 16 bits
#: Å, of one pixel: below the finest STEM sampling by a hundred, above the widest SEM field by ten.
BELIEVED = (1e-4, 1e5)
_SHOWN = 40  # characters of a unit
_NO_UNIT = {"", "px", "pixel", "pixels", "<undefined>"}


class FormatError(PassbandError):
    """A file that cannot be read as a micrograph: the message names the file, what is wrong and the cure."""


@dataclass(frozen=True)
class Source:
    """A file to read, and the largest image in bytes that it may ask for."""

    path: Path
    size: int
    max_bytes: int = MAX_BYTES

    def error(self, text: str) -> FormatError:
        """Return the error to raise, with the file's name in front."""
        return FormatError(f"{self.path}: {text}")

    def claim(
        self,
        shape: Sequence[int],
        dtype: DTypeLike,
        *,
        stored: int | None = None,
        expansion: int = 1,
        limited: bool = True,
    ) -> int:
        """Bytes of an array that the file promises, checked before anything is allocated.

        Raises
        ------
        FormatError
            An empty or negative side, more bytes than the file has (`stored`, or `expansion` times that where
            it is compressed), or more than the limit
            (unless not `limited`, for a stack of which one frame is read).
        """
        sides = " × ".join(_side(int(side)) for side in shape[:8])
        if not shape or any(int(side) <= 0 for side in shape):
            raise self.error(f"the header gives an image of {sides or 'no'} pixels; the file is empty or damaged")
        wanted = math.prod(int(side) for side in shape) * np.dtype(dtype).itemsize
        if stored is not None and wanted > stored * expansion:
            raise self.error(
                f"the header promises {sides} pixels ({_side(wanted)} bytes) but the file holds {max(stored, 0)}; "
                "it is truncated or damaged, copy it again"
            )
        if limited and wanted > self.max_bytes:
            raise self.error(
                f"the header promises {sides} pixels ({_side(wanted)} bytes), above the limit of {self.max_bytes}; "
                "crop or bin it first, or raise max_bytes"
            )
        return wanted


def _side(side: int) -> str:
    return str(side) if abs(side) < 10**20 else "more than 10²⁰" if side > 0 else "less than 0"


@dataclass(frozen=True)
class Content:
    """What a file holds, before any pixel is read.

    `load(frame)` returns one image (y, x) or, for colour, (y, x, channel). `axes` names the axes of `shape`.
    `refusal` says why the file is no real-space image, where it is not one. `pixel_size` is (y, x) in Å, `energy` in
    eV.
    """

    format: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    load: Callable[[int], NDArray[Any]]
    axes: tuple[str, ...] = ("y", "x")
    frames: int = 1
    frame_names: tuple[str, ...] = ()
    default_frame: int | None = None
    pixel_size: tuple[float, float] | None = None
    energy: float | None = None
    instrument: str | None = None
    mode: str | None = None
    refusal: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Calibration:
    """Pixel size (y, x) in Å or None, why the axes are not of real space (or None), and how this was found."""

    pixel_size: tuple[float, float] | None = None
    refusal: str | None = None
    notes: tuple[str, ...] = ()


def calibrate(scales: tuple[float, float], units: tuple[str | None, str | None], where: str) -> Calibration:
    """Pixel size (y, x) from the scale and unit of each axis; `where` says in which metadata they stood.

    A size outside `BELIEVED` is left out with a note: it is a step of another space, or damage.
    """
    if any(is_spectral(unit) for unit in units):
        return Calibration(refusal="holds spectra (an axis is in eV), not an image; sum or slice them first")
    if any(is_reciprocal(unit) for unit in units):
        scale, unit = next(pair for pair in zip(scales, units, strict=True) if is_reciprocal(pair[1]))
        shown = f"{scale:.6g} {clean_unit(unit)}"
        return Calibration(refusal=f"is a diffraction pattern ({shown} per pixel), not a real-space image")
    factors = [unit_in_angstrom(unit) for unit in units]
    if factors[0] is None or factors[1] is None:
        return Calibration(notes=_unknown_unit(scales, units, where))
    sizes = [abs(float(scale)) * factor for scale, factor in zip(scales, factors, strict=True) if factor is not None]
    if not all(math.isfinite(size) and size > 0 for size in sizes):
        return Calibration(notes=(f"impossible pixel size {scales} in {where}, not used; give --pixel-size",))
    if not all(BELIEVED[0] <= size <= BELIEVED[1] for size in sizes):
        said = (
            f"a pixel size of {max(sizes):.5g} Å in {where} is not believed ({BELIEVED[0]:g} to {BELIEVED[1]:g} Å are)"
        )
        return Calibration(notes=(f"{said}; is this a diffraction pattern? if not, give --pixel-size",))
    notes = [f"pixel size from {where}"]
    if units[0] and clean_unit(units[0]) != units[0].strip().replace("µ", "μ").replace("\u212b", "Å"):
        notes.append(f"unit {_quoted(units[0])} read as {clean_unit(units[0])}")
    if abs(sizes[0] - sizes[1]) > 1e-3 * max(sizes):
        notes.append(f"pixels are not square: {sizes[0]:.6g} Å high, {sizes[1]:.6g} Å wide")
    return Calibration(pixel_size=(sizes[0], sizes[1]), notes=tuple(notes))


def _unknown_unit(scales: tuple[float, float], units: tuple[str | None, str | None], where: str) -> tuple[str, ...]:
    if scales == (1.0, 1.0) and all(clean_unit(unit).lower() in _NO_UNIT for unit in units):
        return ()
    if not any(clean_unit(unit) for unit in units):
        if not all(math.isfinite(scale) for scale in scales):
            return ()
        hint = f"if it is nm, give --pixel-size {scales[0]:.6g}nm"
        return (f"a scale of {scales[0]:.9g} without a unit in {where}, not used; {hint}",)
    shown = ", ".join(_quoted(unit) for unit in units)
    return (f"the units {shown} in {where} are no lengths that are known; give --pixel-size",)


def _quoted(unit: str | None) -> str:
    """Return a unit as it stands in a file, in quotes, or its beginning."""
    return repr(unit) if unit is None or len(unit) <= _SHOWN else f"{unit[:_SHOWN]!r}…"


def is_complex(dtype: np.dtype[Any]) -> bool:
    """Whether values have a real and an imaginary part, as NumPy's or as a pair of fields (Velox, MATLAB)."""
    names = [name.lower() for name in dtype.names or ()]
    return dtype.kind == "c" or (len(names) == 2 and names[0].startswith("r") and names[1].startswith("i"))


def is_spectral(unit: str | None) -> bool:
    """Whether a unit is one of energy loss or X-ray energy."""
    return clean_unit(unit).lower() in {"ev", "kev", "mev"}


def many_axes(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the axes of more than one value; of two axes or more, at least two."""
    axes = [axis for axis, side in enumerate(shape) if side != 1]
    single = [axis for axis in reversed(range(len(shape))) if axis not in axes]
    return tuple(sorted(axes + single[: max(0, 2 - len(axes))]))


def axis_names(shape: Sequence[int]) -> tuple[str, ...]:
    """Names of the axes of a bare array: a short last axis of three is colour, else the first one counts frames."""
    if len(shape) == 3:
        return ("y", "x", "channel") if shape[-1] in (3, 4) and shape[0] > 4 else ("frame", "y", "x")
    return ("y", "x") if len(shape) == 2 else tuple(f"axis {k}" for k in range(len(shape)))


def number(value: object) -> float | None:
    """Return a finite float from a metadata value, or None; texts may have a decimal comma."""
    if isinstance(value, str):
        return parse_number(value)
    try:
        result = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None


def beam_energy(value: object, *, kilo: bool = False) -> float | None:
    """Beam energy in eV from volts (or, with `kilo`, kilovolts), or None where it is missing or not one."""
    volts = number(value)
    if volts is None:
        return None
    volts = round(volts * (1e3 if kilo else 1.0), 6)
    return volts if 50.0 <= volts <= 4e6 else None


def decoded(raw: bytes) -> str:
    """Return a text of UTF-8 or, as older programs write µ and Å, of Latin-1."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def text(value: object) -> str | None:
    """Return a non-empty, printable one-line string from a metadata value, or None."""
    if isinstance(value, bytes):
        value = decoded(value)
    if value is None or isinstance(value, Mapping | list | tuple | np.ndarray):
        return None
    cleaned = " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())
    return cleaned[:200] if cleaned and cleaned.lower() not in {"unknown", "none", "[]"} else None


def plain_pixels(path: Path, shape: Sequence[int], dtype: DTypeLike, offset: int) -> NDArray[Any]:
    """Read pixels that lie uncompressed in a file; a memory map would crash the program if the file shrank."""
    with path.open("rb") as file:
        file.seek(offset)
        values = np.fromfile(file, np.dtype(dtype), math.prod(shape))
    return values.reshape(tuple(shape))


class FileBytes:
    """The bytes of a file by their position, of which only those asked for are in memory.

    A memory map would crash the program if the file shrank, and counts as memory once it was walked through.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size

    def __len__(self) -> int:
        return self._size

    def at(self, position: int, size: int) -> bytes:
        """Return up to `size` bytes; fewer at the end of the file."""
        self._file.seek(position)
        return self._file.read(size)

    def unpack(self, code: str, position: int) -> Any:
        """Return the one number of a struct code."""
        (value,) = struct.unpack(code, self.at(position, struct.calcsize(code)))
        return value
