"""NumPy headers and ZIP archives within bounds: what they promise is compared before anything is unpacked."""

import io
import math
import os
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from passband.files.source_file import SourceFile

MAX_MEMBERS = 1000
_MAX_HEADER = 10_000  # characters, which NumPy itself calls safe to parse
_AT_ONCE = 2**20  # bytes; also the longest table of contents, of some ten thousand members
_PACKINGS = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: 1100}  # how much longer a member can become

Header = tuple[tuple[int, ...], bool, np.dtype[Any]]


def read_header(file: IO[bytes], source: SourceFile) -> Header:
    """Shape, Fortran order and type of a .npy stream.

    Raises
    ------
    FormatError
        It holds a pickle or no numbers, or its header is longer than NumPy writes any.
    """
    start = file.read(8)
    (size,) = struct.unpack("<H", file.read(2)) if start[6:7] == b"\1" else struct.unpack("<I", file.read(4))
    if size > _MAX_HEADER:
        raise source.error(f"has a NumPy header of {size} bytes; it is damaged or hostile")
    packed = struct.pack("<H" if start[6:7] == b"\1" else "<I", size)
    whole = io.BytesIO(start + packed + file.read(size))
    read = npy.read_array_header_1_0 if npy.read_magic(whole) == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read(whole)
    if dtype.hasobject:
        raise source.error(
            "holds pickled Python objects, which can run code and are never loaded; save a plain number array"
        )
    if dtype.kind not in "biufc":
        raise source.error(f"holds values of type {dtype}, not numbers; save the image as uint16 or float32")
    return tuple(int(side) for side in shape), bool(fortran), dtype


def read_frame(file: IO[bytes], source: SourceFile, shape: tuple[int, ...], frame: int | None) -> NDArray[Any]:
    """One frame (y, x) of a stack (frame, y, x) in a .npy stream, or the whole array for None.

    `shape` is that of the header, without axes of one.

    Only the frame is kept in memory.

    Raises
    ------
    FormatError
        It is above the limit.
    ValueError
        The stream ends before.
    """
    _, fortran, dtype = read_header(file, source)
    source.claim(shape if frame is None else shape[1:], dtype)
    if frame is None:
        return _filled(file, math.prod(shape), dtype).reshape(shape, order="F" if fortran else "C")
    frames, plane = shape[0], math.prod(shape[1:])
    if not fortran:
        _skip(file, frame * plane * dtype.itemsize)
        return _filled(file, plane, dtype).reshape(shape[1:])
    result = np.empty(plane, dtype)  # the frames are interleaved, pixel by pixel
    step = max(1, _AT_ONCE // (frames * dtype.itemsize))
    for start in range(0, plane, step):
        part = result[start : start + step]
        part[...] = _filled(file, part.size * frames, dtype)[frame::frames]
    return result.reshape(shape[1:], order="F")


def _filled(file: IO[bytes], count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    result = np.empty(count, dtype)
    room = memoryview(result.view(np.uint8))  # type: ignore[arg-type]
    done = 0
    while done < len(room):
        part = file.read(min(_AT_ONCE, len(room) - done))
        if not part:
            raise ValueError(f"{done} of {len(room)} bytes of pixels are there")
        room[done : done + len(part)] = part
        done += len(part)
    return result


def _skip(file: IO[bytes], size: int) -> None:
    if not isinstance(file, zipfile.ZipExtFile):
        file.seek(size, os.SEEK_CUR)
        return
    while size > 0 and (part := file.read(min(_AT_ONCE, size))):
        size -= len(part)


class _Sipping(io.BufferedReader):
    """A file of which nothing reads more at once than an honest archive needs."""

    def read(self, size: int | None = -1, /) -> bytes:
        left = os.fstat(self.fileno()).st_size - self.tell()
        if min(left, size if size is not None and size >= 0 else left) > _AT_ONCE:
            raise zipfile.BadZipFile("its table of contents has more than a megabyte")
        return super().read(size)


@contextmanager
def open_archive(source: SourceFile) -> Iterator[zipfile.ZipFile]:
    """Open a ZIP archive whose table of contents is no bomb."""
    with _Sipping(io.FileIO(source.path)) as file, zipfile.ZipFile(file) as archive:
        yield archive


def length(entry: zipfile.ZipInfo, source: SourceFile) -> int:
    """Bytes that a member can have at most, whatever the archive says."""
    return min(entry.file_size, min(entry.compress_size, source.size) * _PACKINGS.get(entry.compress_type, 1))


@contextmanager
def open_member(archive: zipfile.ZipFile, name: str, source: SourceFile) -> Iterator[IO[bytes]]:
    """Open a member that is stored or deflated; other packings unpack without bounds.

    Raises
    ------
    FormatError
        It is packed in another way.
    """
    if archive.getinfo(name).compress_type not in _PACKINGS:
        raise source.error(f"packs {name[:60]} in an unusual way; save it with numpy.savez_compressed")
    with archive.open(name) as file:
        yield file
