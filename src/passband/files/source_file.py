"""A file that is being read: what it may claim is compared with its length and a limit before memory is given."""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import DTypeLike, NDArray

from passband.recipe import PassbandError

MAX_BYTES = 2**31  # of one image, as stored: 32,768 × 32,768 pixels of 16 bits


class FormatError(PassbandError):
    """A file that cannot be read as a micrograph: the message names the file, what is wrong and the cure."""


@dataclass(frozen=True)
class SourceFile:
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
