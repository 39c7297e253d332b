"""Numbers of an HDF5 data set within bounds, whatever the file says of its chunks and filters.

HDF5 unpacks a chunk to whatever length its stream turns out to have, and keeps a record of each chunk of a selection;
a few kilobytes can fill the memory in both ways. Here a chunk is unpacked into a buffer of the length that the header
promises, which was compared with the limit before, and the chunks of one image are counted first.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import h5py
import imagecodecs
import numpy as np
from numpy.typing import NDArray

from passband.files.source_file import SourceFile

Region = Sequence[tuple[int, int]]  # first and one past the last, for each axis

_DEFLATE, _SHUFFLE, _FLETCHER, _LZF = 1, 2, 3, 32000
_UNPACK: dict[int, Callable[..., Any]] = {_DEFLATE: imagecodecs.zlib_decode, _LZF: imagecodecs.lzf_decode}
_CHECKSUM = 4  # bytes that Fletcher's sum appends
_MAX_CHUNKS = 2**17
_LARGEST_CHUNK = 2**27  # bytes that are unpacked for an image that is smaller
_MAX_UNWRITTEN = 2**26


class _Filter(NamedTuple):
    code: int
    values: tuple[int, ...]
    name: str


def check_stored(data: h5py.Dataset, source: SourceFile) -> None:
    """Refuse numbers that lie in another file, were never written, or are packed in a way that has no bounds.

    Raises
    ------
    FormatError
        One of these.
    """
    if data.is_virtual or data.external:
        raise source.error(
            f"keeps the pixels of {data.name} in another file, which is not opened; save a copy with them inside"
        )
    if data.dtype.kind not in "biufc":
        raise source.error(
            f"holds values of type {data.dtype} in {data.name}, not numbers; save the image as uint16 or float32"
        )
    promised = math.prod(int(side) for side in data.shape) * data.dtype.itemsize
    written = data.id.get_storage_size() > 0
    if not written and promised > _MAX_UNWRITTEN:
        raise source.error(f"promises {data.shape} pixels in {data.name} but none were ever written; record it again")
    if data.chunks:
        _filters(data, source)
    else:
        source.claim(data.shape or (1,), data.dtype, stored=source.size if written else None, limited=data.ndim < 3)


def _filters(data: h5py.Dataset, source: SourceFile) -> list[_Filter]:
    plist = data.id.get_create_plist()
    found = []
    for index in range(plist.get_nfilters()):
        code, _, values, name = plist.get_filter(index)
        found.append(_Filter(int(code), tuple(int(value) for value in values), name.decode("utf-8", "replace")))
    packed = [one for one in found if one.code not in (_SHUFFLE, _FLETCHER)]
    unknown = [one for one in packed if one.code not in _UNPACK] or packed[1:]
    if unknown:
        raise source.error(
            f"packs {data.name} with the HDF5 filter {unknown[0].code} ({unknown[0].name[:40]}), which is not "
            "unpacked here; save it with gzip or without compression"
        )
    return found


def read_region(data: h5py.Dataset, source: SourceFile, region: Region) -> NDArray[Any]:
    """Numbers of a part of a data set, which is checked before; booleans as 0 and 1.

    Raises
    ------
    FormatError
        As `check_stored`; the part, its chunks or their number are above the limit, or a chunk is damaged.
    """
    check_stored(data, source)
    shape = tuple(stop - start for start, stop in region)
    wanted = source.claim(shape, data.dtype)
    if not data.chunks:
        return np.asarray(data[tuple(slice(*pair) for pair in region)])
    numbers = [range(start // side, -(-stop // side)) for (start, stop), side in zip(region, data.chunks, strict=True)]
    size = source.claim(data.chunks, data.dtype)
    if size > max(wanted, _LARGEST_CHUNK):
        raise source.error(
            f"stores {data.name} in chunks of {data.chunks}, {size} bytes each, far more than the image of {shape}; "
            "save it with smaller chunks"
        )
    count = math.prod(len(one) for one in numbers)
    if count > _MAX_CHUNKS:
        raise source.error(
            f"stores the image of {shape} in {count} chunks, above the limit of {_MAX_CHUNKS}; save it with larger ones"
        )
    chunks = _Chunks(data, source, size)
    if count == 1 and tuple(data.chunks) == shape:  # a large image in one piece is not copied once more
        whole = chunks.read(tuple(one.start * side for one, side in zip(numbers, data.chunks, strict=True)))
        if whole is not None:
            return whole
    return _assembled(chunks, region, numbers)


def _assembled(chunks: "_Chunks", region: Region, numbers: Sequence[range]) -> NDArray[Any]:
    """Put the chunks of a region together; what was never written has the fill value."""
    result = np.full([stop - start for start, stop in region], chunks.fill, chunks.dtype)
    for place in product(*numbers):
        corner = tuple(number * side for number, side in zip(place, chunks.sides, strict=True))
        chunk = chunks.read(corner)
        if chunk is not None:
            inside, outside = zip(*_overlap(corner, chunks.sides, region), strict=True)
            result[outside] = chunk[inside]
    return result


def _overlap(corner: Sequence[int], sides: Sequence[int], region: Region) -> Iterator[tuple[slice, slice]]:
    """Slices of the common part, in the chunk and in the region, for each axis."""
    for first, side, (start, stop) in zip(corner, sides, region, strict=True):
        low, high = max(first, start), min(first + side, stop)
        yield slice(low - first, high - first), slice(low - start, high - start)


class _Chunks:
    """The chunks of a data set, read one at a time."""

    def __init__(self, data: h5py.Dataset, source: SourceFile, size: int) -> None:
        self.data, self.source, self.size = data, source, size
        self.sides = tuple(int(side) for side in data.chunks)
        self.filters = _filters(data, source)
        stored, expected = data.id.get_type(), h5py.h5t.py_create(data.dtype, logical=True)
        if not stored.equal(expected) and stored.get_class() != h5py.h5t.BITFIELD:
            raise source.error(f"stores {data.name} in an odd type of number; save the image as uint16 or float32")
        self.dtype = np.dtype("u1") if data.dtype.kind == "b" else data.dtype
        self.fill = data.fillvalue

    def read(self, corner: tuple[int, ...]) -> NDArray[Any] | None:
        """Return the chunk that begins at `corner`, or None where it was never written."""
        info = self.data.id.get_chunk_info_by_coord(corner)
        if info.byte_offset is None:
            return None
        if info.size > self.size + self.size // 8 + 4096:
            raise self._damaged(f"a chunk of {info.size} bytes, for {self.size} bytes of pixels")
        mask, raw = self.data.id.read_direct_chunk(corner)
        values = np.frombuffer(raw, np.uint8)
        del raw
        active = [one for index, one in enumerate(self.filters) if not mask >> index & 1]
        for index in reversed(range(len(active))):
            length = self.size + _CHECKSUM * sum(one.code == _FLETCHER for one in active[:index])
            values = self._undone(active[index], values, length)
        if values.size != self.size:
            raise self._damaged(f"a chunk of {values.size} bytes, for {self.size} bytes of pixels")
        return values.view(self.dtype).reshape(self.sides)

    def _undone(self, one: _Filter, values: NDArray[np.uint8], length: int) -> NDArray[np.uint8]:
        """Undo a filter, the result of which has `length` bytes."""
        if one.code == _FLETCHER:
            if values.size < _CHECKSUM or not _fletcher_agrees(values):
                raise self._damaged("a chunk that does not fit its checksum")
            return values[:-_CHECKSUM]
        if one.code == _SHUFFLE:
            width = one.values[0] if one.values else 1
            if not 1 <= width <= 64 or values.size % width:
                raise self._damaged(f"numbers of {width} bytes shuffled in {values.size}")
            return np.ascontiguousarray(values.reshape(width, -1).T).reshape(-1)
        try:
            return np.asarray(_UNPACK[one.code](values, out=np.empty(length, np.uint8)))
        except (ValueError, RuntimeError) as error:
            raise self._damaged(f"a chunk that is not what {one.name[:40]} packs ({error})") from error

    def _damaged(self, text: str) -> Exception:
        return self.source.error(f"holds in {self.data.name} {text}; it is damaged, copy it again")


def _fletcher_agrees(values: NDArray[np.uint8]) -> bool:
    """Whether the last four bytes are Fletcher's checksum of the others, as HDF5 computes it."""
    content, stored = values[:-_CHECKSUM], int.from_bytes(values[-_CHECKSUM:].tobytes(), "little")
    low = high = 0
    for start in range(0, content.size, 2**20):
        block = content[start : start + 2**20]
        words = np.frombuffer(block.tobytes() + b"\0" * (block.size % 2), ">u2").astype(np.uint64)
        high += low * words.size + int((words * np.arange(words.size, 0, -1, dtype=np.uint64)).sum())
        low += int(words.sum())
    first, second = (0 if total == 0 else (total - 1) % 65535 + 1 for total in (low, high))
    swapped = [(part & 255) << 8 | part >> 8 for part in (first, second)]  # as early versions of HDF5 wrote it
    return stored in (second << 16 | first, swapped[1] << 16 | swapped[0])
